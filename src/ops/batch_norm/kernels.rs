//! The kernels of batch normalisation, with their references. `shaders/batch_norm.wgsl` and
//! `shaders/batch_norm_statistics.wgsl` have the formulas.

use crate::device::cpu::norm::{Columns, Table};
use crate::device::cpu::{parallel_elements, parallel_rows};
use crate::device::kernel::{Constants, Kernel, KernelArgs, Shader};
use crate::device::real::Real;
use crate::ops::columns::{COLUMN_SUMS, COLUMNS, blocks, lanes};
use crate::ops::unary::{self, Function, Reads, apply, derivative};
use crate::ops::{FUNCTIONS, INDEX, MATH, WORKGROUP, no_constants};
use crate::reference;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct Params {
    pub rows: u32,
    pub channels: u32,
    pub piece: u32,
    pub pieces: u32,
    pub function: u32,
    pub training: u32,
    pub epsilon: f32,
    pub momentum: f32,
}

const SCALARS: &str = include_str!("../../../shaders/lib/batch_norm.wgsl");

const STATISTICS_GPU: Shader<Params> = Shader {
    source: &[INDEX, SCALARS, COLUMNS, include_str!("../../../shaders/batch_norm_statistics.wgsl")],
    entry: "statistics",
    constants: no_constants,
    groups: |p| p.pieces as u64 * blocks(p.channels),
};

/// Rows that an invocation computes in kernels without sums: `ROWS` of `shaders/batch_norm.wgsl`.
const ROWS: u64 = 8;

const GPU: Shader<Params> = Shader {
    source: &[
        INDEX,
        MATH,
        FUNCTIONS,
        SCALARS,
        COLUMNS,
        COLUMN_SUMS,
        include_str!("../../../shaders/batch_norm.wgsl"),
    ],
    entry: "normalize",
    constants,
    groups: |p| (p.rows as u64).div_ceil(ROWS * lanes(p.channels)) * blocks(p.channels),
};

fn constants(p: &Params) -> Constants {
    let reads_input = Function::of(p.function).reads() == Reads::Input;
    vec![("FUNCTION", p.function), ("READS_INPUT", reads_input as u32)]
}

impl Params {
    fn elements(&self) -> u64 {
        self.rows as u64 * self.channels as u64
    }

    fn sizes(&self) -> Columns {
        Columns { rows: self.rows as usize, channels: self.channels as usize, piece: self.piece as usize }
    }

    /// The number of rows in piece `i`.
    fn rows_of(&self, i: usize) -> usize {
        (self.piece as usize).min(self.rows as usize - i * self.piece as usize)
    }
}

pub(super) static STATISTICS: Kernel<Params> = Kernel {
    name: "batch_norm.statistics",
    gpu: STATISTICS_GPU,
    cooperative: None,
    flops: |p| 4 * p.elements(),
    reference: reference!(statistics),
    fast: Some(statistics_fast),
};
pub(super) static JOIN: Kernel<Params> = Kernel {
    name: "batch_norm.join",
    gpu: Shader { entry: "join", groups: |p| p.channels as u64, ..STATISTICS_GPU },
    flops: |p| 10 * p.pieces as u64 * p.channels as u64,
    reference: reference!(join),
    fast: None,
    ..STATISTICS
};
pub(super) static TABLE: Kernel<Params> = Kernel {
    name: "batch_norm.table",
    gpu: Shader { entry: "table", groups: |p| (p.channels as u64).div_ceil(WORKGROUP), ..STATISTICS_GPU },
    flops: |p| 3 * p.channels as u64,
    reference: reference!(table),
    fast: None,
    ..STATISTICS
};
pub(super) static UPDATE: Kernel<Params> = Kernel {
    name: "batch_norm.update",
    gpu: Shader { entry: "update", ..TABLE.gpu },
    flops: |p| 8 * p.channels as u64,
    reference: reference!(update),
    fast: None,
    ..STATISTICS
};
pub(super) static NORMALIZE: Kernel<Params> = Kernel {
    name: "batch_norm.normalize",
    gpu: GPU,
    flops: |p| 5 * p.elements(),
    reference: reference!(normalize),
    fast: Some(normalize_fast),
    ..STATISTICS
};
pub(super) static SUMS: Kernel<Params> = Kernel {
    name: "batch_norm.sums",
    gpu: Shader { entry: "sums", groups: STATISTICS_GPU.groups, ..GPU },
    flops: |p| 8 * p.elements(),
    reference: reference!(sums),
    fast: Some(sums_fast),
    ..STATISTICS
};
pub(super) static GRADIENT: Kernel<Params> = Kernel {
    name: "batch_norm.gradient",
    gpu: Shader { entry: "gradient", ..GPU },
    flops: |p| 9 * p.elements(),
    reference: reference!(gradient),
    fast: Some(gradient_fast),
    ..STATISTICS
};
pub(super) static GRADIENT_IN_PLACE: Kernel<Params> = Kernel {
    name: "batch_norm.gradient_in_place",
    gpu: Shader { entry: "gradient_in_place", ..GPU },
    reference: reference!(gradient_in_place),
    fast: Some(gradient_in_place_fast),
    ..GRADIENT
};

