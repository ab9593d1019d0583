//! Plans and records for tests to vary, without a run.

use allometry::models::{Architecture, Axis, Bytes, Compound};
use allometry::nn::Precision;
use allometry::sweep::{Plan, Record, Status, Variant};
use allometry::train::TrainConfig;

/// A plan that varies the width, with one seed.
pub fn plan(architecture: Architecture) -> Plan {
    Plan {
        dataset: "glyphs".into(),
        target_columns: Vec::new(),
        axes: vec![Axis::Width],
        factors: vec![0.5, 1.0, 2.0],
        seeds: vec![0],
        samples: Vec::new(),
        flops: Vec::new(),
        epochs: Vec::new(),
        most_seen: None,
        whole_set: None,
        predict: 0,
        config: TrainConfig::default(),
        compound: Compound::default(),
        data: Vec::new(),
        earlier: Vec::new(),
        architecture,
    }
}

/// A completed record of `variant` in which nothing was measured.
pub fn record(variant: &Variant) -> Record {
    let TrainConfig { batch, learning_rate, .. } = TrainConfig::default();
    Record {
        key: variant.key.clone(),
        axis: variant.axis,
        factor: variant.factor,
        also: variant.also.clone(),
        scale: variant.scale,
        architecture: variant.architecture.name.clone(),
        resolution: variant.architecture.resolution(),
        seed: variant.seed,
        device: "a device of synthetic records".into(),
        epochs: variant.epochs,
        batch,
        learning_rate,
        precision: Precision::F32,
        recompute: false,
        clip_norm: None,
        parameters: 0,
        macs: 0,
        training_flops: 0.0,
        samples_seen: 0,
        train_samples: 0,
        flops_budget: variant.flops,
        skipped_steps: None,
        train_loss: None,
        validation_loss: None,
        validation_accuracy: None,
        curve: Vec::new(),
        samples_per_second: None,
        inference_samples_per_second: None,
        flops_per_second: None,
        peak_bytes: None,
        predicted_peak_bytes: Some(Bytes::default()),
        wall_seconds: 0.0,
        status: Status::Completed,
        reason: None,
    }
}
