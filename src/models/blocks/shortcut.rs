//! What residual blocks add to the output of their bodies.

use super::parts::Place;
use crate::error::{Error, Result};
use crate::nn::{Activation, Conv2d, Definition, Module, Residual, Scope, Sequential};
use crate::ops::Padding;
use crate::shape::Shape;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a residual block adds to its body's output where input and output have different shapes. Where the shapes are
/// equal it is the input, unless there is no shortcut at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shortcut {
    /// A convolution of 1×1 with the block's stride and norm (option B of He et al. 2016).
    #[default]
    Projection,
    /// The input at every position that the stride leaves, with zeros for the channels that it lacks (option A).
    Padded,
    /// Nothing is added, also where the shapes are equal: the *plain* networks of He et al. 2016.
    None,
}

impl Shortcut {
    /// Checks what is the same for every residual block: a padded shortcut can add channels, not remove them.
    pub fn check(self, input: usize, width: usize) -> Result<(), String> {
        if self == Shortcut::Padded && input > width {
            return Err(format!(
                "shortcut is padded, but {input} channels enter and {width} leave; use shortcut = \"projection\""
            ));
        }
        Ok(())
    }

    /// A block around `body`, which has the place's width and stride: the sum of the body's output and of this shortcut
    /// passes through `activation`. `projection` is the shortcut of [`Shortcut::Projection`].
    pub fn around(
        self,
        body: Sequential,
        place: &Place,
        projection: impl Module + 'static,
        activation: Activation,
    ) -> Arc<dyn Module> {
        if self == Shortcut::None {
            let plain = Sequential::new().add_named("body", body);
            return match activation {
                Activation::Linear => Arc::new(plain),
                _ => Arc::new(plain.add_named("activation", activation)),
            };
        }
        let block = Residual::new(body).drop_path(place.drop_path as f32).activation(activation);
        if place.keeps_shape() {
            return Arc::new(block);
        }
        Arc::new(match self {
            Shortcut::Padded => block.shortcut(PaddedShortcut { width: place.width, stride: place.stride }),
            _ => block.shortcut(projection),
        })
    }
}

/// The projection of a place: a convolution of 1×1 with its stride.
pub fn projection(place: &Place) -> Conv2d {
    Conv2d::new(place.width, [1, 1]).strides([place.stride; 2])
}

/// Every `stride`-th row and column, with channels of zeros after the input's own.
#[derive(Clone, Debug)]
struct PaddedShortcut {
    width: usize,
    stride: usize,
}

impl Module for PaddedShortcut {
    fn define(&self, input: &[usize], _: &mut Definition) -> Result<Vec<usize>> {
        match *input {
            [rows, columns, channels] if channels <= self.width => {
                Ok(vec![rows.div_ceil(self.stride), columns.div_ceil(self.stride), self.width])
            }
            _ => {
                let expected = format!("an image of at most {} channels", self.width);
                Err(Error::shape("PaddedShortcut", &[Shape::truncated(input)], expected))
            }
        }
    }

    fn forward(&self, x: &Tensor, _: &Scope) -> Result<Tensor> {
        // A window of one element: every stride-th row and column.
        let x = x.max_pool2d([1, 1], [self.stride; 2], Padding::Valid)?;
        let missing = self.width - x.shape()[3];
        if missing == 0 {
            return Ok(x);
        }
        let zeros = [x.shape()[0], x.shape()[1], x.shape()[2], missing];
        Tensor::concat(&[&x, &Tensor::zeros(x.device(), x.dtype(), zeros)?], 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;

    #[test]
    fn a_padded_shortcut_keeps_every_other_position_and_adds_zeros() {
        let shortcut = PaddedShortcut { width: 3, stride: 2 };
        let model = shortcut.build(&Device::cpu(), &[3, 4, 2], 0).unwrap();
        let values: Vec<f32> = (0..24).map(|value| value as f32 - 9.0).collect();
        let y = model.predict(&model.batch(&values).unwrap()).unwrap();
        assert_eq!(y.shape()[..], [1, 2, 2, 3]);
        let expected = [[-9.0, -8.0], [-5.0, -4.0], [7.0, 8.0], [11.0, 12.0]].map(|[a, b]| [a, b, 0.0]);
        assert_eq!(y.to_vec::<f32>().unwrap(), expected.concat());
        assert!(shortcut.describe(&[3, 4, 5]).is_err());
    }
}
