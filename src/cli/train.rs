//! `allometry train`

use super::{Common, DataArgs, OptimizerArgs, StepArgs, count, interrupt, models, print_json};
use allometry::data::Splits;
use allometry::models::Architecture;
use allometry::models::cost::{Cost, predicted_peak_on};
use allometry::nn::{Model, Precision};
use allometry::planner::{Comparison, Expected, Training};
use allometry::report::Quantity;
use allometry::sweep::Schedule;
use allometry::sweep::record::Throughput;
use allometry::terminal::Table;
use allometry::train::{History, TerminalProgress, fit};
use allometry::units::{bytes, grouped, seconds};
use allometry::{Error, Result, files, note, print_line};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Args)]
#[command(after_help = "\
Example:
  allometry train convnet --dataset mnist --data data/mnist --epochs 3 --out run
  allometry train sweep/recommended.toml --out run

A file that `allometry plan` wrote is trained exactly as planned: of the flags it takes --data, --out, --device and
--json, and what was measured is printed beside what was expected.")]
pub struct TrainArgs {
    #[arg(help = models("a model's TOML file, or a training that `allometry plan` wrote"))]
    model: String,
    #[command(flatten)]
    data: DataArgs,
    #[arg(long, default_value_t = 3, value_parser = count)]
    epochs: usize,
    #[command(flatten)]
    step: StepArgs,
    #[command(flatten)]
    optimizer: OptimizerArgs,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Start from these weights (safetensors).
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Where weights.safetensors, model.toml and history.json go.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// Arguments that a planned training answers itself.
const PLANNED: [&str; 12] = [
    "dataset",
    "resolution",
    "target",
    "samples",
    "epochs",
    "batch",
    "precision",
    "recompute",
    "learning_rate",
    "clip_norm",
    "seed",
    "weights",
];

/// What is trained, from flags or from a file.
struct Job {
    architecture: Architecture,
    splits: Splits,
    schedule: Schedule,
    seed: u64,
    expected: Option<Expected>,
}

#[derive(serde::Serialize)]
struct Outcome {
    validation_accuracy: Option<f64>,
    validation_loss: f64,
    samples_per_second: f64,
    peak_bytes: u64,
    predicted_peak_bytes: u64,
    precision: Precision,
    recompute: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped_steps: Option<u64>,
    epochs: usize,
    /// Of the training itself.
    seconds: f64,
    /// With device and data opened, and the model built.
    wall_seconds: f64,
    device: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    planned: Option<Comparison>,
}

pub fn run(args: &TrainArgs, matches: &ArgMatches) -> Result<()> {
    let start = Instant::now();
    let Job { architecture, splits, schedule, seed, expected } = job(args, matches)?;
    let _lock = match &args.out {
        Some(out) => {
            files::check_folder(out)?;
            Some(files::Lock::take(out)?)
        }
        None => None,
    };
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
        note!("allometry: planned for {}; its time is not this device's", expected.device);
    }
    let step = schedule.step();
    let counts = [splits.train.len(), splits.validation.len()];
    let predicted = predicted_peak_on(&architecture, &step, counts)?;
    device.check_room(predicted.total())?;
    let model = step.build(&architecture, &device, seed)?;
    if let Some(weights) = &args.weights {
        model.load(weights)?;
    }
    let options = schedule.fit_options(&architecture, splits.train.len(), seed, interrupt::flag());
    let mut progress = TerminalProgress::new("");
    let trained = fit(&model, &splits, &options, &mut progress);
    let wall_seconds = start.elapsed().as_secs_f64();
    drop(progress);
    let saved = match (&args.out, &trained) {
        (Some(out), Ok(_) | Err(Error::Interrupted)) => {
            save(out, &model, &architecture, trained.as_ref().ok())
        }
        _ => Ok(()),
    };
    if matches!(trained, Err(Error::Interrupted)) {
        saved?;
        return Err(Error::Interrupted);
    }
    let history = trained?;
    let peak_bytes = device.usage().peak;
    let last = history.epochs.last().expect("there is at least one epoch");
    let outcome = Outcome {
        validation_accuracy: last.validation.accuracy,
        validation_loss: last.validation.loss,
        samples_per_second: Throughput::of(&history.throughput).map_or(last.samples_per_second, |t| t.median),
        peak_bytes,
        predicted_peak_bytes: predicted.total(),
        precision: step.precision,
        recompute: step.recompute,
        skipped_steps: last.loss_scaling.map(|scaling| scaling.skipped_steps),
        epochs: history.epochs.len(),
        seconds: history.seconds,
        wall_seconds,
        device: device.name(),
        planned: expected.map(|expected| expected.beside(last.validation.loss, wall_seconds, peak_bytes)),
    };
    // What was measured is printed, also where it can't be saved.
    if args.common.output.json {
        print_json(&outcome)?;
        return saved;
    }
    print(&outcome)?;
    saved?;
    match &args.out {
        Some(out) => print_line!("weights in {}", out.join("weights.safetensors").display()),
        None => Ok(()),
    }
}

