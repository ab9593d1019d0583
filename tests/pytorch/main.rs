//! Training compared with PyTorch: with the same initial weights, batches and optimiser, the losses are those that
//! `tests/fixtures/record_pytorch_losses.py` recorded. That script documents the files. [`presets`] does the same with
//! architectures.

#[path = "../adapter/mod.rs"]
mod adapter;
#[path = "../drawn/mod.rs"]
mod drawn;
mod presets;

use adapter::adapter;
use allometry::data::{Batch, BatchTargets};
use allometry::nn::weights::LoadOptions;
use allometry::nn::{Activation, Conv2d, Dense, Flatten, MaxPool2d, Model, Module, Padding, Sequential};
use allometry::optim::{Algorithm, DecayExempt};
use allometry::train::{Loss, Trainer};
use allometry::{DType, Device, Shape, Tensor};
use safetensors::SafeTensors;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

/// Relative, in f32 on every device.
const SINGLE: f64 = 1e-4;
/// Relative, in f64 on the CPU device.
const DOUBLE: f64 = 1e-9;

#[derive(Deserialize)]
struct Record {
    torch: String,
    runs: Vec<Run>,
}

/// One training run of PyTorch's.
#[derive(Deserialize)]
struct Run {
    model: String,
    #[serde(default = "single")]
    dtype: String,
    rate: f64,
    algorithm: Algorithm,
    /// Before each step's update.
    losses: Vec<f64>,
}

fn single() -> String {
    "float32".to_string()
}

fn fixture(name: &str) -> PathBuf {
    // Where these tests run without their sources, as on a machine that has only the binaries, this says where they
    // lie.
    let folder = std::env::var_os("ALLOMETRY_FIXTURES").map(PathBuf::from);
    folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")).join(name)
}

/// The runs in one element type.
fn runs(dtype: &str) -> Vec<Run> {
    let text = fs::read_to_string(fixture("pytorch_losses.json")).expect("the record");
    let record: Record = serde_json::from_str(&text).expect("the record as the script writes it");
    println!("recorded with torch {}", record.torch);
    record.runs.into_iter().filter(|run| run.dtype == dtype).collect()
}

/// The networks of the script: the layers, and the shape of a sample.
fn network(name: &str) -> (Sequential, Vec<usize>) {
    match name {
        "mlp" => {
            let layers = Sequential::new()
                .add(Dense::new(48).activation(Activation::Relu))
                .add(Dense::new(32).activation(Activation::Tanh))
                .add(Dense::new(10));
            (layers, vec![64])
        }
        "cnn" => {
            let layers = Sequential::new()
                .add(Conv2d::new(8, [3, 3]).padding(Padding::Same).activation(Activation::Relu))
                .add(MaxPool2d::new([2, 2]))
                .add(
                    Conv2d::new(12, [3, 3])
                        .strides([2, 2])
                        .padding(Padding::Same)
                        .activation(Activation::Silu),
                )
                .add(Conv2d::new(16, [2, 2]).activation(Activation::Relu))
                .add(Flatten::new())
                .add(Dense::new(10));
            (layers, vec![12, 10, 2])
        }
        other => panic!("the record names a model {other}, which this test does not know"),
    }
}

/// The model with the weights that PyTorch began with.
fn model(name: &str, device: &Device, dtype: DType) -> Model {
    let (layers, input) = network(name);
    let model = layers.build_as(device, dtype, &input, 0).unwrap();
    // The file has the data that the losses were recorded on, too.
    let weights = LoadOptions::new().rename(|name| name.starts_with("layers.").then(|| name.to_string()));
    model.load_with(&fixture(&format!("{name}.safetensors")), &weights).unwrap();
    model
}

/// The batches, which are used in turn.
fn batches(name: &str) -> Vec<Batch> {
    let bytes = fs::read(fixture(&format!("{name}.safetensors"))).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let (inputs, labels) = (file.tensor("inputs").unwrap(), file.tensor("labels").unwrap());
    let (count, size) = (labels.shape()[0], labels.shape()[1]);
    let inputs = inputs.data().chunks_exact(inputs.data().len() / count);
    let batch = |(inputs, labels): (&[u8], &[u8])| Batch {
        size,
        inputs: inputs.iter().map(|&value| f32::from(value) / 128.0 - 1.0).collect(),
        targets: BatchTargets::Classes(labels.iter().map(|&label| u32::from(label)).collect()),
    };
    inputs.zip(labels.data().chunks_exact(size)).map(batch).collect()
}

