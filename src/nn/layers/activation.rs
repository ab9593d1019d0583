//! Activation functions: part of another layer, or a layer.

use crate::error::Result;
use crate::nn::{Definition, Module, Scope};
use crate::ops::Function;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// An activation function: an argument of other layers, and a layer itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    #[default]
    /// The identity.
    Linear,
    /// max(x, 0).
    Relu,
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// x·Φ(x), Φ the normal distribution function (Hendrycks and Gimpel 2016).
    Gelu,
    /// x·sigmoid(x) (Ramachandran et al. 2017).
    Silu,
    /// ln(1 + eˣ), a smooth ReLU (Dugas et al. 2001).
    Softplus,
    /// min(max(x, 0), 6) (Krizhevsky 2010).
    Relu6,
    /// min(max(x + 3, 0), 6) / 6 (Howard et al. 2019).
    HardSigmoid,
    /// x·min(max(x + 3, 0), 6) / 6 (Howard et al. 2019).
    HardSwish,
    /// GELU by a hyperbolic tangent (Hendrycks and Gimpel 2016).
    GeluTanh,
    /// x above 0, x/100 elsewhere (Maas et al. 2013).
    LeakyRelu,
    /// x above 0, eˣ - 1 elsewhere (Clevert et al. 2016).
    Elu,
}

impl Activation {
    /// The element-wise function, as an op.
    pub fn function(self) -> Function {
        match self {
            Activation::Linear => Function::Linear,
            Activation::Relu => Function::Relu,
            Activation::Sigmoid => Function::Sigmoid,
            Activation::Tanh => Function::Tanh,
            Activation::Gelu => Function::Gelu,
            Activation::Silu => Function::Silu,
            Activation::Softplus => Function::Softplus,
            Activation::Relu6 => Function::Relu6,
            Activation::HardSigmoid => Function::HardSigmoid,
            Activation::HardSwish => Function::HardSwish,
            Activation::GeluTanh => Function::GeluTanh,
            Activation::LeakyRelu => Function::LeakyRelu,
            Activation::Elu => Function::Elu,
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
