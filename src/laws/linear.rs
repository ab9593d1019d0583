//! Least squares with a few unknowns, by Cholesky's factors.

/// Replaces the lower triangle of a symmetric matrix by Cholesky's factor L, with L·Lᵀ equal to the matrix. The matrix
/// is the first `size` rows and columns of `matrix`, row-major with rows of `stride` elements. `pivot` maps each
/// diagonal element that is left to the one to use, or to `None` to refuse the matrix.
pub(super) fn factorise(
    matrix: &mut [f64],
    stride: usize,
    size: usize,
    pivot: impl Fn(f64) -> Option<f64>,
) -> Option<()> {
    for i in 0..size {
        for j in 0..=i {
            let (above, row) = matrix.split_at(i * stride);
            let other = if j == i { row } else { &above[j * stride..] };
            let products: f64 = row[..j].iter().zip(other).map(|(a, b)| a * b).sum();
            let left = row[j] - products;
            matrix[i * stride + j] = if i == j { pivot(left)?.sqrt() } else { left / matrix[j * stride + j] };
        }
    }
    Some(())
}

/// Replaces b by L⁻¹·b, for a factor L with rows of `stride` elements.
pub(super) fn solve_lower(factor: &[f64], stride: usize, b: &mut [f64]) {
    for i in 0..b.len() {
        let known: f64 = (0..i).map(|k| factor[i * stride + k] * b[k]).sum();
        b[i] = (b[i] - known) / factor[i * stride + i];
    }
}

/// Replaces b by (Lᵀ)⁻¹·b, for a factor L with rows of `stride` elements.
pub(super) fn solve_upper(factor: &[f64], stride: usize, b: &mut [f64]) {
    for i in (0..b.len()).rev() {
        let known: f64 = (i + 1..b.len()).map(|k| factor[k * stride + i] * b[k]).sum();
        b[i] = (b[i] - known) / factor[i * stride + i];
    }
}

/// The coefficients c that minimise `Σ w·(y − Σₖ cₖ·columnₖ)²` over rows of (columns, y, w). `None` if the rows do not
/// determine them.
pub(super) fn least_squares<const K: usize>(
    rows: impl Iterator<Item = ([f64; K], f64, f64)>,
) -> Option<[f64; K]> {
    let (matrix, right) = sums(rows);
    solve(matrix, right)
}

/// The same with no coefficient below zero and without the columns before `first`: the best of the solutions for every
/// subset of columns that satisfies this.
pub(super) fn least_squares_above_zero(
    rows: impl Iterator<Item = ([f64; 3], f64, f64)>,
    first: usize,
) -> [f64; 3] {
    let (matrix, right) = sums(rows);
    let mut best = ([0.0; 3], 0.0);
    for chosen in (1..8usize).filter(|chosen| chosen % (1 << first) == 0) {
        let (mut matrix_of, mut right_of) = (matrix, right);
        for left_out in (0..3).filter(|column| chosen >> column & 1 == 0) {
            right_of[left_out] = 0.0;
            for other in 0..3 {
                matrix_of[left_out.max(other)][left_out.min(other)] = f64::from(u8::from(left_out == other));
            }
        }
        let Some(found) = solve(matrix_of, right_of) else { continue };
        // The difference of the sum of squares to that without columns.
        let gain: f64 = found.iter().zip(right_of).map(|(coefficient, right)| coefficient * right).sum();
        if found.iter().all(|coefficient| *coefficient >= 0.0) && gain > best.1 {
            best = (found, gain);
        }
    }
    best.0
}

/// The normal equations of rows: the lower triangle of the matrix, and the right side.
fn sums<const K: usize>(rows: impl Iterator<Item = ([f64; K], f64, f64)>) -> ([[f64; K]; K], [f64; K]) {
    let (mut matrix, mut right) = ([[0.0; K]; K], [0.0; K]);
    for (columns, y, weight) in rows {
        for i in 0..K {
            let weighted = weight * columns[i];
            right[i] += weighted * y;
            for j in 0..=i {
                matrix[i][j] += weighted * columns[j];
            }
        }
    }
    (matrix, right)
}

/// The solution of `matrix·c = right`, for a symmetric matrix given by its lower triangle. The matrix is scaled to a
/// diagonal of ones. `None` if it is singular except for rounding.
fn solve<const K: usize>(mut matrix: [[f64; K]; K], mut right: [f64; K]) -> Option<[f64; K]> {
    const SINGULAR: f64 = 1e-13;
    let mut scale = [0.0; K];
    for i in 0..K {
        scale[i] = 1.0 / matrix[i][i].sqrt();
        right[i] *= scale[i];
    }
    for i in 0..K {
        for j in 0..=i {
            matrix[i][j] = matrix[i][j] * scale[i] * scale[j];
        }
    }
    // A column of zeros has an infinite scale, which makes the pivot NaN.
    factorise(matrix.as_flattened_mut(), K, K, |pivot| (pivot > SINGULAR).then_some(pivot))?;
    solve_lower(matrix.as_flattened(), K, &mut right);
    solve_upper(matrix.as_flattened(), K, &mut right);
    for i in 0..K {
        right[i] *= scale[i];
    }
    Some(right)
}

/// The normal equations of least squares with any number of columns.
pub(crate) struct NormalEquations {
    size: usize,
    /// Row-major, the lower triangle.
    matrix: Vec<f64>,
    right: Vec<f64>,
}

