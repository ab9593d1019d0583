//! The rows that a law is fitted to: one size or two, and a quantity.

use crate::error::{Error, Result};
use crate::rounding::{ROUNDING, levels};

/// Values of a size closer together than this fraction count as one: they do not show how a curve bends.
pub(super) const MIN_STEP: f64 = 0.25;
/// Values of a size closer together than this fraction belong to one model: sizes are rounded, or read off a figure.
pub(super) const NEARLY: f64 = 0.01;

/// Rows (x, y) or (x, x2, y) of values that are finite and above zero, and the names of the columns.
#[derive(Debug, Clone)]
pub struct Points {
    sizes: Vec<String>,
    quantity: String,
    /// A missing second size is 1.
    x: Vec<[f64; 2]>,
    y: Vec<f64>,
}

impl Points {
    /// Rows of one size and a quantity, each given as a name and a column.
    ///
    /// # Errors
    /// Columns of different lengths; a value that is not finite and above zero.
    pub fn single(x: (&str, &[f64]), y: (&str, &[f64])) -> Result<Points> {
        Points::new(&[x], y)
    }

    /// Rows of two sizes and a quantity, each given as a name and a column.
    ///
    /// # Errors
    /// Columns of different lengths; a value that is not finite and above zero.
    pub fn joint(x: (&str, &[f64]), x2: (&str, &[f64]), y: (&str, &[f64])) -> Result<Points> {
        Points::new(&[x, x2], y)
    }

    fn new(sizes: &[(&str, &[f64])], y: (&str, &[f64])) -> Result<Points> {
        for (name, column) in sizes.iter().chain([&y]) {
            if column.len() != y.1.len() {
                let found = format!("{} values of {name} and {} of {}", column.len(), y.1.len(), y.0);
                return Err(Error::argument("fit", "data", found, "columns of one length"));
            }
            if let Some(row) = column.iter().position(|value| !(*value > 0.0 && value.is_finite())) {
                let found = format!("{} in row {} of {name}", column[row], row + 1);
                return Err(Error::argument("fit", "data", found, "finite and above zero"));
            }
        }
        let size = |index: usize, row: usize| sizes.get(index).map_or(1.0, |(_, column)| column[row]);
        Ok(Points {
            sizes: sizes.iter().map(|(name, _)| name.to_string()).collect(),
            quantity: y.0.to_string(),
            x: (0..y.1.len()).map(|row| [size(0, row), size(1, row)]).collect(),
            y: y.1.to_vec(),
        })
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }

    /// The names of the sizes: one or two.
    pub fn sizes(&self) -> &[String] {
        &self.sizes
    }

    /// The name of y.
    pub fn quantity(&self) -> &str {
        &self.quantity
    }

    /// The sizes, row by row; a missing second one is 1.
    pub fn x(&self) -> &[[f64; 2]] {
        &self.x
    }

    /// The quantity, row by row.
    pub fn y(&self) -> &[f64] {
        &self.y
    }

    fn size(&self, size: usize) -> impl Iterator<Item = f64> + '_ {
        self.x.iter().map(move |x| x[size])
    }

    /// For each row the rank of a size among its values, the smallest at 0. Values closer together than [`MIN_STEP`]
    /// share a rank.
    pub(super) fn steps(&self, size: usize) -> Vec<usize> {
        levels(&self.size(size).collect::<Vec<_>>(), MIN_STEP)
    }

    /// Smallest and largest value of a size.
    pub fn range(&self, size: usize) -> (f64, f64) {
        self.size(size).fold((f64::INFINITY, 0.0), |(low, high), value| (value.min(low), value.max(high)))
    }

    /// Splits off the `count` largest rows: returns the other rows, and the largest in ascending order. With two sizes
    /// the largest row has the largest product, to which compute is proportional. Rows of the same size keep their
    /// order.
    pub fn without_largest(&self, count: usize) -> (Points, Points) {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|&a, &b| {
            let [a, b] = [a, b].map(|row| self.x[row][0] * self.x[row][1]);
            a.total_cmp(&b)
        });
        let (kept, largest) = order.split_at(self.len().saturating_sub(count));
        let mut kept = kept.to_vec();
        kept.sort_unstable();
        (self.select(&kept), self.select(largest))
    }

    fn select(&self, rows: &[usize]) -> Points {
        Points {
            sizes: self.sizes.clone(),
            quantity: self.quantity.clone(),
            x: rows.iter().map(|&row| self.x[row]).collect(),
            y: rows.iter().map(|&row| self.y[row]).collect(),
        }
    }

    /// For each row a group number from 0 on. Rows share it if the first `sizes` sizes are equal except for rounding.
    pub(super) fn groups(&self, sizes: usize) -> Vec<usize> {
        self.grouped(sizes, ROUNDING)
    }

    /// For each row a group number from 0 on. Rows share it if the first `sizes` sizes are nearly equal: repetitions.
    pub(super) fn repetitions(&self, sizes: usize) -> Vec<usize> {
        self.grouped(sizes, NEARLY)
    }

    fn grouped(&self, sizes: usize, apart: f64) -> Vec<usize> {
        let level = |size: usize| levels(&self.size(size).collect::<Vec<_>>(), apart);
        let first = level(0);
        if sizes == 1 {
            return first;
        }
        let mut known = std::collections::HashMap::new();
        let group = |key| {
            let next = known.len();
            *known.entry(key).or_insert(next)
        };
        first.into_iter().zip(level(1)).map(group).collect()
    }
}