/// The mean of each channel over the rows of each piece, and the sum of the squared distances from it.
fn statistics<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x], [means, squares]) = args.reals();
    let channels = p.channels as usize;
    for i in 0..p.pieces as usize {
        let first = i * p.piece as usize;
        for c in 0..channels {
            let of_channel = || (first..first + p.rows_of(i)).map(|r| x[r * channels + c]);
            let mean = of_channel().sum::<T>() / T::of(p.rows_of(i) as f64);
            means[i * channels + c] = mean;
            squares[i * channels + c] = of_channel().map(|x| (x - mean) * (x - mean)).sum();
        }
    }
}

/// Mean and variance of each channel over all pieces, joined one after the other (Chan et al. 1979), and the table.
fn join<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([means, all_squares, gamma, beta], [mean, variance, table]) = args.reals();
    let channels = p.channels as usize;
    mean.fill(T::ZERO);
    variance.fill(T::ZERO);
    let mut count = 0;
    for i in 0..p.pieces as usize {
        let before = T::of(count as f64);
        count += p.rows_of(i);
        let share = T::of(p.rows_of(i) as f64) / T::of(count as f64);
        for c in 0..channels {
            let d = means[i * channels + c] - mean[c];
            mean[c] += d * share;
            variance[c] += all_squares[i * channels + c] + d * d * before * share;
        }
    }
    variance.iter_mut().for_each(|squares| *squares = *squares / T::of(p.rows as f64));
    fill_table(p, [mean, variance, gamma, beta], table);
}

/// The table for a given mean and variance.
fn table<T: Real>(p: &Params, args: KernelArgs<T>) {
    let (of_channels, [table]) = args.reals();
    fill_table(p, of_channels, table);
}

/// Mean, 1/√(variance + ε), γ and β, one row each.
fn fill_table<T: Real>(p: &Params, [mean, variance, gamma, beta]: [&[T]; 4], table: &mut [T]) {
    let channels = p.channels as usize;
    for c in 0..channels {
        table[c] = mean[c];
        table[channels + c] = T::ONE / (variance[c] + T::of(p.epsilon as f64)).sqrt();
        table[2 * channels + c] = gamma[c];
        table[3 * channels + c] = beta[c];
    }
}

/// momentum·old + (1 − momentum)·new, for the mean and for the unbiased variance.
fn update<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([mean, variance, old_mean, old_variance], [new_mean, new_variance]) = args.reals();
    let momentum = T::of(p.momentum as f64);
    let unbiased = T::of(p.rows as f64) / T::of((p.rows.max(2) - 1) as f64);
    for c in 0..p.channels as usize {
        new_mean[c] = momentum * old_mean[c] + (T::ONE - momentum) * mean[c];
        new_variance[c] = momentum * old_variance[c] + (T::ONE - momentum) * (variance[c] * unbiased);
    }
}

/// What the table says of a channel.
struct Channel<T> {
    mean: T,
    scale: T,
    gamma: T,
    beta: T,
}

