//! Training as a whole: memory that stays where it is, bits that repeat, weights that survive the disk, gradients
//! of whole models, losses that fall, and an end that can be asked for.
//!
//! What is said of a device is tested on the CPU device and on the adapter, and fails where there is none.

use allometry::data::{Batch, BatchTargets, Dataset, Splits, Target, Targets};
use allometry::device::GpuOptions;
use allometry::gradcheck::{GradCheckOptions, gradcheck};
use allometry::nn::{
    Activation, AveragePool2d, Conv2d, Dense, Dropout, Flatten, GlobalAveragePool2d, MaxPool2d, Model,
    Padding, Pass, Sequential,
};
use allometry::ops::RandomKey;
use allometry::optim::{Algorithm, Decay, Schedule};
use allometry::train::{Callback, EpochReport, FitOptions, Loss, Progress, Trainer, fit};
use allometry::{DType, Device, Error, Result, Tensor};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const CROSS_ENTROPY: Loss = Loss::CrossEntropy { smoothing: 0.1 };
const CLASSES: usize = 4;

fn adapter() -> Device {
    Device::gpu(GpuOptions::default()).expect("these tests need an adapter, if only a software one")
}

/// Numbers between -1 and 1 that are the same each time and follow no pattern.
fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mix = |i: u32| {
        let mut x = i.wrapping_mul(0x9e37_79b9) ^ seed.wrapping_mul(0x85eb_ca6b);
        x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
        x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
        (x ^ (x >> 16)) as f32 / (1u32 << 31) as f32 - 1.0
    };
    (0..count as u32).map(mix).collect()
}

/// A model with something of every kind: convolutions with and without stride, both poolings, dropout, dense
/// layers, activations that keep their input and such that keep their output.
fn varied() -> Sequential {
    Sequential::new()
        .add(Conv2d::new(4, [3, 3]).padding(Padding::Same).activation(Activation::Relu))
        .add(MaxPool2d::new([2, 2]))
        .add(Conv2d::new(6, [3, 3]).strides([2, 2]).padding(Padding::Same).activation(Activation::Gelu))
        .add(Dropout::new(0.25))
        .add(AveragePool2d::new([2, 2]))
        .add(Flatten::new())
        .add(Dense::new(8).activation(Activation::Silu))
        .add(Dropout::new(0.5))
        .add(Dense::new(CLASSES))
}

const IMAGE: [usize; 3] = [9, 9, 2];

/// Batch number `number`: images whose class shows in their mean.
fn images(number: u32, size: usize) -> Batch {
    let labels: Vec<u32> = (0..size as u32).map(|i| (i + number) % CLASSES as u32).collect();
    let features = IMAGE.iter().product();
    let inputs = labels
        .iter()
        .enumerate()
        .flat_map(|(i, &label)| {
            noise(features, number * 1000 + i as u32).into_iter().map(move |v| v + 0.5 * label as f32)
        })
        .collect();
    Batch { size, inputs, targets: BatchTargets::Classes(labels) }
}

fn weights(model: &Model) -> Vec<f32> {
    model.parameters().flat().iter().flat_map(|flat| flat.to_vec::<f32>().unwrap()).collect()
}

fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

// ---------------------------------------------------------------------------------------------------------------
// memory

fn memory_stays(device: &Device, steps: u64) {
    let model = varied().build(device, &IMAGE, 0).unwrap();
    let mut trainer = Trainer::new(&model, CROSS_ENTROPY, Algorithm::adam()).unwrap();
    let batches: Vec<Batch> = (0..3).map(|number| images(number, 6)).collect();
    let mut tenth = None;
    for step in 1..=steps {
        trainer.step(&batches[step as usize % 3], 1e-3).unwrap();
        // Every so often the loss is read back, as a loop does it.
        if step % 10 == 0 {
            trainer.take_metrics().unwrap();
            let usage = device.usage();
            let now = (usage.live, usage.reserved);
            assert_eq!(*tenth.get_or_insert(now), now, "live and reserved bytes after step {step}");
        }
    }
    assert_eq!(trainer.steps(), steps);
    drop(trainer);
    drop(model);
    assert_eq!(device.usage().live, 0, "bytes that nobody holds any more");
    device.trim();
    assert_eq!(device.usage().reserved, 0, "bytes given back to the system");
}

