//! `backward`: the walk of [`autograd`](crate::autograd) with the arithmetic of the ops.

use crate::autograd::{self, Arithmetic, Gradients, no_grad};
use crate::device::memory::{Category, allocating};
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use std::collections::HashMap;

struct Ops;

impl Arithmetic for Ops {
    fn add(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        a.add(b)
    }

    fn add_into(&self, to: &Tensor, from: &Tensor) -> Result<()> {
        from.add_into(to)
    }

    fn copy(&self, from: &Tensor, to: &Tensor) -> Result<()> {
        from.copy_into(to)
    }
}

impl Tensor {
    /// The gradients of this scalar with respect to every leaf that it depends on. The graph is consumed.
    ///
    /// # Errors
    /// [`Error::Shape`] if this is not a scalar, [`Error::Graph`] without a graph or for a graph that was walked
    /// before.
    pub fn backward(&self) -> Result<Gradients> {
        self.backward_into(&HashMap::new())
    }

    /// The same, with the gradient of the leaf of number `id` in the memory of `slots[id]`.
    pub(crate) fn backward_into(&self, slots: &HashMap<u64, Tensor>) -> Result<Gradients> {
        if self.shape().elements() != 1 {
            let expected =
                "a loss of one element is needed; reduce it with sum or mean, or use backward_from";
            return Err(Error::shape("backward", &[self.shape()], expected));
        }
        let _gradients = allocating(Category::Gradients);
        let seed = Tensor::ones(self.device(), self.dtype(), self.shape())?;
        no_grad(|| autograd::walk(self, seed, slots, &Ops))
    }

    /// The gradients of Σ `seed` · `self`, for a tensor of any shape.
    ///
    /// # Errors
    /// [`Error::Shape`] if the shapes differ, [`Error::Graph`] as for [`backward`](Tensor::backward).
    pub fn backward_from(&self, seed: &Tensor) -> Result<Gradients> {
        if self.shape() != seed.shape() {
            return Err(Error::shape(
                "backward",
                &[self.shape(), seed.shape()],
                "the seed has the tensor's shape",
            ));
        }
        let _gradients = allocating(Category::Gradients);
        no_grad(|| autograd::walk(self, seed.detach(), &HashMap::new(), &Ops))
    }
}
