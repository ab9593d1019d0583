//! An exponential moving average of a model's weights.

use crate::autograd::no_grad;
use crate::device::memory::{Category, allocating};
use crate::error::{Error, Result};
use crate::nn::Model;
use crate::optim::rules::With;
use crate::optim::rules::sgd::{SgdStep, sgd};
use crate::tensor::Tensor;

/// The averages of all parameters, laid out like them, and of all buffers:
///
/// a ← a + (1 − d)·(w − a) after each step, with d = min(decay, (1 + step) / (10 + step)).
///
/// This is `tf.train.ExponentialMovingAverage` with its number of updates, as EfficientNet's training uses it: early
/// averages forget the initial weights.
pub(super) struct Average {
    decay: f64,
    flat: Vec<Tensor>,
    buffers: Vec<Tensor>,
}

impl Average {
    /// Averages that begin as the present values.
    ///
    /// # Errors
    /// [`Error::Argument`] for a decay that is not from 0 to below 1; errors of the device.
    pub fn new(model: &Model, decay: f64) -> Result<Average> {
        if !(0.0..1.0).contains(&decay) {
            return Err(Error::argument("train", "average", decay, "a decay of at least 0 and below 1"));
        }
        let flat = model.parameters().master().iter().map(copy).collect::<Result<_>>()?;
        let buffers = model.buffers().iter().map(|(_, values)| copy(&values)).collect::<Result<_>>()?;
        Ok(Average { decay, flat, buffers })
    }

    /// Takes in the values after step number `step`, counted from 1.
    pub fn update(&self, model: &Model, step: u64) -> Result<()> {
        let decay = self.decay.min((1.0 + step as f64) / (10.0 + step as f64));
        // With weight decay −1 and the learning rate −(1 − d), descent computes a + (1 − d)·(w − a).
        let step =
            SgdStep { rate: decay - 1.0, weight_decay: -1.0, momentum: 0.0, nesterov: false, first: false };
        let toward = |average: &Tensor, values: &Tensor| sgd(average, values, None, &step, With::Nothing);
        self.flat.iter().zip(model.parameters().master()).try_for_each(|(a, w)| toward(a, w))?;
        self.buffers.iter().zip(model.buffers().iter()).try_for_each(|(a, (_, b))| toward(a, &b))
    }

    /// The averages by name, parameters and buffers.
    pub fn named(&self, model: &Model) -> Vec<(String, Tensor)> {
        let buffers = model.buffers().iter().zip(&self.buffers);
        let buffers = buffers.map(|((name, _), average)| (name.to_string(), average.clone()));
        let parameters = model.parameters().named(&self.flat);
        parameters.map(|(name, average)| (name.to_string(), average)).chain(buffers).collect()
    }

    /// Makes the averages the model's values.
    pub fn write_into(&self, model: &Model) -> Result<()> {
        set(model, &self.flat, &self.buffers)
    }

    /// Runs `evaluation` while the averages are the model's values, and restores those then. The averages and a copy of
    /// the parameters are both on the device meanwhile.
    pub fn lend<T>(&self, model: &Model, evaluation: impl FnOnce() -> Result<T>) -> Result<T> {
        let kept = model.parameters().master().iter().map(copy).collect::<Result<Vec<_>>>()?;
        let buffers: Vec<Tensor> = model.buffers().iter().map(|(_, values)| values).collect();
        self.write_into(model)?;
        let result = evaluation();
        set(model, &kept, &buffers)?;
        result
    }
}

/// A copy in memory of its own.
fn copy(values: &Tensor) -> Result<Tensor> {
    let _category = allocating(Category::Optimizer);
    let own = Tensor::empty("average", values.device(), values.dtype(), values.shape())?;
    no_grad(|| values.detach().copy_into(&own))?;
    Ok(own)
}

/// Sets all parameters, laid out like [`master`](crate::nn::Parameters::master), and all buffers.
fn set(model: &Model, flat: &[Tensor], buffers: &[Tensor]) -> Result<()> {
    flat.iter().zip(model.parameters().master()).try_for_each(|(values, own)| values.copy_into(own))?;
    model.buffers().overwrite(buffers)?;
    model.parameters().refresh()
}
