//! Records that tests modify, without training.

use allometry::models::Bytes;
use allometry::sweep::{Outcome, Quality, Record, RunCost, RunVariant, Variant};
use allometry::train::TrainConfig;

/// A completed record of `variant` in which nothing was measured.
pub fn record(variant: &Variant) -> Record {
    Record {
        variant: RunVariant {
            key: variant.key.clone(),
            axis: variant.axis,
            factor: variant.factor,
            also: variant.also.clone(),
            scale: variant.scale,
            architecture: variant.architecture.name.clone(),
            resolution: variant.architecture.resolution(),
            flops_budget: variant.flops,
        },
        config: TrainConfig {
            epochs: variant.epochs,
            seed: variant.seed,
            samples: variant.train_samples,
            ..TrainConfig::default()
        },
        cost: RunCost {
            device: "a device of synthetic records".into(),
            parameters: 0,
            macs: 0,
            training_flops: 0.0,
            samples_seen: 0,
            train_samples: 0,
            samples_per_second: None,
            inference_samples_per_second: None,
            flops_per_second: None,
            peak_bytes: None,
            predicted_peak_bytes: Some(Bytes::default()),
            wall_seconds: 0.0,
        },
        outcome: Outcome::Completed(Quality {
            train_loss: None,
            validation_loss: None,
            validation_accuracy: None,
            curve: Vec::new(),
            skipped_steps: None,
        }),
    }
}