#[test]
fn a_thousand_steps_take_no_more_memory_than_ten_on_the_cpu() {
    memory_stays(&Device::cpu(), 1000);
}

#[test]
fn a_thousand_steps_take_no_more_memory_than_ten_on_the_adapter() {
    memory_stays(&adapter(), 1000);
}

// ---------------------------------------------------------------------------------------------------------------
// the same bits

/// Trains for 20 steps; returns the weights and each step's loss.
fn twenty_steps(device: &Device, seed: u64) -> (Vec<f32>, Vec<f64>) {
    let model = varied().build(device, &IMAGE, seed).unwrap();
    let mut trainer = Trainer::new(&model, CROSS_ENTROPY, Algorithm::adamw(0.01)).unwrap();
    let mut losses = Vec::new();
    for number in 0..20 {
        trainer.step(&images(number, 7), 3e-3).unwrap();
        losses.push(trainer.take_metrics().unwrap().loss);
    }
    (weights(&model), losses)
}

fn repeats(device: &Device) {
    let (first, losses) = twenty_steps(device, 5);
    // Once more with memory that holds what the first run left there.
    let (second, again) = twenty_steps(device, 5);
    assert!(same_bits(&first, &second), "the same seed gave other weights");
    assert_eq!(losses, again);
    let (other, _) = twenty_steps(device, 6);
    assert!(!same_bits(&first, &other), "another seed gave the same weights");
}

#[test]
fn the_same_seed_gives_the_same_bits_on_the_cpu() {
    repeats(&Device::cpu());
}

#[test]
fn the_same_seed_gives_the_same_bits_on_the_adapter() {
    repeats(&adapter());
}

#[test]
fn both_devices_learn_alike() {
    // The same weights, batches and dropped values: only rounding differs, and twenty steps let it grow little.
    let ((_, cpu), (_, gpu)) = (twenty_steps(&Device::cpu(), 1), twenty_steps(&adapter(), 1));
    for (step, (a, b)) in cpu.iter().zip(&gpu).enumerate() {
        assert!((a - b).abs() <= 1e-4 * a.abs(), "step {step}: {a} on the CPU, {b} on the adapter");
    }
}

// ---------------------------------------------------------------------------------------------------------------
// weights on disk

fn predict(model: &Model, batch: &Batch) -> Vec<f32> {
    model.predict(&model.batch(&batch.inputs).unwrap()).unwrap().to_vec().unwrap()
}

#[test]
fn saved_weights_give_the_same_outputs() {
    let (place, batch) = (tempfile::tempdir().unwrap(), images(0, 5));
    let path = place.path().join("new folder/weights.safetensors");
    let cpu = Device::cpu();
    let saved = varied().build(&cpu, &IMAGE, 1).unwrap();
    let notes = HashMap::from([("trained".to_string(), "not at all".to_string())]);
    saved.save(&path, notes).unwrap();
    let expected = predict(&saved, &batch);
    let loaded = varied().build(&cpu, &IMAGE, 2).unwrap();
    assert!(!same_bits(&predict(&loaded, &batch), &expected));
    loaded.load(&path).unwrap();
    assert!(same_bits(&predict(&loaded, &batch), &expected));
    assert!(same_bits(&weights(&loaded), &weights(&saved)));

    // On the adapter the weights are the same bits, and the outputs those of another order of sums.
    let elsewhere = varied().build(&adapter(), &IMAGE, 3).unwrap();
    elsewhere.load(&path).unwrap();
    assert!(same_bits(&weights(&elsewhere), &weights(&saved)));
    for (a, b) in predict(&elsewhere, &batch).iter().zip(&expected) {
        assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{a} and {b}");
    }

    let bytes = std::fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut names = file.names();
    names.sort_unstable();
    let layers = ["layers.0", "layers.2", "layers.6", "layers.8"];
    let expected: Vec<String> =
        layers.iter().flat_map(|layer| [format!("{layer}.bias"), format!("{layer}.kernel")]).collect();
    assert_eq!(names, expected);
    assert_eq!(file.tensor("layers.0.kernel").unwrap().shape(), [3, 3, 2, 4]);
    assert_eq!(file.tensor("layers.8.kernel").unwrap().shape(), [8, CLASSES]);
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(header.metadata().as_ref().unwrap()["trained"], "not at all");
}

