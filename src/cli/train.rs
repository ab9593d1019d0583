//! `allometry train`

use super::folder::{About, Folder, HISTORY};
use super::observers::{Observers, Page};
use super::outcome::{Outcome, print};
use super::{
    CheckpointArgs, Common, ConfigArgs, DatasetArgs, IMAGES, interrupt, models, note_left_out, print_json,
    usage_error,
};
use allometry::arguments::{count, seed};
use allometry::data::{DataFile, DataOptions, Splits, Subset, TableOptions};
use allometry::files::check_outside;
use allometry::models::cost::{Cost, predicted_peak_on};
use allometry::models::{Architecture, predictor};
use allometry::nn::Model;
use allometry::planner::{Expected, Training};
use allometry::sweep::record::Throughput;
use allometry::train::{Baseline, EpochLog, History, TrainConfig, diagnose, fit, fit_resumable};
use allometry::units::grouped;
use allometry::{Error, Result, files, note, print_line};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Args)]
#[command(after_help = "\
Example:
  allometry train convnet --dataset mnist --data data/mnist --epochs 3 --out run
  allometry train sweep/recommended.toml --out run

Run the same command again to resume an interrupted training from the last checkpoint in --out. It ends with the same weights as
a training that was not interrupted. A complete training is left alone, and its results are printed again.

A file written by `allometry plan` is trained exactly as planned. Only --data, --out, --checkpoint-every, --watch, --log,
--restart, --device and --json apply to it, and the results are printed beside the expected ones.")]
pub struct TrainArgs {
    #[arg(help = models("a model's TOML file, or a training written by `allometry plan`"))]
    model: String,
    #[command(flatten)]
    data: DatasetArgs,
    /// Training samples per epoch; by default all (glyphs: 10,000).
    #[arg(long, value_parser = count)]
    samples: Option<usize>,
    #[command(flatten)]
    config: ConfigArgs,
    /// Passes over the training samples; by default 3.
    #[arg(long, value_parser = count, help_heading = "Training")]
    epochs: Option<usize>,
    /// Steps of the whole training, instead of --epochs.
    #[arg(long, conflicts_with = "epochs", help_heading = "Training")]
    steps: Option<NonZeroU64>,
    /// Seed of the initial weights, the order of samples, and dropout; by default 0.
    #[arg(long, value_parser = seed, help_heading = "Training")]
    seed: Option<u64>,
    /// Print the training configuration as TOML, for --config, and exit.
    #[arg(long)]
    print_config: bool,
    /// Initialise the model with these weights (safetensors).
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Directory for weights.safetensors, model.toml, inputs.toml (how the model reads its inputs), history.json,
    /// report.html, and the checkpoint.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    checkpoints: CheckpointArgs,
    /// Record the size of gradients, outputs and updates of each module at about forty steps, for the report in --out.
    #[arg(long, requires = "out")]
    watch: bool,
    /// Write a row per epoch to this file: .csv or .jsonl (JSON lines). May be given several times.
    #[arg(long, value_name = "FILE")]
    log: Vec<PathBuf>,
    /// Train from the beginning, and replace the training in --out.
    #[arg(long, requires = "out")]
    restart: bool,
    #[command(flatten)]
    common: Common,
}

/// Arguments that apply to a planned training; its file determines everything else.
const TAKEN: [&str; 10] =
    ["model", "data", "out", "checkpoint_every", "watch", "log", "restart", "device", "json", "print_config"];

/// The training to run, from flags or from a file.
struct Job {
    architecture: Architecture,
    splits: Splits,
    config: TrainConfig,
    expected: Option<Expected>,
    dataset: String,
    target_columns: Vec<String>,
    table: TableOptions,
    /// Fingerprints of the data set's files.
    data: Vec<DataFile>,
}

