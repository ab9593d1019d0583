//! Cooperative matrices (tensor cores): those that an adapter lists, and those that kernels use.

use crate::device::{Backend, Device};
use serde::Serialize;

/// The extents that kernels for cooperative matrices can be compiled for, best first.
const EXTENTS: [u32; 2] = [16, 8];

/// A matrix multiplication that an adapter's cooperative matrices support: C (`m` × `n`) += A (`m` × `k`) · B (`k` ×
/// `n`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct CooperativeMatrix {
    /// Rows of A and C.
    pub m: u32,
    /// Columns of B and C.
    pub n: u32,
    /// Columns of A and rows of B.
    pub k: u32,
    /// The element type of A and B: `f16`, `f32`, `i32` or `u32`.
    pub factors: &'static str,
    /// The element type of C.
    pub sums: &'static str,
}

impl CooperativeMatrix {
    /// The number of rows and columns, if kernels can be compiled for it: square, with f16 factors and f32 sums.
    pub fn extent(&self) -> Option<u32> {
        let types = (self.factors, self.sums) == ("f16", "f32");
        EXTENTS.into_iter().find(|&extent| types && [self.m, self.n, self.k] == [extent; 3])
    }
}

impl Device {
    /// The matrix multiplications that the adapter lists, without duplicates. wgpu reports only the sizes 8 and 16.
    /// Empty on the CPU device.
    pub fn cooperative_matrices(&self) -> &[CooperativeMatrix] {
        match &self.0.backend {
            Backend::Gpu(gpu) => &gpu.matrices,
            _ => &[],
        }
    }

    /// The number of rows and columns of the cooperative matrices that f16 products use on this device; `None` if
    /// they use none.
    pub fn fragment(&self) -> Option<u32> {
        match &self.0.backend {
            Backend::Gpu(gpu) => gpu.fragment,
            _ => None,
        }
    }
}

/// The multiplications that an adapter lists, without duplicates.
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
        // The adapter lists saturating multiplications separately.
        if !matrices.contains(&matrix) {
            matrices.push(matrix);
        }
    }
    matrices
}

/// The largest extent, at most `largest`, of the adapter's cooperative matrices that kernels can be compiled for.
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
