//! Larger images.

use crate::error::{Error, Result};
use crate::nn::{Definition, Module, Scope};
use crate::ops::Interpolation;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Images with whole multiples of their rows and columns, by [`resize2d`](Tensor::resize2d).
#[derive(Clone, Debug)]
pub struct Upsample2d {
    factors: [usize; 2],
    interpolation: Interpolation,
}

impl Upsample2d {
    /// So many times the rows and the columns; each pixel is repeated.
    pub fn new(factors: [usize; 2]) -> Upsample2d {
        Upsample2d { factors, interpolation: Interpolation::Nearest }
    }

    /// How pixels between those of the image are computed; [`Interpolation::Nearest`] by default.
    pub fn interpolation(self, interpolation: Interpolation) -> Upsample2d {
        Upsample2d { interpolation, ..self }
    }

    fn size(&self, height: usize, width: usize) -> [usize; 2] {
        [height.saturating_mul(self.factors[0]), width.saturating_mul(self.factors[1])]
    }
}

impl Module for Upsample2d {
    fn kind(&self) -> &'static str {
        "UpSampling2D"
    }

    fn define(&self, input: &[usize], _: &mut Definition) -> Result<Vec<usize>> {
        let [height, width, channels] = *input else {
            let expected = "an image [height, width, channels] is needed";
            return Err(Error::shape(self.kind(), &[Shape::truncated(input)], expected));
        };
        if self.factors.contains(&0) {
            let found = format!("{:?}", self.factors);
            return Err(Error::argument(self.kind(), "factors", found, "at least 1 in each direction"));
        }
        let [rows, columns] = self.size(height, width);
        Ok(vec![rows, columns, channels])
    }

    fn forward(&self, x: &Tensor, _: &Scope) -> Result<Tensor> {
        let shape = x.shape();
        x.resize2d(self.size(shape[1], shape[2]), self.interpolation)
    }
}
