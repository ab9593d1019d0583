//! Layer normalisation (Ba et al. 2016, [arXiv:1607.06450](https://arxiv.org/abs/1607.06450)).

use super::activation::Activation;
use super::batch_norm::{channels_of, check_epsilon};
use crate::error::Result;
use crate::nn::{Definition, Initializer, Module, Scope};
use crate::tensor::Tensor;

/// `f(γ·(x − mean)/√(variance + ε) + β)` of `[…, n]`, with mean and variance over the last axis: of each row, or of
/// each pixel over its channels. The parameters `gamma` and `beta` are `[n]`; they start at 1 and 0. Training and
/// evaluation are the same.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    epsilon: f32,
    activation: Activation,
}

impl Default for LayerNorm {
    fn default() -> LayerNorm {
        LayerNorm::new()
    }
}

impl LayerNorm {
    /// The layer with an ε of 1e-5, PyTorch's default (that of Keras is 1e-3). It is linear.
    pub fn new() -> LayerNorm {
        LayerNorm { epsilon: 1e-5, activation: Activation::Linear }
    }

    /// What is added to the variance; 1e-5 by default.
    pub fn epsilon(mut self, epsilon: f32) -> LayerNorm {
        self.epsilon = epsilon;
        self
    }

    /// The function that the output passes through, in the same dispatch; linear by default.
    pub fn activation(mut self, activation: Activation) -> LayerNorm {
        self.activation = activation;
        self
    }
}

impl Module for LayerNorm {
    fn kind(&self) -> &'static str {
        "LayerNormalization"
    }

    fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
        let channels = channels_of(self.kind(), input)?;
        check_epsilon(self.kind(), self.epsilon)?;
        definition.parameter("gamma", &[channels], Initializer::Ones);
        definition.parameter("beta", &[channels], Initializer::Zeros);
        Ok(input.to_vec())
    }

    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
        let (gamma, beta) = (scope.parameter("gamma")?, scope.parameter("beta")?);
        x.layer_norm(gamma, beta, self.epsilon, self.activation.function())
    }
}
