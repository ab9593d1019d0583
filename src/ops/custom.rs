//! What an op outside this crate is made of.
//!
//! An op is a function that checks its operands, runs a [`Kernel`] and records its gradient:
//!
//! 1. The kernel, a `static`, is one computation written twice: WGSL for GPUs ([`Shader`](crate::device::kernel::Shader))
//!    and a Rust function, generic over f32 and f64, for the CPU device and for tests
//!    ([`reference!`](crate::reference)). A third, fast f32 code for the CPU, is optional. Scalars that both read are a `#[repr(C)]` struct of at most 128 bytes that
//!    implements `bytemuck::Pod`. The shader's sources begin with [`INDEX`], whose `group_index` says which part of the
//!    work a workgroup has.
//! 2. [`check_float`] refuses operands of other types and devices; shapes the op checks itself.
//! 3. [`dispatch`] runs the kernel.
//! 4. [`record`](crate::autograd::record) attaches the gradient: a closure that hands the gradient of each input to
//!    [`BackwardContext::accumulate`](crate::autograd::BackwardContext::accumulate).
//! 5. [`gradcheck`](crate::gradcheck::gradcheck) compares the gradient with central differences.
//!
//! `examples/custom_op.rs` is a complete one.

use crate::device::DType;
use crate::device::kernel::Kernel;
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;

pub use super::{INDEX, check_float};

/// Runs `kernel` on `inputs` and returns its outputs, new tensors of these types and shapes without a graph. The kernel
/// sees each input row-major: views that are not are copied first. On a GPU the kernel is recorded, and runs before
/// anything that reads its outputs.
///
/// # Errors
/// [`Error::Argument`] without inputs; [`Error::Placement`] for inputs on several devices; [`Error::Shape`] for an output
/// without elements; no memory; [`Error::Kernel`] if the driver refuses the WGSL, at the latest when an output is read.
pub fn dispatch<P: bytemuck::Pod>(
    kernel: &'static Kernel<P>,
    params: &P,
    inputs: &[&Tensor],
    outputs: &[(DType, Shape)],
) -> Result<Vec<Tensor>> {
    let Some(first) = inputs.first() else {
        return Err(Error::argument(kernel.name, "inputs", 0, "at least 1"));
    };
    let device = first.device();
    let inputs = inputs.iter().map(|input| input.packed(kernel.name)).collect::<Result<Vec<_>>>()?;
    let outputs = (outputs.iter())
        .map(|(dtype, shape)| Tensor::empty(kernel.name, device, *dtype, *shape))
        .collect::<Result<Vec<_>>>()?;
    let read: Vec<_> = inputs.iter().map(|input| input.operand()).collect();
    let written: Vec<_> = outputs.iter().map(|output| output.operand()).collect();
    device.run(kernel, params, &read, &written)?;
    Ok(outputs)
}
