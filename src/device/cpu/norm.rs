//! Batch normalisation of matrices whose columns are channels.
//!
//! Rows are handled in blocks: as many whole rows as have 512 numbers. What belongs to a channel is repeated along a
//! block, so that inner loops run over neighbours, whatever the number of channels. **Order of sums.** Each place of a
//! block has a sum of its own, over the blocks of a piece; the sums of one channel are then added in order.

use super::threads::WORTH_A_THREAD;
use super::{on_every_core, parallel_chunks, with_scratch};
use multiversion::multiversion;

/// The least numbers of a block of rows, if there are as many. Ten arrays of this length fit in the first cache.
const BLOCK: usize = 512;

/// Numbers that a thread computes at a time in loops without sums.
const CHUNK: usize = 1 << 14;

/// The sizes of a matrix, and of the pieces of its sums.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    /// The number of rows.
    pub rows: usize,
    /// The number of channels, the length of a row.
    pub channels: usize,
    /// The rows of a piece; the last may have fewer.
    pub piece: usize,
}

/// What multiplies gradients dy by f′(z).
#[derive(Clone, Copy)]
pub enum Slope<'a> {
    /// 1 between these two numbers, 0 elsewhere: computed in the loops that read dy.
    Window(f32, f32),
    /// Multiplies the first slice, dy, by f′ of the second, z. It may overwrite z.
    Function(&'a (dyn Fn(&mut [f32], &mut [f32]) + Sync)),
}

impl Slope<'_> {
    /// dy·f′(z), in place of dy. It may overwrite z.
    pub(super) fn apply(&self, dy: &mut [f32], z: &mut [f32]) {
        match self {
            Slope::Window(low, high) => {
                let inside =
                    |(dy, z): (&mut f32, &mut f32)| *dy = if *z > *low && *z < *high { *dy } else { 0.0 };
                dy.iter_mut().zip(z).for_each(inside);
            }
            Slope::Function(slope) => slope(dy, z),
        }
    }
}

/// Mean, 1/√(variance + ε), γ and β of each channel, one row each.
#[derive(Clone, Copy)]
pub struct Table<'a>(pub &'a [f32]);

impl Table<'_> {
    /// `row(mean, scale, gamma, beta)` of each channel, repeated to `length` numbers.
    fn repeated(&self, length: usize, row: impl Fn(usize, [f32; 4]) -> f32) -> Vec<f32> {
        let channels = self.0.len() / 4;
        let of = |c: usize| row(c, [0, 1, 2, 3].map(|i| self.0[i * channels + c]));
        let one: Vec<f32> = (0..channels).map(of).collect();
        one.repeat(length / channels)
    }
}

impl Columns {
    fn block(&self) -> usize {
        self.channels * (BLOCK / self.channels).clamp(1, self.rows)
    }

    /// The pieces of a matrix, each with its part of `a` and of `b`.
    pub(super) fn for_each_piece(
        &self,
        a: &mut [f32],
        b: &mut [f32],
        body: impl Fn(std::ops::Range<usize>, &mut [f32], &mut [f32]) + Sync,
    ) {
        let (rows, channels, piece) = (self.rows, self.channels, self.piece);
        let elements = |i: usize| i * piece * channels..((i + 1) * piece).min(rows) * channels;
        let parts = a.chunks_exact_mut(channels).zip(b.chunks_exact_mut(channels)).enumerate();
        if rows * channels < 2 * WORTH_A_THREAD || rayon::current_num_threads() == 1 {
            parts.for_each(|(i, (a, b))| body(elements(i), a, b));
        } else {
            on_every_core(parts.collect(), 1, &|(i, (a, b))| body(elements(i), a, b));
        }
    }

