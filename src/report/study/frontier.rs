//! Loss against compute: the trainings, the best of all at each budget, and the joint law's optimum.

use super::curves::LawCurve;
use super::{LOSS, LawOutcome, RESAMPLES, Study};
use crate::error::Result;
use crate::laws::allocation::optimum;
use crate::laws::envelope::{Envelope, TrainingCurve, envelope};
use crate::models::axis::Axis;
use crate::models::cost::FLOPS_PER_MAC;
use crate::report::canvas::Stroke;
use crate::report::plot::{Plot, Sheet, plot};
use crate::report::plot_axis::PlotAxis;
use crate::report::quantity::Quantity;
use crate::report::series::{Amount, configurations};
use crate::sweep::record::Record;

/// The losses of a model during training: (FLOPs so far, loss after them).
type Path = Vec<(f64, f64)>;

/// The envelope of the models on an axis, with the law of the best size in MACs; `None` without a model of two points.
pub fn along(runs: &[Record], amounts: &[Amount], axis: Axis) -> Result<Option<Envelope>> {
    let on_axis: Vec<Record> = runs.iter().filter(|run| run.factor_on(axis).is_some()).cloned().collect();
    let curves = curves(&on_axis, amounts);
    if curves.is_empty() { Ok(None) } else { envelope(&curves, RESAMPLES, 0).map(Some) }
}

/// The curves of an envelope. With several amounts of data, the curve of a model goes through the ends of its
/// trainings, where the learning rate has decayed to zero; otherwise each training is a curve, with a point per epoch.
fn curves(runs: &[Record], amounts: &[Amount]) -> Vec<TrainingCurve> {
    let paths: Vec<(f64, Path)> = if amounts.len() > 1 {
        models(runs)
    } else {
        runs.iter().map(|run| (run.cost.macs as f64, path(run))).collect()
    };
    let curves = paths.into_iter().map(|(macs, mut points)| {
        // Budgets that round to the same number of batches are one point.
        points.dedup_by(|a, b| a.0 <= b.0);
        TrainingCurve { parameters: macs, points }
    });
    curves.filter(|curve| curve.points.len() > 1).collect()
}

/// MACs of every model, and the mean losses of its trainings in ascending order of compute.
fn models(runs: &[Record]) -> Vec<(f64, Path)> {
    let mut models: Vec<(f64, Path)> = Vec::new();
    for configuration in configurations(runs) {
        let macs = configuration.first().cost.macs as f64;
        let (flops, loss) = (configuration.mean(Quantity::TrainingFlops), configuration.mean(LOSS));
        let Some(point) = flops.zip(loss) else { continue };
        match models.iter_mut().find(|(known, _)| *known == macs) {
            Some((_, points)) => points.push(point),
            None => models.push((macs, vec![point])),
        }
    }
    for (_, points) in &mut models {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    models
}

/// The losses of a training, one point per epoch.
fn path(run: &Record) -> Path {
    let flops = |samples: u64| FLOPS_PER_MAC * run.cost.macs as f64 * samples as f64;
    let points = run.curve().iter().map(|point| (flops(point.samples_seen), point.validation_loss));
    points.filter(|(flops, loss)| *flops > 0.0 && *loss > 0.0 && loss.is_finite()).collect()
}

/// The panel; `None` without curves.
pub fn panel(study: &Study) -> Result<Option<Plot>> {
    let x = Quantity::TrainingFlops;
    let curves = curves(&study.runs, &study.amounts);
    if curves.is_empty() {
        return Ok(None);
    }
    // The least loss for at most this much compute.
    let mut least = f64::INFINITY;
    let best: Path = envelope(&curves, 0, 0)?
        .points
        .iter()
        .map(|best| {
            least = least.min(best.loss);
            (best.budget, least)
        })
        .collect();
    let ends = || study.runs.iter().filter_map(|run| Some((run, (x.of(run)?, LOSS.of(run)?))));
    let flops = || ends().map(|(_, at)| at.0);
    let (low, high) = (flops().fold(f64::INFINITY, f64::min), flops().fold(0.0, f64::max));
    // How many times each distinct sample is trained on.
    let passes = study.runs.iter().find(|run| run.cost.train_samples > 0);
    let passes = passes.map_or(1.0, |run| run.cost.samples_seen as f64 / run.cost.train_samples as f64);
    let optimal = |law: &LawOutcome| {
        let fit = law.fitted().filter(|fit| fit.allocation.is_some())?;
        let at = |budget: f64| {
            fit.bootstrap.quantity(|theta| fit.law.predict(theta, optimum(theta, budget / passes)))
        };
        Some(LawCurve::doubled(low, high, at))
    };
    let optima: Vec<(Axis, LawCurve)> =
        study.axes.iter().filter_map(|one| Some((one.axis, one.joint.as_ref().and_then(optimal)?))).collect();
    let paths = || study.runs.iter().flat_map(path);
    let doubled = optima.iter().flat_map(|(_, curve)| curve.all().map(|at| at.0));
    let sheet = Sheet {
        name: "frontier".into(),
        title: "loss against compute while training, and the best of all".into(),
        remark: "strong line: the least loss so far",
        across: PlotAxis::around(x, paths().chain(ends().map(|(_, at)| at)).map(|at| at.0).chain(doubled)),
        up: PlotAxis::around(LOSS, paths().chain(ends().map(|(_, at)| at)).map(|at| at.1)),
        rows: 1 + study.axes.len(),
    };
    let drawn = plot(sheet, |canvas| {
        for run in &study.runs {
            canvas.curve(run.variant.axis.name(), &path(run), 0.45, Stroke::Full(1))?;
        }
        for (axis, curve) in &optima {
            curve.draw(canvas, axis.name(), 1.0)?;
        }
        canvas.curve("ink", &best, 0.8, Stroke::Full(4))?;
        for (run, at) in ends() {
            canvas.mark(Some(run.variant.axis), at)?;
            canvas.run(run, at);
        }
        let heading = "thin: trainings, an epoch a point; thick: the least loss that the joint law expects";
        let rows: Vec<_> = study.axes.iter().map(|one| (one.axis, Vec::new())).collect();
        canvas.legend(
            if optima.is_empty() { "thin: trainings, an epoch a point" } else { heading },
            &[],
            &rows,
        )
    })?;
    Ok(Some(drawn))
}
