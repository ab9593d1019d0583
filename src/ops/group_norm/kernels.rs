//! The kernels of normalisation over sets of one sample, with their references. `shaders/group_norm.wgsl` has the
//! formulas.

use crate::device::cpu::norm::Columns;
use crate::device::cpu::parallel_elements;
use crate::device::cpu::sets::Sets;
use crate::device::kernel::{Constants, Kernel, KernelArgs, Shader};
use crate::device::real::Real;
use crate::ops::columns::{COLUMN_SUMS, COLUMNS, blocks};
use crate::ops::unary::{self, Function, Reads, apply, derivative};
use crate::ops::{FUNCTIONS, INDEX, MATH, ROW};
use crate::reference;
use std::ops::Range;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct Params {
    pub rows: u32,
    pub channels: u32,
    pub positions: u32,
    pub groups: u32,
    pub piece: u32,
    pub pieces: u32,
    pub function: u32,
    pub centered: u32,
    pub epsilon: f32,
}

const TEXT: &str = include_str!("../../../shaders/group_norm.wgsl");

const GPU: Shader<Params> = Shader {
    source: &[INDEX, MATH, FUNCTIONS, ROW, COLUMNS, COLUMN_SUMS, TEXT],
    entry: "forward",
    constants,
    groups: |p| p.sets() as u64,
};

fn constants(p: &Params) -> Constants {
    let reads_input = Function::of(p.function).reads() == Reads::Input;
    vec![("FUNCTION", p.function), ("READS_INPUT", reads_input as u32), ("CENTERED", p.centered)]
}

pub(super) static FORWARD: Kernel<Params> = Kernel {
    name: "group_norm.forward",
    gpu: GPU,
    cooperative: None,
    flops: |p| 9 * p.elements(),
    reference: reference!(forward),
    fast: Some(forward_fast),
};
pub(super) static GRADIENT: Kernel<Params> = Kernel {
    name: "group_norm.gradient",
    gpu: Shader { entry: "gradient", ..GPU },
    flops: |p| 14 * p.elements(),
    reference: reference!(gradient),
    fast: Some(gradient_fast),
    ..FORWARD
};
pub(super) static SUMS: Kernel<Params> = Kernel {
    name: "group_norm.sums",
    gpu: Shader { entry: "sums", groups: |p| p.pieces as u64 * blocks(p.channels), ..GPU },
    flops: |p| 8 * p.elements(),
    reference: reference!(sums),
    fast: Some(sums_fast),
    ..FORWARD
};

impl Params {
    /// The number of sets that have a mean and a variance of their own.
    pub fn sets(&self) -> usize {
        (self.rows / self.positions * self.groups) as usize
    }

    fn elements(&self) -> u64 {
        self.rows as u64 * self.channels as u64
    }

    fn width(&self) -> usize {
        (self.channels / self.groups) as usize
    }

    /// The rows of set `k`, and its channels.
    fn ranges(&self, k: usize) -> [Range<usize>; 2] {
        let (groups, positions, width) = (self.groups as usize, self.positions as usize, self.width());
        let (first, group) = (k / groups * positions, k % groups);
        [first..first + positions, group * width..(group + 1) * width]
    }

    /// The sum of `term(index, channel)` over set `k`.
    fn sum<T: Real>(&self, k: usize, term: impl Fn(usize, usize) -> T) -> T {
        let [rows, channels] = self.ranges(k);
        let row = |r: usize| channels.clone().map(move |c| (r * self.channels as usize + c, c));
        rows.flat_map(row).map(|(i, c)| term(i, c)).sum()
    }

    /// The number of elements in a set.
    fn count<T: Real>(&self) -> T {
        T::of(self.positions as f64 * self.width() as f64)
    }

    /// The set and the channel of element `i`.
    fn set_of(&self, i: usize) -> (usize, usize) {
        let (row, channel) = (i / self.channels as usize, i % self.channels as usize);
        (row / self.positions as usize * self.groups as usize + channel / self.width(), channel)
    }
}

/// What z and its slope are at one place.
struct Operands<'a, T> {
    x: &'a [T],
    gamma: &'a [T],
    beta: &'a [T],
    means: &'a [T],
    scales: &'a [T],
}

impl<T: Real> Operands<'_, T> {
    /// x̂ of element `i` of set `k`.
    fn normalized(&self, i: usize, k: usize) -> T {
        (self.x[i] - self.means[k]) * self.scales[k]
    }

    /// z = γ·x̂ + β.
    fn argument(&self, p: &Params, normalized: T, c: usize) -> T {
        let z = self.gamma[c] * normalized;
        if p.centered == 1 { z + self.beta[c] } else { z }
    }

    /// f′(z).
    fn slope(&self, p: &Params, normalized: T, c: usize) -> T {
        let function = Function::of(p.function);
        let z = self.argument(p, normalized, c);
        derivative(function, if function.reads() == Reads::Input { z } else { apply(function, z) })
    }
}

