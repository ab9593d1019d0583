//! The predictions of the largest models, made before they were trained, next to the results.

use super::curves::LawCurve;
use super::{LOSS, LawOutcome};
use crate::error::Result;
use crate::laws::average::{Average, Direction};
use crate::laws::{Fit, Points, Uncertain};
use crate::report::escape::escape;
use crate::report::plot::{Plot, Sheet, plot};
use crate::report::plot_axis::PlotAxis;
use crate::report::quantity::Quantity;
use crate::sweep::plan::Plan;
use crate::sweep::prediction::{AxisPrediction, Prediction, Score, Size, relative_error};
use crate::sweep::record::Record;
use crate::units::{plural, significant};
use std::collections::HashSet;

/// Right ends of the legend's columns.
const COLUMNS: [(&str, i32); 3] = [("by smaller models", 500), ("inside", 640), ("mean error", 848)];

/// The section about the predictions of the plan's last generation, and its plots for files of their own.
pub(in crate::report) fn section(
    plan: &Plan,
    records: &[Record],
    prediction: &Prediction,
) -> Result<(String, Vec<Plot>)> {
    let generation = plan.generations();
    let fitted = plan.variants()?.into_iter().filter(|variant| !variant.is_predicted_in(generation));
    let fitted: HashSet<String> = fitted.map(|variant| variant.key).collect();
    let smaller: Vec<Record> = records
        .iter()
        .filter(|record| {
            record.completed() && LOSS.plotted(record).is_some() && fitted.contains(&record.variant.key)
        })
        .cloned()
        .collect();
    let score = prediction.score(records);
    let mut plots = Vec::with_capacity(prediction.axes.len());
    for axis in &prediction.axes {
        plots.extend(panel(records, &smaller, axis, prediction.level, &score)?);
    }
    let number = if generation == 1 { String::new() } else { format!("-{generation}") };
    for plot in &mut plots {
        plot.name = plot.name.replacen("prediction", &format!("prediction{number}"), 1);
    }
    let figures: String = plots.iter().map(Plot::figure).collect();
    let without: String = prediction
        .without_law
        .iter()
        .map(|one| format!("<li>{}: no prediction; {}.</li>\n", one.axis, escape(&one.reason)))
        .collect();
    let without = if without.is_empty() { without } else { format!("<ul class=\"note\">\n{without}</ul>\n") };
    let html = format!(
        "<section>\n<h2>Predicted against measured{}</h2>\n<p class=\"finding\">{}</p>\n\
         <p class=\"note\">Rings with whiskers show what the smaller models predicted of the largest, before any of these \
         was trained; filled marks show measured values. The band is where {} % of single runs are expected.</p>\n{without}\
         <div class=\"plots two\">\n{figures}</div>\n</section>\n",
        if generation == 1 { "" } else { ", after an extension" },
        escape(&finding(&score, prediction.level)),
        significant(100.0 * prediction.level, 2)
    );
    Ok((html, plots))
}

/// How well the predictions held.
fn finding(score: &Score, level: f64) -> String {
    if score.rows.is_empty() {
        return "The largest models are predicted, but not trained yet.".into();
    }
    let missed = score
        .relative_error
        .map(|error| format!(", and missed by {} % (root mean square)", significant(100.0 * error, 2)))
        .unwrap_or_default();
    let waiting = match score.without_loss {
        0 => String::new(),
        count => format!(
            " {} more {} no loss: not trained yet, or failed.",
            count,
            if count == 1 { "has" } else { "have" }
        ),
    };
    format!(
        "The losses of the {} were predicted before they were trained{missed}; {} of {} ended inside the {} % \
         interval.{waiting}",
        plural(score.rows.len(), "largest run"),
        score.inside,
        score.rows.len(),
        significant(100.0 * level, 2)
    )
}

