//! Plans to try things on, and records as their runs might leave them.

use crate::blank;
use allometry::models::{Architecture, Axis, Bytes, Scale};
use allometry::sweep::{CurvePoint, Plan, Record, Throughput, Variant};

pub fn preset(name: &str) -> Architecture {
    Architecture::preset(name).expect("a preset")
}

pub fn plan(base: Architecture, axes: &[Axis]) -> Plan {
    Plan { axes: axes.to_vec(), seeds: vec![0, 7], ..blank::plan(base) }
}

/// A record as a run of `variant` might leave it; its numbers follow simple laws of the scale.
pub fn record(variant: &Variant) -> Record {
    let Scale { depth, width, resolution } = variant.scale;
    let parameters = (70_000.0 * depth * width * width) as u64;
    let macs = (5_500_000.0 * depth * (width * resolution).powi(2)) as u64;
    let wobble = 1.0 + 0.01 * variant.seed as f64;
    let loss = 0.5 * (macs as f64 / 5.5e6).powf(-0.2) * wobble;
    let rate = 2000.0 * 5.5e6 / macs as f64 * wobble;
    let memory = Bytes {
        parameters: 4 * parameters,
        gradients: 4 * parameters,
        optimizer: 8 * parameters,
        activations: macs,
        workspace: 65_536,
    };
    Record {
        device: "<script>alert('cpu')</script>".into(),
        parameters,
        macs,
        training_flops: 6.0 * macs as f64 * 30_000.0,
        samples_seen: 30_000,
        train_samples: 10_000,
        train_loss: Some(0.9 * loss),
        validation_loss: Some(loss),
        validation_accuracy: Some(1.0 - 0.3 * loss),
        curve: vec![CurvePoint {
            samples_seen: 30_000,
            validation_loss: loss,
            validation_accuracy: Some(1.0 - 0.3 * loss),
            seconds: 30_000.0 / rate,
        }],
        samples_per_second: Some(Throughput { median: rate, iqr: 0.02 * rate }),
        inference_samples_per_second: Some(Throughput { median: 3.0 * rate, iqr: 0.05 * rate }),
        flops_per_second: Some(6.0 * macs as f64 * rate),
        peak_bytes: Some(memory),
        predicted_peak_bytes: Some(memory),
        wall_seconds: 30_000.0 / rate,
        ..blank::record(variant)
    }
}

pub fn records(plan: &Plan) -> Vec<Record> {
    plan.variants().unwrap().iter().map(record).collect()
}
