//! Loss against N, C and D, with the laws; the joint law along each axis; and the residuals of the laws.

use super::curves::LawCurve;
use super::{AxisStudy, LOSS, LawOutcome, Study, frontier, profiles};
use crate::error::Result;
use crate::laws::{Fit, LEVEL};
use crate::models::axis::Axis;
use crate::report::canvas::{Canvas, Drawn, Stroke};
use crate::report::plot::{Plot, Sheet, plot};
use crate::report::plot_axis::{AxisQuantity, PlotAxis};
use crate::report::quantity::Quantity;
use crate::report::series::{Amount, Configuration, DataAmount, along, configurations};
use crate::report::svg::{Point, Series, gather, labels};
use crate::report::words::signed;
use crate::sweep::record::Record;
use crate::units::{metric, significant};

/// Right ends of the legend's columns: formula, exponent, its interval, floor.
const COLUMNS: [i32; 4] = [400, 500, 690, 848];

/// Every panel that the runs have values for.
pub fn panels(study: &Study) -> Result<Vec<Plot>> {
    let mut plots = Vec::new();
    if study.axes.iter().any(|one| one.parameters.is_some()) {
        plots.push(against_size(study, Quantity::Parameters, "N", |one| one.parameters.as_ref())?);
    }
    if study.axes.iter().any(|one| one.flops.is_some()) {
        plots.push(against_size(study, Quantity::TrainingFlops, "C", |one| one.flops.as_ref())?);
    }
    if matches!(study.amounts[..], [_, .., Amount { data: DataAmount::Samples(_), .. }]) {
        plots.push(against_samples(study)?);
    }
    for one in &study.axes {
        if let Some(fit) = one.joint.as_ref().and_then(LawOutcome::fitted) {
            plots.push(joint(study, one.axis, fit)?);
        }
    }
    for one in &study.axes {
        if let Some(isoflop) = &one.isoflop {
            plots.push(profiles::panel(study, one.axis, isoflop)?);
        }
    }
    plots.extend(frontier::panel(study)?);
    plots.extend(residuals(study)?);
    Ok(plots)
}

/// Loss of the runs on the most data against a size, with each axis's law.
fn against_size(
    study: &Study,
    x: Quantity,
    symbol: &str,
    law: impl Fn(&AxisStudy) -> Option<&LawOutcome>,
) -> Result<Plot> {
    let series = gather(&study.on_most, x, LOSS);
    let curve = |one: &AxisStudy| {
        let fit = law(one)?.fitted()?;
        let (low, high) = range(&study.on_most, one.axis, x)?;
        let curve = |size| fit.bootstrap.curve([size, 1.0], LEVEL);
        Some((one.axis, LawCurve::doubled(low, high, curve)))
    };
    let curves: Vec<_> = study.axes.iter().filter_map(curve).collect();
    let rows: Vec<_> = study.axes.iter().map(|one| (one.axis, legend_cells(law(one), symbol))).collect();
    let remark = if study.amounts.len() > 1 { "the runs on the most samples" } else { "" };
    draw(sheet(x, &series, &curves, remark, rows.len()), &series, &curves, |canvas| {
        labels(canvas, &series)?;
        let titles = ["law", "α", "95 % interval", "floor E"];
        let columns: Vec<_> = titles.into_iter().zip(COLUMNS).collect();
        canvas.legend(&format!("{symbol} = {}", x.name()), &columns, &rows)
    })
}

/// Loss of each axis's largest model against the samples, with its part of the joint law.
fn against_samples(study: &Study) -> Result<Plot> {
    let x = Quantity::TrainingSamples;
    let mut series = Vec::new();
    let mut curves = Vec::new();
    let mut rows = Vec::new();
    for one in &study.axes {
        let Some(largest) = along(&study.on_most, one.axis).pop() else { continue };
        let of_model = |model: &Configuration| model.first().factor_on(one.axis) == Some(largest.factor);
        let mut models = configurations(&study.runs);
        models.retain(of_model);
        let macs = largest.first().cost.macs as f64;
        let mut points: Vec<Point> = models.iter().filter_map(|model| Point::new(model, x, LOSS)).collect();
        points.sort_by(|a, b| a.mean.0.total_cmp(&b.mean.0));
        let fit = one.joint.as_ref().and_then(LawOutcome::fitted);
        if let (Some(fit), Some(first), Some(last)) = (fit, points.first(), points.last()) {
            let law = |samples: f64| fit.bootstrap.curve([macs, samples], LEVEL);
            curves.push((one.axis, LawCurve::doubled(first.mean.0, last.mean.0, law)));
        }
        let beta = fit.map(|fit| parameter(fit, "beta")).unwrap_or_default();
        rows.push((one.axis, vec![format!("{}, {} MACs", largest.label(), metric(macs)), beta.0, beta.1]));
        series.push(Series { axis: one.axis, points });
    }
    draw(sheet(x, &series, &curves, "each axis’s largest model", rows.len()), &series, &curves, |canvas| {
        let columns = [("model", 500), ("β", 620), ("95 % interval", 848)];
        canvas.legend("E + A·M^−α + B·D^−β", &columns, &rows)
    })
}

