//! Normalisation over sets of one sample: layer norm (Ba et al. 2016,
//! [arXiv:1607.06450](https://arxiv.org/abs/1607.06450)), group norm (Wu and He 2018,
//! [arXiv:1803.08494](https://arxiv.org/abs/1803.08494)), and RMS norm (Zhang and Sennrich 2019,
//! [arXiv:1910.07467](https://arxiv.org/abs/1910.07467)).
//!
//! All three run the same kernels. Statistics are computed in two passes, in f32 for f16. The graph keeps x, γ, β, and
//! two numbers per set. The gradients compute the activation's argument again instead of reading the output.

mod kernels;

use super::check_float;
use super::columns::{joined, pieces};
use super::unary::Function;
use crate::autograd::{BackwardContext, record, wanted};
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;
use kernels::{FORWARD, GRADIENT, Params, SUMS};

/// Which elements a mean and a variance are those of.
#[derive(Clone, Copy)]
struct Over {
    op: &'static str,
    /// The fewest axes of x.
    rank: usize,
    /// Whether a set has all rows of a sample, and not one row.
    samples: bool,
    groups: usize,
}

impl Tensor {
    /// `f(γ·(x − mean)/√(variance + ε) + β)` of `self` `[…, n]`, with mean and variance over the last axis. `gamma` and
    /// `beta` are `[n]`, `function` is f.
    ///
    /// # Errors
    /// [`Error::Shape`] for a scalar, and for operands of other shapes; [`Error::Argument`] for an epsilon that is not
    /// positive; [`Error::DType`] and [`Error::Placement`] for operands of different types or devices.
    pub fn layer_norm(
        &self,
        gamma: &Tensor,
        beta: &Tensor,
        epsilon: f32,
        function: Function,
    ) -> Result<Tensor> {
        let over = Over { op: "layer_norm", rank: 1, samples: false, groups: 1 };
        normalized(self, gamma, Some(beta), over, epsilon, function)
    }

    /// `f(γ·x/√(mean of x² + ε))` of `self` `[…, n]`, with the mean over the last axis. `gamma` is `[n]`, `function` is
    /// f.
    ///
    /// # Errors
    /// Those of [`layer_norm`](Tensor::layer_norm).
    pub fn rms_norm(&self, gamma: &Tensor, epsilon: f32, function: Function) -> Result<Tensor> {
        let over = Over { op: "rms_norm", rank: 1, samples: false, groups: 1 };
        normalized(self, gamma, None, over, epsilon, function)
    }

    /// `f(γ·(x − mean)/√(variance + ε) + β)` of `self` `[n, …, channels]`, with mean and variance of each sample over
    /// all positions and the channels of one of `groups` groups: the first channels/groups channels, and so on. `gamma`
    /// and `beta` are `[channels]`, `function` is f.
    ///
    /// # Errors
    /// Those of [`layer_norm`](Tensor::layer_norm); [`Error::Shape`] for a vector; [`Error::Argument`] for groups that
    /// do not divide the channels.
    pub fn group_norm(
        &self,
        groups: usize,
        [gamma, beta]: [&Tensor; 2],
        epsilon: f32,
        function: Function,
    ) -> Result<Tensor> {
        let over = Over { op: "group_norm", rank: 2, samples: true, groups };
        normalized(self, gamma, Some(beta), over, epsilon, function)
    }
}

fn normalized(
    x: &Tensor,
    gamma: &Tensor,
    beta: Option<&Tensor>,
    over: Over,
    epsilon: f32,
    function: Function,
) -> Result<Tensor> {
    let Over { op, rank, samples, groups } = over;
    let inputs: Vec<&Tensor> = [x, gamma].into_iter().chain(beta).collect();
    inputs.iter().try_for_each(|tensor| check_float(op, tensor, x))?;
    let shape = x.shape();
    let channels = shape.last().copied().unwrap_or_default();
    if shape.rank() < rank || inputs[1..].iter().any(|tensor| *tensor.shape() != [channels]) {
        let shapes: Vec<Shape> = inputs.iter().map(|tensor| tensor.shape()).collect();
        let x = if samples { "[n, …, channels]" } else { "[…, channels]" };
        let expected = format!("{x} is needed, and [channels] for each of the others");
        return Err(Error::shape(op, &shapes, expected));
    }
    if groups == 0 || !channels.is_multiple_of(groups) {
        let expected = format!("a divisor of {channels} channels");
        return Err(Error::argument(op, "groups", groups, expected));
    }
    if !(epsilon > 0.0 && epsilon.is_finite()) {
        return Err(Error::argument(op, "epsilon", epsilon, "a positive number"));
    }
    let rows = (shape.elements() / channels) as u32;
    let [piece, pieces] = pieces(rows, channels as u32);
    let params = Params {
        rows,
        channels: channels as u32,
        positions: if samples { rows / shape[0] as u32 } else { 1 },
        groups: groups as u32,
        piece,
        pieces,
        function: function as u32,
        centered: beta.is_some() as u32,
        epsilon,
    };
    // Without β another operand is bound in its place. The kernels do not read it.
    let packed = Packed {
        x: x.packed(op)?,
        gamma: gamma.packed(op)?,
        beta: beta.unwrap_or(gamma).packed(op)?,
        table: Tensor::empty(op, x.device(), x.dtype().of_sums(), [2, params.sets()].into())?,
    };
    let output = Tensor::empty(op, x.device(), x.dtype(), shape)?;
    let read = [packed.x.operand(), packed.gamma.operand(), packed.beta.operand()];
    x.device().run(&FORWARD, &params, &read, &[output.operand(), packed.table.operand()])?;
    if !wanted(&inputs) {
        return Ok(output);
    }
    Ok(record(op, output, &inputs, move |context| backward(op, context, &params, &packed)))
}

/// What the gradients read.
struct Packed {
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    table: Tensor,
}

fn backward(op: &'static str, context: &mut BackwardContext, params: &Params, packed: &Packed) -> Result<()> {
    let Packed { x, gamma, beta, table } = packed;
    let dy = context.take_gradient().packed(op)?;
    let read = [x.operand(), gamma.operand(), beta.operand(), table.operand(), dy.operand()];
    if context.wants(1) || context.wants(2) {
        let pieces = Shape::from([params.pieces as usize, params.channels as usize]);
        let empty = || Tensor::empty(op, x.device(), table.dtype(), pieces);
        let (of_beta, of_gamma) = (empty()?, empty()?);
        x.device().run(&SUMS, params, &read, &[of_beta.operand(), of_gamma.operand()])?;
        if context.wants(2) {
            context.accumulate(2, joined(op, context, 2, &of_beta)?.cast(x.dtype())?)?;
        }
        context.accumulate(1, joined(op, context, 1, &of_gamma)?.cast(x.dtype())?)?;
    }
    if context.wants(0) {
        let dx = Tensor::empty(op, x.device(), x.dtype(), x.shape())?;
        x.device().run(&GRADIENT, params, &read, &[dx.operand()])?;
        context.accumulate(0, dx)?;
    }
    Ok(())
}
