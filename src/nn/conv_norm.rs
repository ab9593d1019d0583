//! A convolution, its normalisation and its activation as one module.

use super::definition::Definition;
use super::layers::{Activation, BatchNorm, Conv2d, DepthwiseConv2d, GroupNorm, LayerNorm};
use super::module::Module;
use super::scope::{Mode, Scope};
use crate::error::Result;
use crate::shape::elements;
use crate::tensor::Tensor;
use std::sync::Arc;

/// What normalises the output of a layer.
#[derive(Clone, Debug, Default)]
pub enum Norm {
    #[default]
    /// Nothing.
    None,
    /// Each channel over the batch and its pixels.
    Batch(BatchNorm),
    /// Each pixel over its channels.
    Layer(LayerNorm),
    /// Each image over its pixels and the channels of one group.
    Group(GroupNorm),
}

impl Norm {
    /// The norm with `activation` behind it, in place of its own.
    fn activation(self, activation: Activation) -> Norm {
        match self {
            Norm::None => Norm::None,
            Norm::Batch(norm) => Norm::Batch(norm.activation(activation)),
            Norm::Layer(norm) => Norm::Layer(norm.activation(activation)),
            Norm::Group(norm) => Norm::Group(norm.activation(activation)),
        }
    }

    /// Whether there is no norm.
    pub fn is_none(&self) -> bool {
        matches!(self, Norm::None)
    }

    /// A module of the norm with `activation` behind it, in place of its own; of the activation alone where there is no
    /// norm.
    pub fn module(self, activation: Activation) -> Arc<dyn Module> {
        match self.activation(activation) {
            Norm::None => Arc::new(activation),
            Norm::Batch(norm) => Arc::new(norm),
            Norm::Layer(norm) => Arc::new(norm),
            Norm::Group(norm) => Arc::new(norm),
        }
    }
}

impl From<BatchNorm> for Norm {
    fn from(norm: BatchNorm) -> Norm {
        Norm::Batch(norm)
    }
}

impl From<LayerNorm> for Norm {
    fn from(norm: LayerNorm) -> Norm {
        Norm::Layer(norm)
    }
}

impl From<GroupNorm> for Norm {
    fn from(norm: GroupNorm) -> Norm {
        Norm::Group(norm)
    }
}

/// Either kind of convolution.
#[derive(Clone, Debug)]
pub enum Convolution {
    /// Outputs read all channels of their group.
    Full(Conv2d),
    /// Outputs read one channel.
    Depthwise(DepthwiseConv2d),
}

impl From<Conv2d> for Convolution {
    fn from(convolution: Conv2d) -> Convolution {
        Convolution::Full(convolution)
    }
}

impl From<DepthwiseConv2d> for Convolution {
    fn from(convolution: DepthwiseConv2d) -> Convolution {
        Convolution::Depthwise(convolution)
    }
}

/// A convolution, what normalises its output, and an activation: `f(norm(x ∗ kernel))`, or `f(x ∗ kernel + bias)`
/// without a norm.
///
/// The kernel is a parameter of this module. A norm is the module `norm` inside it. In evaluation a batch norm is
/// folded into the convolution, which then has the kernel `kernel·s` and the bias `β − mean·s`, with s = γ/√(variance +
/// ε). Both are computed once and kept until parameters or running statistics change. A kernel with more values than
/// the images that it convolves is not folded: a copy of it would take more memory than the pass over its output saves.
///
/// ```
/// use allometry::nn::{Activation, BatchNorm, Conv2d, ConvNorm, Module, Padding};
///
/// let conv = Conv2d::new(16, [3, 3]).padding(Padding::Same);
/// let block = ConvNorm::new(conv, BatchNorm::new(), Activation::Relu);
/// let report = block.describe(&[8, 8, 3])?;
/// // The kernel, and the scale and the offset of each channel.
/// assert_eq!(report.parameters, 3 * 3 * 3 * 16 + 16 + 16);
/// assert_eq!(report.modules[0].name, "norm");
/// # Ok::<(), allometry::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConvNorm {
    convolution: Convolution,
    norm: Norm,
    activation: Activation,
}

