//! Softmax and cross-entropy of rows, with eˣ of [`math`] and sums in the order of [`reduce`](super::reduce).

use super::math::{self, has_fused};
use super::reduce::{along, larger, map_and_sum};
use super::{parallel_elements, parallel_rows};
use multiversion::multiversion;

/// The largest element of a row, and Σ exp(x − largest).
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn largest_and_sum(x: &[f32]) -> (f32, f32) {
    let largest = along(x, f32::MIN, |x| x, larger);
    const FUSED: bool = has_fused!();
    (largest, along(x, 0.0, |x| math::exp::<FUSED>(x - largest), |a, b| a + b))
}

/// exp(x − largest) / Σ exp(x − largest) of a row.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn softmax_row(x: &[f32], y: &mut [f32]) {
    let largest = along(x, f32::MIN, |x| x, larger);
    const FUSED: bool = has_fused!();
    let sum = map_and_sum(x, y, |x| math::exp::<FUSED>(x - largest));
    let scale = 1.0 / sum;
    y.iter_mut().for_each(|y| *y *= scale);
}

/// The softmax of each row of `extent` elements, or its logarithm if `logarithm`.
pub fn forward(extent: usize, logarithm: bool, x: &[f32], y: &mut [f32]) {
    parallel_rows(y, extent, 20 * extent, |first, rows| {
        for (y, x) in rows.chunks_exact_mut(extent).zip(x[first * extent..].chunks_exact(extent)) {
            if logarithm {
                let (largest, sum) = largest_and_sum(x);
                let log = sum.ln();
                y.iter_mut().zip(x).for_each(|(y, &x)| *y = x - largest - log);
            } else {
                softmax_row(x, y);
            }
        }
    });
}

/// The gradient of [`forward`], from the gradient of its result and the result.
pub fn gradient(extent: usize, logarithm: bool, [dy, y]: [&[f32]; 2], dx: &mut [f32]) {
    parallel_rows(dx, extent, 10 * extent, |first, rows| {
        let dy = dy[first * extent..].chunks_exact(extent);
        let y = y[first * extent..].chunks_exact(extent);
        for ((dx, dy), y) in rows.chunks_exact_mut(extent).zip(dy).zip(y) {
            gradient_row(logarithm, dy, y, dx);
        }
    });
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn gradient_row(logarithm: bool, dy: &[f32], y: &[f32], dx: &mut [f32]) {
    if logarithm {
        let sum = along(dy, 0.0, |dy| dy, |a, b| a + b);
        dx.iter_mut().zip(dy).zip(y).for_each(|((dx, &dy), &y)| *dx = dy - math::exp::<false>(y) * sum);
    } else {
        dx.iter_mut().zip(dy).zip(y).for_each(|((dx, &dy), &y)| *dx = dy * y);
        let sum = along(dx, 0.0, |term| term, |a, b| a + b);
        dx.iter_mut().zip(dy).zip(y).for_each(|((dx, &dy), &y)| *dx = y * (dy - sum));
    }
}

/// The cross-entropy of each row of `extent` logits with its label; NaN for a label that is not below `extent`.
pub fn cross_entropy(extent: usize, smoothing: f32, x: &[f32], labels: &[u32], losses: &mut [f32]) {
    parallel_elements(losses, 20 * extent, |row| {
        let x = &x[row * extent..][..extent];
        let Some(&of_label) = x.get(labels[row] as usize) else { return f32::NAN };
        let (largest, sum) = largest_and_sum(x);
        let loss = sum.ln() - (1.0 - smoothing) * (of_label - largest);
        // Without smoothing, a logit of −∞ excludes a class and must not be multiplied by 0.
        if smoothing > 0.0 {
            let sum_of_z: f32 = x.iter().map(|&x| x - largest).sum();
            loss - smoothing * (sum_of_z / extent as f32)
        } else {
            loss
        }
    });
}

/// The gradient of [`cross_entropy`] with respect to the logits.
pub fn cross_entropy_gradient(
    extent: usize,
    smoothing: f32,
    x: &[f32],
    labels: &[u32],
    dloss: &[f32],
    dx: &mut [f32],
) {
    let share = smoothing / extent as f32;
    parallel_rows(dx, extent, 20 * extent, |first, rows| {
        for (row, dx) in (first..).zip(rows.chunks_exact_mut(extent)) {
            let x = &x[row * extent..][..extent];
            let label = labels[row] as usize;
            if label >= extent {
                dx.fill(f32::NAN);
                continue;
            }
            softmax_row(x, dx);
            for (i, dx) in dx.iter_mut().enumerate() {
                let wanted = if i == label { 1.0 - smoothing + share } else { share };
                *dx = dloss[row] * (*dx - wanted);
            }
        }
    });
}
