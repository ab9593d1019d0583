//! Batch normalisation (Ioffe and Szegedy 2015, [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)): each channel is
//! brought to mean 0 and variance 1, then to a trained scale and offset, and passes through an activation.
//!
//! Statistics are computed in pieces, each in two passes, and joined by the formula of Chan et al. (1979): no sum of
//! squares is subtracted from another. In f16 they are f32. The graph keeps x and four numbers per channel. The
//! gradients compute the activation's argument again instead of reading the output.

mod kernels;

use super::check_float;
use super::columns::{joined, pieces};
use super::unary::Function;
use crate::autograd::{BackwardContext, record, wanted};
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;
use bytemuck::Zeroable;
use kernels::{GRADIENT, GRADIENT_IN_PLACE, JOIN, NORMALIZE, Params, STATISTICS, SUMS, TABLE, UPDATE};

const OP: &str = "batch_norm";

/// What [`Tensor::batch_norm`] returns.
#[derive(Clone, Debug)]
pub struct BatchNormalized {
    /// The normalised batch.
    pub output: Tensor,
    /// The batch's mean of each channel, `[channels]`, without a graph; f32 for f16.
    pub mean: Tensor,
    /// The batch's variance of each channel: the mean of the squared distances from the mean (the biased one). It has
    /// no graph; f32 for f16.
    pub variance: Tensor,
}

impl Tensor {
    /// `f(γ·(x − mean)/√(variance + ε) + β)` of `self` `[…, channels]`, where mean and variance are those of each
    /// channel over all other axes, and depend on x in the gradient. `gamma` and `beta` are `[channels]`, `function` is
    /// f.
    ///
    /// # Errors
    /// [`Error::Shape`] for a rank below 2, and for operands of other shapes; [`Error::Argument`] for an epsilon that
    /// is not positive; [`Error::DType`] and [`Error::Placement`] for operands of different types or devices.
    pub fn batch_norm(
        &self,
        gamma: &Tensor,
        beta: &Tensor,
        epsilon: f32,
        function: Function,
    ) -> Result<BatchNormalized> {
        let params = scalars(self, [gamma, beta], &[], epsilon, function)?;
        let x = self.packed(OP)?;
        let (packed_gamma, packed_beta) = (gamma.packed(OP)?, beta.packed(OP)?);
        let empty = |shape: Shape| Tensor::empty(OP, x.device(), x.dtype().of_sums(), shape);
        let (channels, pieces) = (params.channels as usize, params.pieces as usize);
        let [means, squares] = [empty([pieces, channels].into())?, empty([pieces, channels].into())?];
        x.device().run(&STATISTICS, &params, &[x.operand()], &[means.operand(), squares.operand()])?;
        let [mean, variance] = [empty([channels].into())?, empty([channels].into())?];
        let table = empty([4, channels].into())?;
        x.device().run(
            &JOIN,
            &params,
            &[means.operand(), squares.operand(), packed_gamma.operand(), packed_beta.operand()],
            &[mean.operand(), variance.operand(), table.operand()],
        )?;
        let output = normalized(params, [self, gamma, beta], x, table)?;
        Ok(BatchNormalized { output, mean, variance })
    }

    /// The same with a given mean and variance, `[channels]`, which are constants to the gradient: running statistics,
    /// say. They are f32 for f16.
    ///
    /// # Errors
    /// Those of [`batch_norm`](Tensor::batch_norm).
    pub fn batch_norm_with(
        &self,
        [mean, variance]: [&Tensor; 2],
        [gamma, beta]: [&Tensor; 2],
        epsilon: f32,
        function: Function,
    ) -> Result<Tensor> {
        let params = scalars(self, [gamma, beta], &[mean, variance], epsilon, function)?;
        let x = self.packed(OP)?;
        let table = Tensor::empty(OP, x.device(), x.dtype().of_sums(), [4, params.channels as usize].into())?;
        let of_channels = [mean.packed(OP)?, variance.packed(OP)?, gamma.packed(OP)?, beta.packed(OP)?];
        let inputs = of_channels.each_ref().map(Tensor::operand);
        x.device().run(&TABLE, &params, &inputs, &[table.operand()])?;
        normalized(Params { training: 0, ..params }, [self, gamma, beta], x, table)
    }
}

