//! Normalisation by the root of the mean square (Zhang and Sennrich 2019,
//! [arXiv:1910.07467](https://arxiv.org/abs/1910.07467)).

use super::activation::Activation;
use super::batch_norm::{channels_of, check_epsilon};
use crate::error::Result;
use crate::nn::{Definition, Initializer, Module, Scope};
use crate::tensor::Tensor;

/// `f(γ·x/√(mean of x² + ε))` of `[…, n]`, with the mean over the last axis. The parameter `gamma` is `[n]`; it starts
/// at 1. Training and evaluation are the same.
#[derive(Clone, Debug)]
pub struct RmsNorm {
    epsilon: f32,
    activation: Activation,
}

impl Default for RmsNorm {
    fn default() -> RmsNorm {
        RmsNorm::new()
    }
}

impl RmsNorm {
    /// The layer with an ε of 1e-5. (Keras has 1e-6; PyTorch the distance from 1 to the next number.) It is linear.
    pub fn new() -> RmsNorm {
        RmsNorm { epsilon: 1e-5, activation: Activation::Linear }
    }

    /// What is added to the mean square; 1e-5 by default.
    pub fn epsilon(mut self, epsilon: f32) -> RmsNorm {
        self.epsilon = epsilon;
        self
    }

    /// The function that the output passes through, in the same dispatch; linear by default.
    pub fn activation(mut self, activation: Activation) -> RmsNorm {
        self.activation = activation;
        self
    }
}

impl Module for RmsNorm {
    fn kind(&self) -> &'static str {
        "RMSNormalization"
    }

    fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
        let channels = channels_of(self.kind(), input)?;
        check_epsilon(self.kind(), self.epsilon)?;
        definition.parameter("gamma", &[channels], Initializer::Ones);
        Ok(input.to_vec())
    }

    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
        x.rms_norm(scope.parameter("gamma")?, self.epsilon, self.activation.function())
    }
}
