//! IsoFLOP profiles: for each compute budget, the loss against the model's size, and the best size.

use super::{LOSS, RESAMPLES, Study};
use crate::error::Result;
use crate::laws::isoflop::{IsoFlop, IsoflopProfile, Minimum, isoflop};
use crate::laws::{BudgetRun, Budgets, LEVEL};
use crate::models::axis::Axis;
use crate::report::canvas::Stroke;
use crate::report::plot::{Plot, Sheet, plot};
use crate::report::plot_axis::PlotAxis;
use crate::report::quantity::Quantity;
use crate::report::series::{Amount, DataAmount};
use crate::report::words::{list, signed};
use crate::sweep::record::Record;
use crate::units::{flops, metric, metric_range};

/// The size of profiles.
const SIZE: Quantity = Quantity::Macs;
/// Number of points of a parabola's line.
const POSITIONS: u32 = 41;

/// The profiles along an axis; `None` if the sweep has no budgets.
pub fn along(runs: &[Record], amounts: &[Amount], axis: Axis) -> Result<Option<IsoFlop>> {
    let budgets = budgets(amounts);
    if budgets.is_empty() {
        return Ok(None);
    }
    let runs: Vec<BudgetRun> = on_axis(runs, axis)
        .filter_map(|run| {
            Some(BudgetRun {
                parameters: SIZE.of(run)?,
                compute: Quantity::TrainingFlops.of(run)?,
                loss: LOSS.of(run)?,
            })
        })
        .collect();
    isoflop(&runs, Budgets::Given(&budgets), RESAMPLES, 0).map(Some)
}

fn budgets(amounts: &[Amount]) -> Vec<f64> {
    let budget = |amount: &Amount| match amount.data {
        DataAmount::Flops(budget) => Some(budget),
        DataAmount::Samples(_) => None,
    };
    amounts.iter().filter_map(budget).collect()
}

fn on_axis(runs: &[Record], axis: Axis) -> impl Iterator<Item = &Record> + Clone {
    runs.iter().filter(move |run| run.factor_on(axis).is_some())
}

/// The panel of one axis.
pub fn panel(study: &Study, axis: Axis, found: &IsoFlop) -> Result<Plot> {
    let at = |run: &Record| Some((SIZE.of(run)?, LOSS.of(run)?));
    let runs = || on_axis(&study.runs, axis).filter_map(|run| Some((run, at(run)?)));
    let minimum = |profile: &IsoflopProfile| match &profile.minimum {
        Minimum::Optimum { parameters, loss } => Some((parameters.value, loss.value)),
        Minimum::Problem(_) => None,
    };
    let minima: Vec<(f64, f64)> = found.profiles.iter().filter_map(minimum).collect();
    let sheet = Sheet {
        name: format!("isoflop-{axis}"),
        title: format!("loss against size at equal compute along {axis}"),
        remark: "a line for each budget, rings: the best size",
        across: PlotAxis::around(SIZE, runs().map(|(_, at)| at.0)),
        up: PlotAxis::around(LOSS, runs().map(|(_, at)| at.1).chain(minima.iter().map(|at| at.1))),
        rows: 2,
    };
    let across = sheet.across.clone();
    plot(sheet, |canvas| {
        for (place, profile) in found.profiles.iter().enumerate() {
            let of_profile = || {
                runs().filter(|(run, _)| run.variant.flops_budget == Some(profile.budget)).map(|(_, at)| at.0)
            };
            let (low, high) = (of_profile().fold(f64::INFINITY, f64::min), of_profile().fold(0.0, f64::max));
            if let Some(parabola) = profile.parabola.filter(|_| low < high) {
                let line: Vec<_> =
                    across.between(low, high, POSITIONS).map(|size| (size, parabola.at(size))).collect();
                // A larger budget gives a stronger line.
                let strength = (place + 1) as f64 / found.profiles.len() as f64;
                canvas.curve(axis.name(), &line, 0.35 + 0.65 * strength, Stroke::Full(3))?;
            }
        }
        canvas.curve("ink", &minima, 0.8, Stroke::Dashed)?;
        for (run, at) in runs() {
            canvas.mark(Some(axis), at)?;
            canvas.run(run, at);
        }
        for &at in &minima {
            canvas.ring("ink", at)?;
        }
        for profile in &found.profiles {
            let of_profile = runs().filter(|(run, _)| run.variant.flops_budget == Some(profile.budget));
            let largest = of_profile.map(|(_, at)| at).max_by(|a, b| a.0.total_cmp(&b.0));
            if let Some(at) = largest {
                canvas.label(axis.name(), &flops(profile.budget), at)?;
            }
        }
        let exponent = found.frontier.as_ref().map(|frontier| {
            let a = frontier.a;
            vec![signed(a.value), format!("{} … {}", signed(a.low), signed(a.high))]
        });
        let cells = exponent.unwrap_or_else(|| vec![String::new(), "fewer than two minima".into()]);
        canvas.legend("best MACs ∝ C^a", &[("a", 560), ("95 % interval", 848)], &[(axis, cells)])
    })
}

/// The best size of each budget, and for each reason why budgets show none a sentence with these budgets.
pub fn sentences(found: &IsoFlop) -> Vec<String> {
    let best = found.profiles.iter().filter_map(|profile| match &profile.minimum {
        Minimum::Optimum { parameters: size, .. } => Some(format!(
            "With {} the best model has about {} MACs ({:.0} %: {}).",
            flops(profile.budget),
            metric(size.value),
            100.0 * LEVEL,
            metric_range(size.low, size.high)
        )),
        Minimum::Problem(_) => None,
    });
    let none = found.problems().into_iter().map(|(problem, budgets)| {
        let budgets: Vec<String> = budgets.into_iter().map(flops).collect();
        format!("With {} no best size is visible: {problem}.", list(&budgets))
    });
    best.chain(none).collect()
}