/// Loads into `model` what has to be refused with these words, and checks that nothing changed.
fn refused(model: &Model, path: &Path, words: &[&str]) {
    let before = weights(model);
    let message = model.load(path).unwrap_err().to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} in {message:?}");
    }
    assert!(same_bits(&weights(model), &before), "a refused file changed the model");
}

#[test]
fn weights_that_do_not_fit_are_refused_by_name() {
    let (place, cpu) = (tempfile::tempdir().unwrap(), Device::cpu());
    let file = |name: &str, layers: Sequential| {
        let path = place.path().join(name);
        layers.build(&cpu, &[3], 7).unwrap().save(&path, HashMap::new()).unwrap();
        path
    };
    let dense = |units: &[usize]| units.iter().fold(Sequential::new(), |model, &n| model.add(Dense::new(n)));
    let model = dense(&[4, 2]).build(&cpu, &[3], 0).unwrap();
    let other = file("other.safetensors", dense(&[4, 5]));
    refused(&model, &other, &["other.safetensors", "layers.1.kernel", "[4, 2]", "[4, 5]"]);
    refused(&model, &file("short.safetensors", dense(&[4])), &["layers.1.kernel", "layers.0.kernel"]);
    let text = place.path().join("text");
    std::fs::write(&text, "weights").unwrap();
    refused(&model, &text, &["text", "safetensors"]);
    refused(&model, &place.path().join("nowhere"), &["nowhere"]);
    model.load(&file("right.safetensors", dense(&[4, 2]))).unwrap();
}

#[test]
fn parameters_are_set_by_name() {
    let model = Sequential::new().add(Dense::new(1)).build(&Device::cpu(), &[2], 0).unwrap();
    let parameters = model.parameters();
    parameters.set("layers.0.kernel", &[2.0, 3.0]).unwrap();
    parameters.set("layers.0.bias", &[0.5]).unwrap();
    let x = model.batch(&[10.0, 100.0]).unwrap();
    assert_eq!(model.predict(&x).unwrap().to_vec::<f32>().unwrap(), [320.5]);
    let unknown = parameters.set("layers.1.kernel", &[1.0]).unwrap_err().to_string();
    assert!(unknown.contains("layers.1.kernel") && unknown.contains("layers.0.bias"), "{unknown}");
    let short = parameters.set("layers.0.kernel", &[1.0]).unwrap_err().to_string();
    assert!(short.contains("layers.0.kernel") && short.contains("2 needed"), "{short}");
}

// ---------------------------------------------------------------------------------------------------------------
// double precision, and gradients of whole models

/// The layers applied to `x` with these parameters: a model as a function of everything it has.
fn apply(layers: &Sequential, x: &Tensor, parameters: &[Tensor]) -> Result<Tensor> {
    let mut rest = parameters;
    let mut x = x.clone();
    for (index, layer) in layers.layers().iter().enumerate() {
        let (own, others) = rest.split_at(layer.parameters(&x.shape()[1..]).len());
        rest = others;
        x = layer.forward(&x, own, &Pass::Training(RandomKey { seed: 3, step: 5, layer: index as u32 }))?;
    }
    Ok(x)
}

