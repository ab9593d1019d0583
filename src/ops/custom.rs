//! The parts of an op outside this crate.
//!
//! An op is a function that checks its operands, runs a [`Kernel`], and records its gradient:
//!
//! 1. The kernel is a `static`: one computation, written in WGSL for GPUs ([`Shader`](crate::device::kernel::Shader))
//!    and as a Rust function, generic over f32 and f64, for the CPU device and for tests
//!    ([`reference!`](crate::reference)). A second Rust function, fast code in f32 for the CPU, is optional. Both
//!    read the same scalars: a `#[repr(C)]` struct of at most 128 bytes that implements `bytemuck::Pod`. The shader's
//!    texts begin with [`INDEX`], which defines `group_index`, the index of a workgroup.
//! 2. [`check_float`] checks the operands' types and devices. The op checks their shapes itself.
//! 3. [`dispatch`] runs the kernel.
//! 4. [`record`](crate::autograd::record) records the gradient: a closure that passes the gradient of each input to
//!    [`BackwardContext::accumulate`](crate::autograd::BackwardContext::accumulate).
//! 5. [`gradcheck`](crate::gradcheck::gradcheck) compares the gradient with central differences.
//!
//! `examples/custom_op.rs` is a complete example.

use crate::device::DType;
use crate::device::kernel::Kernel;
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;

pub use super::{INDEX, check_float};

/// Runs `kernel` on `inputs` and returns its outputs: new tensors of these types and shapes, without a graph. The
/// kernel gets each input row-major; other views are copied first. A GPU records the kernel and runs it before
/// anything that reads its outputs.
///
/// # Errors
/// [`Error::Argument`] without inputs; [`Error::Placement`] for inputs on several devices; [`Error::Shape`] for an
/// output without elements; [`Error::OutOfMemory`]; [`Error::Kernel`] if the driver rejects the WGSL, at the latest
/// when an output is read.
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
