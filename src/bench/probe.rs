//! Probe kernels, which measure the limits of a device for the roofline: a copy for its memory bandwidth, a loop of
//! fused multiply-adds for its arithmetic.

use crate::device::cpu::parallel_rows;
use crate::device::kernel::{Kernel, KernelArgs, Reference, Shader};
use crate::device::real::Real;
use crate::error::Result;
use crate::ops::{INDEX, WORKGROUP, check_float, check_not_half, no_constants};
use crate::reference;
use crate::tensor::Tensor;
use multiversion::multiversion;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    rounds: u32,
    a: f32,
    b: f32,
}

/// Bytes of values in flight: eight of the widest vectors, enough to hide the latency of an operation.
const BLOCK: usize = 512;

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
    reference: reference!(copy_reference),
    fast: None,
};
static FMA: Kernel<Params> = Kernel {
    name: "probe.fma",
    gpu: Shader {
        entry: "fma_rounds",
        groups: |p| (p.count.div_ceil(16) as u64).div_ceil(WORKGROUP),
        ..COPY.gpu
    },
    flops: |p| 2 * p.count as u64 * p.rounds as u64,
    reference: Reference {
        f32: fma_reference::<f32, { BLOCK / size_of::<f32>() }>,
        f64: fma_reference::<f64, { BLOCK / size_of::<f64>() }>,
    },
    ..COPY
};

fn copy_reference<T: Real>(_: &Params, args: KernelArgs<T>) {
    let ([x], [y]) = args.reals();
    parallel_rows(y, 1, 1, |first, y| y.copy_from_slice(&x[first..][..y.len()]));
}

fn fma_reference<T: Real, const BLOCK: usize>(p: &Params, args: KernelArgs<T>) {
    let ([x], [y]) = args.reals();
    let (a, b) = (T::of(p.a as f64), T::of(p.b as f64));
    parallel_rows(y, 1, 2 * p.rounds as usize, |first, y| {
        for (block, y) in y.chunks_mut(BLOCK).enumerate() {
            let mut v = [T::ZERO; BLOCK];
            v[..y.len()].copy_from_slice(&x[first + block * BLOCK..][..y.len()]);
            fma_rounds(&mut v, p.rounds, a, b);
            y.copy_from_slice(&v[..y.len()]);
        }
    });
}

/// `multiversion` compiles the loop for the vector units of the CPU; without them the probe would measure a lower
/// limit.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn fma_rounds<T: Real, const BLOCK: usize>(v: &mut [T; BLOCK], rounds: u32, a: T, b: T) {
    // Without an FMA instruction, `mul_add` is a slow function call.
    let fused = multiversion::target::target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    let mut kept = *v;
    for _ in 0..rounds {
        for v in &mut kept {
            *v = if fused { v.mul_add(a, b) } else { *v * a + b };
        }
    }
    *v = kept;
}

/// Copies a tensor in row-major order, at the device's memory bandwidth. The result has no graph.
///
/// # Errors
/// [`Error::DType`](crate::Error::DType) for f16 and u32.
pub fn copy(x: &Tensor) -> Result<Tensor> {
    probe(&COPY, "probe_copy", x, 0)
}

/// Applies v ← v·0.999 + 0.001 `rounds` times to every element, at the device's peak throughput. The result has no
/// graph.
///
/// # Errors
/// [`Error::DType`](crate::Error::DType) for f16 and u32.
pub fn fma(x: &Tensor, rounds: u32) -> Result<Tensor> {
    probe(&FMA, "probe_fma", x, rounds)
}

fn probe(kernel: &'static Kernel<Params>, op: &'static str, x: &Tensor, rounds: u32) -> Result<Tensor> {
    check_float(op, x, x)?;
    check_not_half(op, x)?;
    let x = x.packed(op)?;
    let output = Tensor::empty(op, x.device(), x.dtype(), x.shape())?;
    let params = Params { count: x.shape().elements() as u32, rounds, a: 0.999, b: 0.001 };
    x.device().run(kernel, &params, &[x.operand()], &[output.operand()])?;
    Ok(output)
}