impl<T: Real> Channel<T> {
    fn new(table: &[T], channel: usize) -> Channel<T> {
        let row = |row: usize| table[row * (table.len() / 4) + channel];
        Channel { mean: row(0), scale: row(1), gamma: row(2), beta: row(3) }
    }

    /// x̂.
    fn normalized(&self, x: T) -> T {
        (x - self.mean) * self.scale
    }

    /// f′(z).
    fn slope(&self, p: &Params, x: T) -> T {
        let function = Function::of(p.function);
        let z = self.gamma * self.normalized(x) + self.beta;
        derivative(function, if function.reads() == Reads::Input { z } else { apply(function, z) })
    }

    /// dx, from the sums over all rows.
    fn gradient(&self, p: &Params, [x, dy, beta, gamma]: [T; 4]) -> T {
        let dz = dy * self.slope(p, x);
        let mean = |sum: T| if p.training == 1 { sum / T::of(p.rows as f64) } else { T::ZERO };
        self.gamma * self.scale * (dz - mean(beta) - self.normalized(x) * mean(gamma))
    }
}

/// y = f(γ·x̂ + β).
fn normalize<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x, table], [y]) = args.reals();
    parallel_elements(y, 20, |i| {
        let channel = Channel::new(table, i % p.channels as usize);
        apply(Function::of(p.function), channel.gamma * channel.normalized(x[i]) + channel.beta)
    });
}

/// Σ dz and Σ dz·x̂ over the rows of each piece.
fn sums<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x, table, dy], [beta, gamma]) = args.reals();
    let channels = p.channels as usize;
    beta.fill(T::ZERO);
    gamma.fill(T::ZERO);
    for (i, (&x, &dy)) in x.iter().zip(dy).enumerate() {
        let channel = Channel::new(table, i % channels);
        let dz = dy * channel.slope(p, x);
        let to = i / channels / p.piece as usize * channels + i % channels;
        beta[to] += dz;
        gamma[to] += dz * channel.normalized(x);
    }
}

fn gradient<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x, table, beta, gamma, dy], [dx]) = args.reals();
    parallel_elements(dx, 30, |i| {
        let c = i % p.channels as usize;
        Channel::new(table, c).gradient(p, [x[i], dy[i], beta[c], gamma[c]])
    });
}

fn gradient_in_place<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x, table, beta, gamma], [dy]) = args.reals();
    parallel_rows(dy, 1, 30, |first, run| {
        for (i, dy) in (first..).zip(run) {
            let c = i % p.channels as usize;
            *dy = Channel::new(table, c).gradient(p, [x[i], *dy, beta[c], gamma[c]]);
        }
    });
}

fn statistics_fast(p: &Params, args: KernelArgs<f32>) {
    let ([x], [means, squares]) = args.reals();
    p.sizes().moments(x, means, squares);
}

fn normalize_fast(p: &Params, args: KernelArgs<f32>) {
    let ([x, table], [y]) = args.reals();
    p.sizes().normalize(x, Table(table), y, |rows| unary::finish(rows, None, Function::of(p.function)));
}

fn sums_fast(p: &Params, args: KernelArgs<f32>) {
    let ([x, table, dy], parts) = args.reals();
    unary::with_slope(Function::of(p.function), |slope| p.sizes().sums([x, dy], Table(table), slope, parts));
}

/// The part of the sums that a row of dx contains.
fn share(p: &Params) -> f32 {
    if p.training == 1 { 1.0 / p.rows as f32 } else { 0.0 }
}

fn gradient_fast(p: &Params, args: KernelArgs<f32>) {
    let ([x, table, beta, gamma, dy], [dx]) = args.reals();
    let sums = (share(p), [beta, gamma]);
    unary::with_slope(Function::of(p.function), |slope| {
        p.sizes().gradient(x, Some(dy), Table(table), slope, sums, dx)
    });
}

fn gradient_in_place_fast(p: &Params, args: KernelArgs<f32>) {
    let ([x, table, beta, gamma], [dy]) = args.reals();
    let sums = (share(p), [beta, gamma]);
    unary::with_slope(Function::of(p.function), |slope| {
        p.sizes().gradient(x, None, Table(table), slope, sums, dy)
    });
}