/// One axis: the smaller runs with their law, and the predicted runs with prediction and result. `None` without a law.
fn panel(
    records: &[Record],
    smaller: &[Record],
    predicted: &AxisPrediction,
    level: f64,
    score: &Score,
) -> Result<Option<Plot>> {
    let axis = predicted.axis;
    let x = match predicted.size {
        Size::Parameters => Quantity::Parameters,
        Size::Macs => Quantity::Macs,
    };
    let joint = predicted.rows.iter().any(|row| row.samples.is_some());
    let on_axis = smaller.iter().filter(|run| run.factor_on(axis).is_some());
    let fitted: Vec<(&Record, (f64, f64))> =
        on_axis.filter_map(|run| Some((run, (x.of(run)?, LOSS.of(run)?)))).collect();
    let curves = match predicted.law {
        Some(form) => {
            let sizes = if joint { &[x, Quantity::TrainingSamples][..] } else { &[x][..] };
            let law = LawOutcome::of_form(Some(form), smaller, axis, sizes);
            let expected = |fit: &Fit| curves(|at| fit.bootstrap.prediction(at, level), predicted, &fitted);
            law.fitted().map(expected).unwrap_or_default()
        }
        None => match average(&fitted, joint, predicted.ceiling) {
            Ok(average) => curves(|at| average.at(at).interval(level), predicted, &fitted),
            Err(_) => Vec::new(),
        },
    };
    let measured: Vec<(&Record, (f64, f64))> = predicted
        .rows
        .iter()
        .filter_map(|row| {
            let run = records.iter().find(|run| run.variant.key == row.key && run.completed())?;
            Some((run, (row.size, LOSS.plotted(run)?)))
        })
        .collect();
    // An unbounded interval cannot be drawn.
    let known = predicted.rows.iter().filter(|row| {
        [row.loss.value, row.loss.low, row.loss.high].iter().all(|y| *y > 0.0 && y.is_finite())
    });
    let mut rings: Vec<_> = known.map(|row| (row.size, row.loss)).collect();
    // The seeds of a model share a prediction.
    rings.dedup();
    if rings.is_empty() {
        return Ok(None);
    }
    let runs = || fitted.iter().chain(&measured).map(|(_, at)| *at);
    let whiskers = rings.iter().flat_map(|(_, loss)| [loss.low, loss.high]);
    let sheet = Sheet {
        name: format!("prediction-{axis}"),
        title: format!("predicted and measured loss of the largest models along {axis}"),
        remark: "rings: predicted, filled: measured",
        across: PlotAxis::around(x, runs().map(|at| at.0).chain(rings.iter().map(|ring| ring.0))),
        up: PlotAxis::around(LOSS, runs().map(|at| at.1).chain(whiskers)),
        rows: 2,
    };
    let drawn = plot(sheet, |canvas| {
        for curve in &curves {
            curve.draw(canvas, axis.name(), 1.0)?;
        }
        for &(run, at) in &fitted {
            canvas.dot(axis.name(), at)?;
            canvas.run(run, at);
        }
        for &(size, loss) in &rings {
            canvas.whisker(axis.name(), size, loss.low, loss.high)?;
            canvas.ring(axis.name(), (size, loss.value))?;
        }
        for &(run, at) in &measured {
            canvas.mark(Some(axis), at)?;
            canvas.run(run, at);
        }
        let formula = match predicted.law {
            Some(form) => form.formula().replace("y = ", ""),
            None => "average".to_string(),
        };
        canvas.legend(
            &format!("{} = {}", if joint { "N" } else { "x" }, x.name()),
            &COLUMNS,
            &[(axis, legend_cells(formula, predicted, score))],
        )
    })?;
    Ok(Some(drawn))
}

/// The average over models of the curve, fitted to the smaller models again.
fn average(fitted: &[(&Record, (f64, f64))], joint: bool, ceiling: Option<f64>) -> Result<Average> {
    let sizes: Vec<f64> = fitted.iter().map(|(_, at)| at.0).collect();
    let samples: Vec<f64> = fitted.iter().map(|(run, _)| run.cost.train_samples as f64).collect();
    let losses: Vec<f64> = fitted.iter().map(|(_, at)| at.1).collect();
    let loss = ("loss", &losses[..]);
    let points = if joint {
        Points::joint(("size", &sizes), ("samples", &samples), loss)?
    } else {
        Points::single(("size", &sizes), loss)?
    };
    Ok(Average::new(&points, Direction::Falling)?.below(ceiling))
}

/// The expected losses over the smaller models and up to the largest; with two sizes, for each of their amounts of
/// data.
fn curves(
    expected: impl Fn([f64; 2]) -> Uncertain,
    predicted: &AxisPrediction,
    fitted: &[(&Record, (f64, f64))],
) -> Vec<LawCurve> {
    let sizes = || fitted.iter().map(|(_, at)| at.0);
    let (low, high) = (sizes().fold(f64::INFINITY, f64::min), sizes().fold(0.0, f64::max));
    let end = predicted.rows.iter().map(|row| row.size).fold(high, f64::max);
    let mut amounts: Vec<Option<f64>> = predicted.rows.iter().map(|row| row.samples).collect();
    amounts.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    amounts.dedup();
    let of_amount =
        |samples: Option<f64>| LawCurve::new(low, high, end, |size| expected([size, samples.unwrap_or(1.0)]));
    amounts.into_iter().map(of_amount).collect()
}

/// The formula, how many results lie in their interval, and the error.
fn legend_cells(formula: String, predicted: &AxisPrediction, score: &Score) -> Vec<String> {
    let rows = || score.rows.iter().filter(|row| row.axis == predicted.axis);
    let count = rows().count();
    if count == 0 {
        return vec![formula, String::new(), "not trained yet".into()];
    }
    let error = relative_error(rows()).map(|error| format!("{} %", significant(100.0 * error, 2)));
    let inside = format!("{} of {count}", rows().filter(|row| row.inside).count());
    vec![formula, inside, error.unwrap_or_default()]
}
