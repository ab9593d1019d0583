//! The plots of quality and cost against size. Each axis has a colour and a shape; small dots are single runs, large
//! marks means over seeds, dashed lines power laws by least squares, with their exponents in the legend.

use super::canvas::{Canvas, Drawn, Stroke, name_of};
use super::plot::{Plot, Sheet, plot};
use super::plot_axis::PlotAxis;
use super::quantity::Quantity;
use super::series::{AxisLaw, Configuration, along, axes, laws};
use super::words::signed;
use crate::error::Result;
use crate::models::axis::Axis;
use crate::sweep::record::Record;
use crate::units::times;

/// The plots of a section: each quantity against each size for which the records have values.
pub(super) fn render(records: &[Record], panels: &[(Quantity, Quantity)]) -> Result<Vec<Plot>> {
    let mut plots = Vec::with_capacity(panels.len());
    for &(x, y) in panels {
        plots.extend(panel(records, x, y)?);
    }
    Ok(plots)
}

/// One model on one axis.
pub(super) struct Point<'d> {
    /// `base` or its factor.
    pub label: String,
    pub base: bool,
    /// The mean over the runs.
    pub mean: (f64, f64),
    pub runs: Vec<(&'d Record, (f64, f64))>,
}

impl<'d> Point<'d> {
    /// The runs that have values on both axes; `None` without such a run.
    pub fn new(configuration: &Configuration<'d>, x: Quantity, y: Quantity) -> Option<Point<'d>> {
        let done = configuration.runs.iter().filter(|run| run.completed());
        let runs: Vec<_> = done.filter_map(|&run| Some((run, (x.plotted(run)?, y.plotted(run)?)))).collect();
        let count = runs.len() as f64;
        let mean = (
            runs.iter().map(|(_, at)| at.0).sum::<f64>() / count,
            runs.iter().map(|(_, at)| at.1).sum::<f64>() / count,
        );
        let base = configuration.first().variant.scale == crate::models::Scale::BASE;
        let label = if base { "base".to_string() } else { times(configuration.factor) };
        (!runs.is_empty()).then_some(Point { label, base, mean, runs })
    }

    /// Draws its runs as dots if there are several, and their mean as a mark.
    pub fn draw(&self, canvas: &mut Canvas<'_, '_, 'd>, axis: Axis) -> Drawn {
        let axis = self.axis(axis);
        for &(record, at) in &self.runs {
            if self.runs.len() > 1 {
                canvas.dot(name_of(axis), at)?;
            }
            canvas.run(record, at);
        }
        canvas.mark(axis, self.mean)
    }

    /// The base model is on every axis, so it has no axis's colour.
    fn axis(&self, axis: Axis) -> Option<Axis> {
        (!self.base).then_some(axis)
    }
}

/// The models on one axis, in ascending order of factors.
pub(super) struct Series<'d> {
    pub axis: Axis,
    pub points: Vec<Point<'d>>,
}

/// Every axis that has a value.
pub(super) fn gather(records: &[Record], x: Quantity, y: Quantity) -> Vec<Series<'_>> {
    axes(records)
        .into_iter()
        .map(|axis| {
            let models = along(records, axis);
            Series { axis, points: models.iter().filter_map(|model| Point::new(model, x, y)).collect() }
        })
        .filter(|series| !series.points.is_empty())
        .collect()
}

/// Writes each model's factor beside its mark, if there is a free place; the base model once.
pub(super) fn labels(canvas: &mut Canvas, series: &[Series]) -> Drawn {
    let base = series.iter().flat_map(|s| &s.points).find(|p| p.base).map(|p| (None, p));
    let others = series.iter().flat_map(|s| s.points.iter().map(|p| (Some(s.axis), p)));
    for (axis, point) in base.into_iter().chain(others.filter(|(_, point)| !point.base)) {
        canvas.label(name_of(axis), &point.label, point.mean)?;
    }
    Ok(())
}

fn panel(records: &[Record], x: Quantity, y: Quantity) -> Result<Option<Plot>> {
    let series = gather(records, x, y);
    if series.is_empty() {
        return Ok(None);
    }
    let laws = laws(records, x, y);
    let law = |axis: Axis| laws.iter().find(|law| law.axis == axis);
    let runs = || series.iter().flat_map(|s| &s.points).flat_map(|p| &p.runs);
    let predicted =
        |record| (y == Quantity::PeakMemory).then(|| Quantity::PredictedMemory.of(record)).flatten();
    let memories = runs().filter_map(|(record, _)| predicted(record));
    let sheet = Sheet {
        name: format!("{}-{}", y.slug(), x.slug()),
        title: format!("{} against {}", y.name(), x.name()),
        remark: if y == Quantity::PeakMemory { "filled: measured, hollow: predicted" } else { "" },
        across: PlotAxis::around(x, runs().map(|(_, at)| at.0)),
        up: PlotAxis::around(y, runs().map(|(_, at)| at.1).chain(memories)),
        rows: 1 + series.len(),
    };
    let across = sheet.across.clone();
    let drawn = plot(sheet, |canvas| {
        for one in &series {
            if let Some(law) = law(one.axis) {
                let sizes = || one.points.iter().flat_map(|p| p.runs.iter().map(|(_, at)| at.0));
                let low = sizes().fold(f64::INFINITY, f64::min);
                let high = sizes().fold(f64::NEG_INFINITY, f64::max);
                // The plot shows the law of the error rate as accuracy; the conversion is its own inverse.
                let value = |size| (size, y.law_value(law.law.predict(size)));
                let line: Vec<_> = across.between(low, high, 33).map(value).collect();
                canvas.curve(one.axis.name(), &line, 0.6, Stroke::Dashed)?;
            }
            let means: Vec<_> = one.points.iter().map(|p| p.mean).collect();
            canvas.curve(one.axis.name(), &means, 0.75, Stroke::Full(3))?;
        }
        for one in &series {
            for point in &one.points {
                point.draw(canvas, one.axis)?;
                if let Some(bytes) = predicted(point.runs[0].0) {
                    canvas.ring(name_of(point.axis(one.axis)), (point.mean.0, bytes))?;
                }
            }
        }
        labels(canvas, &series)?;
        let rows: Vec<_> = series.iter().map(|one| (one.axis, legend_cells(law(one.axis)))).collect();
        let heading = format!("{} = k · {}^α", y.law_name(), x.name());
        canvas.legend(&heading, &[("α", 560), ("95 % interval", 760), ("R²", 848)], &rows)
    })?;
    Ok(Some(drawn))
}

fn legend_cells(law: Option<&AxisLaw>) -> Vec<String> {
    let Some(AxisLaw { law, .. }) = law else { return vec![String::new(), "no law can be fitted".into()] };
    let interval = law.alpha_interval;
    let interval = interval.map(|i| format!("{} … {}", signed(i.low), signed(i.high)));
    vec![signed(law.alpha), interval.unwrap_or_else(|| "unknown".into()), signed(law.r2)]
}
