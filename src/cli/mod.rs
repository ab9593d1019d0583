//! The command line: one file per command. Each parses its arguments, calls the library, and prints.

mod bench;
mod check;
mod compound;
mod devices;
#[cfg(feature = "download")]
mod download;
mod export;
mod fit;
mod folder;
mod groups;
mod import;
mod interrupt;
mod kernels;
mod law;
mod matrices;
mod observers;
mod outcome;
mod plan;
mod predict;
mod prediction;
mod profile;
mod report;
mod rows;
mod score_predictions;
mod search_compound;
mod steps;
mod summary;
mod sweep;
mod table;
mod train;
mod tune;
mod watch;

use allometry::arguments::count;
use allometry::data::{self, DataFile, DataOptions, Normalize, Splits};
use allometry::files::{check_apart, check_other};
use allometry::models::{Architecture, Axis};
use allometry::terminal::quoted;
use allometry::train::{Every, TrainConfig};
use allometry::{Device, DeviceChoice, Error, Result, note, print_line};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::any::TypeId;
use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use table::TableArgs;

/// Train a model at many sizes, and measure the cost and the quality of each size.
#[derive(Parser)]
#[command(name = "allometry", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 success, 1 failure, 2 usage, 3 no adapter, 4 out of memory, 5 device lost, 6 diverged,
7 not sound (check), 130 interrupted (completed work is saved). A sweep without a completed run exits with 6, 4 or 1.

Example:
  allometry sweep --axis width --factors 0.5,1,2 --out width-sweep";

#[derive(Subcommand)]
enum Command {
    /// List the devices that models can run on.
    Devices(devices::DevicesArgs),
    /// Download data sets.
    #[cfg(feature = "download")]
    Data(download::DataArgs),
    /// Print a model's layers, parameters, MACs and memory.
    Summary(summary::SummaryArgs),
    /// Train one model.
    Train(train::TrainArgs),
    /// Predict from new inputs with a trained model.
    Predict(predict::PredictArgs),
    /// Train a model at many sizes, and report how cost and quality scale.
    Sweep(sweep::SweepArgs),
    /// Search the coefficients of compound scaling for a model.
    SearchCompound(search_compound::SearchArgs),
    /// Measure throughput and memory of a model at many sizes, without training to the end.
    Bench(bench::BenchArgs),
    /// Show the time of a training step, kernel by kernel.
    Profile(profile::ProfileArgs),
    /// Find the fastest variants of kernels on this adapter, and save them for later runs.
    Tune(tune::TuneArgs),
    /// Check whether a sweep, or a table of runs, supports a scaling law.
    Check(check::CheckArgs),
    /// Fit a scaling law to columns of a table.
    Fit(fit::FitArgs),
    /// Score predictions of larger runs on recorded sweeps.
    ScorePredictions(score_predictions::ScoreArgs),
    /// Recommend a training within a budget, from a sweep's laws and the speed of this device.
    Plan(plan::PlanArgs),
    /// Read the weights of another software's model.
    Import(import::ImportArgs),
    /// Write a model's weights for another software.
    Export(export::ExportArgs),
    /// Rewrite the report of a sweep.
    Report(report::ReportArgs),
    /// Print a completion script for a shell.
    #[command(after_help = "Example:\n  allometry completions bash > /etc/bash_completion.d/allometry")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Flags of commands that print results.
#[derive(Args)]
struct Output {
    /// Print results as JSON.
    #[arg(long)]
    json: bool,
}

/// Flags of commands that compute on a device.
#[derive(Args)]
struct Common {
    /// Device to compute on: the fastest GPU, or the CPU if there is none (auto); a GPU or software adapter (gpu); the
    /// CPU (cpu).
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
    /// The flag of the device for a command that goes on from this one; empty if none was given.
    fn device_flag(&self) -> &'static str {
        match self.device {
            DeviceArg::Auto => "",
            DeviceArg::Gpu => " --device gpu",
            DeviceArg::Cpu => " --device cpu",
        }
    }

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

/// Checkpoints, for commands that train.
#[derive(Args)]
struct CheckpointArgs {
    /// How often to save a checkpoint, from which the same command resumes: a number of steps (500), a time (10m, 90s),
    /// or never; by default 10m. Ctrl-C saves one in any case.
    #[arg(long, value_name = "STEPS|TIME")]
    checkpoint_every: Option<Every>,
}

impl CheckpointArgs {
    fn every(&self) -> Every {
        self.checkpoint_every.unwrap_or_default()
    }
}

/// The training configuration: a file, and flags that override it.
#[derive(Args)]
struct ConfigArgs {
    /// Read the training configuration from a TOML file; flags override it.
    #[arg(long, value_name = "FILE", help_heading = "Training")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: TrainConfig,
}

impl ConfigArgs {
    /// The configuration of the file with the flags of the command line. `matches` are those of the command.
    fn resolve(&self, matches: &ArgMatches) -> Result<TrainConfig> {
        let Some(path) = &self.config else { return Ok(self.flags) };
        let known: Vec<&str> = matches.ids().map(|id| id.as_str()).collect();
        let given = |name: &str| {
            known.contains(&name) && matches.value_source(name) == Some(ValueSource::CommandLine)
        };
        TrainConfig::load(path)?.overridden(&self.flags, given)
    }

