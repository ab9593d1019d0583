//! Rows of one size, taken together.

use crate::laws::Points;
use crate::rounding::levels;

/// Sizes closer together than this fraction count as one; their runs are repetitions.
pub(super) const STEP: f64 = 0.02;
/// The most cells that are used, the largest ones: predictions beyond the data depend on their neighbours.
const MOST: usize = 120;

/// Rows grouped by size.
#[derive(Debug, Clone)]
pub(super) struct Cells {
    /// Number of sizes of a row: 1 or 2.
    pub sizes: usize,
    /// Logarithms of the sizes; a missing second one is 0.
    pub x: Vec<[f64; 2]>,
    /// Mean of ln y.
    pub y: Vec<f64>,
    /// Number of runs in each cell.
    pub runs: Vec<f64>,
    /// Sum of squared deviations of ln y from the mean, in each cell.
    squares: Vec<f64>,
}

impl Cells {
    /// Groups the rows by size, up to rounding. Of too many cells it keeps the largest.
    pub fn of(points: &Points) -> Cells {
        let sizes = points.sizes().len();
        let column = |size: usize| points.x().iter().map(|x| x[size]).collect::<Vec<f64>>();
        let places = [levels(&column(0), STEP), levels(&column(1), STEP)];
        let mut order: Vec<usize> = (0..points.len()).collect();
        let cell = |row: &usize| [places[0][*row], places[1][*row]];
        order.sort_by_key(cell);
        let mut cells = Cells { sizes, x: vec![], y: vec![], runs: vec![], squares: vec![] };
        for rows in order.chunk_by(|a, b| cell(a) == cell(b)) {
            let count = rows.len() as f64;
            let mean = |of: &dyn Fn(usize) -> f64| rows.iter().map(|&row| of(row)).sum::<f64>() / count;
            let y = mean(&|row| points.y()[row].ln());
            cells.x.push([0, 1].map(|size| mean(&|row| points.x()[row][size].ln())));
            cells.squares.push(rows.iter().map(|&row| (points.y()[row].ln() - y).powi(2)).sum());
            cells.y.push(y);
            cells.runs.push(count);
        }
        if cells.len() > MOST {
            let mut largest: Vec<usize> = (0..cells.len()).collect();
            largest.sort_by(|&a, &b| cells.order(b).total_cmp(&cells.order(a)));
            largest.truncate(MOST);
            cells = cells.select(&largest);
        }
        cells
    }

    /// The number of cells.
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// Number of different values of the size that has most.
    pub fn different(&self) -> usize {
        let count = |size: usize| {
            let column: Vec<f64> = self.x.iter().map(|x| x[size].exp()).collect();
            levels(&column, STEP).into_iter().max().map_or(0, |last| last + 1)
        };
        (0..self.sizes).map(count).max().unwrap_or(0)
    }

    /// The logarithm of the product of the sizes, by which cells are ordered.
    pub fn order(&self, cell: usize) -> f64 {
        self.x[cell].iter().sum()
    }

    /// The largest logarithm of each size.
    pub fn largest(&self) -> [f64; 2] {
        [0, 1].map(|size| self.x.iter().map(|x| x[size]).fold(f64::NEG_INFINITY, f64::max))
    }

    /// Sum of squared deviations within all cells.
    pub fn squares(&self) -> f64 {
        self.squares.iter().sum()
    }

    /// Degrees of freedom within all cells.
    pub fn freedom(&self) -> f64 {
        self.runs.iter().map(|runs| runs - 1.0).sum()
    }

    /// The cells with these indices.
    pub fn select(&self, cells: &[usize]) -> Cells {
        let of = |column: &[f64]| cells.iter().map(|&cell| column[cell]).collect();
        Cells {
            sizes: self.sizes,
            x: cells.iter().map(|&cell| self.x[cell]).collect(),
            y: of(&self.y),
            runs: of(&self.runs),
            squares: of(&self.squares),
        }
    }
}
