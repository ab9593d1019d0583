//! `variance`, composed of other ops. The graph keeps only the differences from the mean.

use super::reduce::plan;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

impl Tensor {
    /// The variance over `axes`, or over all axes if `axes` is empty: the sum of the squared differences from the mean,
    /// divided by n - `correction`, where n is the number of elements of a result. The correction 0 gives the variance
    /// of these elements, 1 the unbiased estimate from a sample (Bessel's correction, PyTorch's default). With `keep`
    /// the axes stay as axes of extent 1.
    ///
    /// # Errors
    /// [`Error::Argument`] for an axis that does not exist or occurs twice, and for a `correction` that is not below n;
    /// [`Error::DType`] for u32.
    pub fn variance(&self, axes: &[usize], keep: bool, correction: usize) -> Result<Tensor> {
        const OP: &str = "variance";
        let (axes, kept, _) = plan(OP, self, axes)?;
        let n = self.shape().elements() / kept.elements();
        if correction >= n {
            let expected = format!("below the number of elements ({n})");
            return Err(Error::argument(OP, "correction", correction, expected));
        }
        if axes.is_empty() {
            // A scalar.
            return self.sub(self);
        }
        // The differences sum to zero, so the gradient through the mean is zero.
        let centre = self.detach().mean(&axes, true)?;
        let variance = self.sub(&centre)?.square()?.mean(&axes, keep)?;
        if correction == 0 {
            return Ok(variance);
        }
        let factor = n as f32 / (n - correction) as f32;
        variance.mul(&Tensor::full(self.device(), self.dtype(), [], factor)?)
    }
}
