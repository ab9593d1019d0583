//! Branches side by side (Szegedy et al. 2015, [arXiv:1409.4842](https://arxiv.org/abs/1409.4842)).

use super::definition::Definition;
use super::module::Module;
use super::scope::Scope;
use crate::error::{Error, Result};
use crate::shape::{Shape, elements};
use crate::tensor::Tensor;
use std::sync::Arc;

/// Modules that all take the same input; their outputs are joined along the last axis, the channels. A branch that is an
/// empty [`Sequential`](super::Sequential) passes the input itself on, as in DenseNet.
///
/// ```
/// use allometry::nn::{Concat, Conv2d, Module, Padding, Sequential};
///
/// let wide = Conv2d::new(8, [3, 3]).padding(Padding::Same);
/// let block = Concat::new().add(Conv2d::new(4, [1, 1])).add(wide).add(Sequential::new());
/// let report = block.describe(&[6, 6, 3])?;
/// assert_eq!(report.output_shape, [6, 6, 4 + 8 + 3]);
/// assert_eq!(report.modules[1].name, "branches.1");
/// # Ok::<(), allometry::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Concat {
    branches: Vec<Arc<dyn Module>>,
}

impl Concat {
    /// Without branches, which is refused where it is used: add at least one.
    pub fn new() -> Concat {
        Concat::default()
    }

    /// Appends a branch, named `branches.` and its number.
    #[allow(clippy::should_implement_trait)] // As `Sequential` has it; branches don't add up to numbers.
    pub fn add(mut self, branch: impl Module + 'static) -> Concat {
        self.branches.push(Arc::new(branch));
        self
    }
}

impl Module for Concat {
    fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
        let mut shapes = Vec::with_capacity(self.branches.len());
        for (index, branch) in self.branches.iter().enumerate() {
            shapes.push(definition.module(format!("branches.{index}"), branch, input)?);
        }
        let Some(mut joined) = shapes.first().cloned().filter(|first| !first.is_empty()) else {
            return Err(Error::argument("Concat", "branches", "an empty list", "at least one, with an axis"));
        };
        let last = joined.len() - 1;
        if shapes.iter().any(|shape| shape.len() != joined.len() || shape[..last] != joined[..last]) {
            let shapes: Vec<Shape> = shapes.iter().map(|shape| Shape::truncated(shape)).collect();
            return Err(Error::shape(
                "Concat",
                &shapes,
                "branches must have equal extents in all axes but the last",
            ));
        }
        joined[last] = shapes.iter().fold(0, |sum: usize, shape| sum.saturating_add(shape[last]));
        definition.activations(elements(&joined) as u64);
        Ok(joined)
    }

    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
        let run = |(index, branch)| scope.forward_nth(index, branch, x);
        let outputs = self.branches.iter().enumerate().map(run).collect::<Result<Vec<_>>>()?;
        let last = outputs.first().map_or(0, |output| output.shape().rank() - 1);
        Tensor::concat(&outputs.iter().collect::<Vec<_>>(), last)
    }
}