pub fn run(args: &TrainArgs, matches: &ArgMatches) -> Result<()> {
    let start = Instant::now();
    if args.print_config {
        let planned = planned(args, matches)?;
        let config = planned.map_or_else(|| config(args, matches), |training| Ok(training.config))?;
        return print_line!("{}", config.to_toml()?.trim_end());
    }
    if args.out.is_none() && args.checkpoints.checkpoint_every.is_some() {
        usage_error("train", "--checkpoint-every needs --out DIR, where the checkpoint is saved");
    }
    let logs = args.log.iter().map(|path| EpochLog::new(path)).collect::<Result<Vec<_>>>()?;
    let job = job(args, matches)?;
    if let Some(data) = args.data.data.as_deref().filter(|_| job.dataset == IMAGES) {
        args.log.iter().try_for_each(|log| check_outside(log, data))?;
    }
    let folder = folder(args, &job)?;
    if let Some(outcome) = folder.as_ref().map(Folder::outcome).transpose()?.flatten() {
        note!("allometry: this training is complete; use --restart to train again");
        return report(args, &outcome);
    }
    let Job { architecture, splits, config, expected, .. } = job;
    let device = args.common.open()?;
    let cost = Cost::of(&architecture)?;
    note!(
        "{} on {}: {} parameters, {} MACs per sample, {} training and {} validation samples of {}",
        architecture.name,
        device.name(),
        grouped(cost.parameters),
        grouped(cost.macs),
        grouped(splits.train.len() as u64),
        grouped(splits.validation.len() as u64),
        splits.train.name(),
    );
    if let Some(expected) = expected.as_ref().filter(|expected| expected.device != device.name()) {
        note!("allometry: planned for {}; the expected time does not apply to this device", expected.device);
    }
    let counts = [splits.train.len(), splits.validation.len()];
    let predicted = predicted_peak_on(&architecture, &config, counts)?;
    device.check_fits_memory(predicted.total())?;
    let model = architecture.build(&config, &device)?;
    if let Some(weights) = &args.weights {
        model.load(weights)?;
    }
    let watched = args.out.as_deref().filter(|_| args.watch);
    let mut progress = Observers::new(interrupt::flag(), logs, watched)?;
    let trained = match &folder {
        Some(folder) => fit_resumable(&model, &splits, &config, folder.checkpoints(), &mut progress),
        None => fit(&model, &splits, &config, &mut progress),
    };
    let earlier_seconds = folder.as_ref().map_or(0.0, |folder| folder.checkpoints().earlier_seconds());
    let wall_seconds = earlier_seconds + start.elapsed().as_secs_f64();
    let (observations, written) = progress.finish();
    let saved = match (&args.out, &trained) {
        (Some(out), Ok(_) | Err(Error::Interrupted)) => {
            save_all(out, &model, &architecture, &config, &splits, trained.as_ref().ok())
        }
        _ => Ok(()),
    };
    if matches!(trained, Err(Error::Interrupted)) {
        saved?;
        if args.out.is_some() {
            note!("run the same command again to resume");
        }
        return Err(Error::Interrupted);
    }
    let history = trained?;
    let peak_bytes = device.usage().peak;
    let last = history.result().expect("there is at least one epoch");
    let targets = splits.train.targets();
    let baseline = Baseline::of(config.loss(targets)?, &splits)?;
    let outcome = Outcome {
        validation_accuracy: last.validation.accuracy,
        validation_loss: last.validation.loss,
        samples_per_second: Throughput::of(&history.throughput).map_or(last.samples_per_second, |t| t.median),
        peak_bytes,
        predicted_peak_bytes: predicted.total(),
        precision: config.precision,
        recompute: config.recompute,
        skipped_steps: last.loss_scaling.map(|scaling| scaling.skipped_steps),
        epochs: history.epochs.len(),
        kept_epoch: history.kept_epoch,
        seconds: history.seconds,
        wall_seconds,
        device: device.name(),
        planned: expected.map(|expected| expected.beside(last.validation.loss, wall_seconds, peak_bytes)),
        findings: diagnose(&history, &config, baseline, &observations),
    };
    let page =
        Page { architecture: &architecture, config: &config, outcome: &outcome, data: splits.train.name() };
    let paged = args.out.as_ref().map_or(Ok(()), |out| page.write(out, &history, &observations));
    let complete = saved
        .and(paged)
        .and(written)
        .and_then(|()| folder.map_or(Ok(()), |folder| folder.complete(&outcome)));
    // The results are printed even if they can't be saved.
    if complete.is_err() {
        print_results(args, &outcome)?;
        return complete;
    }
    report(args, &outcome)
}

fn print_results(args: &TrainArgs, outcome: &Outcome) -> Result<()> {
    if args.common.output.json { print_json(outcome) } else { print(outcome) }
}

/// Prints the results, and where the weights are.
fn report(args: &TrainArgs, outcome: &Outcome) -> Result<()> {
    print_results(args, outcome)?;
    match args.out.as_ref().filter(|_| !args.common.output.json) {
        Some(out) => print_line!("weights in {}", out.join(predictor::WEIGHTS).display()),
        None => Ok(()),
    }
}

