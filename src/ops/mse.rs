//! `mse`: the mean squared error, composed of other ops. The graph keeps only the difference.

use crate::error::{Error, Result};
use crate::tensor::Tensor;

impl Tensor {
    /// The mean of [`mse_rows`](Tensor::mse_rows): a scalar, the mean of (prediction − target)² over all elements.
    ///
    /// # Errors
    /// Errors of [`mse_rows`](Tensor::mse_rows).
    pub fn mse(&self, target: &Tensor) -> Result<Tensor> {
        self.mse_rows(target)?.mean(&[], false)
    }

    /// The squared error of each sample, `[n, …]` to `[n]`: the mean of (prediction − target)² over all axes but the
    /// first.
    ///
    /// # Errors
    /// [`Error::Shape`] for shapes that differ (nothing is broadcast: `[n]` with `[n, 1]` is most likely a mistake)
    /// or have no axes; [`Error::DType`] and [`Error::Placement`] for operands of different types or devices.
    pub fn mse_rows(&self, target: &Tensor) -> Result<Tensor> {
        let shape = self.shape();
        if shape != target.shape() || shape.rank() == 0 {
            let expected = "prediction and target must have one shape, of at least one axis";
            return Err(Error::shape("mse", &[shape, target.shape()], expected));
        }
        let squares = self.sub(target)?.square()?;
        if shape.rank() == 1 { Ok(squares) } else { squares.flatten()?.mean(&[1], false) }
    }
}