/// Mean and 1/√(variance + ε) of each set, and y = f(γ·x̂ + β).
fn forward<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x, gamma, beta], [y, table]) = args.reals();
    let (count, elements) = (p.count::<T>(), p.positions as usize * p.width());
    let (means, scales) = table.split_at_mut(p.sets());
    parallel_elements(
        means,
        elements,
        |k| {
            if p.centered == 1 { p.sum(k, |i, _| x[i]) / count } else { T::ZERO }
        },
    );
    let means = &*means;
    parallel_elements(scales, 2 * elements, |k| {
        let variance = p.sum(k, |i, _| (x[i] - means[k]) * (x[i] - means[k])) / count;
        T::ONE / (variance + T::of(p.epsilon as f64)).sqrt()
    });
    let operands = Operands { x, gamma, beta, means, scales };
    parallel_elements(y, 20, |i| {
        let (k, c) = p.set_of(i);
        apply(Function::of(p.function), operands.argument(p, operands.normalized(i, k), c))
    });
}

/// dx = s·(d − mean of d − x̂·mean of d·x̂) with d = dy·f′(z)·γ.
fn gradient<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x, gamma, beta, table, dy], [dx]) = args.reals();
    let (means, scales) = table.split_at(p.sets());
    let operands = Operands { x, gamma, beta, means, scales };
    let d = |i: usize, c: usize, normalized: T| dy[i] * operands.slope(p, normalized, c) * gamma[c];
    let mut of_set = vec![[T::ZERO; 2]; p.sets()];
    parallel_elements(&mut of_set, 40 * p.positions as usize * p.width(), |k| {
        let of_d = p.sum(k, |i, c| d(i, c, operands.normalized(i, k))) / p.count::<T>();
        let products = p.sum(k, |i, c| d(i, c, operands.normalized(i, k)) * operands.normalized(i, k));
        [if p.centered == 1 { of_d } else { T::ZERO }, products / p.count::<T>()]
    });
    parallel_elements(dx, 30, |i| {
        let (k, c) = p.set_of(i);
        let normalized = operands.normalized(i, k);
        scales[k] * (d(i, c, normalized) - of_set[k][0] - normalized * of_set[k][1])
    });
}

/// Σ dz and Σ dz·x̂ of each channel over the rows of each piece.
fn sums<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x, gamma, beta, table, dy], [of_beta, of_gamma]) = args.reals();
    let (means, scales) = table.split_at(p.sets());
    let operands = Operands { x, gamma, beta, means, scales };
    of_beta.fill(T::ZERO);
    of_gamma.fill(T::ZERO);
    for (i, &dy) in dy.iter().enumerate() {
        let (k, c) = p.set_of(i);
        let normalized = operands.normalized(i, k);
        let dz = dy * operands.slope(p, normalized, c);
        let to = i / p.channels as usize / p.piece as usize * p.channels as usize + c;
        of_beta[to] += dz;
        of_gamma[to] += dz * normalized;
    }
}

impl Params {
    fn sizes(&self) -> Sets {
        let [rows, channels, piece] = [self.rows, self.channels, self.piece].map(|size| size as usize);
        Sets {
            columns: Columns { rows, channels, piece },
            positions: self.positions as usize,
            groups: self.groups as usize,
            centered: self.centered == 1,
            epsilon: self.epsilon,
        }
    }

    /// Calls `body` with β, or with zeros where there is none.
    fn with_beta(&self, beta: &[f32], body: impl FnOnce(&[f32])) {
        if self.centered == 1 { body(beta) } else { body(&vec![0.0; self.channels as usize]) }
    }
}

fn forward_fast(p: &Params, args: KernelArgs<f32>) {
    let ([x, gamma, beta], [y, table]) = args.reals();
    let table = table.split_at_mut(p.sets()).into();
    p.with_beta(beta, |beta| {
        let finish = |rows: &mut [f32]| unary::finish(rows, None, Function::of(p.function));
        p.sizes().forward([x, gamma, beta], y, table, finish);
    });
}

fn gradient_fast(p: &Params, args: KernelArgs<f32>) {
    let ([x, gamma, beta, table, dy], [dx]) = args.reals();
    let table = table.split_at(p.sets()).into();
    p.with_beta(beta, |beta| {
        unary::with_slope(Function::of(p.function), |slope| {
            p.sizes().gradient([x, gamma, beta, dy], table, slope, dx)
        })
    });
}

fn sums_fast(p: &Params, args: KernelArgs<f32>) {
    let ([x, gamma, beta, table, dy], sums) = args.reals();
    let table = table.split_at(p.sets()).into();
    p.with_beta(beta, |beta| {
        unary::with_slope(Function::of(p.function), |slope| {
            p.sizes().sums([x, gamma, beta, dy], table, slope, sums)
        })
    });
}
