//! Activations: as the last step of a layer, or as a layer.

use super::layer::{Layer, Pass};
use crate::error::Result;
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

impl Layer for Activation {
    fn kind(&self) -> &'static str {
        "Activation"
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }

    fn forward(&self, x: &Tensor, _: &[Tensor], _: &Pass) -> Result<Tensor> {
        x.map(self.function())
    }
}
