//! One axis alone against all three together, at 2, 4 and 8 times the FLOPs, as in figure 8 and section 5.1 of the
//! EfficientNet paper (Tan & Le 2019, arXiv:1905.11946).
//!
//! cargo run --release --example compare_axes
//! cargo run --release --example compare_axes -- --efficient
//! cargo run --release --example compare_axes -- --compound-from search/compound.toml --out comparison
//!
//! All trainings of a multiple have the same FLOPs: that multiple of the base model's. (The paper trains for equal
//! epochs, which is the same except for rounding. In small models rounding changes the FLOPs of a step by up to half.)
//! The base model is trained for as long, for comparison. The same command resumes an interrupted comparison.

mod common;

use allometry::models::cost::{Cost, FLOPS_PER_MAC};
use allometry::models::{Axis, Compound};
use allometry::sweep::comparison::{Comparison, Observation};
use allometry::sweep::compound::Answer;
use allometry::sweep::run::{self, SweepOptions};
use allometry::sweep::{Plan, Record, Store};
use allometry::terminal::Table;
use allometry::units::{grouped, significant, times};
use allometry::{Device, DeviceChoice, Error, Result, print_line};
use clap::Parser;
use std::path::PathBuf;

/// Compare one axis alone with all three together, at equal FLOPs.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    base: common::Base,
    /// Coefficients that search-compound found; by default the paper's, 1.2, 1.1 and 1.15.
    #[arg(long)]
    compound_from: Option<PathBuf>,
    /// Multiples of the base model's FLOPs.
    #[arg(long, value_delimiter = ',', default_value = "2,4,8")]
    factors: Vec<f64>,
    /// Training samples that give the base model's FLOPs.
    #[arg(long, default_value_t = 6000)]
    samples: usize,
    #[arg(long, value_delimiter = ',', default_value = "0,1,2")]
    seeds: Vec<u64>,
    /// The directory of the trainings.
    #[arg(long, default_value = "axis-comparison")]
    out: PathBuf,
}

/// The base model, which is trained with the same FLOPs on more samples.
const BASE: &str = "base, trained longer";

/// The scalings that are compared. An axis alone is compound scaling with one coefficient above 1.
fn scalings(compound: Compound) -> [(&'static str, Option<Compound>); 5] {
    let alone = |alpha: f64, beta: f64, gamma: f64| Some(Compound { alpha, beta, gamma });
    let root = 2f64.sqrt();
    [
        (BASE, None),
        ("depth", alone(2.0, 1.0, 1.0)),
        ("width", alone(1.0, root, 1.0)),
        ("resolution", alone(1.0, 1.0, root)),
        ("compound", Some(compound)),
    ]
}

/// The trainings of one scaling to one multiple of FLOPs.
struct Row {
    factor: f64,
    scaling: &'static str,
    records: Vec<Record>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let base = common::plan(&arguments.base, Axis::Compound, arguments.samples, 1)?;
    let compound = match &arguments.compound_from {
        Some(path) => Answer::load(path)?.coefficients_for(&base.architecture, path)?,
        None => Compound::default(),
    };
    let options = SweepOptions {
        device: Device::open(DeviceChoice::Auto)?,
        data: arguments.base.data.clone(),
        memory_limit: None,
        interrupted: Default::default(),
        checkpoint: None,
    };
    let Compound { alpha, beta, gamma } = compound;
    let name = &base.architecture.name;
    print_line!("{name} on {}; compound: {alpha:.3}, {beta:.3}, {gamma:.3}", options.device.name())?;
    let base_macs = Cost::of(&base.architecture)?.macs as f64;
    let mut rows = Vec::new();
    for &factor in &arguments.factors {
        for (scaling, compound) in scalings(compound) {
            let plan = Plan {
                factors: vec![if compound.is_some() { factor } else { 1.0 }],
                compound: compound.unwrap_or_default(),
                flops: vec![factor * FLOPS_PER_MAC * base_macs * arguments.samples as f64],
                seeds: arguments.seeds.clone(),
                ..base.clone()
            };
            let directory =
                arguments.out.join(format!("{}-{factor}", scaling.split(',').next().unwrap_or(scaling)));
            let mut store = Store::open(directory, &plan)?;
            run::run(&plan, &mut store, &options, &mut common::Lines)?;
            rows.push(Row { factor, scaling, records: store.records().to_vec() });
        }
    }
    print(&rows, base_macs)
}

fn print(rows: &[Row], base_macs: f64) -> Result<()> {
    // Seeds share validation samples at all multiples, so one comparison has the scatter of all.
    let observations: Vec<Observation> = (rows.iter().enumerate())
        .flat_map(|(model, row)| {
            let losses = row.records.iter().filter_map(move |record| {
                Some(Observation { model, seed: record.config.seed, loss: record.validation_loss()? })
            });
            losses.collect::<Vec<_>>()
        })
        .collect();
    let comparison = Comparison::of(rows.len(), &observations).ok_or_else(|| Error::Config {
        what: "comparison".into(),
        problem: "a scaling has no completed training; use a smaller learning rate".into(),
    })?;
    let header = [
        "FLOPs",
        "scaling",
        "MACs",
        "parameters",
        "samples seen",
        "validation loss",
        "above best",
        "at least",
    ];
    let mut table = Table::new(header).with_text_columns(2);
    let mut verdicts = Vec::new();
    let percent = |share: f64| format!("{:+.1} %", 100.0 * share);
    for (number, group) in rows.chunk_by(|a, b| a.factor == b.factor).enumerate() {
        let models: Vec<usize> = (0..group.len()).map(|row| number * group.len() + row).collect();
        let by_loss = |a: &&usize, b: &&usize| comparison.loss(**a).total_cmp(&comparison.loss(**b));
        let scaled = models.iter().filter(|&&model| rows[model].scaling != BASE);
        let Some(&best) = scaled.min_by(by_loss) else { continue };
        let mut like_best = Vec::new();
        for &model in &models {
            let row = &rows[model];
            let Some(record) = row.records.first() else { continue };
            let least = comparison.excess_at_least(model, best).filter(|_| model != best);
            if model != best && row.scaling != BASE && least.is_none_or(|least| least <= 0.0) {
                like_best.push(row.scaling);
            }
            table.add_row([
                times(row.factor),
                row.scaling.to_string(),
                times(record.cost.macs as f64 / base_macs),
                grouped(record.cost.parameters),
                grouped(record.cost.samples_seen),
                significant(comparison.loss(model), 4),
                if model == best { "best".into() } else { percent(comparison.excess(model, best)) },
                least.map_or("–".to_string(), percent),
            ]);
        }
        let others = match &like_best[..] {
            [] => "the other scalings are worse by more than the scatter of seeds".to_string(),
            names => format!("can't be distinguished from it: {}", names.join(", ")),
        };
        let base = models.iter().find(|&&model| rows[model].scaling == BASE);
        let longer = base.map(|&base| {
            format!(" The base model, trained longer, is at {}.", percent(comparison.excess(base, best)))
        });
        verdicts.push(format!(
            "{}: {} is the best scaling; {others}.{}",
            times(rows[best].factor),
            rows[best].scaling,
            longer.unwrap_or_default()
        ));
    }
    print_line!("{table}")?;
    if let Some(scatter) = comparison.scatter {
        print_line!(
            "Seeds scatter by {:.1} % of the loss ({} degrees of freedom). \"At least\" holds for all rows at once (95 %).",
            100.0 * scatter,
            comparison.freedom
        )?;
    }
    verdicts.iter().try_for_each(|verdict| print_line!("{verdict}"))
}