/// Compares the gradients of a model's loss, by its input and every parameter, with central differences.
fn check_gradients(layers: &Sequential, input: &[usize], loss: impl Fn(&Tensor) -> Result<Tensor>) {
    let device = Device::cpu();
    let model = layers.build_as(&device, DType::F64, input, 4).unwrap();
    let batch = 3;
    let features: usize = input.iter().product();
    let values: Vec<f64> = noise(batch * features, 9).into_iter().map(f64::from).collect();
    let x =
        Tensor::new(&device, &values, allometry::Shape::new(&[&[batch], input].concat()).unwrap()).unwrap();
    // Biases that are not zero, so that nothing is hidden by symmetry.
    for (seed, (name, value)) in (20..).zip(model.parameters().iter()) {
        if name.ends_with("bias") {
            let values: Vec<f32> = noise(value.shape().elements(), seed).iter().map(|v| 0.3 * v).collect();
            model.parameters().set(name, &values).unwrap();
        }
    }
    let inputs: Vec<Tensor> = std::iter::once(x).chain(model.parameters().tensors()).collect();
    let report =
        gradcheck(|t| loss(&apply(layers, &t[0], &t[1..])?), &inputs, GradCheckOptions::default()).unwrap();
    assert!(report.passed(), "{report}");
    assert!(report.compared > 100, "{report}");
}

fn labelled(output: &Tensor) -> Result<Tensor> {
    let labels = Tensor::new(output.device(), &[2u32, 0, 3], [3])?;
    output.cross_entropy(&labels, 0.1)
}

#[test]
fn gradients_of_a_multilayer_perceptron_are_right() {
    let layers = Sequential::new()
        .add(Dense::new(7).activation(Activation::Relu))
        .add(Dense::new(6).activation(Activation::Tanh))
        .add(Dropout::new(0.3))
        .add(Dense::new(5).activation(Activation::Gelu))
        .add(Dense::new(CLASSES));
    check_gradients(&layers, &[6], labelled);
}

#[test]
fn gradients_of_a_convolutional_network_are_right() {
    check_gradients(&varied(), &IMAGE, labelled);
    let averaging = Sequential::new()
        .add(Conv2d::new(3, [3, 2]).strides([1, 2]).activation(Activation::Silu))
        .add(
            Conv2d::new(4, [2, 3])
                .padding(Padding::Explicit([[1, 0], [0, 2]]))
                .activation(Activation::Sigmoid),
        )
        .add(GlobalAveragePool2d::new())
        .add(Dense::new(2));
    check_gradients(&averaging, &[6, 7, 2], |output| {
        let target: Vec<f64> = noise(6, 1).into_iter().map(f64::from).collect();
        output.mse(&Tensor::new(output.device(), &target, [3, 2])?)
    });
}

#[test]
fn gradients_lie_where_the_optimiser_reads_them() {
    // Written into flat slices or collected from the graph: the same gradients.
    let device = Device::cpu();
    let model = varied().build_as(&device, DType::F64, &IMAGE, 0).unwrap();
    let values: Vec<f64> = noise(2 * 162, 3).into_iter().map(f64::from).collect();
    let x = Tensor::new(&device, &values, [2, 9, 9, 2]).unwrap();
    let labels = Tensor::new(&device, &[1u32, 3], [2]).unwrap();
    let loss = || model.train(&x, 11).unwrap().cross_entropy(&labels, 0.0).unwrap();
    let flat = model.parameters().gradients().unwrap();
    model.parameters().backward(&loss(), &flat).unwrap();
    let collected = loss().backward().unwrap();
    for (name, parameter) in model.parameters().iter() {
        let (a, b) = (flat.get(parameter).unwrap(), collected.get(parameter).unwrap());
        assert_eq!(a.to_vec::<f64>().unwrap(), b.to_vec::<f64>().unwrap(), "{name}");
    }
}

