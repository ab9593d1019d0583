//! The answer as a picture: the expected loss against compute.

use super::Answer;
use crate::error::Result;
use crate::report::canvas::Stroke;
use crate::report::plot::{Plot, Sheet, plot};
use crate::report::plot_axis::PlotAxis;
use crate::report::quantity::Quantity;
use crate::sweep::record::Record;

const X: Quantity = Quantity::TrainingFlops;
const Y: Quantity = Quantity::ValidationLoss;

/// Every run as a dot, the best for each amount of compute as a line with its interval, the recommended training as a
/// ring.
pub(super) fn draw(answer: &Answer, records: &[Record]) -> Result<Plot> {
    let runs: Vec<(&Record, (f64, f64))> = records
        .iter()
        .filter(|record| record.completed())
        .filter_map(|record| Some((record, (X.plotted(record)?, Y.plotted(record)?))))
        .collect();
    let mut choices: Vec<_> = answer.others.iter().chain([&answer.best]).collect();
    choices.sort_by(|a, b| a.flops.total_cmp(&b.flops));
    let band: Vec<(f64, f64, f64)> =
        choices.iter().map(|choice| (choice.flops, choice.loss.low, choice.loss.high)).collect();
    let line: Vec<(f64, f64)> = choices.iter().map(|choice| (choice.flops, choice.loss.value)).collect();
    let known = |y: &f64| *y > 0.0 && y.is_finite();
    let losses = runs.iter().map(|(_, at)| at.1).chain(band.iter().flat_map(|at| [at.1, at.2]));
    let base = answer.base.as_ref();
    let sheet = Sheet {
        name: "answer".into(),
        title: "expected validation loss against compute, with the recommended training".into(),
        remark: "dots: runs; line: expected best; ring: recommended",
        across: PlotAxis::around(X, runs.iter().map(|(_, at)| at.0).chain(line.iter().map(|at| at.0))),
        up: PlotAxis::around(Y, losses.filter(known)),
        rows: 0,
    };
    plot(sheet, |canvas| {
        let best = &answer.best;
        canvas.band("compound", &band, 0.16)?;
        canvas.curve("compound", &line, 1.0, Stroke::Dashed)?;
        for &(run, at) in &runs {
            canvas.dot(run.variant.axis.name(), at)?;
            canvas.run(run, at);
        }
        if let Some(base) = base {
            canvas.whisker("muted", base.flops, base.loss.low, base.loss.high)?;
            canvas.ring("muted", (base.flops, base.loss.value))?;
            canvas.label("muted", "base", (base.flops, base.loss.value))?;
        }
        canvas.whisker("ink", best.flops, best.loss.low, best.loss.high)?;
        canvas.ring("ink", (best.flops, best.loss.value))?;
        canvas.label("ink", &best.model, (best.flops, best.loss.value))
    })
}
