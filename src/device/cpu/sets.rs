//! Normalisation over sets of one sample: layer, RMS and group norm. **Order of sums.** Each channel of a sample has a
//! sum over its positions; those of a group are then added in the order of [`reduce`](super::reduce).

use super::norm::{Columns, Slope};
use super::reduce::along;
use super::threads::WORTH_A_THREAD;
use super::{on_every_core, with_scratch};
use multiversion::multiversion;

/// A matrix of `rows` rows of channels. A set is `positions` successive rows, a sample, in the channels of one group.
#[derive(Clone, Copy, Debug)]
pub struct Sets {
    /// The rows and the channels, and the rows of a piece of the sums over all samples.
    pub columns: Columns,
    /// The rows of a sample.
    pub positions: usize,
    /// The groups of channels.
    pub groups: usize,
    /// Whether the mean is subtracted.
    pub centered: bool,
    /// What is added to the variance.
    pub epsilon: f32,
}

impl Sets {
    fn sample(&self) -> usize {
        self.positions * self.columns.channels
    }

    /// Calls `body(i, part, means, scales)` for sample i, its part of `out` and its groups' parts of the others.
    fn for_each_sample(
        &self,
        out: &mut [f32],
        [means, scales]: [&mut [f32]; 2],
        body: impl Fn(usize, &mut [f32], &mut [f32], &mut [f32]) + Sync,
    ) {
        let (length, groups) = (self.sample(), self.groups);
        let elements = out.len();
        let of_groups = means.chunks_mut(groups).zip(scales.chunks_mut(groups));
        let samples = out.chunks_mut(length).zip(of_groups).enumerate();
        // Few samples stay on one thread.
        let least = if elements < 2 * WORTH_A_THREAD { elements } else { WORTH_A_THREAD.div_ceil(length) };
        on_every_core(samples.collect(), least, &|(i, (out, (means, scales)))| body(i, out, means, scales));
    }

    /// y = γ·(x − mean)·s + β, a sample at a time, of which `finish` makes f(y); means and s of all sets.
    pub fn forward(
        &self,
        [x, gamma, beta]: [&[f32]; 3],
        y: &mut [f32],
        table: [&mut [f32]; 2],
        finish: impl Fn(&mut [f32]) + Sync,
    ) {
        let channels = self.columns.channels;
        let count = (self.sample() / self.groups) as f32;
        self.for_each_sample(y, table, |i, y, means, scales| {
            let x = &x[i * y.len()..][..y.len()];
            with_scratch(3 * channels, |scratch| {
                let (sums, scratch) = scratch.split_at_mut(channels);
                let (mean, scale) = scratch.split_at_mut(channels);
                means.fill(0.0);
                if self.centered {
                    // Distances from the first element are summed: sums of numbers far from 0 would round more.
                    means.iter_mut().zip(x.chunks_exact(channels / self.groups)).for_each(|(m, x)| *m = x[0]);
                    expand(means, mean);
                    distances(x, mean, sums);
                    let of_groups = sums.chunks_exact(channels / self.groups);
                    means.iter_mut().zip(of_groups).for_each(|(mean, sums)| *mean += total(sums) / count);
                }
                expand(means, mean);
                squares(x, mean, sums);
                for (scale, sums) in scales.iter_mut().zip(sums.chunks_exact(channels / self.groups)) {
                    *scale = 1.0 / (total(sums) / count + self.epsilon).sqrt();
                }
                expand(scales, scale);
                affine(x, [mean, scale, gamma, beta], y);
            });
            finish(y);
        });
    }

    /// dx = s·(d − mean of d − x̂·mean of d·x̂) with d = dz·γ, where dz is dy times `slope`; without it, dy itself.
    pub fn gradient(
        &self,
        [x, gamma, beta, dy]: [&[f32]; 4],
        [means, scales]: [&[f32]; 2],
        slope: Option<Slope>,
        dx: &mut [f32],
    ) {
        let channels = self.columns.channels;
        let (groups, count) = (self.groups, (self.sample() / self.groups) as f32);
        let sets = means.len();
        let mut of_sets = vec![0.0; 2 * sets];
        let (shifts, slants) = of_sets.split_at_mut(sets);
        self.for_each_sample(dx, [shifts, slants], |i, dx, shift, slant| {
            let at = i * dx.len()..(i + 1) * dx.len();
            let (x, dy) = (&x[at.clone()], &dy[at]);
            let (means, scales) = (&means[i * groups..][..groups], &scales[i * groups..][..groups]);
            with_scratch(5 * channels, |scratch| {
                let (mean, scratch) = scratch.split_at_mut(channels);
                let (scale, scratch) = scratch.split_at_mut(channels);
                let (z, scratch) = scratch.split_at_mut(channels);
                let (of_d, products) = scratch.split_at_mut(channels);
                expand(means, mean);
                expand(scales, scale);
                dx.copy_from_slice(dy);
                if let Some(slope) = slope {
                    for (x, dx) in x.chunks_exact(channels).zip(dx.chunks_exact_mut(channels)) {
                        affine(x, [mean, scale, gamma, beta], z);
                        slope.apply(dx, z);
                    }
                }
                times_gamma(dx, [x, gamma, mean, scale], of_d, products);
                let width = channels / groups;
                for (shift, of_d) in shift.iter_mut().zip(of_d.chunks_exact(width)) {
                    *shift = if self.centered { total(of_d) / count } else { 0.0 };
                }
                for (slant, products) in slant.iter_mut().zip(products.chunks_exact(width)) {
                    *slant = total(products) / count;
                }
                expand(shift, of_d);
                expand(slant, products);
                through(dx, x, [mean, scale, of_d, products]);
            });
        });
    }

