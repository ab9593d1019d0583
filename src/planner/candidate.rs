//! The models that could be trained: on each axis every architecture that rounding produces, from half the smallest
//! trained factor, or from the base model, upwards.

use super::evidence::Evidence;
use crate::data::resample::check_resolution;
use crate::error::Result;
use crate::models::architecture::Architecture;
use crate::models::axis::{Axis, Scale};
use crate::models::cost::{Cost, predicted_peak};
use crate::sweep::plan::Plan;
use serde::Serialize;
use std::fmt;

/// The ratio of neighbouring factors. Widths are multiples of 8 and depths whole blocks, so smaller steps find hardly
/// any further architecture.
const STEP: f64 = 1.02;

/// How many times larger than the largest trained model a candidate may be, even with `--far`.
const LARGEST: f64 = 1000.0;

/// The smallest candidate, relative to the smallest trained factor: for long trainings the best model can be smaller
/// than all runs.
const SMALLER: f64 = 0.5;

/// Two models are different suggestions if their depths, widths or resolutions differ by this factor.
const DIFFERENT: f64 = 1.2;

/// A model that could be trained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// Its axis.
    pub axis: Axis,
    /// Its factor on the axis.
    pub factor: f64,
    /// Its scale relative to the base model.
    pub scale: Scale,
    /// The scaled architecture.
    pub architecture: Architecture,
    /// Number of parameters.
    pub parameters: u64,
    /// MACs of one sample's forward pass.
    pub macs: u64,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scale == Scale::BASE {
            f.write_str("base")
        } else {
            write!(f, "{} ×{}", self.axis, self.factor)
        }
    }
}

impl Candidate {
    /// Whether the two differ enough to be suggested side by side.
    pub fn differs_from(&self, other: &Candidate) -> bool {
        let ratios = [
            self.scale.depth / other.scale.depth,
            self.scale.width / other.scale.width,
            self.scale.resolution / other.scale.resolution,
        ];
        let furthest = ratios.into_iter().map(|ratio| ratio.ln().abs()).fold(0.0, f64::max);
        // Rounded factors of one grid may be slightly closer than its steps.
        self.architecture != other.architecture && furthest >= DIFFERENT.ln() - 1e-3
    }
}

/// The models on one axis, the smallest first, and the law that predicts their losses.
#[derive(Debug, Clone)]
pub struct Field {
    /// The law of the axis and its runs.
    pub evidence: Evidence,
    /// Every different architecture.
    pub candidates: Vec<Candidate>,
    /// How many of them fit into memory, counted from the smallest.
    pub fitting: usize,
    /// Indices of models that do not learn in their first steps.
    pub vetoed: Vec<usize>,
}

impl Field {
    /// Lists the models on an axis of a sweep. `memory` limits the bytes that training one may take.
    ///
    /// # Errors
    /// A base model whose cost cannot be counted.
    pub fn new(plan: &Plan, evidence: Evidence, memory: Option<u64>) -> Result<Field> {
        let mut candidates: Vec<Candidate> = Vec::new();
        // The base model is a candidate even if only larger ones were trained.
        let least = (SMALLER * evidence.factors.0).min(1.0);
        let first = (least.ln() / STEP.ln()).floor() as i32;
        for power in first.. {
            // The factor is rounded to the digits that are shown, so the shown factor reproduces the model.
            let factor = three_digits(STEP.powi(power)).max(least);
            // Beyond some factor no model exists: the factor or the image is too large.
            let Ok(candidate) = candidate(plan, evidence.axis, factor) else { break };
            if candidate.macs as f64 > LARGEST * evidence.macs.1 {
                break;
            }
            match candidates.last_mut().filter(|last| last.architecture == candidate.architecture) {
                None => candidates.push(candidate),
                // If rounding makes models equal, the factor nearest to 1 names the model, as in a sweep.
                Some(last) if candidate.factor <= 1.0 => *last = candidate,
                Some(_) => {}
            }
        }
        let step = plan.config;
        let fits = |candidate: &Candidate| {
            let peak = predicted_peak(&candidate.architecture, &step);
            peak.is_ok_and(|peak| memory.is_none_or(|memory| peak.total() <= memory))
        };
        // Memory grows with the factor.
        let fitting = candidates.partition_point(fits);
        Ok(Field { evidence, candidates, fitting, vetoed: Vec::new() })
    }
}

fn candidate(plan: &Plan, axis: Axis, factor: f64) -> Result<Candidate> {
    let scale = axis.scale(factor, &plan.compound, &plan.architecture)?;
    let architecture = scale.apply(&plan.architecture)?;
    if let Some(resolution) = architecture.resolution() {
        check_resolution(resolution)?;
    }
    let cost = Cost::of(&architecture)?;
    Ok(Candidate { axis, factor, scale, architecture, parameters: cost.parameters, macs: cost.macs })
}

/// Rounds to three digits, as factors are shown.
fn three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}
