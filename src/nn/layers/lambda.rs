//! A function of tensors as a layer.

use crate::error::{Error, Result};
use crate::nn::{Definition, Module, Scope};
use crate::shape::Shape;
use crate::tensor::Tensor;
use std::fmt;
use std::sync::Arc;

type ShapeRule = Arc<dyn Fn(&[usize]) -> Result<Vec<usize>> + Send + Sync>;
type Function = Arc<dyn Fn(&Tensor) -> Result<Tensor> + Send + Sync>;

/// A function without parameters as a layer. Implement [`Module`] for one that has parameters, buffers or a mode.
///
/// ```
/// use allometry::Device;
/// use allometry::nn::{Dense, Lambda, Module, Sequential};
///
/// let halves = Lambda::new("halves", |x| x.slice(1, 0..x.shape()[1] / 2)).with_shape(|input| Ok(vec![input[0] / 2]));
/// let model = Sequential::new().add(Dense::new(8)).add(halves).add(Lambda::new("sine", |x| x.sin()));
/// assert_eq!(model.build(&Device::cpu(), &[3], 0)?.output_shape(), [4]);
/// # Ok::<(), allometry::Error>(())
/// ```
#[derive(Clone)]
pub struct Lambda {
    name: &'static str,
    shape: ShapeRule,
    function: Function,
}

impl Lambda {
    /// A layer that applies `function` to batches, of which the first axis counts the samples. Summaries and errors
    /// call it `name`. The result has the shape of the input unless there is a [shape rule](Lambda::with_shape).
    pub fn new(
        name: &'static str,
        function: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static,
    ) -> Lambda {
        Lambda { name, shape: Arc::new(|input| Ok(input.to_vec())), function: Arc::new(function) }
    }

    /// The shape of the result for one sample, from that of the input. It is called without a device, to count a model.
    pub fn with_shape(self, rule: impl Fn(&[usize]) -> Result<Vec<usize>> + Send + Sync + 'static) -> Lambda {
        Lambda { shape: Arc::new(rule), ..self }
    }
}

impl fmt::Debug for Lambda {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Lambda({})", self.name)
    }
}

impl Module for Lambda {
    fn kind(&self) -> &'static str {
        self.name
    }

    fn define(&self, input: &[usize], _: &mut Definition) -> Result<Vec<usize>> {
        (self.shape)(input)
    }

    fn forward(&self, x: &Tensor, _: &Scope) -> Result<Tensor> {
        let y = (self.function)(x)?;
        let mut declared = (self.shape)(&x.shape()[1..])?;
        declared.insert(0, x.shape()[0]);
        if *y.shape() != *declared {
            let expected = format!("{} declares the shape {}", self.name, Shape::truncated(&declared));
            return Err(Error::shape("Lambda", &[y.shape()], format!("{expected}; correct its shape rule")));
        }
        Ok(y)
    }
}
