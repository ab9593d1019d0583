//! `allometry bench`

use super::compound::CompoundArgs;
use super::kernels::{self, KernelsArgs};
use super::matrices::{self, MatricesArgs};
use super::steps::{self, StepsArgs};
use super::sweep::axis;
use super::{Common, ConfigArgs, axes, models, print_json};
use allometry::arguments::positive;
use allometry::laws::PowerLaw;
use allometry::models::cost::Cost;
use allometry::models::{Architecture, Axis, Scale};
use allometry::sweep::measure::{Measurement, measure};
use allometry::terminal::Table;
use allometry::units::{bytes, grouped};
use allometry::{Result, note, print_line};
use clap::{ArgMatches, Args, Subcommand};

#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example:\n  allometry bench --axis width --factors 0.5,1,2,4 --batch 64\n  allometry bench kernels"
)]
pub struct BenchArgs {
    #[command(subcommand)]
    what: Option<What>,
    #[arg(long, value_delimiter = ',', default_values_t = Axis::ALL, value_parser = axis, help = axes())]
    axis: Vec<Axis>,
    /// Factors of every axis.
    #[arg(long, value_delimiter = ',', default_value = "0.5,1,2", value_parser = positive)]
    factors: Vec<f64>,
    #[arg(long, default_value = "convnet", help = models("or a TOML file: the model at factor 1"))]
    model: String,
    #[command(flatten)]
    config: ConfigArgs,
    /// Seconds per measurement of throughput.
    #[arg(long, default_value_t = 1.0, value_parser = positive)]
    seconds: f64,
    #[command(flatten)]
    compound: CompoundArgs,
    #[command(flatten)]
    common: Common,
}

#[derive(Subcommand)]
enum What {
    /// Time every family of kernels, and compare it with the device's roofline.
    Kernels(KernelsArgs),
    /// Time products of f16 on every kind of cooperative matrices of the adapter, and compare them with the f64
    /// reference.
    Matrices(MatricesArgs),
    /// Time training steps of small networks, in f32 and in mixed precision.
    Steps(StepsArgs),
}

#[derive(serde::Serialize)]
struct Row {
    axis: Axis,
    factor: f64,
    scale: Scale,
    parameters: u64,
    macs: u64,
    #[serde(flatten)]
    measured: Measurement,
}

pub fn run(args: &BenchArgs, matches: &ArgMatches) -> Result<()> {
    match &args.what {
        Some(What::Kernels(args)) => return kernels::run(args),
        Some(What::Matrices(args)) => return matrices::run(args),
        Some(What::Steps(args)) => return steps::run(args),
        None => {}
    }
    let base = Architecture::load(&args.model)?;
    let compound = args.compound.resolve(&base)?;
    let config = args.config.resolve(matches)?;
    let device = args.common.open()?;
    let mut rows = Vec::new();
    // A size that does not fit into memory is skipped; the others are measured.
    let mut out_of_memory = Ok(());
    for &axis in &args.axis {
        for &factor in &args.factors {
            let scale = axis.scale(factor, &compound, &base)?;
            let architecture = scale.apply(&base)?;
            let measured = Cost::of(&architecture)
                .and_then(|cost| Ok((cost, measure(&architecture, &device, &config, args.seconds)?)));
            match measured {
                Ok((cost, measured)) => {
                    let Cost { parameters, macs, .. } = cost;
                    rows.push(Row { axis, factor, scale, parameters, macs, measured });
                }
                Err(error) if error.is_about_memory() => {
                    note!("{axis} × {factor} is skipped: {error}");
                    out_of_memory = out_of_memory.and(Err(error));
                }
                Err(error) => return Err(error),
            }
        }
    }
    if args.common.output.json {
        print_json(&rows)?;
        return out_of_memory;
    }
    print_line!("{} on {}, batch {}", base.name, device.name(), config.batch)?;
    let mut table = Table::new([
        "Axis",
        "Factor",
        "Parameters",
        "MACs",
        "Training/s",
        "Inference/s",
        "GFLOP/s",
        "Peak",
        "Predicted",
    ]);
    for row in &rows {
        let rate = row.measured.training.median;
        table.add_row([
            row.axis.name().to_string(),
            row.factor.to_string(),
            grouped(row.parameters),
            grouped(row.macs),
            format!("{rate:.0}"),
            format!("{:.0}", row.measured.inference.median),
            format!("{:.1}", 6.0 * row.macs as f64 * rate / 1e9),
            bytes(row.measured.peak_bytes.total()),
            bytes(row.measured.predicted_peak_bytes.total()),
        ]);
    }
    print_line!("{table}")?;
    for &axis in &args.axis {
        let axis_rows = || rows.iter().filter(|row| row.axis == axis);
        let seconds =
            axis_rows().map(|row| (row.macs as f64, 1.0 / row.measured.training.median)).collect::<Vec<_>>();
        let memory = axis_rows()
            .map(|row| (row.macs as f64, row.measured.peak_bytes.total() as f64))
            .collect::<Vec<_>>();
        // Too few or equal sizes do not determine an exponent.
        if let (Ok(time), Ok(memory)) = (PowerLaw::fit(&seconds), PowerLaw::fit(&memory)) {
            print_line!(
                "{}: time per sample grows as MACs^{:.2}, peak memory as MACs^{:.2}",
                axis.name(),
                time.alpha,
                memory.alpha
            )?;
        }
    }
    out_of_memory
}
