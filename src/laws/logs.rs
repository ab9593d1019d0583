//! Logarithms of rows, in the form that a fit uses.
//!
//! Rows of the same sizes form a cell, for which a law is evaluated once. [`Logs::binned`] also joins cells of nearly
//! equal sizes, for tables of many different sizes.

use super::Points;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use std::ops::Range;

/// Logarithms of the rows, cell by cell. Logarithms of sizes are relative to `mean`.
#[derive(Debug, Clone)]
pub(super) struct Logs {
    pub cells: Vec<Cell>,
    pub y: Vec<f64>,
    /// How many times each row counts.
    pub weight: Vec<f64>,
    /// The index of each row in the points.
    pub row: Vec<usize>,
    /// The origin of the logarithms of sizes.
    pub mean: [f64; 2],
    /// ln of the largest y of all rows, including rows that a draw leaves out.
    pub largest: f64,
}

/// Rows of the same sizes.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub x: [f64; 2],
    pub rows: Range<usize>,
}

impl Logs {
    /// Logarithms of the points for a form of `sizes` sizes. `origin` maps the means of the logarithms of sizes to the
    /// origin that the form uses.
    pub fn new(points: &Points, sizes: usize, origin: impl Fn([f64; 2]) -> [f64; 2]) -> Logs {
        let count = points.len() as f64;
        let mean = [0, 1].map(|size| points.x().iter().map(|x| x[size].ln()).sum::<f64>() / count);
        let mean = origin(mean);
        let x: Vec<[f64; 2]> =
            points.x().iter().map(|x| [0, 1].map(|size| x[size].ln() - mean[size])).collect();
        let y: Vec<f64> = points.y().iter().map(|y| y.ln()).collect();
        let largest = y.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Logs::gathered(&points.groups(sizes), &x, &y, (mean, largest))
    }

    /// Joins rows that share a number in `groups` to a cell at the mean of their sizes. Cells are in the order of their
    /// first rows.
    fn gathered(groups: &[usize], x: &[[f64; 2]], y: &[f64], (mean, largest): ([f64; 2], f64)) -> Logs {
        let mut known: HashMap<usize, usize> = HashMap::new();
        let mut cells: Vec<Vec<usize>> = Vec::new();
        for (row, &group) in groups.iter().enumerate() {
            let place = *known.entry(group).or_insert(cells.len());
            if place == cells.len() {
                cells.push(Vec::new());
            }
            cells[place].push(row);
        }
        let mut next = 0;
        let cell = |rows: &Vec<usize>| {
            let first = next;
            next += rows.len();
            let centre =
                [0, 1].map(|size| rows.iter().map(|&row| x[row][size]).sum::<f64>() / rows.len() as f64);
            // The mean of one number equals that number to the last bit.
            Cell { x: centre, rows: first..next }
        };
        Logs {
            cells: cells.iter().map(cell).collect(),
            y: cells.iter().flatten().map(|&row| y[row]).collect(),
            weight: vec![1.0; y.len()],
            row: cells.into_iter().flatten().collect(),
            mean,
            largest,
        }
    }

    /// At most `most` of the rows, drawn without replacement from a fixed seed.
    pub fn some(&self, most: usize) -> Logs {
        let count = self.y.len();
        let mut rows: Vec<usize> = (0..count).collect();
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let kept = most.min(count);
        for place in 0..kept {
            rows.swap(place, random.random_range(place..count));
        }
        let mut weight = vec![0.0; count];
        for &row in &rows[..kept] {
            weight[row] = 1.0;
        }
        self.weighted(&weight)
    }

    /// The rows whose weight is above zero; `weight` is indexed like `y`.
    pub fn weighted(&self, weight: &[f64]) -> Logs {
        let mut kept = Logs {
            cells: Vec::with_capacity(self.cells.len()),
            y: Vec::with_capacity(self.y.len()),
            weight: Vec::with_capacity(self.y.len()),
            row: Vec::new(),
            mean: self.mean,
            largest: self.largest,
        };
        for cell in &self.cells {
            let first = kept.y.len();
            for place in cell.rows.clone().filter(|&place| weight[place] > 0.0) {
                kept.y.push(self.y[place]);
                kept.weight.push(weight[place]);
            }
            if kept.y.len() > first {
                kept.cells.push(Cell { x: cell.x, rows: first..kept.y.len() });
            }
        }
        kept
    }

    /// Smallest and largest logarithm of a size.
    pub fn range(&self, size: usize) -> (f64, f64) {
        let values = self.cells.iter().map(|cell| cell.x[size]);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (x.min(low), x.max(high)))
    }

    /// Rows in cells of nearly equal sizes, at most `along` in the direction of each of the `sizes` sizes. Each row
    /// moves to the middle of its cell along `law`, which maps logarithms of sizes to ln y: its residual stays the
    /// same. A nearby law fits the moved rows like the original rows, except for the product of two small differences:
    /// that of the laws and that of the sizes in a cell.
    pub fn binned(&self, sizes: usize, along: usize, law: impl Fn([f64; 2]) -> f64) -> Logs {
        let ends = [0, 1].map(|size| self.range(size));
        let place = |x: [f64; 2]| {
            let of = |size: usize| {
                let (low, high) = ends[size];
                // The largest value belongs to the last cell.
                (((x[size] - low) / (high - low) * along as f64) as usize).min(along - 1)
            };
            if sizes == 1 { of(0) } else { of(0) * along + of(1) }
        };
        let count = self.y.len();
        let (mut groups, mut x, mut residual) = (vec![0; count], vec![[0.0; 2]; count], vec![0.0; count]);
        for cell in &self.cells {
            let (group, expected) = (place(cell.x), law(cell.x));
            for place in cell.rows.clone() {
                let row = self.row[place];
                (groups[row], x[row], residual[row]) = (group, cell.x, self.y[place] - expected);
            }
        }
        let mut binned = Logs::gathered(&groups, &x, &residual, (self.mean, self.largest));
        for cell in &binned.cells {
            let expected = law(cell.x);
            binned.y[cell.rows.clone()].iter_mut().for_each(|y| *y += expected);
        }
        binned
    }
}

#[cfg(test)]
mod tests {
    use super::super::Form;
    use super::super::theta::MOST;
    use super::*;

    #[test]
    fn rows_of_equal_sizes_are_one_cell_and_of_similar_ones_one_bin() {
        let x: Vec<f64> = (0..3000).map(|row| 1e3 * 1.01f64.powi(row % 1000)).collect();
        let y: Vec<f64> = x.iter().map(|x| 2.0 + 30.0 * x.powf(-0.4)).collect();
        let points = Points::single(("N", &x), ("loss", &y)).unwrap();
        let logs = Form::Floor.logs(&points);
        assert_eq!((logs.cells.len(), logs.y.len()), (1000, 3000));
        let theta = Form::Floor.centred(&logs, &[30f64.ln(), 0.4, 2f64.ln()]);
        let law = |x: [f64; 2]| Form::Floor.log_with_gradient(&theta, x, &mut [0.0; MOST]);
        let binned = logs.binned(1, 100, law);
        assert_eq!((binned.cells.len(), binned.y.len()), (100, 3000));
        // Rows on the law stay on the law.
        for cell in &binned.cells {
            let expected = law(cell.x);
            assert!(binned.y[cell.rows.clone()].iter().all(|y| (y - expected).abs() < 1e-12));
        }
        let mut rows = binned.row;
        rows.sort_unstable();
        assert!(rows.into_iter().eq(0..3000));
    }
}
