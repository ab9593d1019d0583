//! Residual blocks (He et al. 2016, [arXiv:1512.03385](https://arxiv.org/abs/1512.03385)).

use super::definition::Definition;
use super::layers::{Activation, DropPath};
use super::module::Module;
use super::scope::Scope;
use crate::error::{Error, Result};
use crate::shape::{Shape, elements};
use crate::tensor::Tensor;
use std::sync::Arc;

/// `body(x) + x`, or `body(x) + shortcut(x)`, then an activation.
///
/// ```
/// use allometry::Device;
/// use allometry::nn::{Activation, Conv2d, Module, Padding, Residual, Sequential};
///
/// let conv = |filters| Conv2d::new(filters, [3, 3]).padding(Padding::Same);
/// let block = |filters| {
///     let body = Sequential::new().add(conv(filters).activation(Activation::Relu)).add(conv(filters));
///     Residual::new(body).drop_path(0.1)
/// };
/// let model = Sequential::new()
///     .add(conv(16))
///     .add(block(16))
///     .add(block(32).shortcut(Conv2d::new(32, [1, 1])).activation(Activation::Relu));
/// let model = model.build(&Device::cpu(), &[8, 8, 3], 0)?;
/// assert_eq!(model.output_shape(), [8, 8, 32]);
/// assert!(model.parameters().get("layers.2.shortcut.kernel").is_ok());
/// # Ok::<(), allometry::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Residual {
    body: Arc<dyn Module>,
    shortcut: Option<Arc<dyn Module>>,
    drop_path: Option<DropPath>,
    activation: Activation,
}

impl Residual {
    /// A block around `body`, whose output has the shape of its input unless there is a
    /// [shortcut](Residual::shortcut).
    pub fn new(body: impl Module + 'static) -> Residual {
        Residual { body: Arc::new(body), shortcut: None, drop_path: None, activation: Activation::Linear }
    }

    /// What the body's output is added to, instead of the input itself: a module that brings the input to the shape of
    /// the body's output, such as a convolution of 1×1.
    pub fn shortcut(self, shortcut: impl Module + 'static) -> Residual {
        Residual { shortcut: Some(Arc::new(shortcut)), ..self }
    }

    /// In training, leaves the body out for this share of the samples: [`DropPath`] behind the body.
    pub fn drop_path(self, rate: f32) -> Residual {
        Residual { drop_path: (rate != 0.0).then(|| DropPath::new(rate)), ..self }
    }

    /// The function that the sum passes through; linear by default.
    pub fn activation(self, activation: Activation) -> Residual {
        Residual { activation, ..self }
    }
}

impl Module for Residual {
    fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
        let output = definition.module("body", &self.body, input)?;
        if let Some(drop_path) = &self.drop_path {
            definition.module("drop_path", drop_path, &output)?;
        }
        let beside = match &self.shortcut {
            Some(shortcut) => definition.module("shortcut", shortcut, input)?,
            None => input.to_vec(),
        };
        if output != beside {
            let shapes = [Shape::truncated(&output), Shape::truncated(&beside)];
            let expected = if self.shortcut.is_some() {
                "body and shortcut must have outputs of one shape"
            } else {
                "the body's output is added to the input; add a shortcut that brings the input to the same shape"
            };
            return Err(Error::shape("Residual", &shapes, expected));
        }
        definition.activations(elements(&output) as u64);
        Ok(output)
    }

    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
        let mut y = scope.forward("body", &self.body, x)?;
        if let Some(drop_path) = &self.drop_path {
            y = scope.forward("drop_path", drop_path, &y)?;
        }
        let sum = match &self.shortcut {
            Some(shortcut) => y.add(&scope.forward("shortcut", shortcut, x)?),
            None => y.add(x),
        };
        sum?.map(self.activation.function())
    }
}