#[test]
fn a_model_in_double_precision_learns_on_the_cpu_and_is_refused_elsewhere() {
    let device = Device::cpu();
    let model = varied().build_as(&device, DType::F64, &IMAGE, 0).unwrap();
    let batch = images(0, 8);
    let inputs: Vec<f64> = batch.inputs.iter().map(|&v| v.into()).collect();
    let x = Tensor::new(&device, &inputs, [8, 9, 9, 2]).unwrap();
    let BatchTargets::Classes(labels) = &batch.targets else { unreachable!("images have labels") };
    let labels = Tensor::new(&device, labels, [8]).unwrap();
    let loss = |model: &Model| {
        let output = model.predict(&x).unwrap();
        assert_eq!(output.dtype(), DType::F64);
        output.cross_entropy(&labels, 0.0).unwrap().item().unwrap()
    };
    let before = loss(&model);
    let gradients = model.parameters().gradients().unwrap();
    let mut optimizer = Algorithm::sgd(0.9).build(model.parameters()).unwrap();
    for step in 0..60 {
        let loss = model.train(&x, step).unwrap().cross_entropy(&labels, 0.0).unwrap();
        model.parameters().backward(&loss, &gradients).unwrap();
        optimizer.step(model.parameters(), &gradients, 0.05).unwrap();
    }
    let after = loss(&model);
    assert!(after < 0.5 * before, "{before} to {after}");
    let refused = varied().build_as(&adapter(), DType::F64, &IMAGE, 0);
    assert!(matches!(refused, Err(Error::DType { .. })), "{:?}", refused.err());
}

#[test]
fn dropout_is_off_in_prediction() {
    let device = Device::cpu();
    let with = varied().build(&device, &IMAGE, 3).unwrap();
    let batch = images(0, 4);
    let x = with.batch(&batch.inputs).unwrap();
    let values = |tensor: Result<Tensor>| tensor.unwrap().to_vec::<f32>().unwrap();
    let predicted = values(with.predict(&x));
    assert!(same_bits(&predicted, &values(with.predict(&x))));
    assert!(same_bits(&predicted, &values(with.forward(&x))));
    assert!(!same_bits(&predicted, &values(with.train(&x, 0))));
    assert!(
        same_bits(&values(with.train(&x, 7)), &values(with.train(&x, 7))),
        "a step drops the same each time"
    );
    assert!(!same_bits(&values(with.train(&x, 7)), &values(with.train(&x, 8))), "each step drops others");

    // A layer without parameters moves no draw: with and without dropout the weights are the same.
    let plain = |rate: Option<f32>| {
        let model = Sequential::new().add(Dense::new(5));
        let model = match rate {
            Some(rate) => model.add(Dropout::new(rate)),
            None => model,
        };
        let model = model.add(Dense::new(2)).build(&device, &[3], 1).unwrap();
        values(model.predict(&model.batch(&[0.1, 0.2, 0.3]).unwrap()))
    };
    assert!(same_bits(&plain(None), &plain(Some(0.9))));
}

// ---------------------------------------------------------------------------------------------------------------
// the loop

/// A linear function of four numbers, or the class that its sign says.
struct Plane {
    samples: usize,
    seed: u32,
    classes: bool,
}

impl Dataset for Plane {
    fn name(&self) -> &str {
        "plane"
    }

    fn len(&self) -> usize {
        self.samples
    }

    fn sample_shape(&self) -> &[usize] {
        &[4]
    }

    fn targets(&self) -> Targets {
        if self.classes { Targets::Classes(2) } else { Targets::Values(1) }
    }

    fn write(&self, _epoch: u64, index: usize, input: &mut [f32], target: Target<'_>) -> Result<()> {
        self.check(index, input)?;
        input.copy_from_slice(&noise(4, self.seed + index as u32));
        let value = input[0] - 2.0 * input[1] + 0.5 * input[2] + 1.0;
        if self.classes { target.class((value > 1.0) as u32) } else { target.values(&[value]) }
    }
}

