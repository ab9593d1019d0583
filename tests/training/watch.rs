//! What is observed of a training step, and where a loss that is not finite comes from.

use crate::adapter::adapter;
use crate::varied::{CROSS_ENTROPY, IMAGE, images, same_bits, varied};
use allometry::data::{Batch, BatchTargets, Dataset, Splits, Target, Targets};
use allometry::nn::{
    Activation, BatchNorm, Conv2d, ConvNorm, Dense, Flatten, Model, Module, Precision, Sequential,
};
use allometry::optim::Algorithm;
use allometry::train::{Callback, Loss, Observation, OptimizerName, TrainConfig, Trainer, fit, is_observed};
use allometry::{Device, Error, Result};
use std::sync::Arc;

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

#[test]
fn an_observed_step_has_the_norms_of_its_modules() {
    for device in [Device::cpu(), adapter()] {
        let layers = Sequential::new()
            .add(Dense::new(5).activation(Activation::Tanh))
            .add(Dense::new(3))
            .add(BatchNorm::new());
        let model = layers.build(&device, &[4], 1).unwrap();
        let inputs = (0..24).map(|i| (i as f32 * 0.7).sin()).collect();
        let batch = Batch { size: 6, inputs, targets: BatchTargets::Values(vec![0.5; 18]) };
        let x = model.batch(&batch.inputs).unwrap();
        let all = |name: &str| model.parameters().get(name).unwrap().to_f64().unwrap();
        let before = ["layers.0.kernel", "layers.0.bias"].map(all).concat();
        // The gradients are those that the optimiser computes.
        let mut optimizer = Algorithm::sgd(0.0).build(model.parameters()).unwrap();
        let targets = allometry::Tensor::full(&device, allometry::DType::F32, [6, 3], 0.5).unwrap();
        optimizer.backward(&model.train(&x, 0).unwrap().mse(&targets).unwrap()).unwrap();
        let gradient = |name: &str| optimizer.gradient(name).unwrap().to_f64().unwrap();
        let gradients = ["layers.0.kernel", "layers.0.bias"].map(gradient).concat();

        let mut trainer = Trainer::new(&model, Loss::mse(), Algorithm::sgd(0.0)).unwrap();
        let Observation { step, modules } = trainer.step_observed(&batch, 0.1).unwrap();
        assert_eq!(step, 1);
        let names: Vec<&str> = modules.iter().map(|module| module.name.as_str()).collect();
        assert_eq!(names, ["layers.0", "layers.1", "layers.2"]);
        let close = |found: Option<f64>, expected: f64| {
            let found = found.unwrap();
            assert!((found - expected).abs() < 1e-3 * expected, "{found}, {expected} expected");
        };
        close(modules[0].gradient, norm(&gradients));
        close(modules[0].weight, norm(&before));
        close(modules[0].update, 0.1 * norm(&gradients));
        close(modules[0].update_ratio(), 0.1 * norm(&gradients) / norm(&before));
        // A batch norm's outputs have a mean square of almost 1.
        assert!((modules[2].activation.unwrap() - 1.0).abs() < 1e-2, "{modules:?}");
        assert!(modules[0].activation.unwrap() < 1.0, "tanh");
    }
}

/// The weights as they are updated.
fn masters(model: &Model) -> Vec<f32> {
    model.parameters().master().iter().flat_map(|values| values.to_vec::<f32>().unwrap()).collect()
}

#[test]
fn observed_steps_change_no_bit() {
    for precision in Precision::ALL {
        let device = Device::cpu();
        let build = || varied().build_in(precision, &device, &IMAGE, 2).unwrap();
        let (plain, observed) = (build(), build());
        let trainer = |model| {
            let trainer = Trainer::new(model, CROSS_ENTROPY, Algorithm::adamw(0.01)).unwrap();
            trainer.with_clip_norm(Some(0.5)).unwrap()
        };
        let (mut one, mut other) = (trainer(&plain), trainer(&observed));
        for step in 0..3 {
            one.step(&images(step, 6), 0.01).unwrap();
            let seen = other.step_observed(&images(step, 6), 0.01).unwrap();
            assert_eq!(seen.modules.len(), 4, "{seen:?}");
        }
        assert!(same_bits(&masters(&plain), &masters(&observed)));
        assert_eq!(one.take_metrics().unwrap(), other.take_metrics().unwrap());
    }
}

