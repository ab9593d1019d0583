//! The command line: one file per command, no mathematics.

mod bench;
mod check;
mod devices;
mod fit;
mod groups;
mod interrupt;
mod kernels;
mod law;
mod matrices;
mod plan;
mod prediction;
mod profile;
mod report;
mod rows;
mod score_predictions;
mod steps;
mod summary;
mod sweep;
mod train;
mod tune;
mod watch;

use allometry::arguments::count;
use allometry::data::{self, DataFile, DataOptions, Splits};
use allometry::models::{Architecture, Axis};
use allometry::train::TrainConfig;
use allometry::{Device, DeviceChoice, Error, Result, note, print_line};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

/// Trains a model at many sizes, and measures what each size costs and gains.
#[derive(Parser)]
#[command(name = "allometry", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 fine, 1 failure, 2 usage, 3 no adapter, 4 out of memory, 5 device lost, 6 diverged,
7 not sound (check), 130 interrupted (what was done is saved). A sweep ends with 6, 4 or 1 if no run of it was completed.

Example:
  allometry sweep --axis width --factors 0.5,1,2 --out width-sweep";

#[derive(Subcommand)]
enum Command {
    /// List the devices that models can run on.
    Devices(devices::DevicesArgs),
    /// Print a model's layers, parameters, MACs and memory.
    Summary(summary::SummaryArgs),
    /// Train one model.
    Train(train::TrainArgs),
    /// Train a model at many sizes and report how quality and cost grow.
    Sweep(sweep::SweepArgs),
    /// Measure throughput and memory of a model at many sizes, without training to the end.
    Bench(bench::BenchArgs),
    /// Show where the time of a training step goes, kernel by kernel.
    Profile(profile::ProfileArgs),
    /// Find the fastest variants of kernels on this adapter, and remember them for all later runs.
    Tune(tune::TuneArgs),
    /// Judge whether a sweep, or a table of runs, can answer what its law is asked.
    Check(check::CheckArgs),
    /// Fit a scaling law to columns of a table.
    Fit(fit::FitArgs),
    /// Score predictions of larger runs on recorded sweeps.
    ScorePredictions(score_predictions::ScoreArgs),
    /// Recommend a training within a budget, from a sweep's laws and this device's speed.
    Plan(plan::PlanArgs),
    /// Write the report of a sweep's directory again.
    Report(report::ReportArgs),
    /// Print a shell's completion script.
    #[command(after_help = "Example:\n  allometry completions bash > /etc/bash_completion.d/allometry")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Flags of commands that print results.
#[derive(Args)]
struct Output {
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
}

/// Flags of commands that compute on a device.
#[derive(Args)]
struct Common {
    /// Where to compute: the fastest real GPU, else the CPU (auto); a GPU or software adapter; the CPU.
    #[arg(long, value_enum, default_value_t = DeviceArg::Auto)]
    device: DeviceArg,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum DeviceArg {
    Auto,
    Gpu,
    Cpu,
}

impl Common {
    fn open(&self) -> Result<Device> {
        let device = Device::open(match self.device {
            DeviceArg::Auto => DeviceChoice::Auto,
            DeviceArg::Gpu => DeviceChoice::Gpu,
            DeviceArg::Cpu => DeviceChoice::Cpu,
        })?;
        if let Some(warning) = device.warning() {
            note!("allometry: {warning}; kernels run in their default variants");
        }
        Ok(device)
    }
}

/// How a model is trained: a file, and flags that override it.
#[derive(Args)]
struct ConfigArgs {
    /// Read the training configuration from a TOML file; flags override what it says.
    #[arg(long, value_name = "FILE", help_heading = "Training")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: TrainConfig,
}

impl ConfigArgs {
    /// What the file and the flags say together. `matches` are the command's own.
    fn resolve(&self, matches: &ArgMatches) -> Result<TrainConfig> {
        let Some(path) = &self.config else { return Ok(self.flags) };
        let known: Vec<&str> = matches.ids().map(|id| id.as_str()).collect();
        let given = |name: &str| {
            known.contains(&name) && matches.value_source(name) == Some(ValueSource::CommandLine)
        };
        Ok(TrainConfig::load(path)?.overridden(&self.flags, given))
    }
}

/// Which data, for the commands that train.
#[derive(Args)]
struct DatasetArgs {
    #[arg(long, default_value = "glyphs", help = datasets())]
    dataset: String,
    /// The folder with the data set's files; for csv the file itself.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Rows and columns of the images at factor 1; by default the model's own.
    #[arg(long, value_parser = count)]
    resolution: Option<usize>,
    /// Columns of a csv file that are predicted, with commas between (names may have some of their own) or each with a
    /// --target; by default the last.
    #[arg(long, value_name = "COLUMN")]
    target: Vec<String>,
}

impl DatasetArgs {
    /// The names of the columns that are predicted.
    fn target_columns(&self) -> Result<Vec<String>> {
        match (&self.data, &*self.dataset) {
            (Some(place), "csv") => data::csv::target_names(place, &self.target),
            _ => Ok(self.target.clone()),
        }
    }