impl ConvNorm {
    /// The module. Bias and activation of `convolution` are replaced, and the activation of `norm`: the convolution has
    /// a bias where there is no norm.
    pub fn new(
        convolution: impl Into<Convolution>,
        norm: impl Into<Norm>,
        activation: Activation,
    ) -> ConvNorm {
        let norm = norm.into().activation(activation);
        let bias = norm.is_none();
        let of_convolution = if bias { activation } else { Activation::Linear };
        let convolution = match convolution.into() {
            Convolution::Full(layer) => Convolution::Full(layer.use_bias(bias).activation(of_convolution)),
            Convolution::Depthwise(layer) => {
                Convolution::Depthwise(layer.use_bias(bias).activation(of_convolution))
            }
        };
        ConvNorm { convolution, norm, activation }
    }

    fn layer(&self) -> &dyn Module {
        match &self.convolution {
            Convolution::Full(layer) => layer,
            Convolution::Depthwise(layer) => layer,
        }
    }

    /// The name of the kernel among the parameters.
    fn kernel(&self) -> &'static str {
        match &self.convolution {
            Convolution::Full(_) => Conv2d::KERNEL,
            Convolution::Depthwise(_) => DepthwiseConv2d::KERNEL,
        }
    }

    /// The module `norm`.
    fn norm(&self) -> Option<&dyn Module> {
        match &self.norm {
            Norm::None => None,
            Norm::Batch(norm) => Some(norm),
            Norm::Layer(norm) => Some(norm),
            Norm::Group(norm) => Some(norm),
        }
    }

    /// The kernel and the bias that stand for the convolution and its batch norm in evaluation.
    fn folded(&self, batch_norm: &BatchNorm, kernel: &Tensor, scope: &Scope) -> Result<[Tensor; 2]> {
        let norm = scope.module("norm")?;
        let trained = [norm.parameter("gamma")?, norm.parameter("beta")?];
        let running = [norm.buffer("moving_mean")?, norm.buffer("moving_variance")?];
        let [gamma, beta] = trained;
        scope.derived(&[kernel, gamma, beta, &running[0], &running[1]], || {
            let [factor, offset] = batch_norm.affine(trained, running.each_ref())?;
            let shape = kernel.shape();
            let factor = match self.convolution {
                Convolution::Full(_) => factor,
                Convolution::Depthwise(_) => factor.reshape([shape[2], shape[3]])?,
            };
            let folded = kernel.cast(factor.dtype())?.mul(&factor)?.cast(kernel.dtype())?;
            Ok([folded, offset.cast(kernel.dtype())?])
        })
    }
}

impl Module for ConvNorm {
    fn kind(&self) -> &'static str {
        self.layer().kind()
    }

    fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
        let output = self.layer().define(input, definition)?;
        if let Some(norm) = self.norm() {
            definition.module("norm", norm, &output)?;
            definition.activations(elements(&output) as u64);
        }
        Ok(output)
    }

    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
        let Some(norm) = self.norm() else { return self.layer().forward(x, scope) };
        if let (Norm::Batch(norm), Mode::Eval) = (&self.norm, scope.mode()) {
            let kernel = scope.parameter(self.kernel())?;
            if kernel.shape().elements() <= x.shape().elements() {
                let [kernel, bias] = self.folded(norm, kernel, scope)?;
                return match &self.convolution {
                    Convolution::Full(layer) => layer.convolve(x, &kernel, Some(&bias), self.activation),
                    Convolution::Depthwise(layer) => layer.convolve(x, &kernel, Some(&bias), self.activation),
                };
            }
        }
        scope.forward("norm", norm, &self.layer().forward(x, scope)?)
    }
}
