//! `cross_entropy`: −Σ t·ln softmax(x) for each row x of logits. The target t is a label with smoothing: 1 − ε on the
//! label, plus ε / classes on every class (Szegedy et al. 2016; as in Keras and PyTorch).
//!
//! Because Σ t = 1, this is ln Σ eᶻ − (1 − ε)·z\[label\] − ε·mean(z) with z = x − max x. There is one kernel for the
//! loss and one for the gradient, which computes the softmax again from the logits instead of storing it.

use super::softmax::{OF_ROW, largest_and_sum};
use super::{INDEX, MATH, ROW, check_float, no_constants};
use crate::autograd::{record, wanted};
use crate::device::DType;
use crate::device::cpu::{parallel_elements, parallel_rows, softmax};
use crate::device::kernel::{Kernel, KernelArgs, Shader};
use crate::device::real::Real;
use crate::error::{Error, Result};
use crate::reference;
use crate::tensor::Tensor;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    rows: u32,
    extent: u32,
    smoothing: f32,
}

const TEXT: &str = include_str!("../../shaders/cross_entropy.wgsl");

const GPU: Shader<Params> = Shader {
    source: &[INDEX, MATH, ROW, OF_ROW, TEXT],
    entry: "forward",
    constants: no_constants,
    groups: |p| p.rows as u64,
};

static FORWARD: Kernel<Params> = Kernel {
    name: "cross_entropy.forward",
    gpu: GPU,
    cooperative: None,
    flops: |p| 5 * p.rows as u64 * p.extent as u64,
    reference: reference!(forward),
    fast: Some(forward_fast),
};
static GRADIENT: Kernel<Params> = Kernel {
    name: "cross_entropy.gradient",
    gpu: Shader { entry: "gradient", ..GPU },
    cooperative: None,
    flops: |p| 7 * p.rows as u64 * p.extent as u64,
    reference: reference!(gradient),
    fast: Some(gradient_fast),
};

/// loss = ln Σ eᶻ − (1 − ε)·z\[label\] − ε·mean(z) of each row, with z = x − max x.
fn forward<T: Real>(p: &Params, args: KernelArgs<T>) {
    let (x, labels) = (args.inputs[0].real(), args.inputs[1].index());
    let extent = p.extent as usize;
    let smoothing = T::of(p.smoothing as f64);
    parallel_elements(args.output(), 20 * extent, |row| {
        let x = &x[row * extent..][..extent];
        let Some(&of_label) = x.get(labels[row] as usize) else { return T::of(f64::NAN) };
        let (largest, sum) = largest_and_sum(x);
        let loss = sum.ln() - (T::ONE - smoothing) * (of_label - largest);
        // Without smoothing, a logit of −∞ excludes a class and must not be multiplied by 0.
        if smoothing > T::ZERO {
            let sum_of_z: T = x.iter().map(|&x| x - largest).sum();
            loss - smoothing * (sum_of_z / T::of(extent as f64))
        } else {
            loss
        }
    });
}

/// dx = dloss·(softmax(x) − t) of each row.
fn gradient<T: Real>(p: &Params, args: KernelArgs<T>) {
    let (x, labels, dloss) = (args.inputs[0].real(), args.inputs[1].index(), args.inputs[2].real());
    let extent = p.extent as usize;
    let smoothing = T::of(p.smoothing as f64);
    let share = smoothing / T::of(extent as f64);
    parallel_rows(args.output(), extent, 20 * extent, |first, rows| {
        for (row, dx) in (first..).zip(rows.chunks_exact_mut(extent)) {
            let (x, label) = (&x[row * extent..][..extent], labels[row] as usize);
            let (largest, sum) = largest_and_sum(x);
            for (i, (dx, &x)) in dx.iter_mut().zip(x).enumerate() {
                let t = if i == label { T::ONE - smoothing + share } else { share };
                let softmax = (x - largest).exp() / sum;
                *dx = if label < extent { dloss[row] * (softmax - t) } else { T::of(f64::NAN) };
            }
        }
    });
}

fn forward_fast(p: &Params, args: KernelArgs<f32>) {
    let (x, labels) = (args.inputs[0].real(), args.inputs[1].index());
    softmax::cross_entropy(p.extent as usize, p.smoothing, x, labels, args.output());
}

fn gradient_fast(p: &Params, args: KernelArgs<f32>) {
    let (x, labels, dloss) = (args.inputs[0].real(), args.inputs[1].index(), args.inputs[2].real());
    softmax::cross_entropy_gradient(p.extent as usize, p.smoothing, x, labels, dloss, args.output());
}

/// Checks logits `[n, classes]` and their labels, `[n]` of u32.
pub(crate) fn check_labels(op: &'static str, logits: &Tensor, labels: &Tensor) -> Result<()> {
    check_float(op, logits, logits)?;
    if labels.dtype() != DType::U32 {
        let expected = "u32 (labels are integers)".to_string();
        return Err(Error::DType { op, found: labels.dtype().name(), expected });
    }
    let (x, l) = (logits.shape(), labels.shape());
    if x.rank() != 2 || l.rank() != 1 || x[0] != l[0] {
        return Err(Error::shape(op, &[x, l], "logits must be [n, classes] and labels [n]"));
    }
    logits.device().check_same(op, labels.device())
}

impl Tensor {
    /// The mean of [`cross_entropy_rows`](Tensor::cross_entropy_rows): a scalar.
    ///
    /// # Errors
    /// Errors of [`cross_entropy_rows`](Tensor::cross_entropy_rows).
    pub fn cross_entropy(&self, labels: &Tensor, smoothing: f32) -> Result<Tensor> {
        self.cross_entropy_rows(labels, smoothing)?.mean(&[], false)
    }

    /// The cross-entropy of each row of these logits, `[n, classes]`, with its label: `[n]`. The target is 1 −
    /// `smoothing` on the label, plus `smoothing` / classes on every class. A row whose label is not below the number
    /// of classes has the loss NaN. For f16 logits the losses are f32. The gradient reads the logits.
    ///
    /// # Errors
    /// [`Error::Shape`] for shapes other than `[n, classes]` and `[n]`; [`Error::DType`] for labels that are not u32;
    /// [`Error::Argument`] for `smoothing` outside [0, 1]; [`Error::Placement`] for operands on different devices.
    pub fn cross_entropy_rows(&self, labels: &Tensor, smoothing: f32) -> Result<Tensor> {
        const OP: &str = "cross_entropy";
        check_labels(OP, self, labels)?;
        if !(0.0..=1.0).contains(&smoothing) {
            return Err(Error::argument(OP, "smoothing", smoothing, "within [0, 1]"));
        }
        let shape = self.shape();
        let params = Params { rows: shape[0] as u32, extent: shape[1] as u32, smoothing };
        let (x, labels) = (self.packed(OP)?, labels.packed(OP)?);
        let output = Tensor::empty(OP, self.device(), self.dtype().of_sums(), labels.shape())?;
        self.device().run(&FORWARD, &params, &[x.operand(), labels.operand()], &[output.operand()])?;
        if !wanted(&[self]) {
            return Ok(output);
        }
        Ok(record(OP, output, &[self], move |context| {
            let dloss = context.gradient().packed(OP)?;
            let dx = Tensor::empty(OP, x.device(), x.dtype(), shape)?;
            let inputs = [x.operand(), labels.operand(), dloss.operand()];
            x.device().run(&GRADIENT, &params, &inputs, &[dx.operand()])?;
            context.accumulate(0, dx)
        }))
    }
}
