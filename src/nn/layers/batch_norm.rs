//! Batch normalisation (Ioffe and Szegedy 2015, [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)).

use super::activation::Activation;
use crate::error::{Error, Result};
use crate::nn::{Definition, Initializer, Mode, Module, Scope};
use crate::ops::batch_norm::updated_statistics;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// `f(γ·(x − mean)/√(variance + ε) + β)`, channel by channel of `[…, channels]`. In training mean and variance are
/// those of the batch over all axes but the last; in evaluation they are running ones.
///
/// The parameters `gamma` and `beta` and the buffers `moving_mean` and `moving_variance` are `[channels]`; they start
/// at 1, 0, 0 and 1. Each training step moves the running statistics towards those of its batch, the variance as
/// PyTorch does: towards the unbiased one, n/(n − 1) times that by which the batch is divided. In mixed precision all
/// statistics are f32.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    momentum: f32,
    epsilon: f32,
    activation: Activation,
}

impl Default for BatchNorm {
    fn default() -> BatchNorm {
        BatchNorm::new()
    }
}

impl BatchNorm {
    /// The layer with the defaults of PyTorch, which short trainings need: a momentum of 0.9 and an ε of 1e-5. (Those
    /// of Keras are 0.99 and 1e-3.) It is linear.
    pub fn new() -> BatchNorm {
        BatchNorm { momentum: 0.9, epsilon: 1e-5, activation: Activation::Linear }
    }

    /// The share of the running statistics that a training step keeps, at least 0 and below 1; 0.9 by default. (It is
    /// that of Keras. PyTorch's `momentum` is the rest of it, the share that is new.)
    pub fn momentum(mut self, momentum: f32) -> BatchNorm {
        self.momentum = momentum;
        self
    }

    /// What is added to the variance; 1e-5 by default.
    pub fn epsilon(mut self, epsilon: f32) -> BatchNorm {
        self.epsilon = epsilon;
        self
    }

    /// The function that the output passes through, in the same dispatch; linear by default.
    pub fn activation(mut self, activation: Activation) -> BatchNorm {
        self.activation = activation;
        self
    }

    /// The factor s and the offset b of each channel, for which `x·s + b` is this layer in evaluation, without its
    /// activation; f32 in mixed precision.
    pub(in crate::nn) fn affine(
        &self,
        [gamma, beta]: [&Tensor; 2],
        [mean, variance]: [&Tensor; 2],
    ) -> Result<[Tensor; 2]> {
        let epsilon = Tensor::full(variance.device(), variance.dtype(), [], self.epsilon)?;
        let factor = variance.add(&epsilon)?.rsqrt()?.mul(&gamma.cast(variance.dtype())?)?;
        let offset = beta.cast(variance.dtype())?.sub(&mean.mul(&factor)?)?;
        Ok([factor, offset])
    }
}

/// The number of channels, the last axis.
pub(super) fn channels_of(kind: &'static str, input: &[usize]) -> Result<usize> {
    input.last().copied().ok_or_else(|| {
        let expected = "at least one axis: the last holds the channels";
        Error::shape(kind, &[Shape::truncated(input)], expected)
    })
}

/// Checks an ε.
pub(super) fn check_epsilon(kind: &'static str, epsilon: f32) -> Result<()> {
    if epsilon > 0.0 && epsilon.is_finite() {
        return Ok(());
    }
    Err(Error::argument(kind, "epsilon", epsilon, "a positive number"))
}

impl Module for BatchNorm {
    fn kind(&self) -> &'static str {
        "BatchNormalization"
    }

    fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
        let channels = channels_of(self.kind(), input)?;
        check_epsilon(self.kind(), self.epsilon)?;
        if !(0.0..1.0).contains(&self.momentum) {
            return Err(Error::argument(self.kind(), "momentum", self.momentum, "at least 0 and below 1"));
        }
        definition.parameter("gamma", &[channels], Initializer::Ones);
        definition.parameter("beta", &[channels], Initializer::Zeros);
        definition.buffer("moving_mean", &[channels], Initializer::Zeros);
        definition.buffer("moving_variance", &[channels], Initializer::Ones);
        Ok(input.to_vec())
    }

    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
        let (gamma, beta) = (scope.parameter("gamma")?, scope.parameter("beta")?);
        let old = [scope.buffer("moving_mean")?, scope.buffer("moving_variance")?];
        let function = self.activation.function();
        let Mode::Train(_) = scope.mode() else {
            return x.batch_norm_with(old.each_ref(), [gamma, beta], self.epsilon, function);
        };
        let normalized = x.batch_norm(gamma, beta, self.epsilon, function)?;
        let rows = x.shape().elements() / gamma.shape().elements();
        let batch = [&normalized.mean, &normalized.variance];
        let [mean, variance] = updated_statistics(batch, old.each_ref(), rows, self.momentum)?;
        scope.set_buffer("moving_mean", &mean)?;
        scope.set_buffer("moving_variance", &variance)?;
        Ok(normalized.output)
    }
}
