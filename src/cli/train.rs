//! `allometry train`

use super::{Common, DataArgs, count, interrupt_flag, positive, precision, print_json};
use allometry::nn::Precision;
use allometry::nn::summary::{bytes, grouped};
use allometry::optim::Algorithm;
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
    /// Samples per step.
    #[arg(long, default_value_t = 64, value_parser = count)]
    batch: usize,
    /// The highest learning rate, after the warm-up; it then falls to zero along a cosine.
    #[arg(long, default_value_t = 2e-3, value_parser = positive)]
    learning_rate: f64,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Start from these weights (safetensors).
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Where weights.safetensors, model.toml and history.json go.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// f32; or mixed: weights, activations and gradients in f16, with f32 master weights.
    #[arg(long, default_value_t = Precision::F32, value_parser = precision)]
    precision: Precision,
    /// Compute activations again in the backward pass instead of keeping them: less memory, more time, the same
    /// numbers.
    #[arg(long)]
    recompute: bool,
    /// Scale gradients down in steps where the norm of all of them together is above this.
    #[arg(long, value_name = "NORM", value_parser = positive)]
    clip_norm: Option<f64>,
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
    let layers = architecture.layers();
    let model = layers.build_in(args.precision, &device, &architecture.input_shape(), args.seed)?;
    let model = model.with_recompute(args.recompute);
    if let Some(weights) = &args.weights {
        model.load(weights)?;
    }
    let steps = args.epochs * (splits.train.len() / args.batch.min(splits.train.len())) as u64;
    let options = FitOptions {
        epochs: args.epochs,
        batch: args.batch,
        seed: args.seed,
        loss: loss_of(&architecture),
        algorithm: Algorithm::adam(),
        schedule: warm_cosine(args.learning_rate, steps),
        clip_norm: args.clip_norm,
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
    let (algorithm, precision, recompute) = (options.algorithm, args.precision, args.recompute);
    let predicted = predicted_peak(&architecture, args.batch, algorithm, precision, recompute)?;
    let last = history.epochs.last().expect("there is at least one epoch");
    let outcome = Outcome {
        validation_accuracy: last.validation.accuracy,
        validation_loss: last.validation.loss,
        samples_per_second: Throughput::of(&history.throughput).map_or(last.samples_per_second, |t| t.median),
        peak_bytes: device.usage().peak,
        predicted_peak_bytes: predicted.total(),
        precision,
        recompute,
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