    fn options(&self) -> Result<DataOptions> {
        Ok(DataOptions {
            dataset: self.dataset.clone(),
            directory: self.data.clone(),
            resolution: self.resolution,
            target_columns: self.target_columns()?,
            ..DataOptions::default()
        })
    }

    /// The files of the data as they are now.
    fn fingerprint(&self) -> Result<Vec<DataFile>> {
        data::fingerprint(&self.options()?)
    }

    /// Opens the data for a model, and fits the model's input and output to it.
    fn open(&self, model: &str, seed: u64, samples: Option<usize>) -> Result<(Architecture, Splits)> {
        let architecture = Architecture::load(model)?;
        let own = architecture.resolution().filter(|_| self.dataset != "csv");
        let resolution = self.resolution.or(own);
        let splits = data::open(&DataOptions { resolution, seed, samples, ..self.options()? })?;
        let architecture = architecture.for_dataset(splits.train.as_ref());
        architecture.validate()?;
        Ok((architecture, splits))
    }
}

/// The help of a model: the presets, and what else it can be.
fn models(or: &str) -> String {
    format!("{}, {or}", Architecture::PRESETS.join(", "))
}

/// The help of a data set.
fn datasets() -> String {
    format!("{}; glyphs are drawn, and need no files", data::NAMES.join(", "))
}

/// The help of axes.
fn axes() -> String {
    Axis::ALL.map(Axis::name).join(", ")
}

/// Reads the arguments, runs the command and turns its outcome into an exit code; errors go to standard error in one
/// sentence.
pub fn run() -> ExitCode {
    match execute() {
        Ok(code) => code,
        Err(error) => {
            note!("allometry: {error}");
            ExitCode::from(exit_code(&error))
        }
    }
}

fn execute() -> Result<ExitCode> {
    let matches = match Cli::command().try_get_matches() {
        Ok(matches) => matches,
        // Help and version are results like any other.
        Err(text) if !text.use_stderr() => {
            print_line!("{}", text.render().to_string().trim_end())?;
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => error.exit(),
    };
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let (_, given) = matches.subcommand().expect("a command was parsed");
    let done = match &cli.command {
        Command::Check(args) => return check::run(args),
        Command::Devices(args) => devices::run(args),
        Command::Summary(args) => summary::run(args, given),
        Command::Train(args) => train::run(args, given),
        Command::Sweep(args) => sweep::run(args, given),
        Command::Bench(args) => bench::run(args, given),
        Command::Profile(args) => profile::run(args, given),
        Command::Tune(args) => tune::run(args),
        Command::Fit(args) => fit::run(args),
        Command::ScorePredictions(args) => score_predictions::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Report(args) => report::run(args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "allometry", &mut script);
            print_line!("{}", String::from_utf8_lossy(&script).trim_end())
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Ends the process as for arguments that can't be parsed: with the command's usage, and code 2.
fn usage_error(command: &str, problem: &str) -> ! {
    let mut cli = Cli::command();
    cli.build();
    let command = cli.find_subcommand_mut(command).expect("it is the command that was parsed");
    command.error(ErrorKind::ArgumentConflict, problem).exit()
}

fn exit_code(error: &Error) -> u8 {
    match error {
        Error::NoAdapter { .. } => 3,
        error if error.is_about_memory() => 4,
        Error::DeviceLost { .. } => 5,
        Error::Diverged { .. } => 6,
        // What did not diverge was not trained.
        Error::NoneCompleted { failed: 0, diverged: 1.., .. } => 6,
        Error::NoneCompleted { failed: 0, .. } => 4,
        Error::Interrupted => 130,
        _ => 1,
    }
}

/// Prints a value as one line of JSON.
fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string(value)
        .map_err(|e| Error::Config { what: "JSON".to_string(), problem: e.to_string() })?;
    print_line!("{text}")
}
