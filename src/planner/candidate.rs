//! The models that could be trained: on each axis every architecture that rounding gives, from half the smallest factor that
//! was trained, or the base model, up.

use super::evidence::Evidence;
use crate::data::resample::check_resolution;
use crate::error::Result;
use crate::models::architecture::Architecture;
use crate::models::axis::{Axis, Scale};
use crate::models::cost::{Cost, predicted_peak};
use crate::sweep::plan::Plan;
use serde::Serialize;
use std::fmt;

/// From one factor to the next. Widths come in multiples of 8 and depths in whole blocks, so that smaller steps find
/// next to no further architecture.
const STEP: f64 = 1.02;

/// How many times larger than the largest that was trained a model may be: beyond, not even `--far` looks.
const LARGEST: f64 = 1000.0;

/// The smallest candidate, by the smallest factor that was trained: for long trainings, the best model can be smaller than all
/// of the runs.
const SMALLER: f64 = 0.5;

/// Two models are different suggestions if one is this much deeper, wider or sharper than the other.
const DIFFERENT: f64 = 1.2;

/// One model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// The axis it stands on.
    pub axis: Axis,
    /// Its factor there.
    pub factor: f64,
    /// The coefficients that make it from the base model.
    pub scale: Scale,
    /// The model itself.
    pub architecture: Architecture,
    /// Trained values.
    pub parameters: u64,
    /// Multiply–adds of one sample's forward pass.
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
    /// Whether the two are worth being suggested side by side.
    pub fn differs_from(&self, other: &Candidate) -> bool {
        let ratios = [
            self.scale.depth / other.scale.depth,
            self.scale.width / other.scale.width,
            self.scale.resolution / other.scale.resolution,
        ];
        let furthest = ratios.into_iter().map(|ratio| ratio.ln().abs()).fold(0.0, f64::max);
        // Rounded factors of one grid may be a little closer than its steps.
        self.architecture != other.architecture && furthest >= DIFFERENT.ln() - 1e-3
    }
}

/// The models on one axis, the smallest first, and the law they are judged by.
#[derive(Debug, Clone)]
pub struct Field {
    /// What is known of the axis.
    pub evidence: Evidence,
    /// Every different architecture.
    pub candidates: Vec<Candidate>,
    /// How many of them, from the smallest on, fit into memory.
    pub fitting: usize,
    /// Places of those whose first steps showed that they don't learn.
    pub vetoed: Vec<usize>,
}

impl Field {
    /// Lists the models on an axis of a sweep. `memory` is the most bytes that training one may take.
    pub fn new(plan: &Plan, evidence: Evidence, memory: Option<u64>) -> Result<Field> {
        let mut candidates: Vec<Candidate> = Vec::new();
        // The base model is a candidate also where only larger ones were trained.
        let least = (SMALLER * evidence.factors.0).min(1.0);
        let first = (least.ln() / STEP.ln()).floor() as i32;
        for power in first.. {
            // What is shown is what was used: three digits make the model again.
            let factor = three_digits(STEP.powi(power)).max(least);
            // Beyond some factor there is no model: a factor or an image can be too large.
            let Ok(candidate) = candidate(plan, evidence.axis, factor) else { break };
            if candidate.macs as f64 > LARGEST * evidence.macs.1 {
                break;
            }
            match candidates.last_mut().filter(|last| last.architecture == candidate.architecture) {
                None => candidates.push(candidate),
                // Of factors that rounding makes equal, the nearest to 1 names the model, as in a sweep.
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

/// Rounded as it is shown, to the number that the text stands for.
fn three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}
