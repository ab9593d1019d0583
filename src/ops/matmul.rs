//! Matrix products, in batches, with bias and activation: `C = f(A·B + bias)`.

mod kernels;
mod reference;
mod split;

pub(crate) use kernels::{MatrixProduct, SCALARS};
pub(crate) use reference::{forward, forward_fast};

use super::check_float;
use super::reduce::sum_rows;
use super::unary::{Function, Reads, gradient_of};
use crate::autograd::{record, wanted};
use crate::device::variant::Tunable;
use crate::error::{Error, Result};
use crate::shape::{Layout, Shape, merge};
use crate::tensor::Tensor;

#[derive(Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct MatmulParams {
    pub(crate) batch: u32,
    pub(crate) m: u32,
    pub(crate) n: u32,
    pub(crate) k: u32,
    pub(crate) a_row: u32,
    pub(crate) a_column: u32,
    pub(crate) a_batch: u32,
    pub(crate) b_row: u32,
    pub(crate) b_column: u32,
    pub(crate) b_batch: u32,
    pub(crate) function: u32,
    pub(crate) has_bias: u32,
    pub(crate) splits: u32,
    pub(crate) piece: u32,
}

impl MatmulParams {
    /// The scalars of a product of matrices m × k and k × n, with whole sums.
    pub(crate) fn new(
        batch: usize,
        [m, k, n]: [usize; 3],
        a: &Operand,
        b: &Operand,
        function: Function,
        has_bias: bool,
    ) -> MatmulParams {
        MatmulParams {
            batch: batch as u32,
            m: m as u32,
            n: n as u32,
            k: k as u32,
            a_row: a.row as u32,
            a_column: a.column as u32,
            a_batch: a.batch as u32,
            b_row: b.row as u32,
            b_column: b.column as u32,
            b_batch: b.batch as u32,
            function: function as u32,
            has_bias: has_bias as u32,
            splits: 1,
            piece: k as u32,
        }
    }

    /// The number of result matrices: one for each of the batch and each piece of the sums.
    fn results(&self) -> u64 {
        self.batch as u64 * self.splits as u64
    }

    pub(crate) fn flops(&self) -> u64 {
        2 * self.batch as u64 * self.m as u64 * self.n as u64 * self.k as u64
    }
}

/// The kernels of products, for tuning.
pub(crate) fn family() -> &'static dyn Tunable {
    &kernels::PRODUCT
}

impl Tensor {
    /// The matrix product over the last two axes, `[…, m, k]` × `[…, k, n]` to `[…, m, n]`, with NumPy's broadcasting
    /// of the other axes. Transposed and repeated operands are read in place.
    ///
    /// # Errors
    /// [`Error::Shape`] if the inner extents differ or an operand has fewer than two axes; [`Error::DType`] and
    /// [`Error::Placement`] for operands of different types or devices.
    pub fn matmul(&self, other: &Tensor) -> Result<Tensor> {
        let output = product("matmul", self, other, None, Function::Linear, None)?;
        if !wanted(&[self, other]) {
            return Ok(output);
        }
        let (a, b) = (self.detach(), other.detach());
        Ok(record("matmul", output, &[self, other], move |context| {
            let dy = context.gradient();
            if context.wants(0) {
                let da = product("matmul", &dy, &b.transpose()?, None, Function::Linear, None)?;
                context.accumulate(0, da.sum_to(a.shape())?)?;
            }
            if context.wants(1) {
                let slot =
                    if b.shape().rank() == 2 && dy.shape().rank() == 2 { context.slot(1) } else { None };
                let db = product("matmul", &a.transpose()?, &dy, None, Function::Linear, slot)?;
                context.accumulate(1, db.sum_to(b.shape())?)?;
            }
            Ok(())
        }))
    }

