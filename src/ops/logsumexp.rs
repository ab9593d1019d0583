//! `logsumexp`: ln Σ eˣ, composed of other ops. The largest x is subtracted first, so that nothing overflows.

use super::reduce::plan;
use crate::autograd::record;
use crate::error::Result;
use crate::tensor::Tensor;

impl Tensor {
    /// ln Σ eˣ over `axes`, or over all axes if `axes` is empty. With `keep` they stay as axes of extent 1. It is -∞
    /// where every element is -∞, and NaN where one is NaN. Computed in f32 for f16.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for an axis that does not exist or occurs twice;
    /// [`Error::DType`](crate::Error::DType) for u32.
    pub fn logsumexp(&self, axes: &[usize], keep: bool) -> Result<Tensor> {
        const OP: &str = "logsumexp";
        let (axes, kept, squeezed) = plan(OP, self, axes)?;
        if axes.is_empty() {
            return Ok(self.clone());
        }
        let x = self.detach().cast(self.dtype().of_sums())?;
        // A finite number: the difference of two infinities would be NaN.
        let limits = [-f32::MAX, f32::MAX];
        let largest = x.max(&axes, true)?.clamp(limits[0], limits[1])?;
        let result = x.sub(&largest)?.exp()?.sum(&axes, true)?.log()?.add(&largest)?;
        let output = result.cast(self.dtype())?.reshape(if keep { kept } else { squeezed })?;
        Ok(record(OP, output, &[self], move |context| {
            // The softmax, times dy.
            let dy = context.gradient().reshape(kept)?;
            let share = x.sub(&result)?.exp()?.cast(dy.dtype())?;
            context.accumulate(0, share.mul(&dy)?)
        }))
    }
}
