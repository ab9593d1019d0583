//! What a layer is: data that says what it does to a shape, which parameters it has, and how it computes.

use super::initializer::Initializer;
use crate::error::Result;
use crate::ops::RandomKey;
use crate::tensor::Tensor;
use std::fmt::Debug;

/// A layer before it has seen a device: the same value describes it, counts its cost and computes it.
///
/// Shapes are those of one sample, without the batch: `[height, width, channels]` or `[features]`.
pub trait Layer: Debug + Send + Sync {
    /// The name of the class in Keras.
    fn kind(&self) -> &'static str;

    /// The shape of the output.
    ///
    /// # Errors
    /// Where the layer can't take an input of this shape.
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>>;

    /// The parameters for an input of this shape, which [`output_shape`](Layer::output_shape) accepts.
    fn parameters(&self, _input: &[usize]) -> Vec<ParameterSpec> {
        Vec::new()
    }

    /// Multiply-accumulate operations for one sample; only those of matrix products and convolutions count, as is
    /// the custom.
    fn macs(&self, _input: &[usize]) -> u64 {
        0
    }

    /// The output for a batch, with the parameters in the order of [`parameters`](Layer::parameters).
    fn forward(&self, x: &Tensor, parameters: &[Tensor], pass: &Pass) -> Result<Tensor>;
}

/// A parameter that a layer asks for.
#[derive(Clone, Debug)]
pub struct ParameterSpec {
    /// `kernel`, `bias`, …
    pub name: &'static str,
    pub shape: Vec<usize>,
    pub initializer: Initializer,
    /// Values that one output sums over, and outputs that one input reaches.
    pub fans: (usize, usize),
}

/// What kind of forward pass this is.
#[derive(Clone, Copy, Debug)]
pub enum Pass {
    /// Evaluation: no dropout.
    Evaluation,
    /// Training; the key is that of this step and layer.
    Training(RandomKey),
}
