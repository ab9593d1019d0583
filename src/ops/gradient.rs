//! `backward`: the backward pass of [`crate::autograd`] with the arithmetic of the ops.

use super::check_float;
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
    /// The gradients of this scalar with respect to every leaf that it depends on. Consumes the graph.
    ///
    /// # Errors
    /// [`Error::Shape`] if this is not a scalar; [`Error::Graph`] without a graph, or if the graph is already
    /// consumed.
    pub fn backward(&self) -> Result<Gradients> {
        self.backward_into(&HashMap::new())
    }

    /// The same, but writes the gradient of the leaf of number `id` to `slots[id]`.
    pub(crate) fn backward_into(&self, slots: &HashMap<u64, Tensor>) -> Result<Gradients> {
        let _gradients = allocating(Category::Gradients);
        self.scaled_backward_into(&Tensor::ones(self.device(), self.dtype(), [])?, slots)
    }

    /// The gradients of this scalar times `scale`, a scalar too.
    pub(crate) fn scaled_backward_into(
        &self,
        scale: &Tensor,
        slots: &HashMap<u64, Tensor>,
    ) -> Result<Gradients> {
        if self.shape().elements() != 1 {
            let expected =
                "a loss of one element is needed; reduce it with sum or mean, or use backward_from";
            return Err(Error::shape("backward", &[self.shape()], expected));
        }
        check_float("backward", scale, self)?;
        let _gradients = allocating(Category::Gradients);
        no_grad(|| autograd::propagate(self, scale.reshape(self.shape())?, slots, &Ops))
    }

    /// The gradients of Σ `seed` · `self`, for a tensor of any shape. Consumes the graph.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::DType`] or [`Error::Placement`] if the seed differs in shape, type or device;
    /// [`Error::Graph`] as for [`backward`](Tensor::backward).
    pub fn backward_from(&self, seed: &Tensor) -> Result<Gradients> {
        if self.shape() != seed.shape() {
            return Err(Error::shape(
                "backward",
                &[self.shape(), seed.shape()],
                "the seed must have the tensor's shape",
            ));
        }
        check_float("backward", seed, self)?;
        let _gradients = allocating(Category::Gradients);
        no_grad(|| autograd::propagate(self, seed.detach(), &HashMap::new(), &Ops))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{DType, Device, GpuOptions};

    fn devices() -> [Device; 2] {
        [Device::cpu(), Device::gpu(GpuOptions::default()).expect("these tests need an adapter")]
    }

    /// A leaf with a slot inside a larger buffer, and the numbers around it.
    fn with_slot(device: &Device) -> (Tensor, Tensor, HashMap<u64, Tensor>) {
        let w = Tensor::new(device, &[1.0f32, -2.0, 3.0, 0.5], [2, 2]).unwrap().requires_grad();
        let flat = Tensor::full(device, DType::F32, [192], 9.0).unwrap();
        let slot = flat.part(64, w.shape());
        let slots = HashMap::from([(w.graph().unwrap().id(), slot)]);
        (w, flat, slots)
    }

    /// The slot's contents. Panics if the numbers around it have changed.
    fn inside(flat: &Tensor) -> Vec<f32> {
        let all = flat.to_vec::<f32>().unwrap();
        assert!(all[..64].iter().chain(&all[68..]).all(|&v| v == 9.0), "written beside the slot");
        all[64..68].to_vec()
    }

    #[test]
    fn a_gradient_ends_in_its_slot() {
        for device in devices() {
            // The op writes to the slot, or the gradient is copied to it if the op does not support slots.
            let x = Tensor::new(&device, &[1.0f32, 2.0], [1, 2]).unwrap();
            for (by_the_op, expected) in [(true, [1.0, 1.0, 2.0, 2.0]), (false, [2.0, -4.0, 6.0, 1.0])] {
                let (w, flat, slots) = with_slot(&device);
                let y = if by_the_op { x.matmul(&w) } else { w.square() }.unwrap();
                let gradients = y.sum(&[], false).unwrap().backward_into(&slots).unwrap();
                assert_eq!(inside(&flat), expected);
                assert!(gradients.get(&w).unwrap().shares_memory(&flat));
            }
        }
    }

    #[test]
    fn contributions_add_up_in_the_slot() {
        for device in devices() {
            let x = Tensor::new(&device, &[1.0f32, 2.0], [1, 2]).unwrap();
            // Products write to the slot; the square's part arrives before, between or after them.
            for order in 0..3 {
                let (w, flat, slots) = with_slot(&device);
                let mut y = Tensor::zeros(&device, DType::F32, []).unwrap();
                for turn in 0..3 {
                    let part = if turn == order { w.square() } else { x.matmul(&w) }.unwrap();
                    y = y.add(&part.sum(&[], false).unwrap()).unwrap();
                }
                y.backward_into(&slots).unwrap();
                assert_eq!(inside(&flat), [4.0, -2.0, 10.0, 5.0], "the square in turn {order}");
            }
        }
    }
}