    /// The file of `--config`, if it sets this field.
    fn file_with(&self, field: &str) -> Result<Option<&Path>> {
        let Some(path) = &self.config else { return Ok(None) };
        let text = fs::read_to_string(path).map_err(Error::file(path, "read"))?;
        // `resolve` reports text that is not TOML.
        let sets = text.parse::<toml::Table>().is_ok_and(|table| table.contains_key(field));
        Ok(sets.then_some(path))
    }
}

/// The data set that consists of all files below its folder.
const IMAGES: &str = "folder";

/// The data set, for commands that train.
#[derive(Args)]
struct DatasetArgs {
    #[arg(long, default_value = "glyphs", help = datasets())]
    dataset: String,
    /// The folder with the data set's files; for csv the file itself. By default, where `allometry data get` saves
    /// them.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Rows and columns of the images at factor 1; by default those of the model.
    #[arg(long, value_parser = count)]
    resolution: Option<usize>,
    /// Target columns of a csv file, separated by commas or each with its own --target (names may contain commas); by
    /// default the last column.
    #[arg(long, value_name = "COLUMN")]
    target: Vec<String>,
    #[command(flatten)]
    table: TableArgs,
    /// The options that the flags give, once they are complete.
    #[arg(skip)]
    completed: OnceCell<DataOptions>,
}

impl DatasetArgs {
    /// The options of the data set. What the flags of tables leave open is decided, and printed, at the first call.
    fn options(&self) -> Result<DataOptions> {
        if let Some(options) = self.completed.get() {
            return Ok(options.clone());
        }
        let options = DataOptions {
            dataset: self.dataset.clone(),
            directory: self.data.clone(),
            resolution: self.resolution,
            target_columns: self.target.clone(),
            ..DataOptions::default()
        };
        self.refuse_unread_files()?;
        let options = self.table.complete(options)?;
        Ok(self.completed.get_or_init(|| options).clone())
    }

    /// Refuses files for a set that reads none, and says which set may be meant.
    fn refuse_unread_files(&self) -> Result<()> {
        let Some(path) = self.data.as_ref().filter(|_| self.dataset == "glyphs") else { return Ok(()) };
        let is_table = path
            .extension()
            .is_some_and(|ending| ["csv", "tsv", "txt"].iter().any(|e| ending.eq_ignore_ascii_case(e)));
        let meant = if is_table { "csv" } else { "folder" };
        let problem = format!(
            "reads no files, but --data {} is given; add --dataset {meant}, or the name of a published set (--help lists them)",
            path.display()
        );
        Err(Error::Config { what: "dataset glyphs".into(), problem })
    }

    /// Refuses a folder of results where the files of `dataset` are.
    fn check_apart(&self, dataset: &str, results: &Path) -> Result<()> {
        match &self.data {
            Some(data) if dataset == IMAGES => check_apart(results, data),
            Some(data) => check_other(results, data),
            None => Ok(()),
        }
    }

