//! Logarithms of rows, as a fit sees them.
//!
//! Rows of the same sizes make a cell, for which a law is evaluated once. In tables of many different sizes those that
//! are nearly the same can be made one: [`Logs::binned`].

use super::form::MOST;
use super::{Form, Points};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use std::ops::Range;

/// Logarithms of the rows, cell by cell, sizes from their mean.
#[derive(Debug, Clone)]
pub(super) struct Logs {
    pub cells: Vec<Cell>,
    pub y: Vec<f64>,
    /// How often each row counts.
    pub weight: Vec<f64>,
    /// The place of each row among those that the logs were made of.
    pub row: Vec<usize>,
    /// What logarithms of sizes are taken from.
    pub mean: [f64; 2],
    /// ln of the largest y of all rows, also of those that are left out.
    pub largest: f64,
}

/// Rows of the same sizes.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub x: [f64; 2],
    pub rows: Range<usize>,
}

impl Logs {
    pub fn of(form: Form, points: &Points) -> Logs {
        let count = points.len() as f64;
        let mean = [0, 1].map(|size| points.x().iter().map(|x| x[size].ln()).sum::<f64>() / count);
        let mean = form.law().origin(mean);
        let x: Vec<[f64; 2]> =
            points.x().iter().map(|x| [0, 1].map(|size| x[size].ln() - mean[size])).collect();
        let y: Vec<f64> = points.y().iter().map(|y| y.ln()).collect();
        let largest = y.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Logs::gathered(&points.groups(form), &x, &y, (mean, largest))
    }

    /// Rows with the same number in `groups` make a cell, at the mean of their sizes. Cells are in the order of their
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
            // The mean of one number is that number to the last bit.
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

    /// At most so many of the rows, drawn without replacement and always the same.
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

    /// The rows that have a weight, by their places here.
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

    /// The rows in cells of nearly equal sizes, at most `along` in the direction of each size. Each row is moved to its cell's middle along the law
    /// θ: its residual there is that of before. So a law near θ meets the moved rows as it meets the rows, but for the
    /// product of two small differences, its own and that of the sizes in a cell.
    pub fn binned(&self, form: Form, theta: &[f64], along: usize) -> Logs {
        let sizes = form.sizes();
        let ends = [0, 1].map(|size| self.range(size));
        let place = |x: [f64; 2]| {
            let of = |size: usize| {
                let (low, high) = ends[size];
                // The largest is in the last cell.
                (((x[size] - low) / (high - low) * along as f64) as usize).min(along - 1)
            };
            if sizes == 1 { of(0) } else { of(0) * along + of(1) }
        };
        let law = |x: [f64; 2]| form.log_with_gradient(theta, x, &mut [0.0; MOST]);
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

    /// θ for logarithms from their mean, from θ for plain ones.
    pub fn centred(&self, form: Form, theta: &[f64]) -> Vec<f64> {
        self.shifted(form, theta, -1.0)
    }

    /// θ for plain logarithms, from θ for those from their mean.
    pub fn plain(&self, form: Form, theta: &[f64]) -> Vec<f64> {
        self.shifted(form, theta, 1.0)
    }

    fn shifted(&self, form: Form, theta: &[f64], sign: f64) -> Vec<f64> {
        let mut theta = theta.to_vec();
        form.law().shift(&mut theta, self.mean.map(|mean| sign * mean));
        theta
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifting_and_shifting_back_changes_nothing() {
        let points = Points::single(("N", &[1e3, 1e5, 1e8]), ("loss", &[3.0, 2.0, 1.0])).unwrap();
        let logs = Logs::of(Form::Floor, &points);
        let theta = [4.0, 0.5, 0.2];
        let back = logs.plain(Form::Floor, &logs.centred(Form::Floor, &theta));
        assert!(theta.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-12), "{back:?}");
    }

    #[test]
    fn rows_of_equal_sizes_are_one_cell_and_of_similar_ones_one_bin() {
        let x: Vec<f64> = (0..3000).map(|row| 1e3 * 1.01f64.powi(row % 1000)).collect();
        let y: Vec<f64> = x.iter().map(|x| 2.0 + 30.0 * x.powf(-0.4)).collect();
        let points = Points::single(("N", &x), ("loss", &y)).unwrap();
        let logs = Logs::of(Form::Floor, &points);
        assert_eq!((logs.cells.len(), logs.y.len()), (1000, 3000));
        let theta = logs.centred(Form::Floor, &[30f64.ln(), 0.4, 2f64.ln()]);
        let binned = logs.binned(Form::Floor, &theta, 100);
        assert_eq!((binned.cells.len(), binned.y.len()), (100, 3000));
        // Rows on the law stay on it.
        for cell in &binned.cells {
            let expected = Form::Floor.log_with_gradient(&theta, cell.x, &mut [0.0; MOST]);
            assert!(binned.y[cell.rows.clone()].iter().all(|y| (y - expected).abs() < 1e-12));
        }
        let mut rows = binned.row;
        rows.sort_unstable();
        assert!(rows.into_iter().eq(0..3000));
    }
}