/// Fails at the first loss that is further from PyTorch's than `bound`, relatively.
fn compare(place: &str, run: &Run, bound: f64, mut loss_of_step: impl FnMut(usize) -> f64) {
    let name = format!("{place}, {} in {} with {:?}", run.model, run.dtype, run.algorithm);
    let mut largest: f64 = 0.0;
    for (step, &torch) in run.losses.iter().enumerate() {
        let loss = loss_of_step(step);
        let deviation = (loss - torch).abs() / torch.abs();
        assert!(
            deviation <= bound,
            "{name}: at step {step} the loss is {loss}, PyTorch's is {torch}: {deviation:.1e} apart, relatively, \
             where {bound:.0e} is allowed"
        );
        largest = largest.max(deviation);
    }
    println!("{name}: at most {largest:.1e} from PyTorch's losses");
}

/// Every run in f32 through the [`Trainer`].
fn follow(place: &str, device: &Device) {
    for run in runs("float32") {
        let (model, batches) = (model(&run.model, device, DType::F32), batches(&run.model));
        let trainer = Trainer::new(&model, Loss::cross_entropy(0.0), run.algorithm).unwrap();
        // PyTorch's optimisers decay whatever they are given; the record gave them all parameters.
        let mut trainer = trainer.with_decay_exempt(DecayExempt::None);
        compare(place, &run, SINGLE, |step| {
            trainer.step(&batches[step % batches.len()], run.rate).unwrap();
            trainer.take_metrics().unwrap().loss
        });
    }
}

#[test]
fn the_cpu_device_follows_pytorch() {
    follow("the CPU device", &Device::cpu());
}

#[test]
fn the_adapter_follows_pytorch() {
    follow("the adapter", &adapter());
}

/// The [`Trainer`] takes batches in f32, so that its step is written out here.
#[test]
fn double_precision_follows_pytorch_far_closer() {
    let device = Device::cpu();
    for run in runs("float64") {
        let (model, batches) = (model(&run.model, &device, DType::F64), batches(&run.model));
        let optimizer = run.algorithm.build(model.parameters()).unwrap();
        let mut optimizer = optimizer.with_decay_exempt(DecayExempt::None);
        compare("the CPU device", &run, DOUBLE, |step| {
            let batch = &batches[step % batches.len()];
            let BatchTargets::Classes(labels) = &batch.targets else { unreachable!("labels, as above") };
            let inputs: Vec<f64> = batch.inputs.iter().map(|&value| f64::from(value)).collect();
            let shape = Shape::new(&[&[batch.size], model.input_shape()].concat()).unwrap();
            let x = Tensor::new(&device, &inputs, shape).unwrap();
            let labels = Tensor::new(&device, labels, [batch.size]).unwrap();
            let loss = model.train(&x, step as u64).unwrap().cross_entropy(&labels, 0.0).unwrap();
            let value = loss.item().unwrap();
            optimizer.backward_step(&loss, run.rate).unwrap();
            value
        });
    }
}

/// The record can tell right from wrong: losses fall, and no two rules give the same.
#[test]
fn the_record_is_worth_following() {
    for dtype in ["float32", "float64"] {
        let runs = runs(dtype);
        for (model, algorithms) in [("mlp", 4), ("cnn", 2)] {
            let runs: Vec<&Run> = runs.iter().filter(|run| run.model == model).collect();
            assert_eq!(runs.len(), algorithms, "{model} in {dtype}");
            for (i, run) in runs.iter().enumerate() {
                assert_eq!(run.losses.len(), 50);
                let (first, last) = (run.losses[0], run.losses[49]);
                assert!(last < 0.6 * first, "{model} with {:?}: from {first} to {last}", run.algorithm);
                for other in &runs[..i] {
                    let apart = (last - other.losses[49]).abs() / last;
                    assert!(apart > 5.0 * SINGLE, "{:?} and {:?}: {apart}", run.algorithm, other.algorithm);
                }
            }
        }
    }
}
