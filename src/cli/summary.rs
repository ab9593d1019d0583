//! `allometry summary`

use super::{ConfigArgs, Output, models, print_json};
use allometry::arguments::count;
use allometry::models::Architecture;
use allometry::models::cost::{Cost, predicted_peak};
use allometry::nn::{Module, ModuleReport, Precision};
use allometry::units::bytes;
use allometry::{Result, print_line};
use clap::{ArgMatches, Args};

#[derive(Args)]
#[command(after_help = "Example:\n  allometry summary convnet --resolution 56")]
pub struct SummaryArgs {
    #[arg(help = models("or a TOML file"))]
    model: String,
    /// Rows and columns of the image, for models that take one.
    #[arg(long, value_parser = count)]
    resolution: Option<usize>,
    /// Show at most N levels of nested modules; by default all.
    #[arg(long, value_name = "N", value_parser = count)]
    levels: Option<usize>,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    output: Output,
}

#[derive(serde::Serialize)]
struct Summary<'a> {
    parameters: u64,
    macs: u64,
    activations: u64,
    predicted_peak_bytes: u64,
    /// A list for scripts that need no tree.
    layers: Vec<ModuleReport>,
    modules: &'a [ModuleReport],
}

pub fn run(args: &SummaryArgs, matches: &ArgMatches) -> Result<()> {
    let config = args.config.resolve(matches)?;
    let mut architecture = Architecture::load(&args.model)?;
    if let (Some(resolution), [_, _, channels]) = (args.resolution, &architecture.input_shape()[..]) {
        architecture = architecture.with_input(resolution, *channels);
    }
    let cost = Cost::of(&architecture)?;
    let peak = predicted_peak(&architecture, &config)?.total();
    if args.output.json {
        return print_json(&Summary {
            parameters: cost.parameters,
            macs: cost.macs,
            activations: cost.activations,
            predicted_peak_bytes: peak,
            layers: cost.modules.iter().flat_map(ModuleReport::layers).collect(),
            modules: &cost.modules,
        });
    }
    print_line!("Model: {}, input {:?}", architecture.name, architecture.input_shape())?;
    let levels = args.levels.unwrap_or(usize::MAX);
    let table = architecture.layers().summary_to(levels, &architecture.input_shape())?;
    print_line!("{}", table.trim_end())?;
    let how = if config.precision == Precision::Mixed { " in mixed precision" } else { "" };
    let again = if config.recompute { ", activations recomputed" } else { "" };
    print_line!(" Predicted peak memory of training{how} with batch {}{again}: {}", config.batch, bytes(peak))
}
