//! Group normalisation (Wu and He 2018, [arXiv:1803.08494](https://arxiv.org/abs/1803.08494)).

use super::activation::Activation;
use super::batch_norm::{channels_of, check_epsilon};
use crate::error::{Error, Result};
use crate::nn::{Definition, Initializer, Module, Scope};
use crate::tensor::Tensor;

/// `f(γ·(x − mean)/√(variance + ε) + β)` of `[…, channels]`, with mean and variance of each sample over all positions
/// and the channels of one group. The parameters `gamma` and `beta` are `[channels]`; they start at 1 and 0. Training
/// and evaluation are the same.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    groups: usize,
    epsilon: f32,
    activation: Activation,
}

impl GroupNorm {
    /// The layer with so many groups, which must divide the channels, and an ε of 1e-5, PyTorch's default (that of
    /// Keras is 1e-3). It is linear.
    pub fn new(groups: usize) -> GroupNorm {
        GroupNorm { groups, epsilon: 1e-5, activation: Activation::Linear }
    }

    /// What is added to the variance; 1e-5 by default.
    pub fn epsilon(mut self, epsilon: f32) -> GroupNorm {
        self.epsilon = epsilon;
        self
    }

    /// The function that the output passes through, in the same dispatch; linear by default.
    pub fn activation(mut self, activation: Activation) -> GroupNorm {
        self.activation = activation;
        self
    }
}

impl Module for GroupNorm {
    fn kind(&self) -> &'static str {
        "GroupNormalization"
    }

    fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
        let channels = channels_of(self.kind(), input)?;
        check_epsilon(self.kind(), self.epsilon)?;
        if self.groups == 0 || !channels.is_multiple_of(self.groups) {
            let expected = format!("a divisor of {channels} channels");
            return Err(Error::argument(self.kind(), "groups", self.groups, expected));
        }
        definition.parameter("gamma", &[channels], Initializer::Ones);
        definition.parameter("beta", &[channels], Initializer::Zeros);
        Ok(input.to_vec())
    }

    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
        let trained = [scope.parameter("gamma")?, scope.parameter("beta")?];
        x.group_norm(self.groups, trained, self.epsilon, self.activation.function())
    }
}
