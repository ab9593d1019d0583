//! A training step observed module by module: how large outputs, gradients and updates are.

use super::samples::Samples;
use super::trainer::Trainer;
use crate::autograd::no_grad;
use crate::data::Batch;
use crate::device::DType;
use crate::device::memory::{Category, allocating};
use crate::error::{Error, Result};
use crate::nn::observe::observing;
use crate::shape::Shape;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::Range;

/// What a training step does in each module.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Observation {
    /// The number of the step, counted from 1.
    pub step: u64,
    /// The modules that own parameters, in the order of the model.
    pub modules: Vec<ObservedModule>,
}

/// A module in a training step. Values that are not finite are `None`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ObservedModule {
    /// Its dotted name.
    pub name: String,
    /// Root mean square of its output, or of the output of the module around it where that computes both in one.
    pub activation: Option<f64>,
    /// Norm of the gradient of its parameters, unscaled and before clipping. 0 also where all squares are below the
    /// smallest number of f32: gradients of less than about 1e-23.
    pub gradient: Option<f64>,
    /// Norm of its parameters before the step.
    pub weight: Option<f64>,
    /// Norm of the change of its parameters.
    pub update: Option<f64>,
}

impl ObservedModule {
    /// The norm of the change over the norm of the parameters: about 1e-3 in a training at a good learning rate. `None`
    /// where the parameters are zero.
    pub fn update_ratio(&self) -> Option<f64> {
        let weight = self.weight.filter(|&weight| weight > 0.0)?;
        self.update.map(|update| update / weight)
    }
}

/// Steps of a training that are observed: the first one, the last one, and about this many between them.
const POINTS: u64 = 40;

/// Whether step number `step`, counted from 1, of `total` steps is among those that are observed.
pub fn is_observed(step: u64, total: u64) -> bool {
    step == 1 || step == total || step.is_multiple_of(total.div_ceil(POINTS))
}

impl Trainer<'_> {
    /// Runs one training step as [`Trainer::step`] does, with the same bits, and observes it. Needs memory for a copy of
    /// the parameters meanwhile. Waits for the device.
    ///
    /// # Errors
    /// Those of [`Trainer::step`].
    pub fn step_observed(&mut self, batch: &Batch, rate: f64) -> Result<Observation> {
        let samples = Samples::Host(Cow::Borrowed(batch));
        let before: Vec<Tensor> =
            self.model().parameters().master().iter().map(copy).collect::<Result<_>>()?;
        let ((), outputs) = observing(mean_square, || self.backward(&samples))?;
        let mut scalars = Scalars::default();
        let names: Vec<String> = self.model().parameters().iter().map(|(name, _)| name.to_string()).collect();
        for name in &names {
            scalars.add(square_sum(&self.optimizer().gradient(name)?)?);
        }
        self.update(rate)?;
        let parameters = self.model().parameters();
        for ((_, before), (_, after)) in parameters.named(&before).zip(parameters.master_values()) {
            scalars.add(square_sum(&before)?);
            scalars.add(square_sum(&no_grad(|| after.sub(&before))?)?);
        }
        outputs.iter().for_each(|(_, output)| scalars.add(output.clone()));

        let values = scalars.read()?;
        let (gradients, rest) = values.split_at(names.len());
        let (pairs, squares) = rest.split_at(2 * names.len());
        let norm = |squares: &mut dyn Iterator<Item = f64>| finite(squares.sum::<f64>().sqrt());
        let observed = |(name, own): (&str, Range<usize>)| {
            let around = outputs.iter().zip(squares).filter(|((outer, _), _)| encloses(outer, name));
            let nearest = around.max_by_key(|((outer, _), _)| outer.len());
            ObservedModule {
                name: name.to_string(),
                activation: nearest.and_then(|(_, square)| finite(square.sqrt())),
                gradient: norm(&mut own.clone().map(|index| gradients[index])),
                weight: norm(&mut own.clone().map(|index| pairs[2 * index])),
                update: norm(&mut own.map(|index| pairs[2 * index + 1])),
            }
        };
        Ok(Observation { step: self.steps(), modules: by_module(&names).into_iter().map(observed).collect() })
    }

    /// Where the first value that is not finite occurs on the way from `batch` to the loss, in parentheses; empty if
    /// nowhere. The pass is one of training, and changes the buffers.
    pub(super) fn origin(&self, batch: &Batch) -> Result<String> {
        let samples = Samples::Host(Cow::Borrowed(batch));
        let x = samples.inputs(self.model())?;
        if !largest_of(&x)?.item()?.is_finite() {
            return Ok(" (first not finite: the inputs)".to_string());
        }
        let (_, outputs) = observing(largest_of, || no_grad(|| self.model().train(&x, self.steps())))?;
        for (name, largest) in outputs {
            if largest.item()?.is_finite() {
                continue;
            }
            let mut own =
                self.model().parameters().iter().filter(|(parameter, _)| encloses(&name, parameter));
            let lost = own.try_fold(false, |lost, (_, value)| {
                Ok::<bool, Error>(lost || !largest_of(value)?.item()?.is_finite())
            })?;
            let weights = if lost { ", as are its weights" } else { "" };
            return Ok(format!(" (first not finite: the output of {name}{weights})"));
        }
        Ok(String::new())
    }
}

/// The modules that own the parameters `names`, each with the places of its parameters, which are neighbours.
fn by_module(names: &[String]) -> Vec<(&str, Range<usize>)> {
    let mut modules: Vec<(&str, Range<usize>)> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let module = name.rsplit_once('.').map_or("", |(module, _)| module);
        match modules.last_mut() {
            Some((last, own)) if *last == module => own.end = index + 1,
            _ => modules.push((module, index..index + 1)),
        }
    }
    modules
}

/// Whether `name` is that of the module `outer` or of something in it.
fn encloses(outer: &str, name: &str) -> bool {
    outer.is_empty() || name.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn copy(values: &Tensor) -> Result<Tensor> {
    let _category = allocating(Category::Workspace);
    let own = Tensor::empty("watch", values.device(), values.dtype(), values.shape())?;
    no_grad(|| values.detach().copy_into(&own))?;
    Ok(own)
}

fn square_sum(values: &Tensor) -> Result<Tensor> {
    no_grad(|| values.detach().cast(DType::F32)?.square()?.sum(&[], false))
}

fn mean_square(values: &Tensor) -> Result<Tensor> {
    no_grad(|| values.detach().cast(DType::F32)?.square()?.mean(&[], false))
}

fn largest_of(values: &Tensor) -> Result<Tensor> {
    no_grad(|| values.detach().cast(DType::F32)?.abs()?.max(&[], false))
}

/// Numbers on the device that are read together.
#[derive(Default)]
struct Scalars(Vec<Tensor>);

impl Scalars {
    fn add(&mut self, scalar: Tensor) {
        self.0.push(scalar);
    }

    /// Waits for the device.
    fn read(&self) -> Result<Vec<f64>> {
        let Some(first) = self.0.first() else { return Ok(Vec::new()) };
        let _category = allocating(Category::Workspace);
        let all = Tensor::empty("watch", first.device(), DType::F32, Shape::from([self.0.len()]))?;
        for (index, scalar) in self.0.iter().enumerate() {
            scalar.copy_into(&all.part(index, scalar.shape()))?;
        }
        all.to_f64()
    }
}