    /// The mean of each channel over each piece, and the sum of the squared distances from it.
    pub fn moments(&self, x: &[f32], means: &mut [f32], squares: &mut [f32]) {
        let block = self.block();
        self.for_each_piece(means, squares, |elements, mean, squares| {
            let x = &x[elements];
            with_scratch(2 * block, |scratch| {
                let (sums, middle) = scratch.split_at_mut(block);
                // Distances from the first row are summed: sums of numbers far from 0 would round more.
                let first = &x[..mean.len()];
                middle.chunks_exact_mut(first.len()).for_each(|row| row.copy_from_slice(first));
                sums.fill(0.0);
                x.chunks(block).for_each(|x| add_distances(sums, x, middle));
                fold(sums, mean);
                let count = (x.len() / first.len()) as f32;
                mean.iter_mut().zip(first).for_each(|(mean, first)| *mean = first + *mean / count);
                middle.chunks_exact_mut(mean.len()).for_each(|row| row.copy_from_slice(mean));
                sums.fill(0.0);
                x.chunks(block).for_each(|x| add_squares(sums, x, middle));
                fold(sums, squares);
            });
        });
    }

    /// z = γ·(x − mean)/√(variance + ε) + β, of which `finish` makes y, a few rows at a time.
    pub fn normalize(&self, x: &[f32], table: Table, y: &mut [f32], finish: impl Fn(&mut [f32]) + Sync) {
        let block = self.block();
        let affine = Affine::new(table, block);
        let chunk = block * (CHUNK / block).max(1);
        parallel_chunks(y, chunk, 8 * chunk, |i, y| {
            let x = &x[i * chunk..];
            for (x, y) in x.chunks(block).zip(y.chunks_mut(block)) {
                affine.apply(x, y);
                finish(y);
            }
        });
    }

    /// Over each piece, dβ = Σ dz and dγ = Σ dz·(x − mean)/√(variance + ε), where dz is dy times `slope`; without it,
    /// dy itself.
    pub fn sums(
        &self,
        [x, dy]: [&[f32]; 2],
        table: Table,
        slope: Option<Slope>,
        [beta, gamma]: [&mut [f32]; 2],
    ) {
        let block = self.block();
        let affine = Affine::new(table, block);
        let scale = table.repeated(block, |_, [_, scale, _, _]| scale);
        self.for_each_piece(beta, gamma, |elements, beta, gamma| {
            let (x, dy) = (&x[elements.clone()], &dy[elements]);
            with_scratch(4 * block, |scratch| {
                let (sums, scratch) = scratch.split_at_mut(2 * block);
                let (of_beta, of_gamma) = sums.split_at_mut(block);
                let (z, dz) = scratch.split_at_mut(block);
                of_beta.fill(0.0);
                of_gamma.fill(0.0);
                for (x, dy) in x.chunks(block).zip(dy.chunks(block)) {
                    match slope {
                        None => add_products(of_beta, of_gamma, [x, dy], &affine, &scale, |dy, _| dy),
                        Some(Slope::Window(low, high)) => {
                            let inside = |dy, z| if z > low && z < high { dy } else { 0.0 };
                            add_products(of_beta, of_gamma, [x, dy], &affine, &scale, inside);
                        }
                        Some(Slope::Function(slope)) => {
                            let (z, dz) = (&mut z[..x.len()], &mut dz[..x.len()]);
                            affine.apply(x, z);
                            dz.copy_from_slice(dy);
                            slope(dz, z);
                            add_products(of_beta, of_gamma, [x, dz], &affine, &scale, |dz, _| dz);
                        }
                    }
                }
                fold(of_beta, beta);
                fold(of_gamma, gamma);
            });
        });
    }

