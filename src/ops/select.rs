//! `select(c, a, b)`: a where c is not 0, b elsewhere.

use super::{INDEX, MergedAxes, WORKGROUP, broadcast, check_float};
use crate::autograd::{record, wanted};
use crate::device::cpu::Strided;
use crate::device::kernel::{Kernel, KernelArgs, Shader};
use crate::device::real::Real;
use crate::error::Result;
use crate::reference;
use crate::tensor::Tensor;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    rank: u32,
    offset_c: u32,
    offset_a: u32,
    offset_b: u32,
    extents: [u32; 6],
    strides_c: [u32; 6],
    strides_a: [u32; 6],
    strides_b: [u32; 6],
}

static FORWARD: Kernel<Params> = Kernel {
    name: "select.forward",
    gpu: Shader {
        source: &[INDEX, include_str!("../../shaders/select.wgsl")],
        entry: "forward",
        constants: |p| vec![("RANK", p.rank)],
        groups: |p| (p.count as u64).div_ceil(WORKGROUP),
    },
    cooperative: None,
    flops: |p| p.count as u64,
    reference: reference!(forward),
    fast: None,
};

fn forward<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([c, a, b], [y]) = args.reals();
    let axes = Strided {
        rank: p.rank,
        extents: &p.extents,
        strides: [&p.strides_c, &p.strides_a, &p.strides_b],
        offsets: [p.offset_c, p.offset_a, p.offset_b],
    };
    axes.for_each_run(y, 2, |run, [at_c, at_a, at_b], [c_step, a_step, b_step]| {
        for (i, y) in run.iter_mut().enumerate() {
            *y = if c[at_c + i * c_step] != T::ZERO { a[at_a + i * a_step] } else { b[at_b + i * b_step] };
        }
    });
}

impl Tensor {
    /// Element by element, `a` where `self` is not 0, else `b`, with NumPy's broadcasting. The condition has no
    /// gradient.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for shapes that don't broadcast; [`Error::DType`](crate::Error::DType)
    /// and [`Error::Placement`](crate::Error::Placement) for operands of different types or devices.
    pub fn select(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        check_float("select", self, self)?;
        check_float("select", a, self)?;
        check_float("select", b, self)?;
        let output = launch(self, a, b)?;
        if !wanted(&[a, b]) {
            return Ok(output);
        }
        let (condition, a_shape, b_shape) = (self.detach(), a.shape(), b.shape());
        Ok(record("select", output, &[a, b], move |context| {
            let dy = context.gradient();
            let zero = Tensor::zeros(dy.device(), dy.dtype(), [])?;
            if context.wants(0) {
                context.accumulate(0, launch(&condition, &dy, &zero)?.sum_to(a_shape)?)?;
            }
            if context.wants(1) {
                context.accumulate(1, launch(&condition, &zero, &dy)?.sum_to(b_shape)?)?;
            }
            Ok(())
        }))
    }
}

fn launch(condition: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let shape = broadcast("select", &[condition, a, b])?;
    let wide = |t: &Tensor| t.layout().broadcast_to(shape).expect("the common shape was computed from all");
    let output = Tensor::empty("select", a.device(), a.dtype(), shape)?;
    let axes = MergedAxes::new(&[wide(condition), wide(a), wide(b)]);
    let (c, a, b) = (condition.strided_operand(), a.strided_operand(), b.strided_operand());
    let params = Params {
        count: shape.elements() as u32,
        rank: axes.rank,
        offset_c: c.1 as u32,
        offset_a: a.1 as u32,
        offset_b: b.1 as u32,
        extents: axes.extents,
        strides_c: axes.strides[0],
        strides_a: axes.strides[1],
        strides_b: axes.strides[2],
    };
    condition.device().run(&FORWARD, &params, &[c.0, a.0, b.0], &[output.operand()])?;
    Ok(output)
}
