//! Training loops of one's own: one call per step does what the trainer does, and its parts refuse what would be a
//! silently wrong step.

use crate::adapter::adapter;
use crate::varied::{CROSS_ENTROPY, IMAGE, images, same_bits, varied};
use allometry::data::{Batch, BatchTargets};
use allometry::nn::{Dense, Model, Module, Precision};
use allometry::optim::{Algorithm, Optimizer};
use allometry::train::Trainer;
use allometry::{Device, Error, Tensor};

fn loss(model: &Model, batch: &Batch, step: u64) -> Tensor {
    let output = model.train(&model.batch(&batch.inputs).unwrap(), step).unwrap();
    let BatchTargets::Classes(labels) = &batch.targets else { unreachable!("images have labels") };
    let labels = Tensor::new(output.device(), labels, [batch.size]).unwrap();
    output.cross_entropy(&labels, 0.1).unwrap()
}

fn master(model: &Model) -> Vec<f32> {
    model.parameters().master().iter().flat_map(|flat| flat.to_vec::<f32>().unwrap()).collect()
}

#[test]
fn one_call_per_step_is_the_trainers_step_in_every_precision() {
    for device in [Device::cpu(), adapter()] {
        for precision in Precision::ALL {
            for clip in [None, Some(0.01)] {
                let build = || varied().build_in(precision, &device, &IMAGE, 3).unwrap();
                let (by_hand, by_trainer) = (build(), build());
                let algorithm = Algorithm::adamw(0.01);
                let mut optimizer =
                    algorithm.build(by_hand.parameters()).unwrap().with_clip_norm(clip).unwrap();
                let mut trainer = Trainer::new(&by_trainer, CROSS_ENTROPY, algorithm)
                    .unwrap()
                    .with_clip_norm(clip)
                    .unwrap();
                for step in 0..4 {
                    let batch = images(step, 6);
                    optimizer.backward_step(&loss(&by_hand, &batch, step.into()), 0.01).unwrap();
                    trainer.step(&batch, 0.01).unwrap();
                }
                // The two add the losses of a batch up in another order.
                let (a, b) = (master(&by_hand), master(&by_trainer));
                let moved = build();
                let size =
                    |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| (x - y).powi(2)).sum::<f32>().sqrt();
                assert!(
                    size(&a, &b) < 0.01 * size(&a, &master(&moved)),
                    "{precision}, {clip:?} on {}",
                    device.name()
                );
                assert_eq!(optimizer.loss_scaling().unwrap(), trainer.loss_scaling().unwrap());
            }
        }
    }
}

#[test]
fn gradients_are_shown_without_the_loss_scale() {
    let device = Device::cpu();
    let gradient = |precision| {
        let model = Dense::new(1).build_in(precision, &device, &[2], 0).unwrap();
        model.parameters().set("kernel", &[0.5, -0.25]).unwrap();
        let mut optimizer = Algorithm::sgd(0.0).build(model.parameters()).unwrap();
        let output = model.train(&model.batch(&[1.0, 2.0, 3.0, 1.0]).unwrap(), 0).unwrap();
        let target = Tensor::new(&device, &[1.0f32, 1.0], [2, 1]).unwrap();
        // An eighth of the loss: f16 holds the scaled gradients.
        let eighth = Tensor::full(&device, output.dtype(), [], 0.125).unwrap();
        optimizer.backward(&output.mse(&target).unwrap().mul(&eighth).unwrap()).unwrap();
        let gradient = optimizer.gradient("kernel").unwrap().to_vec::<f32>().unwrap();
        optimizer.step(0.8).unwrap();
        (gradient, master(&model)[..2].to_vec())
    };
    for precision in Precision::ALL {
        assert_eq!(gradient(precision), (vec![-0.03125, -0.21875], vec![0.525, -0.075]), "{precision}");
    }
}

#[test]
fn parts_used_wrongly_are_refused_and_change_nothing() {
    let device = Device::cpu();
    for precision in Precision::ALL {
        let build = |seed| varied().build_in(precision, &device, &IMAGE, seed).unwrap();
        let (model, other) = (build(1), build(2));
        let mut optimizer = Algorithm::adam().build(model.parameters()).unwrap();
        let before = master(&model);
        let batch = images(0, 4);
        let refused = |optimizer: &mut Optimizer, words: &[&str]| {
            let message = optimizer.step(0.1).unwrap_err().to_string();
            words.iter().for_each(|word| assert!(message.contains(word), "{word:?} in {message:?}"));
            assert!(same_bits(&master(&model), &before), "a refused step changed the parameters");
        };
        refused(&mut optimizer, &["backward(&loss)"]);
        let message = |error: Error| {
            assert!(matches!(error, Error::Graph(_)), "{error:?}");
            error.to_string()
        };
        let of_other = message(optimizer.backward_step(&loss(&other, &batch, 0), 0.1).unwrap_err());
        assert!(of_other.contains("another model"), "{of_other}");
        refused(&mut optimizer, &["backward(&loss)"]);
        let x = model.batch(&batch.inputs).unwrap();
        let predicted = model.predict(&x).unwrap().sum(&[], false).unwrap();
        let without = message(optimizer.backward(&predicted).unwrap_err());
        assert!(without.contains("Model::train"), "{without}");
        // What was computed for one step is used once.
        optimizer.backward(&loss(&model, &batch, 0)).unwrap();
        optimizer.gradient("layers.0.kernel").unwrap();
        assert!(optimizer.gradient("layers.1.kernel").is_err());
        optimizer.step(0.0).unwrap();
        assert!(optimizer.gradient("layers.0.kernel").is_err());
        refused(&mut optimizer, &["since the last step"]);
    }
}