/// The folder of `--out`, opened for the job.
fn folder(args: &TrainArgs, job: &Job) -> Result<Option<Folder>> {
    let Some(out) = &args.out else { return Ok(None) };
    args.data.check_apart(&job.dataset, out)?;
    if let Some(weights) = &args.weights {
        refuse_replacing(weights, out)?;
    }
    let about = About {
        architecture: job.architecture.clone(),
        config: job.config,
        dataset: job.dataset.clone(),
        target_columns: job.target_columns.clone(),
        table: job.table.clone(),
        data: job.data.clone(),
        weights: args.weights.as_deref().map(DataFile::of).transpose()?,
    };
    Folder::open(out, about, args.checkpoints.every(), args.restart).map(Some)
}

/// Refuses to train into the folder of the weights that the training begins with: it would replace them, and an
/// interrupted one could not begin again.
fn refuse_replacing(weights: &Path, out: &Path) -> Result<()> {
    let place = |path: &Path| path.canonicalize().ok();
    let Some(found) =
        place(weights).filter(|found| Some(found) == place(&out.join(predictor::WEIGHTS)).as_ref())
    else {
        return Ok(());
    };
    let problem = "is where --out puts the trained weights, and the training begins with it; use another folder for --out";
    Err(Error::Config { what: found.display().to_string(), problem: problem.to_string() })
}

/// Writes the model with all that predictions need, and the history unless training was interrupted. Removes an old
/// history first, so that weights are never beside the history of another training.
fn save_all(
    out: &Path,
    model: &Model,
    architecture: &Architecture,
    config: &TrainConfig,
    splits: &Splits,
    history: Option<&History>,
) -> Result<()> {
    let path = out.join(HISTORY);
    files::remove(&path)?;
    let inputs = config.prepared(splits)?.train.inputs();
    predictor::save(out, model, architecture, config, inputs.as_ref())?;
    let Some(history) = history else { return Ok(()) };
    let json = serde_json::to_vec_pretty(history)
        .map_err(|e| Error::Config { what: "history".to_string(), problem: e.to_string() })?;
    files::replace(&path, &json)
}

/// The planned training, if `args.model` is one. Refuses arguments that do not apply to it.
fn planned(args: &TrainArgs, matches: &ArgMatches) -> Result<Option<Training>> {
    let Some(training) = Training::find(&args.model)? else { return Ok(None) };
    let command = TrainArgs::augment_args(clap::Command::new("train"));
    let is_argument = |id: &&str| command.get_arguments().any(|argument| argument.get_id() == *id);
    let given: Vec<String> = (matches.ids().map(|id| id.as_str()))
        .filter(|id| !TAKEN.contains(id) && is_argument(id))
        .filter(|id| matches.value_source(id) == Some(ValueSource::CommandLine))
        .map(|id| format!("--{}", id.replace('_', "-")))
        .collect();
    if !given.is_empty() {
        let problem = format!(
            "is a planned training, which does not take {}; leave it out, or change the file",
            given.join(", ")
        );
        return Err(Error::Config { what: args.model.clone(), problem });
    }
    Ok(Some(training))
}

fn job(args: &TrainArgs, matches: &ArgMatches) -> Result<Job> {
    if let Some(training) = planned(args, matches)? {
        training.check_data(args.data.data.as_deref())?;
        let splits = training.open(args.data.data.as_deref())?;
        note_left_out(&splits);
        let Training { architecture, config, expected, dataset, target_columns, table, data } = training;
        return Ok(Job {
            architecture,
            splits,
            config,
            expected: Some(expected),
            dataset,
            target_columns,
            table,
            data,
        });
    }
    let config = config(args, matches)?;
    let (architecture, splits) =
        args.data.open(&args.model, config.normalize, config.seed, config.samples)?;
    let splits = match config.validation_samples {
        Some(samples) => Splits { validation: Subset::first(splits.validation, samples), ..splits },
        None => splits,
    };
    let DataOptions { dataset, target_columns, table, .. } = args.data.options()?;
    let data = if args.out.is_some() { args.data.fingerprint()? } else { Vec::new() };
    Ok(Job { architecture, splits, config, expected: None, dataset, target_columns, table, data })
}

/// The configuration of `--config` and the flags.
fn config(args: &TrainArgs, matches: &ArgMatches) -> Result<TrainConfig> {
    let config = args.config.resolve(matches)?;
    let config = TrainConfig {
        epochs: args.epochs.unwrap_or(config.epochs),
        // Epochs on the command line override steps in the file.
        steps: args.steps.map(NonZeroU64::get).or(config.steps.filter(|_| args.epochs.is_none())),
        seed: args.seed.unwrap_or(config.seed),
        samples: args.samples.or(config.samples),
        ..config
    };
    config.validate()?;
    Ok(config)
}