/// Writes the weights, the model, and the history unless training was interrupted. At no time there is another
/// training's history beside these weights.
fn save(out: &Path, model: &Model, architecture: &Architecture, history: Option<&History>) -> Result<()> {
    let path = out.join("history.json");
    files::remove(&path)?;
    let notes = HashMap::from([("model".to_string(), architecture.name.clone())]);
    model.save(&out.join("weights.safetensors"), notes)?;
    files::replace(&out.join("model.toml"), architecture.to_toml()?.as_bytes())?;
    let Some(history) = history else { return Ok(()) };
    let json = serde_json::to_vec_pretty(history)
        .map_err(|e| Error::Config { what: "history".to_string(), problem: e.to_string() })?;
    files::replace(&path, &json)
}

fn job(args: &TrainArgs, matches: &ArgMatches) -> Result<Job> {
    if let Some(training) = Training::find(&args.model)? {
        let given = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let given: Vec<String> =
            PLANNED.into_iter().filter(given).map(|id| format!("--{}", id.replace('_', "-"))).collect();
        if !given.is_empty() {
            let problem = format!(
                "is a whole training, and takes no {}; change the file, or leave it out",
                given.join(", ")
            );
            return Err(Error::Config { what: args.model.clone(), problem });
        }
        training.check_data(args.data.set.data.as_deref())?;
        let splits = training.open(args.data.set.data.as_deref())?;
        let Training { architecture, schedule, seed, expected, .. } = training;
        return Ok(Job { architecture, splits, schedule, seed, expected: Some(expected) });
    }
    let (architecture, splits) = args.data.open(&args.model, args.seed)?;
    let schedule = Schedule {
        epochs: args.epochs,
        batch: args.step.batch,
        learning_rate: args.optimizer.learning_rate,
        precision: args.step.precision,
        recompute: args.step.recompute,
        clip_norm: args.optimizer.clip_norm,
        train_samples: args.data.samples,
        validation_samples: None,
    };
    Ok(Job { architecture, splits, schedule, seed: args.seed, expected: None })
}

fn print(outcome: &Outcome) -> Result<()> {
    let accuracy = outcome.validation_accuracy.map(|a| format!(", accuracy {:.2} %", 100.0 * a));
    print_line!(
        "validation loss {:.4}{}; {:.0} samples/s, peak memory {}, {}{}",
        outcome.validation_loss,
        accuracy.unwrap_or_default(),
        outcome.samples_per_second,
        bytes(outcome.peak_bytes),
        seconds(outcome.seconds),
        outcome.skipped_steps.map(|steps| format!(", {steps} steps skipped")).unwrap_or_default(),
    )?;
    let Some(planned) = &outcome.planned else { return Ok(()) };
    let expected = &planned.expected;
    let mut table = Table::new(["", "expected", "measured", "difference"]);
    let percent = |part: f64| format!("{:+.1} %", 100.0 * part);
    let loss = |value: f64| Quantity::ValidationLoss.format(value);
    table.add_row([
        "validation loss".to_string(),
        format!("{} [{}, {}]", loss(expected.loss), loss(expected.loss_low), loss(expected.loss_high)),
        loss(planned.loss),
        format!("{}, {}", percent(planned.loss_error), if planned.inside { "inside" } else { "outside" }),
    ]);
    let time = |value: f64| Quantity::Seconds.format(value);
    let interval = expected.seconds_interval.map(|(low, high)| format!(" [{}, {}]", time(low), time(high)));
    let side = |inside: bool| if inside { ", inside" } else { ", outside" };
    table.add_row([
        Quantity::Seconds.name().to_string(),
        time(expected.seconds) + &interval.unwrap_or_default(),
        time(planned.seconds),
        percent(planned.seconds_error) + planned.seconds_inside.map(side).unwrap_or_default(),
    ]);
    let memory = |bytes: u64| Quantity::PeakMemory.format(bytes as f64);
    table.add_row([
        Quantity::PeakMemory.name().to_string(),
        memory(expected.peak_bytes),
        memory(planned.peak_bytes),
        percent(planned.peak_error),
    ]);
    print_line!("{table}")?;
    Ok(())
}
