//! `allometry profile`

use super::{Common, ConfigArgs, models, print_json};
use allometry::arguments::count;
use allometry::device::profile::{Clock, KernelTime};
use allometry::models::Architecture;
use allometry::sweep::measure::profile;
use allometry::terminal::Table;
use allometry::{Error, Result, files, print_line};
use clap::{ArgMatches, Args};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "\
Example:
  allometry profile convnet --batch 64 --trace trace.json

The trace opens in https://ui.perfetto.dev and in chrome://tracing.")]
pub struct ProfileArgs {
    #[arg(help = models("or a TOML file"))]
    model: String,
    /// Rows and columns of the image, for models that take one.
    #[arg(long, value_parser = count)]
    resolution: Option<usize>,
    #[command(flatten)]
    config: ConfigArgs,
    /// Number of training steps.
    #[arg(long, default_value_t = 20, value_parser = count)]
    steps: usize,
    /// Write every dispatch to FILE, as JSON trace events.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(serde::Serialize)]
struct Profiled {
    model: String,
    device: String,
    clock: Clock,
    batch: usize,
    steps: usize,
    /// Seconds of a step without profiling.
    step_seconds: f64,
    /// Seconds of a profiled step: the sum of the next two.
    profiled_seconds: f64,
    kernel_seconds: f64,
    other_seconds: f64,
    kernels: Vec<KernelTime>,
}

pub fn run(args: &ProfileArgs, matches: &ArgMatches) -> Result<()> {
    let config = args.config.resolve(matches)?;
    let mut architecture = Architecture::load(&args.model)?;
    if let (Some(resolution), [_, _, channels]) = (args.resolution, &architecture.input_shape()[..]) {
        architecture = architecture.with_input(resolution, *channels);
    }
    if let Some(path) = &args.trace {
        files::check_target(path)?;
    }
    let device = args.common.open()?;
    let steps = profile(&architecture, &device, &config, args.steps)?;
    let written = match &args.trace {
        Some(path) => {
            let json = serde_json::to_vec(&steps.profile.chrome_trace(&device.name()))
                .map_err(|e| Error::Config { what: "trace".to_string(), problem: e.to_string() })?;
            files::replace(path, &json)
        }
        None => Ok(()),
    };
    let kernels = steps.profile.kernels();
    if args.common.output.json {
        print_json(&Profiled {
            model: architecture.name.clone(),
            device: device.name(),
            clock: steps.profile.clock,
            batch: config.batch,
            steps: args.steps,
            step_seconds: steps.step_seconds,
            profiled_seconds: steps.profiled_seconds(),
            kernel_seconds: steps.kernel_seconds(),
            other_seconds: steps.other_seconds(),
            kernels,
        })?;
        return written;
    }
    print_line!("{} on {}, batch {}, {} steps", architecture.name, device.name(), config.batch, args.steps)?;
    let mut table = Table::new(["Kernel", "Calls", "Total ms", "Mean µs", "Share", "GFLOP/s", "GB/s"]);
    let total = steps.profile.kernel_seconds();
    for kernel in &kernels {
        table.add_row([
            kernel.kernel.to_string(),
            kernel.calls.to_string(),
            format!("{:.3}", kernel.seconds * 1e3),
            format!("{:.1}", kernel.seconds * 1e6 / kernel.calls as f64),
            format!("{:.1} %", 100.0 * kernel.seconds / total),
            format!("{:.1}", kernel.flops_per_second() / 1e9),
            format!("{:.1}", kernel.bytes_per_second() / 1e9),
        ]);
    }
    print_line!("{table}")?;
    // Rounded before they are added, so that the printed numbers add up.
    let [kernels, elsewhere] =
        [steps.kernel_seconds(), steps.other_seconds()].map(|seconds| (seconds * 1e6).round() / 1e3);
    print_line!(
        "A step takes {:.3} ms. Timed kernel by kernel it takes {:.3} ms: {:.3} ms in kernels, {:.3} ms elsewhere (host, \
         timing, gaps between dispatches).",
        steps.step_seconds * 1e3,
        kernels + elsewhere,
        kernels,
        elsewhere,
    )?;
    written?;
    match &args.trace {
        Some(path) => print_line!("trace: {}", path.display()),
        None => Ok(()),
    }
}
