//! What the training loop reads back every so many steps is summed on the device: losses and right answers.
//!
//! Counts are exact in f32 up to 2²⁴ rows between two read-backs.

use super::no_constants;
use crate::device::kernel::{Call, Kernel, Out, Shader};
use crate::device::real::Real;
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use crate::twin;

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
    /// Adds to this tensor of two sums: the losses of a batch `[n]`, and how many rows of `logits` `[n, classes]`
    /// are largest at their label `[n]`.
    ///
    /// # Errors
    /// [`Error::Shape`] where the extents don't fit.
    pub(crate) fn add_classification(&self, losses: &Tensor, logits: &Tensor, labels: &Tensor) -> Result<()> {
        let (n, shapes) = (labels.shape().elements(), [losses.shape(), logits.shape(), labels.shape()]);
        if *losses.shape() != [n] || logits.shape().rank() != 2 || logits.shape()[0] != n {
            return Err(Error::shape("metric", &shapes, "[n], [n, classes] and [n] are needed"));
        }
        let params = Params { rows: n as u32, classes: logits.shape()[1] as u32 };
        let (losses, logits) = (losses.packed("metric")?, logits.packed("metric")?);
        let inputs = [losses.operand(), logits.operand(), labels.operand()];
        self.device().run(&CLASSIFICATION, &params, &inputs, &[self.operand()])
    }

    /// Adds the losses of a batch to the first of this tensor's two sums.
    pub(crate) fn add_losses(&self, losses: &Tensor) -> Result<()> {
        let params = Params { rows: losses.shape().elements() as u32, classes: 1 };
        let losses = losses.packed("metric")?;
        self.device().run(&LOSSES, &params, &[losses.operand()], &[self.operand()])
    }
}
