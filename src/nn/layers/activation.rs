//! Activations: as the last step of a layer, or as a layer.

use crate::error::Result;
use crate::nn::{Definition, Module, Scope};
use crate::ops::Function;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// An activation function; `Linear` is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    #[default]
    Linear,
    Relu,
    Sigmoid,
    Tanh,
    Gelu,
    Silu,
}

impl Activation {
    /// The element-wise function.
    pub fn function(self) -> Function {
        match self {
            Activation::Linear => Function::Linear,
            Activation::Relu => Function::Relu,
            Activation::Sigmoid => Function::Sigmoid,
            Activation::Tanh => Function::Tanh,
            Activation::Gelu => Function::Gelu,
            Activation::Silu => Function::Silu,
        }
    }
}

impl Module for Activation {
    fn kind(&self) -> &'static str {
        "Activation"
    }

    fn define(&self, input: &[usize], _: &mut Definition) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }

    fn forward(&self, x: &Tensor, _: &Scope) -> Result<Tensor> {
        x.map(self.function())
    }
}