    /// dx = γ/√(variance + ε)·(dz − share·(dβ + dγ·(x − mean)/√(variance + ε))), with dz as in [`sums`](Columns::sums).
    /// Without dy, `dx` holds it.
    pub fn gradient(
        &self,
        x: &[f32],
        dy: Option<&[f32]>,
        table: Table,
        slope: Option<Slope>,
        (share, [beta, gamma]): (f32, [&[f32]; 2]),
        dx: &mut [f32],
    ) {
        let block = self.block();
        let affine = Affine::new(table, block);
        let shift = table.repeated(block, |c, [_, scale, of, _]| of * scale * (share * beta[c]));
        let slant = table.repeated(block, |c, [_, scale, of, _]| of * scale * scale * (share * gamma[c]));
        let chunk = block * (CHUNK / block).max(1);
        parallel_chunks(dx, chunk, 16 * chunk, |i, dx| {
            with_scratch(block, |z| {
                for (j, dx) in dx.chunks_mut(block).enumerate() {
                    let at = i * chunk + j * block;
                    let x = &x[at..][..dx.len()];
                    if let Some(dy) = dy {
                        dx.copy_from_slice(&dy[at..][..dx.len()]);
                    }
                    match slope {
                        None => through(dx, x, &affine, &shift, &slant, |dy, _| dy),
                        Some(Slope::Window(low, high)) => {
                            let inside = |dy, z| if z > low && z < high { dy } else { 0.0 };
                            through(dx, x, &affine, &shift, &slant, inside);
                        }
                        Some(Slope::Function(slope)) => {
                            let z = &mut z[..dx.len()];
                            affine.apply(x, z);
                            slope(dx, z);
                            through(dx, x, &affine, &shift, &slant, |dz, _| dz);
                        }
                    }
                }
            });
        });
    }
}

/// z = (x − mean)·factor + beta, repeated along a block.
struct Affine {
    mean: Vec<f32>,
    factor: Vec<f32>,
    beta: Vec<f32>,
}

impl Affine {
    fn new(table: Table, block: usize) -> Affine {
        Affine {
            mean: table.repeated(block, |_, [mean, ..]| mean),
            factor: table.repeated(block, |_, [_, scale, gamma, _]| scale * gamma),
            beta: table.repeated(block, |_, [.., beta]| beta),
        }
    }

    fn apply(&self, x: &[f32], z: &mut [f32]) {
        affine(x, &self.mean, &self.factor, &self.beta, z);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn affine(x: &[f32], mean: &[f32], factor: &[f32], beta: &[f32], z: &mut [f32]) {
    let of_channel = mean.iter().zip(factor).zip(beta);
    for ((z, &x), ((&mean, &factor), &beta)) in z.iter_mut().zip(x).zip(of_channel) {
        *z = (x - mean) * factor + beta;
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn add_distances(sums: &mut [f32], x: &[f32], from: &[f32]) {
    sums.iter_mut().zip(x).zip(from).for_each(|((sum, &x), &from)| *sum += x - from);
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn add_squares(sums: &mut [f32], x: &[f32], mean: &[f32]) {
    for ((sum, &x), &mean) in sums.iter_mut().zip(x).zip(mean) {
        let d = x - mean;
        *sum += d * d;
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn add_products(
    beta: &mut [f32],
    gamma: &mut [f32],
    [x, dy]: [&[f32]; 2],
    affine: &Affine,
    scale: &[f32],
    slope: impl Fn(f32, f32) -> f32,
) {
    let of_channel = affine.mean.iter().zip(&affine.factor).zip(affine.beta.iter().zip(scale));
    let sums = beta.iter_mut().zip(gamma);
    for (((of_beta, of_gamma), (&x, &dy)), ((&mean, &factor), (&beta, &scale))) in
        sums.zip(x.iter().zip(dy)).zip(of_channel)
    {
        let dz = slope(dy, (x - mean) * factor + beta);
        *of_beta += dz;
        *of_gamma += dz * ((x - mean) * scale);
    }
}

/// dx in place of dy.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn through(
    dx: &mut [f32],
    x: &[f32],
    affine: &Affine,
    shift: &[f32],
    slant: &[f32],
    slope: impl Fn(f32, f32) -> f32,
) {
    let of_channel =
        affine.mean.iter().zip(&affine.factor).zip(affine.beta.iter().zip(shift.iter().zip(slant)));
    for ((dx, &x), ((&mean, &factor), (&beta, (&shift, &slant)))) in dx.iter_mut().zip(x).zip(of_channel) {
        let dz = slope(*dx, (x - mean) * factor + beta);
        *dx = dz * factor - (shift + (x - mean) * slant);
    }
}

/// The sum of the rows of a block.
fn fold(block: &[f32], sums: &mut [f32]) {
    sums.fill(0.0);
    for row in block.chunks_exact(sums.len()) {
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value);
    }
}
