//! `mae`: the mean absolute error, composed of other ops. The graph keeps only the difference.

use crate::error::{Error, Result};
use crate::tensor::Tensor;

impl Tensor {
    /// The mean of [`mae_rows`](Tensor::mae_rows): a scalar, the mean of |prediction − target| over all elements.
    ///
    /// # Errors
    /// Errors of [`mae_rows`](Tensor::mae_rows).
    pub fn mae(&self, target: &Tensor) -> Result<Tensor> {
        self.mae_rows(target)?.mean(&[], false)
    }

    /// The absolute error of each sample, `[n, …]` to `[n]`: the mean of |prediction − target| over all axes but the
    /// first. Its gradient at a difference of 0 is 0.
    ///
    /// # Errors
    /// [`Error::Shape`] for shapes that differ (nothing is broadcast) or have no axes; [`Error::DType`] and
    /// [`Error::Placement`] for operands of different types or devices.
    pub fn mae_rows(&self, target: &Tensor) -> Result<Tensor> {
        let shape = self.shape();
        if shape != target.shape() || shape.rank() == 0 {
            let expected = "prediction and target must have one shape, of at least one axis";
            return Err(Error::shape("mae", &[shape, target.shape()], expected));
        }
        let sizes = self.sub(target)?.abs()?;
        if shape.rank() == 1 { Ok(sizes) } else { sizes.flatten()?.mean(&[1], false) }
    }
}
