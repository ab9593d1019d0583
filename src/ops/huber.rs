//! `huber`: the Huber loss (Huber 1964), composed of other ops: d²/2 for a difference |d| ≤ δ, else δ·(|d| − δ/2).
//!
//! With c = min(|d|, δ), both are c·(|d| − c/2).

use crate::error::{Error, Result};
use crate::tensor::Tensor;

impl Tensor {
    /// The mean of [`huber_rows`](Tensor::huber_rows): a scalar, as `torch.nn.functional.huber_loss`.
    ///
    /// # Errors
    /// Errors of [`huber_rows`](Tensor::huber_rows).
    pub fn huber(&self, target: &Tensor, delta: f32) -> Result<Tensor> {
        self.huber_rows(target, delta)?.mean(&[], false)
    }

    /// The Huber loss of each sample, `[n, …]` to `[n]`. It is the mean over all axes but the first of d²/2 where |d|
    /// ≤ `delta`, and of `delta`·(|d| − `delta`/2) elsewhere, with d = prediction − target.
    ///
    /// # Errors
    /// [`Error::Argument`] for a `delta` that is not above zero and finite; [`Error::Shape`] for shapes that differ
    /// (nothing is broadcast) or have no axes; [`Error::DType`] and [`Error::Placement`] for operands of different
    /// types or devices.
    pub fn huber_rows(&self, target: &Tensor, delta: f32) -> Result<Tensor> {
        const OP: &str = "huber";
        if !(delta > 0.0 && delta.is_finite()) {
            return Err(Error::argument(OP, "delta", delta, "above zero and finite"));
        }
        let shape = self.shape();
        if shape != target.shape() || shape.rank() == 0 {
            let expected = "prediction and target must have one shape, of at least one axis";
            return Err(Error::shape(OP, &[shape, target.shape()], expected));
        }
        let size = self.sub(target)?.abs()?;
        let constant = |value| Tensor::full(size.device(), size.dtype(), [], value);
        let part = size.minimum(&constant(delta)?)?;
        let losses = part.mul(&size.sub(&part.mul(&constant(0.5)?)?)?)?;
        if shape.rank() == 1 { Ok(losses) } else { losses.flatten()?.mean(&[1], false) }
    }
}