    /// A dense layer: `f(self·kernel + bias)` in one dispatch, with `self` `[…, in]`, `kernel` `[in, out]` and
    /// `bias` `[out]`. The result is `[…, out]`. A function whose derivative reads its input needs a second dispatch.
    ///
    /// # Errors
    /// [`Error::Shape`] if the extents don't fit; [`Error::DType`] and [`Error::Placement`] for operands of different
    /// types or devices.
    pub fn dense(&self, kernel: &Tensor, bias: Option<&Tensor>, function: Function) -> Result<Tensor> {
        let shape = self.shape();
        let fits = kernel.shape().rank() == 2
            && shape.rank() >= 1
            && shape.from_end(0) == kernel.shape()[0]
            && bias.is_none_or(|b| *b.shape() == [kernel.shape()[1]]);
        if !fits {
            let mut shapes = vec![shape, kernel.shape()];
            shapes.extend(bias.map(|b| b.shape()));
            return Err(Error::shape("dense", &shapes, "[…, in], [in, out] and [out] are needed"));
        }
        if function.reads() == Reads::Input && wanted(&[self, kernel]) {
            return self.dense(kernel, bias, Function::Linear)?.map(function);
        }
        let inputs = kernel.shape()[0];
        let x = self.reshape([shape.elements() / inputs, inputs])?;
        let output = product("dense", &x, kernel, bias, function, None)?;
        let outer = Shape::truncated(&[&shape[..shape.rank() - 1], &kernel.shape()[1..]].concat());
        let tensors: Vec<&Tensor> = [&x, kernel].into_iter().chain(bias).collect();
        if !wanted(&tensors) {
            return output.reshape(outer);
        }
        let (kept_x, kept_kernel, kept_output) = (x.detach(), kernel.detach(), output.detach());
        let result = record("dense", output, &tensors, move |context| {
            let dy = context.take_gradient();
            let dz = match function {
                Function::Linear => dy,
                _ => gradient_of(function, dy, &kept_output)?,
            };
            drop(kept_output);
            if context.inputs() == 3 && context.wants(2) {
                let dz = dz.packed("dense")?;
                context.accumulate(2, sum_rows("dense", &dz, context.slot(2))?)?;
            }
            if context.wants(1) {
                let slot = context.slot(1);
                let d = product("dense", &kept_x.transpose()?, &dz, None, Function::Linear, slot)?;
                context.accumulate(1, d)?;
            }
            if context.wants(0) {
                let d = product("dense", &dz, &kept_kernel.transpose()?, None, Function::Linear, None)?;
                context.accumulate(0, d)?;
            }
            Ok(())
        });
        result.reshape(outer)
    }
}

/// A matrix operand as the kernel reads it: a packed start, and one stride per row, column and matrix.
pub(crate) struct Operand {
    tensor: Tensor,
    row: usize,
    column: usize,
    batch: usize,
}

impl Operand {
    /// The operand in place if its matrices are evenly spaced and one of their two directions is contiguous;
    /// otherwise a copy.
    fn new(op: &'static str, tensor: &Tensor, batch: &[usize]) -> Result<Operand> {
        let shape = tensor.shape();
        let (m, n) = (shape.from_end(1), shape.from_end(0));
        let wide = Shape::truncated(&[batch, &[m, n]].concat());
        let view =
            tensor.with_layout(tensor.layout().broadcast_to(wide).expect("the batch was broadcast before"));
        if let Some(operand) = Operand::in_place(&view) {
            return Ok(operand);
        }
        let packed = view.packed(op)?;
        Ok(Operand::in_place(&packed).expect("packed matrices lie evenly"))
    }

    /// The operand row-major: in place if possible, otherwise a copy.
    pub(crate) fn packed(op: &'static str, tensor: &Tensor) -> Result<Operand> {
        Ok(Operand::in_place(&tensor.packed(op)?).expect("packed matrices lie evenly"))
    }