#[test]
fn a_module_that_computes_several_in_one_lends_its_output() {
    let device = Device::cpu();
    let block = ConvNorm::new(Conv2d::new(4, [3, 3]), BatchNorm::new(), Activation::Relu);
    let model = Sequential::new()
        .add(block)
        .add(Flatten::new())
        .add(Dense::new(4))
        .build(&device, &IMAGE, 2)
        .unwrap();
    let mut trainer = Trainer::new(&model, CROSS_ENTROPY, Algorithm::sgd(0.0)).unwrap();
    let seen = trainer.step_observed(&images(0, 6), 0.1).unwrap();
    assert!(seen.modules.iter().all(|module| module.activation.is_some_and(|rms| rms > 0.0)), "{seen:?}");
}

#[test]
fn the_first_the_last_and_some_steps_between_are_observed() {
    let observed = |total: u64| (1..=total).filter(|&step| is_observed(step, total)).collect::<Vec<_>>();
    assert_eq!(observed(3), [1, 2, 3]);
    let many = observed(10_001);
    assert!((35..=45).contains(&many.len()) && many[0] == 1 && many.last() == Some(&10_001), "{many:?}");
}

/// Ones, and one sample that is not finite if asked for.
struct Ones(bool);

impl Dataset for Ones {
    fn name(&self) -> &str {
        "ones"
    }

    fn len(&self) -> usize {
        8
    }

    fn sample_shape(&self) -> &[usize] {
        &[3]
    }

    fn targets(&self) -> Targets {
        Targets::Values(1)
    }

    fn write(&self, _epoch: u64, index: usize, input: &mut [f32], target: Target<'_>) -> Result<()> {
        input.fill(if self.0 && index == 3 { f32::NAN } else { 1.0 });
        target.values(&[1.0])
    }
}

/// Reads the loss after the first step, and at the end of an epoch.
struct Rarely;

impl Callback for Rarely {
    fn report_seconds(&self) -> f64 {
        1e9
    }
}

#[test]
fn a_loss_that_is_not_finite_names_its_origin() {
    let device = Device::cpu();
    let layers = || Sequential::new().add(Dense::new(4)).add(Dense::new(3)).add(Dense::new(1));
    let splits = |broken| Splits { train: Arc::new(Ones(broken)), validation: Arc::new(Ones(false)) };
    let message = |model: &Model, splits: &Splits| {
        let config = TrainConfig { epochs: 1, batch: 8, ..TrainConfig::default() };
        let error = fit(model, splits, &config, &mut ()).unwrap_err();
        assert!(matches!(error, Error::Diverged { .. }), "{error}");
        error.to_string()
    };
    let model = layers().build(&device, &[3], 0).unwrap();
    model.parameters().set("layers.1.kernel", &[3e38; 12]).unwrap();
    model.parameters().set("layers.0.bias", &[10.0; 4]).unwrap();
    let text = message(&model, &splits(false));
    assert!(text.contains("(first not finite: the output of layers.1)"), "{text}");
    assert!(!text.contains("as are its weights"), "{text}");

    let model = layers().build(&device, &[3], 0).unwrap();
    model.parameters().set("layers.2.bias", &[f32::NAN]).unwrap();
    let text = message(&model, &splits(false));
    assert!(text.contains("(first not finite: the output of layers.2, as are its weights)"), "{text}");

    // It is found some steps after it occurred, when all weights have been updated with it.
    let model = layers().build(&device, &[3], 0).unwrap();
    let config = TrainConfig {
        epochs: 1,
        batch: 1,
        learning_rate: 1e25,
        optimizer: OptimizerName::Sgd,
        ..TrainConfig::default()
    };
    let late = fit(&model, &splits(false), &config, &mut Rarely).unwrap_err();
    let Error::Diverged { step, .. } = late else { panic!("{late}") };
    assert!((2..8).contains(&step), "{late}");
    let text = late.to_string();
    assert!(text.contains("first not finite: the output") && !text.contains("as are"), "{text}");

    let text = message(&layers().build(&device, &[3], 0).unwrap(), &splits(true));
    assert!(text.contains("(first not finite: the inputs)"), "{text}");
}

#[test]
fn a_callback_chooses_what_is_observed() {
    struct Watching(Vec<u64>);
    impl Callback for Watching {
        fn observes(&self, step: u64, _total: u64) -> bool {
            step.is_multiple_of(2)
        }

        fn on_observation(&mut self, observation: &Observation) {
            self.0.push(observation.step);
        }
    }
    let model = Dense::new(1).build(&Device::cpu(), &[3], 0).unwrap();
    let splits = Splits { train: Arc::new(Ones(false)), validation: Arc::new(Ones(false)) };
    let config = TrainConfig { epochs: 3, batch: 4, ..TrainConfig::default() };
    let mut watching = Watching(Vec::new());
    fit(&model, &splits, &config, &mut watching).unwrap();
    assert_eq!(watching.0, [2, 4, 6]);
}