fn plane(classes: bool) -> Splits {
    let split = |samples, seed| Arc::new(Plane { samples, seed, classes });
    Splits { train: split(128, 0), validation: split(50, 10_000) }
}

fn options(loss: Loss, epochs: u64, rate: f64) -> FitOptions {
    FitOptions {
        epochs,
        batch: 16,
        seed: 0,
        loss,
        clip_norm: None,
        algorithm: Algorithm::adam(),
        schedule: Schedule { peak: rate, warmup: 4, decay: Decay::Cosine, total: epochs * 8 },
        report_seconds: 0.0,
        interrupted: Arc::new(AtomicBool::new(false)),
    }
}

fn small(outputs: usize, device: &Device) -> Model {
    let layers = Sequential::new().add(Dense::new(16).activation(Activation::Relu)).add(Dense::new(outputs));
    layers.build(device, &[4], 0).unwrap()
}

fn regression_learns(device: &Device) {
    let model = small(1, device);
    let history = fit(&model, &plane(false), &options(Loss::MeanSquaredError, 20, 0.02), &mut ()).unwrap();
    let (first, last) = (&history.epochs[0], &history.epochs[19]);
    assert_eq!((history.epochs.len(), history.samples_seen), (20, 20 * 128));
    assert_eq!((first.train.accuracy, last.validation.accuracy), (None, None));
    assert_eq!((last.train.samples, last.validation.samples), (128, 50));
    let (before, after) = (first.validation.loss, last.validation.loss);
    assert!(after < 0.02 * before, "{before} to {after}");
}

#[test]
fn regression_learns_on_the_cpu() {
    regression_learns(&Device::cpu());
}

#[test]
fn regression_learns_on_the_adapter() {
    regression_learns(&adapter());
}

#[test]
fn classification_learns_and_says_how_it_goes() {
    #[derive(Default)]
    struct Told {
        steps: Vec<(u64, u64)>,
        epochs: Vec<u64>,
    }
    impl Callback for Told {
        fn on_progress(&mut self, progress: &Progress) {
            assert_eq!((progress.steps, progress.epochs), (8, 15));
            assert!(progress.metrics.loss.is_finite() && progress.samples_per_second > 0.0);
            self.steps.push((progress.epoch, progress.step));
        }

        fn on_epoch(&mut self, report: &EpochReport) {
            self.epochs.push(report.epoch);
        }
    }
    let model = small(2, &Device::cpu());
    let mut told = Told::default();
    let loss = Loss::for_targets(Targets::Classes(2));
    let history = fit(&model, &plane(true), &options(loss, 15, 0.02), &mut told).unwrap();
    let last = history.epochs.last().unwrap();
    assert!(last.validation.accuracy.unwrap() >= 0.9, "{last:?}");
    assert!(last.train.accuracy.unwrap() >= 0.95, "{last:?}");
    // With a report at every step, each of them is told, and once.
    let all: Vec<(u64, u64)> = (1..=15).flat_map(|epoch| (1..=8).map(move |step| (epoch, step))).collect();
    assert_eq!(told.steps, all);
    assert_eq!(told.epochs, (1..=15).collect::<Vec<_>>());
    assert_eq!(history.throughput.len(), all.len() - 1, "the first step is a warm-up");
}

#[test]
fn how_often_training_is_looked_at_changes_no_number() {
    struct Last(Option<Progress>);
    impl Callback for Last {
        fn on_progress(&mut self, progress: &Progress) {
            self.0 = Some(*progress);
        }
    }
    let train = |report_seconds: f64| {
        let options = FitOptions { report_seconds, ..options(CROSS_ENTROPY, 3, 0.02) };
        let mut last = Last(None);
        let history = fit(&small(2, &Device::cpu()), &plane(true), &options, &mut last).unwrap();
        (history.epochs.iter().map(|epoch| epoch.train).collect::<Vec<_>>(), last.0.unwrap().metrics)
    };
    let (seldom, whole) = train(1e9);
    let (often, step) = train(0.0);
    assert_eq!(seldom, often);
    // Nothing is read between the ends of two epochs, or every step of 16 samples is.
    assert_eq!((whole, step.samples), (seldom[2], 16));
    assert!(step.loss.is_finite() && (0.0..=1.0).contains(&step.accuracy.unwrap()));
}

