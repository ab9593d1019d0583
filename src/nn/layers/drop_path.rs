//! Stochastic depth (Huang et al. 2016, [arXiv:1603.09382](https://arxiv.org/abs/1603.09382)).

use crate::error::{Error, Result};
use crate::nn::{Definition, Mode, Module, Scope};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// In training, sets all values of a share of the samples to zero, drawn anew in each step, and scales the others so that
/// the mean stays. In evaluation, the identity. Behind the body of a residual block this leaves the body out:
/// [`Residual::drop_path`](crate::nn::Residual::drop_path).
#[derive(Clone, Debug)]
pub struct DropPath {
    rate: f32,
}

impl DropPath {
    /// A layer that drops the share `rate` of the samples, at least 0 and below 1.
    pub fn new(rate: f32) -> DropPath {
        DropPath { rate }
    }
}

impl Module for DropPath {
    fn define(&self, input: &[usize], _: &mut Definition) -> Result<Vec<usize>> {
        if (0.0..1.0).contains(&self.rate) {
            Ok(input.to_vec())
        } else {
            Err(Error::argument("DropPath", "rate", self.rate, "at least 0 and below 1"))
        }
    }

    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
        match scope.mode() {
            Mode::Train(key) if self.rate > 0.0 => {
                let mut shape = vec![1; x.shape().rank()];
                shape[0] = x.shape()[0];
                let kept =
                    Tensor::ones(x.device(), x.dtype(), Shape::new(&shape)?)?.dropout(self.rate, key)?;
                x.mul(&kept)
            }
            _ => Ok(x.clone()),
        }
    }
}
