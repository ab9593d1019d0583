//! The little linear algebra that the members need.

/// The lower triangle L of a symmetric matrix L·Lᵀ above zero, row by row; none where rounding leaves it not above zero.
#[derive(Debug, Clone)]
pub(super) struct Cholesky {
    size: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Of a matrix `[size, size]`, row-major.
    pub fn new(size: usize, mut matrix: Vec<f64>) -> Option<Cholesky> {
        for row in 0..size {
            for column in 0..=row {
                let (before, after) = matrix.split_at(row * size);
                let known = if column == row { &after[..size] } else { &before[column * size..][..size] };
                let product: f64 = after[..column].iter().zip(known).map(|(a, b)| a * b).sum();
                let left = matrix[row * size + column] - product;
                matrix[row * size + column] = if column < row {
                    left / matrix[column * size + column]
                } else if left > 0.0 {
                    left.sqrt()
                } else {
                    return None;
                };
            }
        }
        Some(Cholesky { size, lower: matrix })
    }

    /// L⁻¹·b.
    pub fn solve(&self, mut b: Vec<f64>) -> Vec<f64> {
        for row in 0..self.size {
            let lower = &self.lower[row * self.size..][..row + 1];
            let known: f64 = lower[..row].iter().zip(&b).map(|(a, b)| a * b).sum();
            b[row] = (b[row] - known) / lower[row];
        }
        b
    }

    /// The logarithm of the product of L's diagonal: half that of the determinant.
    pub fn log_diagonal(&self) -> f64 {
        (0..self.size).map(|place| self.lower[place * self.size + place].ln()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_the_product_of_its_triangles() {
        let matrix = vec![4.0, 2.0, -2.0, 2.0, 10.0, 2.0, -2.0, 2.0, 6.0];
        let triangle = Cholesky::new(3, matrix).expect("above zero");
        // L = [[2], [1, 3], [-1, 1, 2]].
        assert_eq!(triangle.solve(vec![2.0, 7.0, 4.0]), [1.0, 2.0, 1.5]);
        assert!((triangle.log_diagonal() - 12f64.ln()).abs() < 1e-14);
        assert!(Cholesky::new(2, vec![1.0, 2.0, 2.0, 1.0]).is_none());
    }
}