#[test]
fn losses_and_targets_have_to_fit() {
    let model = small(2, &Device::cpu());
    let refused = fit(&model, &plane(false), &options(CROSS_ENTROPY, 1, 0.01), &mut ());
    assert!(matches!(refused, Err(Error::Argument { op: "train", .. })), "{refused:?}");
    let large = FitOptions { batch: 0, ..options(CROSS_ENTROPY, 1, 0.01) };
    assert!(fit(&model, &plane(true), &large, &mut ()).is_err());
}

#[test]
fn a_training_that_diverges_says_so() {
    let model = small(1, &Device::cpu());
    let diverged = fit(&model, &plane(false), &options(Loss::MeanSquaredError, 3, 1e30), &mut ());
    assert!(matches!(diverged, Err(Error::Diverged { .. })), "{diverged:?}");
    // Also where only the validation after the last step shows it.
    let model = small(1, &Device::cpu());
    let once = FitOptions { batch: 128, ..options(Loss::MeanSquaredError, 1, 1e30) };
    let once = FitOptions { schedule: Schedule::constant(1e30), ..once };
    let diverged = fit(&model, &plane(false), &once, &mut ());
    assert!(matches!(diverged, Err(Error::Diverged { step: 1, .. })), "{diverged:?}");
}

#[test]
fn training_ends_when_it_is_asked_to() {
    struct Stop(Arc<AtomicBool>);
    impl Callback for Stop {
        fn on_progress(&mut self, progress: &Progress) {
            assert!((progress.epoch, progress.step) <= (2, 3), "a step after the request to stop");
            if (progress.epoch, progress.step) == (2, 3) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
    }
    let model = small(1, &Device::cpu());
    let start = weights(&model);
    let options = options(Loss::MeanSquaredError, 5, 0.01);
    let stopped = fit(&model, &plane(false), &options, &mut Stop(options.interrupted.clone()));
    assert!(matches!(stopped, Err(Error::Interrupted)), "{stopped:?}");
    let moved = weights(&model);
    assert!(!same_bits(&moved, &start), "what was learnt until then is in the model");
    // A request that came before the first step leaves everything as it is.
    assert!(matches!(fit(&model, &plane(false), &options, &mut ()), Err(Error::Interrupted)));
    assert!(same_bits(&weights(&model), &moved));
}

#[test]
fn rates_follow_their_schedule() {
    let schedule = Schedule { peak: 0.8, warmup: 4, decay: Decay::Cosine, total: 24 };
    let rates: Vec<f64> = (0..30).map(|step| schedule.rate(step)).collect();
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} and {b}");
    // Warm-up in equal steps to the peak, ...
    [0.2, 0.4, 0.6, 0.8].iter().zip(&rates).for_each(|(&expected, &rate)| close(rate, expected));
    // ... then half a cosine: the peak, its half in the middle, zero at the end and after it.
    close(rates[4], 0.8);
    close(rates[14], 0.4);
    close(rates[9], 0.4 * (1.0 + std::f64::consts::FRAC_1_SQRT_2));
    assert!(rates[4..24].windows(2).all(|pair| pair[0] > pair[1]));
    rates[24..].iter().for_each(|&rate| close(rate, 0.0));

    let constant = Schedule::constant(0.3);
    assert!((0..1000).all(|step| constant.rate(step) == 0.3));
    let warm = Schedule { warmup: 3, ..constant };
    assert_eq!((warm.rate(2), warm.rate(100)), (0.3, 0.3));
    close(warm.rate(0), 0.1);
}
