//! What a sweep runs: a base model, a data set, axes × factors × seeds, and one schedule for all of them.

use super::architecture::Architecture;
use super::axis::{Axis, Compound, Scale};
use super::record::Place;
use super::step::StepOptions;
use crate::error::{Error, Result};
use crate::nn::Precision;
use serde::{Deserialize, Serialize};

/// A sweep as data. Two equal plans train the same models to the same numbers on the same device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Name of the data set.
    pub dataset: String,
    /// Columns of a table that are predicted; empty for the last one, and for sets that are no table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_columns: Vec<String>,
    /// Axes to scale along.
    pub axes: Vec<Axis>,
    /// Factors tried on every axis; 1 is the base model.
    pub factors: Vec<f64>,
    /// One run of each model for each seed.
    pub seeds: Vec<u64>,
    /// How each model is trained.
    pub schedule: Schedule,
    /// Coefficients of the compound axis.
    #[serde(default)]
    pub compound: Compound,
    /// The base model, as it is at factor 1: input and output already fit the data set.
    pub architecture: Architecture,
}

/// How each model of a sweep is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Passes over the training samples.
    pub epochs: usize,
    /// Samples a step.
    pub batch: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// In which types the models are stored.
    #[serde(default, skip_serializing_if = "Precision::is_f32")]
    pub precision: Precision,
    /// Whether activations are computed again in the backward pass rather than kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recompute: bool,
    /// The most that the norm of all gradients together may be; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Training samples an epoch; the whole set when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_samples: Option<usize>,
    /// Validation samples; the whole set when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_samples: Option<usize>,
}

impl Schedule {
    /// How each step computes.
    pub fn step(&self) -> StepOptions {
        StepOptions {
            batch: self.batch,
            precision: self.precision,
            recompute: self.recompute,
            clip_norm: self.clip_norm,
            ..StepOptions::default()
        }
    }
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule {
            epochs: 3,
            batch: 64,
            learning_rate: 1e-3,
            precision: Precision::F32,
            recompute: false,
            clip_norm: None,
            train_samples: None,
            validation_samples: None,
        }
    }
}

/// One run of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Names the run within its plan, on disk and in logs: `base-s0`, `width-2-s0`. It depends on the plan
    /// alone.
    pub key: String,
    /// The axis it stands on.
    pub axis: Axis,
    /// Its factor on that axis.
    pub factor: f64,
    /// Other places of the plan's grid with the same model, which is trained once.
    pub also: Vec<Place>,
    /// The coefficients that made it from the base model.
    pub scale: Scale,
    /// The model itself.
    pub architecture: Architecture,
    /// Seed of initialisation, data order and dropout.
    pub seed: u64,
}

impl Plan {
    /// Reads and validates a plan.
    pub fn from_toml(text: &str) -> Result<Plan> {
        let plan: Plan = toml::from_str(text)
            .map_err(|e| Error::Config { what: "plan".to_string(), problem: e.to_string() })?;
        plan.validate()?;
        Ok(plan)
    }

    /// The TOML that [`Plan::from_toml`] reads back to an equal plan.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| Error::Config { what: "plan".to_string(), problem: e.to_string() })
    }

    /// Checks that every variant can be made.
    pub fn validate(&self) -> Result<()> {
        self.variants().map(|_| ())
    }

    /// Every run, each model once. All models come with the first seed before any comes with the second, so
    /// that a sweep cut short has the whole picture coarsely rather than a part of it finely.
    ///
    /// Several places of the grid can hold the same model: factor 1 is the base model on every axis, and
    /// rounding maps near factors to one size. Such a model is one run; it stands where its factor is nearest
    /// to 1, and [`Variant::also`] has its other places.
    pub fn variants(&self) -> Result<Vec<Variant>> {
        self.check_lists()?;
        self.architecture.validate()?;
        let models = self.models()?;
        let runs = self.seeds.iter().flat_map(|&seed| {
            models.iter().map(move |model| {
                let stem = if model.scale == Scale::BASE {
                    "base".to_string()
                } else {
                    format!("{}-{}", model.axis, model.factor)
                };
                Variant { key: format!("{stem}-s{seed}"), seed, ..model.clone() }
            })
        });
        Ok(runs.collect())
    }

    /// Every different model, with no key and no seed yet.
    fn models(&self) -> Result<Vec<Variant>> {
        let mut places = Vec::with_capacity(self.axes.len() * self.factors.len());
        for &axis in &self.axes {
            for &factor in &self.factors {
                let scale = axis.scale(factor, &self.compound, &self.architecture)?;
                places.push((Place { axis, factor }, scale, scale.apply(&self.architecture)?));
            }
        }
        // A stable sort: among equals, the order of the plan decides.
        places.sort_by(|a, b| a.0.factor.ln().abs().total_cmp(&b.0.factor.ln().abs()));
        let mut models: Vec<Variant> = Vec::new();
        for (place, scale, architecture) in places {
            match models.iter_mut().find(|model| model.architecture == architecture) {
                Some(model) => model.also.push(place),
                None => models.push(Variant {
                    key: String::new(),
                    axis: place.axis,
                    factor: place.factor,
                    also: Vec::new(),
                    scale,
                    architecture,
                    seed: 0,
                }),
            }
        }
        Ok(models)
    }

    fn check_lists(&self) -> Result<()> {
        let fail = |problem: String| Err(Error::Config { what: "plan".into(), problem });
        let Schedule { epochs, batch, learning_rate, train_samples, validation_samples, .. } = self.schedule;
        if epochs == 0 || batch == 0 || train_samples == Some(0) || validation_samples == Some(0) {
            return fail("epochs, batch and numbers of samples must be at least 1".into());
        }
        if !(learning_rate > 0.0 && learning_rate.is_finite()) {
            return fail(format!("the learning rate is {learning_rate}; it must be finite and above zero"));
        }
        if let Some(norm) = self.schedule.clip_norm.filter(|&norm| !(norm > 0.0 && norm.is_finite())) {
            return fail(format!("gradients are clipped to {norm}; it must be finite and above zero"));
        }
        for (empty, what) in [
            (self.axes.is_empty(), "axis"),
            (self.factors.is_empty(), "factor"),
            (self.seeds.is_empty(), "seed"),
        ] {
            if empty {
                return fail(format!("there is no {what}; name at least one"));
            }
        }
        if let Some(axis) = repeated(&self.axes) {
            return fail(format!("axis {axis} stands twice"));
        }
        if let Some(factor) = repeated(&self.factors) {
            return fail(format!("factor {factor} stands twice"));
        }
        if let Some(seed) = repeated(&self.seeds) {
            return fail(format!("seed {seed} stands twice"));
        }
        Ok(())
    }

    /// Names of the parts in which two plans differ; empty when they are the same sweep.
    pub fn differences(&self, other: &Plan) -> Vec<&'static str> {
        [
            ("dataset", self.dataset != other.dataset),
            ("target_columns", self.target_columns != other.target_columns),
            ("axes", self.axes != other.axes),
            ("factors", self.factors != other.factors),
            ("seeds", self.seeds != other.seeds),
            ("schedule", self.schedule != other.schedule),
            ("compound", self.compound != other.compound),
            ("architecture", self.architecture != other.architecture),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }
}

fn repeated<T: PartialEq>(list: &[T]) -> Option<&T> {
    list.iter().enumerate().find(|(i, item)| list[..*i].contains(item)).map(|(_, item)| item)
}
