//! Least squares with a few unknowns.

/// The coefficients c that minimise `Σ w·(y − Σₖ cₖ·columnₖ)²` over rows of columns, y and w; none where the rows can't
/// tell them apart.
pub(super) fn least_squares<const K: usize>(
    rows: impl Iterator<Item = ([f64; K], f64, f64)>,
) -> Option<[f64; K]> {
    let (mut matrix, mut right) = ([[0.0; K]; K], [0.0; K]);
    for (columns, y, weight) in rows {
        add(&mut matrix, &mut right, columns, y, weight);
    }
    solve(matrix, right)
}

/// The same with no coefficient under zero and none of the columns before the `first`: of the best for every choice of
/// columns, the best that is so.
pub(super) fn least_squares_above_zero(
    rows: impl Iterator<Item = ([f64; 3], f64, f64)>,
    first: usize,
) -> [f64; 3] {
    let (mut matrix, mut right) = ([[0.0; 3]; 3], [0.0; 3]);
    for (columns, y, weight) in rows {
        add(&mut matrix, &mut right, columns, y, weight);
    }
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
        // By how much the sum of squares is under that of no column.
        let gain: f64 = found.iter().zip(right_of).map(|(coefficient, right)| coefficient * right).sum();
        if found.iter().all(|coefficient| *coefficient >= 0.0) && gain > best.1 {
            best = (found, gain);
        }
    }
    best.0
}

/// Adds a row to the normal equations.
fn add<const K: usize>(
    matrix: &mut [[f64; K]; K],
    right: &mut [f64; K],
    columns: [f64; K],
    y: f64,
    weight: f64,
) {
    for i in 0..K {
        let weighted = weight * columns[i];
        right[i] += weighted * y;
        for j in 0..=i {
            matrix[i][j] += weighted * columns[j];
        }
    }
}

/// The solution of `matrix·c = right`, of a symmetric matrix whose lower triangle is given, by Cholesky's factors of the
/// matrix scaled to a diagonal of ones; none where it is singular but for rounding.
fn solve<const K: usize>(matrix: [[f64; K]; K], mut right: [f64; K]) -> Option<[f64; K]> {
    const SINGULAR: f64 = 1e-13;
    let mut scale = [0.0; K];
    for i in 0..K {
        scale[i] = 1.0 / matrix[i][i].sqrt();
        right[i] *= scale[i];
    }
    let mut factor = [[0.0; K]; K];
    for i in 0..K {
        for j in 0..=i {
            let products: f64 = (0..j).map(|k| factor[i][k] * factor[j][k]).sum();
            let left = matrix[i][j] * scale[i] * scale[j] - products;
            // A column of zeros has an infinite scale, and leaves no number.
            if i == j && (left.is_nan() || left <= SINGULAR) {
                return None;
            }
            factor[i][j] = if i == j { left.sqrt() } else { left / factor[j][j] };
        }
    }
    for i in 0..K {
        let known: f64 = (0..i).map(|k| factor[i][k] * right[k]).sum();
        right[i] = (right[i] - known) / factor[i][i];
    }
    for i in (0..K).rev() {
        let known: f64 = (i + 1..K).map(|k| factor[k][i] * right[k]).sum();
        right[i] = (right[i] - known) / factor[i][i];
    }
    for i in 0..K {
        right[i] *= scale[i];
    }
    Some(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_are_found_and_equal_columns_are_not_told_apart() {
        let rows =
            || (0..7).map(f64::from).map(|x| ([1.0, 1e6 * x, x * x], 3.0 + 2e6 * x - 0.5 * x * x, x + 1.0));
        let found = least_squares(rows()).unwrap();
        assert!(found.iter().zip([3.0, 2.0, -0.5]).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
        let twice = rows().map(|([one, x, _], y, weight)| ([one, x, 2.0 * x], y, weight));
        assert_eq!(least_squares(twice), None);
    }

    #[test]
    fn a_coefficient_that_would_be_under_zero_is_left_out() {
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
}