/// All runs of an axis against the model's size, with the joint law of each amount of data.
fn joint(study: &Study, axis: Axis, fit: &Fit) -> Result<Plot> {
    let x = Quantity::Macs;
    let of_axis: Vec<Record> =
        study.runs.iter().filter(|run| run.factor_on(axis).is_some()).cloned().collect();
    let mut series = Vec::new();
    let mut curves = Vec::new();
    for &amount in &study.amounts {
        let on_amount: Vec<&Record> = of_axis.iter().filter(|run| Amount::of(run) == Some(amount)).collect();
        let passes =
            on_amount.first().map_or(1.0, |run| run.cost.samples_seen as f64 / run.cost.train_samples as f64);
        let sizes = || on_amount.iter().map(|run| run.cost.macs as f64);
        let (low, high) = (sizes().fold(f64::INFINITY, f64::min), sizes().fold(0.0, f64::max));
        if low < high {
            let law = |macs: f64| fit.bootstrap.curve([macs, amount.samples(macs, passes)], LEVEL);
            curves.push((amount, LawCurve::doubled(low, high, law)));
        }
        let mut models = configurations(&of_axis);
        models.retain(|model| Amount::of(model.first()) == Some(amount));
        let points = models.iter().filter_map(|model| Point::new(model, x, LOSS)).collect();
        series.push(Series { axis, points });
    }
    let mut sheet = sheet(x, &series, &curves, "a line for each amount of data", 1);
    sheet.name = format!("loss-{}-{axis}", x.slug());
    sheet.title = format!("validation loss against MACs and data along {axis}");
    plot(sheet, |canvas| {
        for (place, (_, curve)) in curves.iter().enumerate() {
            // More data gives a stronger line.
            let strength = (place + 1) as f64 / curves.len() as f64;
            curve.draw(canvas, axis.name(), 0.35 + 0.65 * strength)?;
        }
        for point in series.iter().flat_map(|one| &one.points) {
            point.draw(canvas, axis)?;
        }
        for (amount, curve) in &curves {
            if let Some(end) = curve.measured().last() {
                canvas.label(axis.name(), &amount.data.to_string(), end)?;
            }
        }
        let [alpha, beta] = ["alpha", "beta"].map(|name| parameter(fit, name).0);
        let floor = parameter(fit, "E").0;
        let columns = [("α", 560), ("β", 690), ("floor E", 848)];
        canvas.legend("E + A·M^−α + B·D^−β", &columns, &[(axis, vec![alpha, beta, floor])])
    })
}

/// The residuals of the law in C, or of the joint law if there is one.
fn residuals(study: &Study) -> Result<Option<Plot>> {
    let x = Quantity::TrainingFlops;
    let mut points = Vec::new();
    for one in &study.axes {
        let (law, sizes): (_, &[Quantity]) = match (&one.joint, &one.flops) {
            (Some(law), _) => (law, &[Quantity::Macs, Quantity::TrainingSamples]),
            (None, Some(law)) => (law, &[x]),
            (None, None) => continue,
        };
        let Some(fit) = law.fitted() else { continue };
        for run in study.runs.iter().filter(|run| run.factor_on(one.axis).is_some()) {
            let size = |place: usize| sizes.get(place).map_or(Some(1.0), |quantity| quantity.of(run));
            if let (Some(first), Some(second), Some(loss), Some(flops)) =
                (size(0), size(1), LOSS.of(run), x.of(run))
            {
                let fitted = fit.bootstrap.estimate().predict([first, second]);
                points.push((one.axis, run, (flops, (loss / fitted).ln())));
            }
        }
    }
    if points.is_empty() {
        return Ok(None);
    }
    let around = study.spread.into_iter().flat_map(|spread| [spread, -spread]);
    let across = PlotAxis::around(x, points.iter().map(|(_, _, at)| at.0));
    let sheet = Sheet {
        name: "residuals".into(),
        title: "measured loss over fitted loss against training FLOPs".into(),
        remark: if study.spread.is_some() { "shaded: ± the spread of seeds" } else { "" },
        up: PlotAxis::around(AxisQuantity::Deviation, points.iter().map(|(_, _, at)| at.1).chain(around)),
        across,
        rows: 0,
    };
    let ends = sheet.across.ends();
    let drawn = plot(sheet, |canvas| {
        if let Some(spread) = study.spread {
            canvas.band("muted", &ends.map(|size| (size, -spread, spread)), 0.16)?;
        }
        canvas.curve("muted", &ends.map(|size| (size, 0.0)), 1.0, Stroke::Full(2))?;
        for &(axis, run, at) in &points {
            canvas.mark(Some(axis), at)?;
            canvas.run(run, at);
        }
        Ok(())
    })?;
    Ok(Some(drawn))
}

