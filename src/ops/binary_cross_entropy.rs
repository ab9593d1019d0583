//! `binary_cross_entropy`: the cross-entropy of events, each with its own probability, from logits.

use crate::error::{Error, Result};
use crate::tensor::Tensor;

impl Tensor {
    /// The mean of [`binary_cross_entropy_rows`](Tensor::binary_cross_entropy_rows): a scalar, as
    /// `torch.nn.functional.binary_cross_entropy_with_logits`.
    ///
    /// # Errors
    /// Errors of [`binary_cross_entropy_rows`](Tensor::binary_cross_entropy_rows).
    pub fn binary_cross_entropy(&self, target: &Tensor) -> Result<Tensor> {
        self.binary_cross_entropy_rows(target)?.mean(&[], false)
    }

    /// The cross-entropy of each sample, `[n, …]` to `[n]`: the mean of −t·ln σ(x) − (1 − t)·ln(1 − σ(x)) over all axes
    /// but the first, where x is the logit, σ the sigmoid, and t the target: the probability of the event, 0 or 1 if it
    /// is known. It is computed without σ(x), which would be 0 or 1 for large x. Targets outside 0 to 1 are not
    /// refused.
    ///
    /// # Errors
    /// [`Error::Shape`] for shapes that differ (nothing is broadcast) or have no axes; [`Error::DType`] and
    /// [`Error::Placement`] for operands of different types or devices.
    pub fn binary_cross_entropy_rows(&self, target: &Tensor) -> Result<Tensor> {
        let shape = self.shape();
        if shape != target.shape() || shape.rank() == 0 {
            let expected = "logits and targets must have one shape, of at least one axis";
            return Err(Error::shape("binary_cross_entropy", &[shape, target.shape()], expected));
        }
        let losses = self.binary_cross_entropy_each(target)?;
        if shape.rank() == 1 { Ok(losses) } else { losses.flatten()?.mean(&[1], false) }
    }
}