/// Running statistics after a batch of `rows` rows: `momentum·old + (1 − momentum)·new` for the mean, and for the
/// unbiased variance, rows/(rows − 1) times that of the batch (0 for a single row). All are `[channels]` of one type,
/// without a graph.
///
/// # Errors
/// [`Error::Shape`], [`Error::DType`] and [`Error::Placement`] for operands that differ in shape, type or device.
pub fn updated_statistics(
    [mean, variance]: [&Tensor; 2],
    old: [&Tensor; 2],
    rows: usize,
    momentum: f32,
) -> Result<[Tensor; 2]> {
    let all = [mean, variance, old[0], old[1]];
    for tensor in all {
        check_float(OP, tensor, mean)?;
        if tensor.shape() != mean.shape() || mean.shape().rank() != 1 {
            let shapes = all.map(|tensor| tensor.shape());
            return Err(Error::shape(OP, &shapes, "means and variances must all be [channels]"));
        }
    }
    let params = Params { rows: rows as u32, channels: mean.shape()[0] as u32, momentum, ..Params::zeroed() };
    let empty = || Tensor::empty(OP, mean.device(), mean.dtype(), mean.shape());
    let new = [empty()?, empty()?];
    let packed = [all[0].packed(OP)?, all[1].packed(OP)?, all[2].packed(OP)?, all[3].packed(OP)?];
    let inputs = packed.each_ref().map(Tensor::operand);
    mean.device().run(&UPDATE, &params, &inputs, &new.each_ref().map(Tensor::operand))?;
    Ok(new)
}

/// The scalars of all kernels, after checking the operands. `statistics` are means and variances.
fn scalars(
    x: &Tensor,
    [gamma, beta]: [&Tensor; 2],
    statistics: &[&Tensor],
    epsilon: f32,
    function: Function,
) -> Result<Params> {
    [x, gamma, beta].into_iter().try_for_each(|tensor| check_float(OP, tensor, x))?;
    let shape = x.shape();
    let channels = shape.last().copied().unwrap_or_default();
    let of_channels = [gamma, beta].into_iter().chain(statistics.iter().copied());
    if shape.rank() < 2 || of_channels.clone().any(|tensor| *tensor.shape() != [channels]) {
        let shapes: Vec<Shape> = std::iter::once(x).chain(of_channels).map(|t| t.shape()).collect();
        let expected =
            "[…, channels] with at least two axes is needed, and [channels] for each of the others";
        return Err(Error::shape(OP, &shapes, expected));
    }
    for tensor in statistics {
        if tensor.dtype() != x.dtype().of_sums() {
            let expected = format!("{} for mean and variance", x.dtype().of_sums());
            return Err(Error::DType { op: OP, found: tensor.dtype().name(), expected });
        }
        x.device().check_same(OP, tensor.device())?;
    }
    if !(epsilon > 0.0 && epsilon.is_finite()) {
        return Err(Error::argument(OP, "epsilon", epsilon, "a positive number"));
    }
    let rows = (shape.elements() / channels) as u32;
    let [piece, pieces] = pieces(rows, channels as u32);
    Ok(Params {
        rows,
        channels: channels as u32,
        piece,
        pieces,
        function: function as u32,
        training: 1,
        epsilon,
        momentum: 0.0,
    })
}

/// The output for a table, with its graph. `x` is `inputs[0]`, packed.
fn normalized(params: Params, inputs: [&Tensor; 3], x: Tensor, table: Tensor) -> Result<Tensor> {
    let output = Tensor::empty(OP, x.device(), x.dtype(), x.shape())?;
    x.device().run(&NORMALIZE, &params, &[x.operand(), table.operand()], &[output.operand()])?;
    if !wanted(&inputs) {
        return Ok(output);
    }
    let x = x.detach();
    Ok(record(OP, output, &inputs, move |context| backward(context, &params, x, table)))
}

fn backward(context: &mut BackwardContext, params: &Params, x: Tensor, table: Tensor) -> Result<()> {
    let dy = context.take_gradient().packed(OP)?;
    let device = x.device();
    let pieces = Shape::from([params.pieces as usize, params.channels as usize]);
    let empty = || Tensor::empty(OP, device, table.dtype(), pieces);
    let (of_beta, of_gamma) = (empty()?, empty()?);
    let inputs = [x.operand(), table.operand(), dy.operand()];
    device.run(&SUMS, params, &inputs, &[of_beta.operand(), of_gamma.operand()])?;
    let sum_beta = joined(OP, context, 2, &of_beta)?;
    context.accumulate(2, sum_beta.cast(x.dtype())?)?;
    let sum_gamma = joined(OP, context, 1, &of_gamma)?;
    if context.wants(0) {
        let sums = [sum_beta.operand(), sum_gamma.operand()];
        let [beta, gamma] = sums;
        let dx = if dy.is_sole_handle() {
            device.run(
                &GRADIENT_IN_PLACE,
                params,
                &[x.operand(), table.operand(), beta, gamma],
                &[dy.operand()],
            )?;
            dy
        } else {
            let dx = Tensor::empty(OP, device, x.dtype(), x.shape())?;
            let inputs = [x.operand(), table.operand(), beta, gamma, dy.operand()];
            device.run(&GRADIENT, params, &inputs, &[dx.operand()])?;
            dx
        };
        context.accumulate(0, dx)?;
    }
    context.accumulate(1, sum_gamma.cast(x.dtype())?)
}
