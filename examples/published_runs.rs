//! Joint laws of published training runs: one of the C4 validation loss for each training set, over parameters and
//! tokens, with the largest runs left out and predicted; and how the compute-optimal size grows, by the joint law and by
//! the envelope of each size's trainings. (No budget has four sizes, so that there are no isoFLOP profiles.)
//! The joint law is fitted by the published Huber loss, with δ = 1e-3.
//!
//! The table is `openlm_104_models.csv` of Gadre et al. 2024, "Language models scale reliably with over-training
//! and on downstream tasks" (arXiv:2403.08540), from the repository `mlfoundations/scaling` (MIT).
//!
//! cargo run --release --example published_runs -- openlm_104_models.csv

use allometry::laws::allocation::FLOPS;
use allometry::laws::approaches::approaches;
use allometry::laws::delta::PUBLISHED;
use allometry::laws::envelope::{TrainingCurve, envelope};
use allometry::laws::{Fit, FitOptions, Form, Points, Uncertain};
use allometry::tables::{Format, Table, Value};
use allometry::{Error, Result, print_line};
use std::collections::BTreeMap;
use std::path::Path;

/// Runs of each training set that are left out: those with the most compute.
const LARGEST: usize = 3;
/// FLOPs to find the best sizes for.
const BUDGET: f64 = 1e21;

fn main() -> Result<()> {
    let path = std::env::args().nth(1).ok_or_else(|| Error::Config {
        what: "published_runs".to_string(),
        problem: "the path of openlm_104_models.csv is needed".to_string(),
    })?;
    for (training_set, [parameters, tokens, loss]) in read(Path::new(&path))? {
        let points = Points::joint(("N", &parameters), ("D", &tokens), ("loss", &loss))?;
        let options = FitOptions {
            form: Some(Form::Joint),
            holdout: LARGEST,
            budgets: vec![BUDGET],
            delta: Some(PUBLISHED),
            ..FitOptions::default()
        };
        let fit = Fit::new(&points, &options)?;
        print(&training_set, &fit)?;
        let best = envelope(&curves(&points), options.resamples, options.seed)?;
        print_line!("  the best N grows as C^a")?;
        for row in approaches(Some(&best), fit.isoflop.as_ref(), fit.joint_approach()) {
            print_line!("    {:<32} a = {}, {} points", row.approach.name(), text(&row.a), row.points)?;
        }
    }
    Ok(())
}

/// Parameters, tokens and C4 validation loss of every run, by training set.
fn read(path: &Path) -> Result<BTreeMap<String, [Vec<f64>; 3]>> {
    let table = Table::read(path, &Format::default())?;
    let place = |start: &str| {
        let place = table.names().iter().position(|name| name.starts_with(start));
        place.ok_or_else(|| Error::format(path, format!("a column {start}"), "none"))
    };
    let training_set = place("dataset")?;
    let mut runs: BTreeMap<String, [Vec<f64>; 3]> = BTreeMap::new();
    for (index, start) in ["params", "tokens", "loss:c4_val"].into_iter().enumerate() {
        let column = place(start)?;
        for (row, value) in table.numbers(column)?.into_iter().enumerate() {
            let Value::Number(number) = value else {
                return Err(Error::format(path, "a number", table.place(row, column)));
            };
            runs.entry(table.cell(row, training_set).to_string()).or_default()[index].push(number);
        }
    }
    Ok(runs)
}

/// The losses of each size against compute. Every point is a finished training of its own length.
fn curves(points: &Points) -> Vec<TrainingCurve> {
    let mut sizes: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
    for (&[n, d], &loss) in points.x().iter().zip(points.y()) {
        // Positive floats are ordered as their bits are.
        sizes.entry(n.to_bits()).or_default().push((FLOPS * n * d, loss));
    }
    let curve = |(n, mut points): (u64, Vec<(f64, f64)>)| {
        points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        // Of trainings of one length the best.
        points.dedup_by_key(|point| point.0);
        TrainingCurve { parameters: f64::from_bits(n), points }
    };
    // A size that was trained once has no curve.
    sizes.into_iter().map(curve).filter(|curve| curve.points.len() > 1).collect()
}

fn print(training_set: &str, fit: &Fit) -> Result<()> {
    print_line!("{training_set}: {}, {} runs", fit.law.formula(), fit.n)?;
    print_line!(
        "  objective {:.4e}, converged: {}, scatter {:.2} %",
        fit.objective,
        fit.converged,
        100.0 * fit.scatter
    )?;
    for (name, parameter) in &fit.parameters {
        print_line!("  {name:<6} {}", text(&parameter.quantity))?;
    }
    if let Some(allocation) = &fit.allocation {
        for best in &allocation.samples_per_parameter {
            print_line!("  at {:.0e} FLOPs {} tokens per parameter", best.budget, text(&best.ratio))?;
        }
    }
    for row in fit.holdout.iter().flat_map(|holdout| &holdout.rows) {
        print_line!(
            "  N {:.2e}, D {:.2e}: measured {:.3}, predicted {}, error {:+.2} %",
            row.sizes[0],
            row.sizes[1],
            row.measured,
            text(&row.predicted),
            100.0 * row.relative_error
        )?;
    }
    for warning in &fit.warnings {
        print_line!("  warning: {warning}")?;
    }
    Ok(())
}

fn text(quantity: &Uncertain) -> String {
    format!("{:.4} [{:.4}, {:.4}]", quantity.value, quantity.low, quantity.high)
}
