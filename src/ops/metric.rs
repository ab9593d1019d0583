//! What the training loop reads back every so many steps is summed on the device: losses and right answers.
//!
//! Counts are exact in f32 up to 2²⁴ rows between two read-backs.

use super::cross_entropy::check_labels;
use super::{check_float, no_constants};
use crate::device::kernel::{Call, Kernel, Out, Shader};
use crate::device::real::Real;
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use crate::twin;

const OP: &str = "metric";

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    rows: u32,
    classes: u32,
}

static CLASSIFICATION: Kernel<Params> = Kernel {
    name: "metric.classification",
    gpu: Shader {
        source: &[include_str!("../../shaders/metric.wgsl")],
        entry: "classification",
        constants: no_constants,
        groups: |_| 1,
    },
    software: None,
    cooperative: None,
    flops: |p| p.rows as u64 * p.classes as u64,
    twin: twin!(classification),
};
static LOSSES: Kernel<Params> = Kernel {
    name: "metric.losses",
    gpu: Shader { entry: "losses", ..CLASSIFICATION.gpu },
    flops: |p| p.rows as u64,
    twin: twin!(losses),
    ..CLASSIFICATION
};

fn classification<T: Real>(p: &Params, mut call: Call<T>) {
    let (losses, logits, labels) = (call.inputs[0].real(), call.inputs[1].real(), call.inputs[2].index());
    let Some(Out::Real(sums)) = call.outputs.pop() else { unreachable!("sums are floats") };
    let right = logits.chunks_exact(p.classes as usize).zip(labels).filter(|(row, label)| {
        let best = (1..row.len()).fold(0, |best, c| if row[c] > row[best] { c } else { best });
        best as u32 == **label
    });
    sums[1] += T::of(right.count() as f64);
    sums[0] += losses.iter().copied().sum();
}

fn losses<T: Real>(_: &Params, call: Call<T>) {
    let ([losses], [sums]) = call.reals();
    sums[0] += losses.iter().copied().sum();
}

impl Tensor {
    /// Adds to this tensor of two sums, in place: the losses of a batch `[n]`, and how many rows of `logits`
    /// `[n, classes]` are largest at their label `[n]`. The logits may be f16 where losses and sums are f32.
    ///
    /// # Errors
    /// [`Error::Shape`] where the extents don't fit or the sums are not packed; labels that are not u32; element
    /// types or devices that differ.
    pub fn add_classification(&self, losses: &Tensor, logits: &Tensor, labels: &Tensor) -> Result<()> {
        check_labels(OP, logits, labels)?;
        check_float(OP, logits, logits)?;
        if logits.dtype().of_sums() != self.dtype() {
            let expected = format!("what {} sums up", self.dtype());
            return Err(Error::DType { op: OP, found: logits.dtype().name(), expected });
        }
        self.check_sums(losses)?;
        if losses.shape() != labels.shape() {
            let shapes = [losses.shape(), logits.shape(), labels.shape()];
            return Err(Error::shape(OP, &shapes, "[n], [n, classes] and [n] are needed"));
        }
        let params = Params { rows: logits.shape()[0] as u32, classes: logits.shape()[1] as u32 };
        let (losses, logits, labels) = (losses.packed(OP)?, logits.packed(OP)?, labels.packed(OP)?);
        let inputs = [losses.operand(), logits.operand(), labels.operand()];
        self.device().run(&CLASSIFICATION, &params, &inputs, &[self.operand()])
    }

    /// Adds the losses of a batch to the first of this tensor's two sums, in place.
    ///
    /// # Errors
    /// [`Error::Shape`] if this is not a packed tensor of two; element types or devices that differ.
    pub fn add_losses(&self, losses: &Tensor) -> Result<()> {
        self.check_sums(losses)?;
        let params = Params { rows: losses.shape().elements() as u32, classes: 1 };
        let losses = losses.packed(OP)?;
        self.device().run(&LOSSES, &params, &[losses.operand()], &[self.operand()])
    }

    fn check_sums(&self, losses: &Tensor) -> Result<()> {
        check_float(OP, self, self)?;
        check_float(OP, losses, self)?;
        if *self.shape() != [2] || !self.is_packed() {
            return Err(Error::shape(OP, &[self.shape()], "the sums are a packed tensor of two"));
        }
        Ok(())
    }
}