    fn in_place(view: &Tensor) -> Option<Operand> {
        let Layout { shape, strides, offset } = *view.layout();
        let rank = shape.rank();
        let (row, column) = (strides[rank - 2], strides[rank - 1]);
        let aligned = view.with_layout(Layout { offset, ..Layout::row_major(Shape::SCALAR) }).is_packed();
        let outer = Layout { shape: Shape::truncated(&shape[..rank - 2]), strides, offset };
        let batch = match merge(&[outer])[..] {
            [] => 0,
            [(_, [stride])] => stride,
            _ => return None,
        };
        // The stride along an extent of 1 has no meaning (broadcasting makes it 0). Such a matrix counts as
        // contiguous in either direction.
        let (row, column) = match (shape[rank - 2], shape[rank - 1]) {
            (1, 1) => (1, 1),
            (_, 1) => (row, 1),
            (1, n) if column == 1 => (n, 1),
            (1, _) => (1, column),
            _ => (row, column),
        };
        let even = (column == 1 || row == 1) && row > 0 && column > 0;
        (aligned && even).then(|| Operand { tensor: view.clone(), row, column, batch })
    }

    fn bind(&self) -> crate::device::Operand<'_> {
        self.tensor.strided_operand().0
    }
}

/// Runs the kernel. Writes the result to `slot` if there is one.
fn product(
    op: &'static str,
    a: &Tensor,
    b: &Tensor,
    bias: Option<&Tensor>,
    function: Function,
    slot: Option<Tensor>,
) -> Result<Tensor> {
    check_float(op, a, a)?;
    check_float(op, b, a)?;
    bias.map_or(Ok(()), |bias| check_float(op, bias, a))?;
    let (left, right) = (a.shape(), b.shape());
    let (m, k, n) = (left.from_end(1), left.from_end(0), right.from_end(0));
    let expected = "[…, m, k] and […, k, n] are needed, the axes before equal or 1";
    let mismatch = || Error::shape(op, &[left, right], expected);
    if left.rank() < 2 || right.rank() < 2 || right.from_end(1) != k {
        return Err(mismatch());
    }
    let outer = |s: &Shape| Shape::truncated(&s[..s.rank() - 2]);
    let batch = outer(&left).broadcast(&outer(&right)).ok_or_else(mismatch)?;
    let shape = Shape::truncated(&[&batch[..], &[m, n]].concat());
    // One matrix on the right, and contiguous rows on the left, are one tall product.
    if right.rank() == 2 && left.rank() > 2 && a.layout().is_row_major() {
        let tall = a.detach().reshape([batch.elements() * m, k])?;
        return product(op, &tall, b, bias, function, slot)?.reshape(shape);
    }
    let (a, b) = (Operand::new(op, a, &batch)?, Operand::new(op, b, &batch)?);
    let bias = bias.map(|bias| bias.packed(op)).transpose()?;
    let output = match slot {
        Some(slot) => slot,
        None => Tensor::empty(op, a.tensor.device(), a.tensor.dtype(), shape)?,
    };
    let params = MatmulParams::new(batch.elements(), [m, k, n], &a, &b, function, bias.is_some());
    let (splits, piece) = split::pieces([params.batch, params.m, params.n, params.k]);
    if splits > 1 {
        let params = MatmulParams { splits, piece, ..params };
        split::split_product(op, &params, &a, &b, bias.as_ref(), &output)?;
        return Ok(output);
    }
    let operands = product_operands(&a, &b, bias.as_ref());
    a.tensor.device().run_variant(&kernels::PRODUCT, &params, &operands, &[output.operand()])?;
    Ok(output)
}

/// The inputs of a product's kernels.
pub(crate) fn product_operands<'a>(
    a: &'a Operand,
    b: &'a Operand,
    bias: Option<&'a Tensor>,
) -> [crate::device::Operand<'a>; 3] {
    // Without a bias another operand is bound in its place. The kernel does not read it.
    [a.bind(), b.bind(), bias.map_or(b.bind(), |bias| bias.operand())]
}
