//! Weight decay, and the parameters that it leaves alone.

use crate::varied::noise;
use allometry::data::{Batch, BatchTargets};
use allometry::nn::{Activation, Dense, Module, Precision, Sequential};
use allometry::optim::{Algorithm, DecayExempt};
use allometry::train::{Loss, OptimizerName, TrainConfig, Trainer};
use allometry::{Device, Tensor};
use std::collections::BTreeMap;

const RATE: f64 = 0.1;
const DECAY: f64 = 0.5;

/// Parameters after one step, by name, from weights that are all noise.
fn after(algorithm: Algorithm, exempt: DecayExempt, precision: Precision) -> BTreeMap<String, Vec<f64>> {
    let device = Device::cpu();
    let layers = Sequential::new().add(Dense::new(3).activation(Activation::Tanh)).add(Dense::new(2));
    let model = layers.build_in(precision, &device, &[4], 0).unwrap();
    let names: Vec<(String, usize)> = (model.parameters().iter())
        .map(|(name, value): (&str, &Tensor)| (name.to_string(), value.shape().elements()))
        .collect();
    for (name, length) in &names {
        model.parameters().set(name, &noise(*length, 7 + *length as u32)).unwrap();
    }
    let batch = Batch { size: 2, inputs: noise(8, 1), targets: BatchTargets::Values(noise(4, 2)) };
    let trainer = Trainer::new(&model, Loss::mse(), algorithm).unwrap();
    trainer.with_decay_exempt(exempt).step(&batch, RATE).unwrap();
    let value = |name: &str| model.parameters().get(name).unwrap().to_f64().unwrap();
    names.iter().map(|(name, _)| (name.clone(), value(name))).collect()
}

#[test]
fn vectors_are_exempt_where_asked() {
    for &optimizer in OptimizerName::ALL {
        let with = |decay| {
            TrainConfig { optimizer, momentum: 0.9, weight_decay: Some(decay), ..TrainConfig::default() }
                .algorithm()
        };
        let (algorithm, plain) = (with(DECAY), with(0.0));
        if algorithm.weight_decay() == 0.0 {
            assert_eq!(algorithm, plain, "the rule has no decay");
            continue;
        }
        assert_eq!(algorithm.weight_decay(), DECAY);
        for precision in Precision::ALL {
            let free = after(plain, DecayExempt::None, precision);
            let all = after(algorithm, DecayExempt::None, precision);
            let matrices = after(algorithm, DecayExempt::Vectors, precision);
            for (name, values) in &free {
                let bias = name.ends_with("bias");
                assert_ne!(values, &all[name], "{name} decays");
                assert_eq!(values == &matrices[name], bias, "{name}, {precision}");
                assert_eq!(all[name] == matrices[name], !bias, "{name}, {precision}");
            }
        }
    }
}

#[test]
fn a_rule_without_decay_is_not_changed() {
    let adam = |exempt| after(Algorithm::adam(), exempt, Precision::F32);
    assert_eq!(adam(DecayExempt::None), adam(DecayExempt::Vectors));
}
