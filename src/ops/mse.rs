//! `mse`: the mean squared error, from other ops. For the gradient it keeps the difference and nothing else.

use crate::error::{Error, Result};
use crate::tensor::Tensor;

impl Tensor {
    /// The mean of [`mse_rows`](Tensor::mse_rows): a scalar, the mean of (prediction − target)² over everything.
    ///
    /// # Errors
    /// Those of [`mse_rows`](Tensor::mse_rows).
    pub fn mse(&self, target: &Tensor) -> Result<Tensor> {
        self.mse_rows(target)?.mean(&[], false)
    }

    /// The mean of (prediction − target)² over all axes but the first: `[n, …]` to `[n]`.
    ///
    /// # Errors
    /// Shapes that differ (nothing is broadcast: `[n]` and `[n, 1]` are most likely a mistake) or have no axes;
    /// element types or devices that differ.
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