    /// The flags that name this data set, for a printed command.
    fn flags(&self) -> Result<String> {
        let options = self.options()?;
        let mut flags = format!(" --dataset {}", quoted(&options.dataset));
        let mut add = |flag: &str, value: &str| flags += &format!(" --{flag} {}", quoted(value));
        self.data.iter().for_each(|data| add("data", &data.display().to_string()));
        self.resolution.iter().for_each(|pixels| add("resolution", &pixels.to_string()));
        options.target_columns.iter().for_each(|target| add("target", target));
        let of_table = if options.dataset == "csv" { options.table.flags() } else { Vec::new() };
        for (flag, value) in of_table {
            flags += &format!(" --{flag}");
            value.iter().for_each(|value| flags += &format!(" {}", quoted(value)));
        }
        Ok(flags)
    }

    /// Fingerprints of the data set's files.
    fn fingerprint(&self) -> Result<Vec<DataFile>> {
        data::fingerprint(&self.options()?)
    }

    /// Opens the data set for a model, and adapts the model to it.
    fn open(
        &self,
        model: &str,
        normalize: Normalize,
        seed: u64,
        samples: Option<usize>,
    ) -> Result<(Architecture, Splits)> {
        let architecture = Architecture::load(model)?;
        let own = architecture.resolution().filter(|_| self.dataset != "csv");
        let resolution = self.resolution.or(own);
        let splits = data::open(&DataOptions { resolution, seed, samples, ..self.options()? })?;
        note_left_out(&splits);
        let architecture = architecture.for_dataset(splits.train.as_ref(), normalize);
        architecture.validate()?;
        Ok((architecture, splits))
    }
}

/// Prints which files of an opened data set could not be read, if any.
fn note_left_out(splits: &Splits) {
    if let Some(files) = splits.train.left_out() {
        note!("allometry: left out {files}");
    }
}

/// Help text of a model argument: the presets, and an alternative.
fn models(alternative: &str) -> String {
    format!("{}, {alternative}", Architecture::presets().join(", "))
}

/// Help text of a data set argument.
fn datasets() -> String {
    format!("{}; glyphs are generated, and need no files", data::NAMES.join(", "))
}

/// Help text of an axis argument.
fn axes() -> String {
    Axis::ALL.map(Axis::name).join(", ")
}

/// All commands, with flags of numbers as [`taking_negative_numbers`] changes them.
fn commands() -> clap::Command {
    taking_negative_numbers(Cli::command())
}

/// Lets the flags of numbers take negative ones, also in sub-commands, so that their parsers refuse them with the
/// range.
fn taking_negative_numbers(command: clap::Command) -> clap::Command {
    let numbers = [TypeId::of::<f64>(), TypeId::of::<usize>(), TypeId::of::<u64>(), TypeId::of::<u32>()];
    let command = command.mut_args(|arg| {
        let is_number = numbers.iter().any(|number| arg.get_value_parser().type_id() == *number);
        // A list such as -1,2 does not look like a number to clap.
        match (is_number, arg.get_value_delimiter()) {
            (true, None) => arg.allow_negative_numbers(true),
            (true, Some(_)) => arg.allow_hyphen_values(true),
            (false, _) => arg,
        }
    });
    command.mut_subcommands(taking_negative_numbers)
}

/// Parses the arguments, runs the command, and returns its exit code. Prints an error as one sentence to standard
/// error.
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
    let matches = match commands().try_get_matches() {
        Ok(matches) => matches,
        // Help and version go to standard output, as results do.
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
        #[cfg(feature = "download")]
        Command::Data(args) => download::run(args),
        Command::Summary(args) => summary::run(args, given),
        Command::Train(args) => train::run(args, given),
        Command::Predict(args) => predict::run(args),
        Command::Sweep(args) => sweep::run(args, given),
        Command::SearchCompound(args) => search_compound::run(args, given),
        Command::Bench(args) => bench::run(args, given),
        Command::Profile(args) => profile::run(args, given),
        Command::Tune(args) => tune::run(args),
        Command::Fit(args) => fit::run(args),
        Command::ScorePredictions(args) => score_predictions::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Import(args) => import::run(args),
        Command::Export(args) => export::run(args),
        Command::Report(args) => report::run(args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut commands(), "allometry", &mut script);
            print_line!("{}", String::from_utf8_lossy(&script).trim_end())
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Exits as clap does for arguments that it can't parse: prints the command's usage, exits with code 2.
fn usage_error(command: &str, problem: &str) -> ! {
    let mut cli = commands();
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
        // All runs that were trained diverged.
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
