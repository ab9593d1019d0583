//! `cast`: the same numbers in another float type. The copy kernel converts them.

use super::check_float;
use crate::autograd::record;
use crate::device::DType;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

impl Tensor {
    /// The elements as `dtype`, rounded to nearest if its precision is lower; this tensor itself if it has that type.
    /// The gradient is cast back.
    ///
    /// # Errors
    /// [`Error::DType`] if either type is u32 or a type that the device does not have.
    pub fn cast(&self, dtype: DType) -> Result<Tensor> {
        check_float("cast", self, self)?;
        if !dtype.is_float() {
            let expected = "f16, f32 or f64".to_string();
            return Err(Error::DType { op: "cast", found: dtype.name(), expected });
        }
        let from = self.dtype();
        if from == dtype {
            return Ok(self.clone());
        }
        let output = Tensor::empty("cast", self.device(), dtype, self.shape())?;
        self.copy_into(&output)?;
        Ok(record("cast", output, &[self], move |context| {
            context.accumulate(0, context.gradient().cast(from)?)
        }))
    }
}
