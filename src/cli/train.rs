//! `allometry train`

use super::{Common, DataArgs, OptimizerArgs, StepArgs, interrupt_flag, print_json};
use allometry::nn::Precision;
use allometry::nn::summary::{bytes, grouped};
use allometry::scaling::cost::{Cost, loss_of, predicted_peak};
use allometry::scaling::record::Throughput;
use allometry::scaling::sweep::warm_cosine;
use allometry::train::{FitOptions, TerminalProgress, fit};
use allometry::{Error, Result};
use clap::Args;
use std::collections::HashMap;
use std::path::PathBuf;

#[derive(Args)]
#[command(
    after_help = "Example:\n  allometry train convnet --dataset mnist --data data/mnist --epochs 3 --out run"
)]
pub struct TrainArgs {
    /// keras-dense, mlp, convnet, mobilenet, or a TOML file.
    model: String,
    #[command(flatten)]
    data: DataArgs,
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    epochs: u64,
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
    seconds: f64,
    device: String,
}

pub fn run(args: &TrainArgs) -> Result<()> {
    let (architecture, splits) = args.data.open(&args.model, args.seed)?;
    let device = args.common.open()?;
    let cost = Cost::of(&architecture)?;
    eprintln!(
        "{} on {}: {} parameters, {} MACs per sample, {} training and {} validation samples of {}",
        architecture.name,
        device.name(),
        grouped(cost.parameters),
        grouped(cost.macs),
        grouped(splits.train.len() as u64),
        grouped(splits.validation.len() as u64),
        splits.train.name(),
    );
    let step = args.step.options(args.optimizer.clip_norm);
    let model = step.build(&architecture, &device, args.seed)?;
    if let Some(weights) = &args.weights {
        model.load(weights)?;
    }
    let steps = args.epochs * (splits.train.len() / step.batch.min(splits.train.len())) as u64;
    let options = FitOptions {
        epochs: args.epochs,
        batch: step.batch,
        seed: args.seed,
        loss: loss_of(&architecture),
        algorithm: step.algorithm,
        schedule: warm_cosine(args.optimizer.learning_rate, steps),
        clip_norm: step.clip_norm,
        report_seconds: 0.5,
        interrupted: interrupt_flag(),
    };
    let mut progress = TerminalProgress::new("");
    let trained = fit(&model, &splits, &options, &mut progress);
    drop(progress);
    let notes = HashMap::from([("model".to_string(), architecture.name.clone())]);
    if let Some(out) = args.out.as_ref().filter(|_| matches!(trained, Ok(_) | Err(Error::Interrupted))) {
        model.save(&out.join("weights.safetensors"), notes)?;
        allometry::files::replace(&out.join("model.toml"), architecture.to_toml()?.as_bytes())?;
    }
    let history = trained?;
    if let Some(out) = &args.out {
        let json = serde_json::to_vec_pretty(&history)
            .map_err(|e| Error::Config { what: "history".to_string(), problem: e.to_string() })?;
        allometry::files::replace(&out.join("history.json"), &json)?;
    }
    let predicted = predicted_peak(&architecture, &step)?;
    let last = history.epochs.last().expect("there is at least one epoch");
    let outcome = Outcome {
        validation_accuracy: last.validation.accuracy,
        validation_loss: last.validation.loss,
        samples_per_second: Throughput::of(&history.throughput).map_or(last.samples_per_second, |t| t.median),
        peak_bytes: device.usage().peak,
        predicted_peak_bytes: predicted.total(),
        precision: step.precision,
        recompute: step.recompute,
        skipped_steps: last.loss_scaling.map(|scaling| scaling.skipped_steps),
        epochs: history.epochs.len(),
        seconds: history.seconds,
        device: device.name(),
    };
    if args.common.json {
        return print_json(&outcome);
    }
    let accuracy = outcome.validation_accuracy.map(|a| format!(", accuracy {:.2} %", 100.0 * a));
    println!(
        "validation loss {:.4}{}; {:.0} samples/s, peak memory {}, {:.1} s{}",
        outcome.validation_loss,
        accuracy.unwrap_or_default(),
        outcome.samples_per_second,
        bytes(outcome.peak_bytes),
        outcome.seconds,
        outcome.skipped_steps.map(|steps| format!(", {steps} steps skipped")).unwrap_or_default(),
    );
    if let Some(out) = &args.out {
        println!("weights in {}", out.join("weights.safetensors").display());
    }
    Ok(())
}
