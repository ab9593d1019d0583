//! `allometry bench steps`

use super::{Common, print_json};
use allometry::arguments::positive;
use allometry::bench::steps::{NETWORKS, StepFigure, workloads};
use allometry::terminal::Table;
use allometry::units::bytes;
use allometry::{Result, note, print_line};
use clap::Args;
use clap::builder::PossibleValuesParser;

#[derive(Args)]
#[command(after_help = help())]
pub struct StepsArgs {
    /// Networks to train; by default all.
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(NETWORKS.iter().map(|n| n.name)))]
    network: Vec<String>,
    /// Seconds per measurement.
    #[arg(long, default_value_t = 2.0, value_parser = positive)]
    seconds: f64,
    #[command(flatten)]
    common: Common,
}

fn help() -> String {
    let networks = NETWORKS.iter().map(|network| format!("\n  {:6} {}", network.name, network.description));
    format!(
        "Example:\n  allometry bench steps --device gpu\n\nA step trains on a batch that is on the device; `ms with copy` \
         is the time of a step that copies its batch there first.\n\nNetworks, with cross-entropy and Adam:{}\n\n\
         Steps that don't fit into memory are skipped, and the command exits with 4.",
        networks.collect::<String>()
    )
}

#[derive(serde::Serialize)]
struct Steps {
    device: String,
    steps: Vec<StepFigure>,
}

pub fn run(args: &StepsArgs) -> Result<()> {
    let device = args.common.open()?;
    let mut steps = Vec::new();
    // A step that does not fit into memory is skipped; the others are measured.
    let mut out_of_memory = Ok(());
    let chosen = |name: &str| args.network.is_empty() || args.network.iter().any(|network| network == name);
    for work in workloads(&device, chosen) {
        match work.measure(&device, args.seconds) {
            Ok(measured) => steps.extend(measured),
            Err(error) if error.is_about_memory() => {
                let (name, batch, precision) = (work.network.name, work.batch, work.precision);
                note!("{name}, batch {batch}, {precision} is skipped: {error}");
                out_of_memory = out_of_memory.and(Err(error));
            }
            Err(error) => return Err(error),
        }
    }
    let steps = Steps { device: device.name(), steps };
    if args.common.output.json {
        print_json(&steps)?;
        return out_of_memory;
    }
    print_line!("Training steps on {}", steps.device)?;
    let mut table = Table::new([
        "Network",
        "Precision",
        "Batch",
        "ms",
        "ms with copy",
        "Samples/s",
        "First step",
        "Peak",
    ])
    .with_text_columns(2);
    for step in &steps.steps {
        table.add_row([
            step.name.to_string(),
            step.precision.to_string(),
            step.batch.to_string(),
            format!("{:.3}", step.seconds * 1e3),
            format!("{:.3}", step.seconds_with_copy * 1e3),
            format!("{:.0}", step.samples_per_second),
            format!("{:.3} s", step.first_seconds),
            bytes(step.peak_bytes),
        ]);
    }
    print_line!("{table}")?;
    out_of_memory
}