    /// Over each piece of rows, dβ = Σ dz and dγ = Σ dz·x̂, with dz as in [`gradient`](Sets::gradient).
    pub fn sums(
        &self,
        [x, gamma, beta, dy]: [&[f32]; 4],
        [means, scales]: [&[f32]; 2],
        slope: Option<Slope>,
        [of_beta, of_gamma]: [&mut [f32]; 2],
    ) {
        let (channels, groups) = (self.columns.channels, self.groups);
        self.columns.for_each_piece(of_beta, of_gamma, |elements, of_beta, of_gamma| {
            of_beta.fill(0.0);
            of_gamma.fill(0.0);
            with_scratch(4 * channels, |scratch| {
                let (mean, scratch) = scratch.split_at_mut(channels);
                let (scale, scratch) = scratch.split_at_mut(channels);
                let (z, dz) = scratch.split_at_mut(channels);
                let first = elements.start / channels;
                let rows =
                    x[elements.clone()].chunks_exact(channels).zip(dy[elements].chunks_exact(channels));
                for (row, (x, dy)) in (first..).zip(rows) {
                    if row == first || row % self.positions == 0 {
                        let sample = row / self.positions;
                        expand(&means[sample * groups..][..groups], mean);
                        expand(&scales[sample * groups..][..groups], scale);
                    }
                    let dz = match slope {
                        None => dy,
                        Some(slope) => {
                            affine(x, [mean, scale, gamma, beta], z);
                            dz.copy_from_slice(dy);
                            slope.apply(dz, z);
                            &*dz
                        }
                    };
                    add_products([x, dz, mean, scale], of_beta, of_gamma);
                }
            });
        });
    }
}

/// Repeats what belongs to a group for each of its channels.
fn expand(of_groups: &[f32], of_channels: &mut [f32]) {
    let width = of_channels.len() / of_groups.len();
    of_channels.chunks_exact_mut(width).zip(of_groups).for_each(|(channels, &value)| channels.fill(value));
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn total(sums: &[f32]) -> f32 {
    along(sums, 0.0, |sum| sum, |a, b| a + b)
}

/// Σ (x − from) of each channel.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn distances(x: &[f32], from: &[f32], sums: &mut [f32]) {
    sums.fill(0.0);
    for x in x.chunks_exact(sums.len()) {
        sums.iter_mut().zip(x).zip(from).for_each(|((sum, &x), &from)| *sum += x - from);
    }
}

/// Σ (x − mean)² of each channel.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn squares(x: &[f32], mean: &[f32], sums: &mut [f32]) {
    sums.fill(0.0);
    for x in x.chunks_exact(sums.len()) {
        for ((sum, &x), &mean) in sums.iter_mut().zip(x).zip(mean) {
            *sum += (x - mean) * (x - mean);
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn affine(x: &[f32], [mean, scale, gamma, beta]: [&[f32]; 4], z: &mut [f32]) {
    for (x, z) in x.chunks_exact(mean.len()).zip(z.chunks_exact_mut(mean.len())) {
        let of_channel = mean.iter().zip(scale).zip(gamma.iter().zip(beta));
        for ((z, &x), ((&mean, &scale), (&gamma, &beta))) in z.iter_mut().zip(x).zip(of_channel) {
            *z = gamma * ((x - mean) * scale) + beta;
        }
    }
}

/// d = dz·γ in place; Σ d and Σ d·x̂ of each channel.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn times_gamma(dz: &mut [f32], [x, gamma, mean, scale]: [&[f32]; 4], of_d: &mut [f32], products: &mut [f32]) {
    of_d.fill(0.0);
    products.fill(0.0);
    for (x, dz) in x.chunks_exact(gamma.len()).zip(dz.chunks_exact_mut(gamma.len())) {
        let of_channel = gamma.iter().zip(mean.iter().zip(scale));
        let sums = of_d.iter_mut().zip(&mut *products);
        for (((d, &x), (&gamma, (&mean, &scale))), (of_d, product)) in
            dz.iter_mut().zip(x).zip(of_channel).zip(sums)
        {
            *d *= gamma;
            *of_d += *d;
            *product += *d * ((x - mean) * scale);
        }
    }
}

/// s·(d − shift − x̂·slant), in place of d.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn through(d: &mut [f32], x: &[f32], [mean, scale, shift, slant]: [&[f32]; 4]) {
    for (x, d) in x.chunks_exact(mean.len()).zip(d.chunks_exact_mut(mean.len())) {
        let of_channel = mean.iter().zip(scale).zip(shift.iter().zip(slant));
        for ((d, &x), ((&mean, &scale), (&shift, &slant))) in d.iter_mut().zip(x).zip(of_channel) {
            *d = scale * (*d - shift - (x - mean) * scale * slant);
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn add_products([x, dz, mean, scale]: [&[f32]; 4], of_beta: &mut [f32], of_gamma: &mut [f32]) {
    let sums = of_beta.iter_mut().zip(of_gamma);
    let of_channel = mean.iter().zip(scale);
    for (((of_beta, of_gamma), (&x, &dz)), (&mean, &scale)) in sums.zip(x.iter().zip(dz)).zip(of_channel) {
        *of_beta += dz;
        *of_gamma += dz * ((x - mean) * scale);
    }
}
