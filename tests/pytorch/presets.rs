//! Presets follow PyTorch's losses, with batch normalisation in training mode.
//! `tests/fixtures/record_pytorch_presets.py` recorded the losses, and says how weights and batches are drawn.

use crate::adapter::adapter;
use crate::{Record, Run, SINGLE, compare, drawn, fixture};
use allometry::data::{Batch, BatchTargets};
use allometry::models::{Architecture, Scale};
use allometry::nn::{Activation, Dense, LayerNorm, Model, Module, Sequential};
use allometry::train::{Loss, Trainer};
use allometry::{DType, Device};
use std::fs;

const SEED: u32 = 20;
const BATCHES: usize = 4;
const CLASSES: usize = 10;

/// Steps on an adapter. On a software one all 50 take a minute of processor time; they are within the bound too
/// (2026-11-28).
const STEPS_ON_THE_ADAPTER: usize = 3;

fn runs() -> Vec<Run> {
    let text = fs::read_to_string(fixture("pytorch_presets.json")).expect("the record");
    let record: Record = serde_json::from_str(&text).expect("the record as the script writes it");
    println!("recorded with torch {}", record.torch);
    record.runs
}

/// A model of the script, the shape of a sample, and the samples of a batch.
fn network(name: &str) -> (Sequential, Vec<usize>, usize) {
    let preset = |resolution| {
        let preset = Architecture::preset(name).expect("a preset");
        // What the script draws is no pixels.
        Architecture { rescale: false, ..preset.with_input(resolution, 3).with_outputs(CLASSES) }
    };
    match name {
        "resnet20" => (preset(16).layers(), vec![16, 16, 3], 4),
        "mobilenet-v2" => {
            let preset = preset(32);
            let quarter = Scale { width: 0.25, ..Scale::BASE }.apply(&preset).unwrap();
            // The script keeps the channels of the last convolution, and has no dropout.
            let quarter = Architecture { head: preset.head, dropout: 0.0, ..quarter };
            (quarter.layers(), vec![32, 32, 3], 8)
        }
        "layer-norm-mlp" => {
            let dense = |units| Dense::new(units).use_bias(false);
            let norm = || LayerNorm::new().activation(Activation::Tanh);
            let layers = Sequential::new()
                .add_named("stages.0.0.dense", dense(32))
                .add_named("stages.0.0.norm", norm())
                .add_named("stages.1.0.dense", dense(16))
                .add_named("stages.1.0.norm", norm())
                .add_named("output", Dense::new(CLASSES));
            (layers, vec![24], 16)
        }
        other => panic!("the record names a model {other}, which this test does not know"),
    }
}

/// The model with the weights that PyTorch began with.
fn model(layers: &Sequential, input: &[usize], device: &Device) -> Model {
    let model = layers.build_as(device, DType::F32, input, 0).unwrap();
    let parameters: Vec<_> =
        model.parameters().iter().map(|(name, value)| (name.to_string(), value.shape())).collect();
    for (name, shape) in parameters {
        let count = shape.elements();
        let values = match name.rsplit('.').next() {
            Some("kernel") => drawn::kernel(SEED, &name, count, count / shape.from_end(0)),
            Some("depthwise_kernel") => drawn::kernel(SEED, &name, count, shape[0] * shape[1]),
            Some("gamma") => drawn::about(0.3, 0.15, SEED, &name, count),
            Some("beta") => drawn::about(1.0, 0.1, SEED, &name, count),
            Some("bias") => drawn::about(0.0, 0.1, SEED, &name, count),
            other => panic!("{name}: the script draws no {other:?}"),
        };
        model.parameters().set(&name, &values).unwrap();
    }
    model
}

fn batch(number: usize, size: usize, input: &[usize]) -> Batch {
    let count = size * input.iter().product::<usize>();
    let label = |u: f64| ((u + 1.0) / 2.0 * CLASSES as f64) as u32;
    Batch {
        size,
        inputs: drawn::about(0.0, 1.0, SEED, &format!("inputs.{number}"), count),
        targets: BatchTargets::Classes(
            drawn::uniform(SEED, &format!("labels.{number}"), size).map(label).collect(),
        ),
    }
}

fn follow(place: &str, device: &Device, name: &str, steps: usize) {
    for mut run in runs().into_iter().filter(|run| run.model == name) {
        let (layers, input, size) = network(name);
        let batches: Vec<Batch> = (0..BATCHES).map(|number| batch(number, size, &input)).collect();
        let model = model(&layers, &input, device);
        let mut trainer = Trainer::new(&model, Loss::cross_entropy(0.0), run.algorithm).unwrap();
        run.losses.truncate(steps);
        compare(place, &run, SINGLE, |step| {
            trainer.step(&batches[step % BATCHES], run.rate).unwrap();
            trainer.take_metrics().unwrap().loss
        });
    }
}

fn follow_on_the_adapter(name: &str) {
    follow("the adapter", &adapter(), name, STEPS_ON_THE_ADAPTER);
}

#[test]
fn the_cpu_device_follows_pytorch_on_resnet20() {
    follow("the CPU device", &Device::cpu(), "resnet20", usize::MAX);
}

#[test]
fn the_cpu_device_follows_pytorch_on_a_narrow_mobilenet_v2() {
    follow("the CPU device", &Device::cpu(), "mobilenet-v2", usize::MAX);
}

#[test]
fn the_cpu_device_follows_pytorch_with_layer_norm() {
    follow("the CPU device", &Device::cpu(), "layer-norm-mlp", usize::MAX);
}

#[test]
fn the_adapter_follows_pytorch_on_resnet20() {
    follow_on_the_adapter("resnet20");
}

#[test]
fn the_adapter_follows_pytorch_on_a_narrow_mobilenet_v2() {
    follow_on_the_adapter("mobilenet-v2");
}

#[test]
fn the_adapter_follows_pytorch_with_layer_norm() {
    follow_on_the_adapter("layer-norm-mlp");
}

/// The record can tell right from wrong: within the steps that are compared, losses change, and the rules differ.
#[test]
fn the_record_of_presets_is_worth_following() {
    let runs = runs();
    assert_eq!(runs.len(), 6);
    for pair in runs.chunks_exact(2) {
        let [adam, sgd] = pair else { unreachable!("chunks of two") };
        assert_eq!((&adam.model, adam.losses.len(), sgd.losses.len()), (&sgd.model, 50, 50));
        // The batches come round again every four steps.
        for run in pair {
            let (first, last) = (run.losses[0], run.losses[48]);
            assert!(
                (last - first).abs() > 0.02 * first,
                "{} with {:?}: {first} to {last}",
                run.model,
                run.algorithm
            );
        }
        for step in [2, 49] {
            let apart = (adam.losses[step] - sgd.losses[step]).abs() / sgd.losses[step];
            assert!(apart > 5.0 * SINGLE, "{} at step {step}: {apart}", adam.model);
        }
    }
}
