//! Sums losses and correct predictions on the device, so that the training loop reads them back rarely.
//!
//! Rounding errors of a long sum in f32 grow, and a count in f32 stops at 2²⁴. So there are many pairs of sums. Each
//! pair takes a few batches, and the host adds the pairs in f64.

use crate::device::kernel::{Kernel, KernelArgs, Out, Shader};
use crate::device::real::Real;
use crate::error::{Error, Result};
use crate::ops::cross_entropy::check_labels;
use crate::ops::{check_float, no_constants};
use crate::reference;
use crate::tensor::Tensor;

const OP: &str = "metric";

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    rows: u32,
    classes: u32,
    pair: u32,
}

static CLASSIFICATION: Kernel<Params> = Kernel {
    name: "metric.classification",
    gpu: Shader {
        source: &[include_str!("../../shaders/metric.wgsl")],
        entry: "classification",
        constants: no_constants,
        groups: |_| 1,
    },
    cooperative: None,
    flops: |p| p.rows as u64 * p.classes as u64,
    reference: reference!(classification),
    fast: None,
};
static LOSSES: Kernel<Params> = Kernel {
    name: "metric.losses",
    gpu: Shader { entry: "losses", ..CLASSIFICATION.gpu },
    flops: |p| p.rows as u64,
    reference: reference!(losses),
    ..CLASSIFICATION
};

fn classification<T: Real>(p: &Params, mut args: KernelArgs<T>) {
    let (losses, logits, labels) = (args.inputs[0].real(), args.inputs[1].real(), args.inputs[2].index());
    let Some(Out::Real(sums)) = args.outputs.pop() else { unreachable!("sums are floats") };
    let pair = 2 * p.pair as usize;
    let right = logits.chunks_exact(p.classes as usize).zip(labels).filter(|(row, label)| {
        let best = (1..row.len()).fold(0, |best, c| if row[c] > row[best] { c } else { best });
        best as u32 == **label
    });
    sums[pair + 1] += T::of(right.count() as f64);
    sums[pair] += total(losses);
}

fn losses<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([losses], [sums]) = args.reals();
    sums[2 * p.pair as usize] += total(losses);
}

/// The sum, computed in f64 because a batch may be large.
fn total<T: Real>(losses: &[T]) -> T {
    T::of(losses.iter().map(|loss| loss.to_f64()).sum())
}

/// Adds a batch to pair `pair` of `sums` `[pairs, 2]`, in place: the sum of `losses` `[n]`, and the number of rows of
/// `logits` `[n, classes]` whose largest value is at their label (`labels` `[n]`). Logits may be f16 if losses and sums
/// are f32.
///
/// # Errors
/// [`Error::Shape`] if the shapes don't match or `sums` is not packed; [`Error::Argument`] if `pair` is out of range;
/// [`Error::DType`] for labels that are not u32, and for other element types that don't match; tensors on different
/// devices.
pub fn add_classification(
    sums: &Tensor,
    pair: usize,
    losses: &Tensor,
    logits: &Tensor,
    labels: &Tensor,
) -> Result<()> {
    check_labels(OP, logits, labels)?;
    check_float(OP, logits, logits)?;
    if logits.dtype().of_sums() != sums.dtype() {
        let expected = format!("a type whose sums are {}", sums.dtype());
        return Err(Error::DType { op: OP, found: logits.dtype().name(), expected });
    }
    check_sums(sums, pair, losses)?;
    if losses.shape() != labels.shape() {
        let shapes = [losses.shape(), logits.shape(), labels.shape()];
        return Err(Error::shape(OP, &shapes, "losses [n], logits [n, classes] and labels [n] are needed"));
    }
    let [rows, classes] = [0, 1].map(|axis| logits.shape()[axis] as u32);
    let params = Params { rows, classes, pair: pair as u32 };
    let (losses, logits, labels) = (losses.packed(OP)?, logits.packed(OP)?, labels.packed(OP)?);
    let inputs = [losses.operand(), logits.operand(), labels.operand()];
    sums.device().run(&CLASSIFICATION, &params, &inputs, &[sums.operand()])
}

/// Adds the sum of `losses` `[n]` to the first element of pair `pair` of `sums` `[pairs, 2]`, in place.
///
/// # Errors
/// [`Error::Shape`] if `sums` is not a packed tensor of pairs; [`Error::Argument`] if `pair` is out of range; element
/// types or devices that differ.
pub fn add_losses(sums: &Tensor, pair: usize, losses: &Tensor) -> Result<()> {
    check_sums(sums, pair, losses)?;
    let params = Params { rows: losses.shape().elements() as u32, classes: 1, pair: pair as u32 };
    let losses = losses.packed(OP)?;
    sums.device().run(&LOSSES, &params, &[losses.operand()], &[sums.operand()])
}

fn check_sums(sums: &Tensor, pair: usize, losses: &Tensor) -> Result<()> {
    check_float(OP, sums, sums)?;
    check_float(OP, losses, sums)?;
    match *sums.shape() {
        [pairs, 2] if sums.is_packed() && pair < pairs => Ok(()),
        [pairs, 2] if sums.is_packed() => {
            Err(Error::argument(OP, "pair", pair, format!("less than {pairs}, the number of pairs")))
        }
        _ => Err(Error::shape(OP, &[sums.shape()], "sums must be a packed tensor [pairs, 2]")),
    }
}
