//! `allometry bench steps`

use super::{Common, positive, print_json};
use allometry::bench::steps::{StepFigure, works};
use allometry::terminal::Table;
use allometry::units::bytes;
use allometry::{Result, print_line};
use clap::Args;

#[derive(Args)]
#[command(after_help = "\
Example:
  allometry bench steps --device gpu

The networks are 784-512-512-10 (mlp) and two convolutions with two dense layers (cnn), with cross-entropy and Adam.")]
pub struct StepsArgs {
    /// Seconds that each figure is measured for.
    #[arg(long, default_value_t = 2.0, value_parser = positive)]
    seconds: f64,
    #[command(flatten)]
    common: Common,
}

#[derive(serde::Serialize)]
struct Steps {
    device: String,
    steps: Vec<StepFigure>,
}

pub fn run(args: &StepsArgs) -> Result<()> {
    let device = args.common.open()?;
    device.expect_long_work();
    let mut steps = Vec::new();
    for work in works(&device) {
        steps.extend(work.measure(&device, args.seconds)?);
    }
    let steps = Steps { device: device.name(), steps };
    if args.common.output.json {
        return print_json(&steps);
    }
    print_line!("Training steps on {}", steps.device)?;
    let mut table = Table::new(["Network", "Precision", "Batch", "ms", "Samples/s", "First step", "Peak"])
        .with_text_columns(2);
    for step in &steps.steps {
        table.add_row([
            step.name.to_string(),
            step.precision.to_string(),
            step.batch.to_string(),
            format!("{:.3}", step.seconds * 1e3),
            format!("{:.0}", step.samples_per_second),
            format!("{:.3} s", step.first_seconds),
            bytes(step.peak_bytes),
        ]);
    }
    print_line!("{table}")
}
