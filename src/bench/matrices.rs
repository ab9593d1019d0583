//! Times products of f16 on every kind of cooperative matrices (tensor cores) that an adapter lists, and compares them
//! with the f64 reference.

use super::{Case, median, noise_values};
use crate::device::{CooperativeMatrix, DType, Device, GpuOptions};
use crate::error::Result;
use crate::tensor::Tensor;
use serde::Serialize;

/// A kind of cooperative matrices, and the products on it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct MatrixFigure {
    /// The kind, as listed by the adapter.
    #[serde(flatten)]
    pub matrix: CooperativeMatrix,
    /// The products; empty if no kernel supports this kind.
    pub products: Vec<ProductFigure>,
}

/// A product of f16 with sums in f32 and a result in f16.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ProductFigure {
    /// Shape `m×k×n`.
    pub name: String,
    /// Seconds of one call inside its kernel: the median over a few blocks of calls.
    pub seconds: f64,
    /// 2·m·k·n / seconds, in GFLOP/s.
    pub gflops_per_second: f64,
    /// The largest error of an element divided by its bound 2⁻¹⁰·|C| + 4·K·2⁻²⁴·(|A|·|B|) for sums of K terms: the
    /// rounding of the result, to nearest or towards zero, and of the sum. At most 1 for a correct product.
    pub error: f64,
}

impl ProductFigure {
    /// Whether rounding explains the difference from the reference: the error is at most 1.
    pub fn is_right(&self) -> bool {
        self.error <= 1.0
    }
}

/// Shapes `[m, k, n]` of the timed products: one of whole tiles, and one with incomplete tiles and an incomplete last
/// slab.
pub const SHAPES: [[usize; 3]; 2] = [[1024, 1024, 1024], [1000, 84, 520]];

/// Computes products of `shapes` (`[m, k, n]` each) on every kind of cooperative matrices that the device's adapter
/// lists, and times each for about `seconds`.
///
/// # Errors
/// Errors of the device.
pub fn measure(device: &Device, shapes: &[[usize; 3]], seconds: f64) -> Result<Vec<MatrixFigure>> {
    let figure = |matrix: &CooperativeMatrix| {
        let products = match matrix.extent() {
            Some(extent) => on_extent(extent, shapes, seconds)?,
            None => Vec::new(),
        };
        Ok(MatrixFigure { matrix: *matrix, products })
    };
    device.cooperative_matrices().iter().map(figure).collect()
}

/// Products on cooperative matrices of this extent. Empty if the adapter lacks another feature that the kernels need.
fn on_extent(extent: u32, shapes: &[[usize; 3]], seconds: f64) -> Result<Vec<ProductFigure>> {
    let device = Device::gpu(GpuOptions { cooperative_matrices: extent, ..GpuOptions::default() })?;
    if device.fragment() != Some(extent) {
        return Ok(Vec::new());
    }
    shapes.iter().map(|&shape| product(&device, shape, seconds)).collect()
}

fn product(device: &Device, [m, k, n]: [usize; 3], seconds: f64) -> Result<ProductFigure> {
    let [a, b] = [(m, k), (k, n)].map(|(rows, columns)| {
        let values: Vec<f64> = noise_values(rows * columns).into_iter().map(rounded).collect();
        (values, [rows, columns])
    });
    let oracle = Device::cpu();
    let reference = |change: fn(f64) -> f64| -> Result<Vec<f64>> {
        let [a, b] = [&a, &b].map(|(values, shape)| {
            let values: Vec<f64> = values.iter().copied().map(change).collect();
            Tensor::new(&oracle, &values, *shape)
        });
        a?.matmul(&b?)?.to_f64()
    };
    let (want, magnitude) = (reference(|v| v)?, reference(f64::abs)?);
    let [a, b] = [&a, &b].map(|(values, shape)| {
        let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        Tensor::new(device, &values, *shape)?.cast(DType::F16)
    });
    let (a, b) = (a?, b?);
    let got = a.matmul(&b)?.to_f64()?;
    let name = format!("{m}×{k}×{n}");
    let mut case = Case::new("matrices", name.clone(), move || a.matmul(&b).map(drop));
    let seconds = median(device, &mut case, seconds)?;
    Ok(ProductFigure {
        name,
        seconds,
        gflops_per_second: 2.0 * (m * k * n) as f64 / seconds / 1e9,
        error: largest_error(&got, &want, &magnitude, k),
    })
}

/// A number rounded to f16.
fn rounded(value: f32) -> f64 {
    half::f16::from_f32(value).to_f64()
}

/// The largest ratio of an error to its bound; infinite if a result is NaN.
fn largest_error(got: &[f64], want: &[f64], magnitude: &[f64], terms: usize) -> f64 {
    let share = |((got, want), magnitude): ((&f64, &f64), &f64)| {
        let bound = 2f64.powi(-10) * want.abs() + 4.0 * terms as f64 * 2f64.powi(-24) * magnitude;
        let share = (got - want).abs() / bound;
        if share.is_nan() { f64::INFINITY } else { share }
    };
    got.iter().zip(want).zip(magnitude).map(share).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_in_f16_are_beyond_the_bound_and_sums_in_f32_are_not() {
        let terms = 64;
        let factors: Vec<[f64; 2]> = (0..256 * terms)
            .map(|i| {
                [i, 7 * i + 3].map(|i: usize| {
                    rounded(((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0)
                })
            })
            .collect();
        let by = |sum: fn(f64, f64) -> f64| -> Vec<f64> {
            let element = |terms: &[[f64; 2]]| terms.iter().fold(0.0, |c, [a, b]| sum(c, a * b));
            factors.chunks(terms).map(element).collect()
        };
        let (want, magnitude) = (by(|c, ab| c + ab), by(|c, ab| c + ab.abs()));
        let error = |got: &[f64]| largest_error(got, &want, &magnitude, terms);
        let single: Vec<f64> =
            by(|c, ab| f64::from((c + ab) as f32)).iter().map(|&c| rounded(c as f32)).collect();
        let half = by(|c, ab| rounded((c + ab) as f32));
        assert!(error(&single) <= 1.0 && error(&half) > 1.0, "{} and {}", error(&single), error(&half));
        let mut broken = want.clone();
        broken[17] = f64::NAN;
        assert_eq!((error(&want), error(&broken)), (0.0, f64::INFINITY));
    }
}