/// A sheet that covers these series and curves.
fn sheet<K>(
    x: Quantity,
    series: &[Series],
    curves: &[(K, LawCurve)],
    remark: &'static str,
    rows: usize,
) -> Sheet {
    let runs =
        || series.iter().flat_map(|one| &one.points).flat_map(|point| point.runs.iter().map(|run| run.1));
    let sizes = curves.iter().flat_map(|(_, curve)| curve.all().map(|at| at.0));
    let losses = curves.iter().flat_map(|(_, curve)| curve.measured().map(|at| at.1));
    Sheet {
        name: format!("{}-{}", LOSS.slug(), x.slug()),
        title: format!("{} against {}", LOSS.name(), x.name()),
        remark,
        across: PlotAxis::around(x, runs().map(|at| at.0).chain(sizes)),
        up: PlotAxis::around(LOSS, runs().map(|at| at.1).chain(losses)),
        rows: rows + 1,
    }
}

/// Draws curves where there are laws and lines through the means where there are none, marks, and what `finish` adds.
fn draw<'d>(
    sheet: Sheet,
    series: &[Series<'d>],
    curves: &[(Axis, LawCurve)],
    finish: impl FnOnce(&mut Canvas<'_, '_, 'd>) -> Drawn,
) -> Result<Plot> {
    plot(sheet, |canvas| {
        for one in series {
            match curves.iter().find(|(axis, _)| *axis == one.axis) {
                Some((_, curve)) => curve.draw(canvas, one.axis.name(), 1.0)?,
                None => {
                    let means: Vec<_> = one.points.iter().map(|point| point.mean).collect();
                    canvas.curve(one.axis.name(), &means, 0.75, Stroke::Full(1))?;
                }
            }
        }
        for one in series {
            for point in &one.points {
                point.draw(canvas, one.axis)?;
            }
        }
        finish(canvas)
    })
}

/// Smallest and largest value of a quantity on an axis.
fn range(records: &[Record], axis: Axis, quantity: Quantity) -> Option<(f64, f64)> {
    let on_axis = records.iter().filter(|run| run.factor_on(axis).is_some());
    let values = on_axis.filter_map(|run| quantity.of(run));
    values.fold(None, |range, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}

/// Formula, exponent, its interval, and the floor; or why there is no law.
fn legend_cells(law: Option<&LawOutcome>, symbol: &str) -> Vec<String> {
    let nothing = |why: &str| vec![String::new(), String::new(), why.to_string()];
    match law {
        Some(LawOutcome::Fitted(fit)) => {
            let formula = fit.law.formula().replace("y = ", "").replace('x', symbol);
            let (alpha, interval) = parameter(fit, "alpha");
            let floor = if fit.law.has_floor() { parameter(fit, "E").0 } else { "none".into() };
            vec![formula, alpha, interval, floor]
        }
        Some(LawOutcome::Constant) => nothing("the same in all"),
        Some(LawOutcome::Few { .. }) => nothing("too few runs"),
        Some(LawOutcome::Step) => nothing("follows no law"),
        Some(LawOutcome::Refused(_)) | None => nothing("no law"),
    }
}

/// A parameter and its interval as text; a question mark if the data do not identify it.
fn parameter(fit: &Fit, name: &str) -> (String, String) {
    let show = |value: f64| if name == "E" { significant(value, 2) } else { signed(value) };
    match fit.parameters.iter().find(|(known, _)| *known == name) {
        Some((_, found)) if found.identified => {
            let quantity = found.quantity;
            (show(quantity.value), format!("{} … {}", show(quantity.low), show(quantity.high)))
        }
        Some(_) => ("?".into(), "not identified".into()),
        None => Default::default(),
    }
}
