//! Element-wise functions of one number: `y = f(x)`, `dx = dy · f′`. `table` lists the functions, `kernels` computes
//! them.

mod kernels;
mod table;

use super::{MergedAxes, check_float};
use crate::autograd::{record, wanted};
use crate::error::Result;
use crate::tensor::Tensor;
use bytemuck::Zeroable;
use kernels::{FORWARD, FORWARD_STRIDED, GRADIENT, GRADIENT_IN_PLACE, GRADIENT_STRIDED, Params};

pub(crate) use kernels::finish;
pub(super) use kernels::with_slope;
pub(super) use table::derivative;
pub use table::{Function, Reads};
pub(crate) use table::{apply, sigmoid};

impl Tensor {
    /// The function of every element.
    ///
    /// # Errors
    /// [`Error::DType`](crate::Error::DType) for u32.
    pub fn map(&self, function: Function) -> Result<Tensor> {
        let name = function.name();
        check_float(name, self, self)?;
        let output = launch(name, function, &[self])?;
        if !wanted(&[self]) {
            return Ok(output);
        }
        let kept = match function.reads() {
            Reads::Input => self.detach(),
            Reads::Output => output.detach(),
        };
        Ok(record(name, output, &[self], move |context| {
            let dy = context.take_gradient();
            context.accumulate(0, gradient_of(function, dy, &kept)?)
        }))
    }
}

/// `dy · f′(s)`, also for ops that apply a function to their result before storing it. If dy has no other handle, the
/// result replaces it in memory: the backward pass then needs no second tensor of that size.
///
/// (The result is read up to three times: for the gradients of bias, kernel and input. Computing it in each of these
/// instead would read dy and s three times and write nothing, which is as many bytes as reading both once, writing
/// the result, and reading it three times.)
pub(crate) fn gradient_of(function: Function, dy: Tensor, s: &Tensor) -> Result<Tensor> {
    let name = function.name();
    if !(dy.is_sole_handle() && dy.is_packed() && s.is_packed()) {
        return launch(name, function, &[&dy, s]);
    }
    let count = dy.shape().elements() as u32;
    let params = Params { count, function: function as u32, ..Params::zeroed() };
    dy.device().run(&GRADIENT_IN_PLACE, &params, &[s.operand()], &[dy.operand()])?;
    Ok(dy)
}

/// Runs the kernel for one operand (forward) or two (gradient).
fn launch(op: &'static str, function: Function, operands: &[&Tensor]) -> Result<Tensor> {
    let (a, b) = (operands[0], operands[operands.len() - 1]);
    let output = Tensor::empty(op, a.device(), a.dtype(), a.shape())?;
    let packed = a.is_packed() && b.is_packed();
    let axes = MergedAxes::new(&[*a.layout(), *b.layout()]);
    let operands: Vec<_> = operands.iter().map(|t| t.strided_operand()).collect();
    let params = Params {
        count: a.shape().elements() as u32,
        // To the reference, packed operands have one axis. The packed kernels ignore the rank.
        rank: axes.rank,
        function: function as u32,
        offset_a: operands[0].1 as u32,
        offset_b: operands[operands.len() - 1].1 as u32,
        extents: axes.extents,
        strides_a: axes.strides[0],
        strides_b: axes.strides[1],
    };
    let kernel = match (operands.len(), packed) {
        (1, true) => &FORWARD,
        (1, false) => &FORWARD_STRIDED,
        (_, true) => &GRADIENT,
        (_, false) => &GRADIENT_STRIDED,
    };
    let inputs: Vec<_> = operands.into_iter().map(|(operand, _)| operand).collect();
    a.device().run(kernel, &params, &inputs, &[output.operand()])?;
    Ok(output)
}
