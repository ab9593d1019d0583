//! What a device can do at best: a copy for its memory, a loop of multiplications and additions for its arithmetic. The
//! roofline that other kernels are measured against.

use super::{INDEX, WORKGROUP, check_float, check_not_half, no_constants};
use crate::device::cpu::parallel_rows;
use crate::device::kernel::{Call, Kernel, Shader, Twin};
use crate::device::real::Real;
use crate::error::Result;
use crate::tensor::Tensor;
use crate::twin;
use multiversion::multiversion;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    rounds: u32,
    a: f32,
    b: f32,
}

static COPY: Kernel<Params> = Kernel {
    name: "probe.copy",
    gpu: Shader {
        source: &[INDEX, include_str!("../../shaders/probe.wgsl")],
        entry: "copy",
        constants: no_constants,
        groups: |p| (p.count.div_ceil(4) as u64).div_ceil(WORKGROUP),
    },
    cooperative: None,
    flops: |_| 0,
    twin: twin!(copy),
};
static FMA: Kernel<Params> = Kernel {
    name: "probe.fma",
    gpu: Shader {
        entry: "fma_rounds",
        groups: |p| (p.count.div_ceil(16) as u64).div_ceil(WORKGROUP),
        ..COPY.gpu
    },
    flops: |p| 2 * p.count as u64 * p.rounds as u64,
    twin: Twin { f32: fma_f32, f64: fma_f64 },
    ..COPY
};

fn copy<T: Real>(_: &Params, call: Call<T>) {
    let ([x], [y]) = call.reals();
    parallel_rows(y, 1, 1, |first, y| y.copy_from_slice(&x[first..][..y.len()]));
}

/// The twin for one type. `multiversion` compiles the loop for the machine's vectors: without them it would tell the
/// limits of another machine.
macro_rules! fma {
    ($name:ident, $rounds:ident, $type:ident) => {
        fn $name(p: &Params, call: Call<$type>) {
            /// Numbers in flight: eight of the widest vectors, as many as hide the time that an operation takes.
            const BLOCK: usize = 512 / size_of::<$type>();
            let ([x], [y]) = call.reals();
            let (a, b) = ($type::of(p.a as f64), $type::of(p.b as f64));
            parallel_rows(y, 1, 2 * p.rounds as usize, |first, y| {
                for (block, y) in y.chunks_mut(BLOCK).enumerate() {
                    let mut v = [0.0; BLOCK];
                    v[..y.len()].copy_from_slice(&x[first + block * BLOCK..][..y.len()]);
                    $rounds(&mut v, p.rounds, a, b);
                    y.copy_from_slice(&v[..y.len()]);
                }
            });
        }

        #[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
        fn $rounds(v: &mut [$type; 512 / size_of::<$type>()], rounds: u32, a: $type, b: $type) {
            // Without an instruction for it, a fused operation is a call.
            let fused =
                multiversion::target::target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
            let mut kept = *v;
            for _ in 0..rounds {
                for v in &mut kept {
                    *v = if fused { v.mul_add(a, b) } else { *v * a + b };
                }
            }
            *v = kept;
        }
    };
}
fma!(fma_f32, rounds_f32, f32);
fma!(fma_f64, rounds_f64, f64);

impl Tensor {
    /// A copy of the elements, row-major: as many bytes per second as the device moves. Without a graph.
    pub fn probe_copy(&self) -> Result<Tensor> {
        self.probe(&COPY, "probe_copy", 0)
    }

    /// Every element v after `rounds` times v ← v·0.999 + 0.001: as many operations per second as the device computes.
    /// Without a graph.
    pub fn probe_fma(&self, rounds: u32) -> Result<Tensor> {
        self.probe(&FMA, "probe_fma", rounds)
    }

    fn probe(&self, kernel: &'static Kernel<Params>, op: &'static str, rounds: u32) -> Result<Tensor> {
        check_float(op, self, self)?;
        check_not_half(op, self)?;
        let x = self.packed(op)?;
        let output = Tensor::empty(op, x.device(), x.dtype(), x.shape())?;
        let params = Params { count: x.shape().elements() as u32, rounds, a: 0.999, b: 0.001 };
        x.device().run(kernel, &params, &[x.operand()], &[output.operand()])?;
        Ok(output)
    }
}
