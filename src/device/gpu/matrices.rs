//! Cooperative matrices (tensor cores): what an adapter lists, and what kernels use of it.

use crate::device::{Backend, Device};
use serde::Serialize;

/// Extents that the kernels for cooperative matrices can be compiled for, best first.
const EXTENTS: [u32; 2] = [16, 8];

/// A multiplication of cooperative matrices that an adapter lists: C (`m` × `n`) += A (`m` × `k`) · B (`k` × `n`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct CooperativeMatrix {
    pub m: u32,
    pub n: u32,
    pub k: u32,
    /// The type of the elements of A and B: `f16`, `f32`, `i32` or `u32`.
    pub factors: &'static str,
    /// The type of the elements of C.
    pub sums: &'static str,
}

impl CooperativeMatrix {
    /// Rows and columns, if kernels can be compiled for this: square, with f16 factors and f32 sums.
    pub fn extent(&self) -> Option<u32> {
        let types = (self.factors, self.sums) == ("f16", "f32");
        EXTENTS.into_iter().find(|&extent| types && [self.m, self.n, self.k] == [extent; 3])
    }
}

impl Device {
    /// The multiplications of cooperative matrices that the adapter lists, each once. (Of sizes other than 8 and 16 wgpu
    /// tells nothing.) Empty on the CPU device.
    pub fn cooperative_matrices(&self) -> &[CooperativeMatrix] {
        match &self.0.backend {
            Backend::Gpu(gpu) => &gpu.matrices,
            _ => &[],
        }
    }

    /// Rows and columns of the cooperative matrices that products of f16 run on here, if they do.
    pub fn fragment(&self) -> Option<u32> {
        match &self.0.backend {
            Backend::Gpu(gpu) => gpu.fragment,
            _ => None,
        }
    }
}

/// What an adapter lists, each once.
pub(super) fn listed(adapter: &wgpu::Adapter) -> Vec<CooperativeMatrix> {
    let mut matrices = Vec::new();
    for listed in adapter.cooperative_matrix_properties() {
        let matrix = CooperativeMatrix {
            m: listed.m_size,
            n: listed.n_size,
            k: listed.k_size,
            factors: name(listed.ab_type),
            sums: name(listed.cr_type),
        };
        // Those that saturate are listed apart.
        if !matrices.contains(&matrix) {
            matrices.push(matrix);
        }
    }
    matrices
}

/// The extent of the largest cooperative matrices, of at most `largest` rows, that kernels can be compiled for.
pub(super) fn fragment(adapter: &wgpu::Adapter, largest: u32) -> Option<u32> {
    let needed = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX
        | wgpu::Features::SHADER_F16
        | wgpu::Features::SUBGROUP;
    if !adapter.features().contains(needed) {
        return None;
    }
    listed(adapter).iter().filter_map(CooperativeMatrix::extent).filter(|&extent| extent <= largest).max()
}

fn name(scalar: wgpu::CooperativeScalarType) -> &'static str {
    match scalar {
        wgpu::CooperativeScalarType::F16 => "f16",
        wgpu::CooperativeScalarType::F32 => "f32",
        wgpu::CooperativeScalarType::I32 => "i32",
        wgpu::CooperativeScalarType::U32 => "u32",
    }
}
