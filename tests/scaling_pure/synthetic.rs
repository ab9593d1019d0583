//! Plans to try things on, and records as their runs might leave them.

use crate::blank;
use allometry::models::{Architecture, Axis, Bytes, Scale};
use allometry::sweep::{CurvePoint, Plan, Record, Throughput, Variant};

pub fn preset(name: &str) -> Architecture {
    Architecture::preset(name).expect("a preset")
}

pub fn plan(base: Architecture, axes: &[Axis]) -> Plan {
    Plan { axes: axes.to_vec(), seeds: vec![0, 7], ..Plan::new("glyphs", base) }
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
    let mut edited = blank::record(variant);
    edited.cost.device = "<script>alert('cpu')</script>".into();
    edited.cost.parameters = parameters;
    edited.cost.macs = macs;
    edited.cost.training_flops = 6.0 * macs as f64 * 30_000.0;
    edited.cost.samples_seen = 30_000;
    edited.cost.train_samples = 10_000;
    edited.quality_mut().unwrap().train_loss = Some(0.9 * loss);
    edited.quality_mut().unwrap().validation_loss = Some(loss);
    edited.quality_mut().unwrap().validation_accuracy = Some(1.0 - 0.3 * loss);
    edited.quality_mut().unwrap().curve = vec![CurvePoint {
        samples_seen: 30_000,
        validation_loss: loss,
        validation_accuracy: Some(1.0 - 0.3 * loss),
        seconds: 30_000.0 / rate,
    }];
    edited.cost.samples_per_second = Some(Throughput { median: rate, iqr: 0.02 * rate });
    edited.cost.inference_samples_per_second = Some(Throughput { median: 3.0 * rate, iqr: 0.05 * rate });
    edited.cost.flops_per_second = Some(6.0 * macs as f64 * rate);
    edited.cost.peak_bytes = Some(memory);
    edited.cost.predicted_peak_bytes = Some(memory);
    edited.cost.wall_seconds = 30_000.0 / rate;
    edited
}

pub fn records(plan: &Plan) -> Vec<Record> {
    plan.variants().unwrap().iter().map(record).collect()
}