impl NormalEquations {
    /// Equations for rows of `size` columns.
    pub fn new(size: usize) -> NormalEquations {
        NormalEquations { size, matrix: vec![0.0; size * size], right: vec![0.0; size] }
    }

    /// Adds a row with the value that it should have.
    pub fn add(&mut self, row: &[f64], value: f64) {
        for (i, &a) in row.iter().enumerate() {
            for (j, &b) in row[..=i].iter().enumerate() {
                self.matrix[i * self.size + j] += a * b;
            }
            self.right[i] += a * value;
        }
    }

    /// The inverse of the matrix, row-major. `None` if columns depend on each other except for rounding.
    pub fn inverse(&self) -> Option<Vec<f64>> {
        /// Pivots of less than this fraction of their diagonal element are zero except for rounding.
        const DEPENDENT: f64 = 1e-10;
        let size = self.size;
        let scale: Vec<f64> = (0..size).map(|i| self.matrix[i * size + i].sqrt()).collect();
        if scale.iter().any(|scale| !(*scale > 0.0 && scale.is_finite())) {
            return None;
        }
        let mut factor: Vec<f64> =
            (0..size * size).map(|at| self.matrix[at] / (scale[at / size] * scale[at % size])).collect();
        factorise(&mut factor, size, size, |pivot| (pivot >= DEPENDENT).then_some(pivot))?;
        let mut inverse = vec![0.0; size * size];
        for (i, row) in inverse.chunks_exact_mut(size).enumerate() {
            row[i] = 1.0;
            solve_lower(&factor, size, row);
            solve_upper(&factor, size, row);
            row.iter_mut().zip(&scale).for_each(|(element, other)| *element /= scale[i] * other);
        }
        Some(inverse)
    }

    /// The coefficients, by the inverse.
    pub fn coefficients(&self, inverse: &[f64]) -> Vec<f64> {
        let row = |i: usize| (0..self.size).map(|j| inverse[i * self.size + j] * self.right[j]).sum();
        (0..self.size).map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_the_product_of_its_triangles() {
        let mut matrix = [4.0, 0.0, 0.0, 2.0, 10.0, 0.0, -2.0, 2.0, 6.0];
        let positive = |pivot: f64| (pivot > 0.0).then_some(pivot);
        factorise(&mut matrix, 3, 3, positive).unwrap();
        assert_eq!(matrix, [2.0, 0.0, 0.0, 1.0, 3.0, 0.0, -1.0, 1.0, 2.0]);
        let mut b = [2.0, 7.0, 4.0];
        solve_lower(&matrix, 3, &mut b);
        assert_eq!(b, [1.0, 2.0, 1.5]);
        solve_upper(&matrix, 3, &mut b);
        // [[4, 2, -2], [2, 10, 2], [-2, 2, 6]]·b = [2, 7, 4].
        assert!((4.0 * b[0] + 2.0 * b[1] - 2.0 * b[2] - 2.0).abs() < 1e-14, "{b:?}");
        assert!((2.0 * b[0] + 10.0 * b[1] + 2.0 * b[2] - 7.0).abs() < 1e-14, "{b:?}");
        assert!(factorise(&mut [1.0, 0.0, 2.0, 1.0], 2, 2, positive).is_none());
    }

    #[test]
    fn coefficients_are_recovered_and_equal_columns_are_refused() {
        let rows =
            || (0..7).map(f64::from).map(|x| ([1.0, 1e6 * x, x * x], 3.0 + 2e6 * x - 0.5 * x * x, x + 1.0));
        let found = least_squares(rows()).unwrap();
        assert!(found.iter().zip([3.0, 2.0, -0.5]).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
        let twice = rows().map(|([one, x, _], y, weight)| ([one, x, 2.0 * x], y, weight));
        assert_eq!(least_squares(twice), None);
    }

    #[test]
    fn a_coefficient_that_would_be_below_zero_is_left_out() {
        let rows = |third: f64| {
            let x = (1..8).map(f64::from);
            x.map(move |x| ([1.0, x, x * x], 3.0 + 2.0 * x + third * x * x, 1.0 / x))
        };
        let found = least_squares_above_zero(rows(0.5), 0);
        assert!(found.iter().zip([3.0, 2.0, 0.5]).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
        let found = least_squares_above_zero(rows(-0.1), 0);
        let [one, x] =
            least_squares(rows(-0.1).map(|([one, x, _], y, weight)| ([one, x], y, weight))).unwrap();
        assert!((found[0] - one).abs() < 1e-9 && (found[1] - x).abs() < 1e-9 && found[2] == 0.0, "{found:?}");
        assert_eq!(least_squares_above_zero(rows(0.5), 1)[0], 0.0);
    }

    #[test]
    fn an_inverse_gives_coefficients_and_dependent_columns_have_none() {
        let mut normal = NormalEquations::new(3);
        for x in (0..6).map(f64::from) {
            normal.add(&[1.0, x, x * x], 3.0 - 2.0 * x + 0.5 * x * x);
        }
        let inverse = normal.inverse().unwrap();
        let found = normal.coefficients(&inverse);
        assert!(found.iter().zip([3.0, -2.0, 0.5]).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
        assert!((0..9).all(|at| (inverse[at] - inverse[at % 3 * 3 + at / 3]).abs() < 1e-12), "{inverse:?}");
        let mut normal = NormalEquations::new(2);
        for x in 1..5 {
            normal.add(&[f64::from(x), 2.0 * f64::from(x)], 1.0);
        }
        assert!(normal.inverse().is_none());
    }
}
