//! A plan that tests modify.

use allometry::models::{Architecture, Axis, Compound};
use allometry::sweep::Plan;
use allometry::train::TrainConfig;

/// A plan that varies the width, with one seed.
pub fn plan(architecture: Architecture) -> Plan {
    Plan {
        dataset: "glyphs".into(),
        target_columns: Vec::new(),
        table: Default::default(),
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
