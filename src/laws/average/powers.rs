//! A constant and a power of each size, as a distribution over the parameters.
//!
//! `y = E + A·N^−α (+ B·D^−β)`. For given α, β and E, y is linear in A and B, which least squares of the relative
//! residuals give, none below zero (variable projection, Golub & Pereyra 1973). α, β and E are summed over a grid: each
//! point has the weight of the likelihood of its residuals under normal scatter of unknown width, times the prior
//! density of exponents. The grid is refined around the points with weight.

use super::cells::Cells;
use super::direction::Direction;
use super::mixture::Mixture;
use super::prior::{PRIOR_FREEDOM, PRIOR_SCATTER};
use crate::laws::linear::least_squares_above_zero;

/// The range of exponents.
const EXPONENTS: (f64, f64) = (0.03, 2.5);
/// The share of E in the smallest y is 1 − e^−t with t up to this.
const DEEPEST: f64 = 4.0;
/// Points on an axis of the grid: for exponents of one size and of two, and for t.
const POINTS: [usize; 2] = [24, 12];
const FLOORS: [usize; 2] = [16, 9];
/// The most refinements of the grid.
const ROUNDS: usize = 8;
/// Grid points of less than this fraction of the largest weight do not keep the grid wide.
const NOTHING: f64 = 1e-4;
/// Curves of less than this fraction of the largest weight are dropped.
const KEPT: f64 = 1e-3;
/// The grid is refined again if an axis shrinks at least by this factor.
const SMALLER: f64 = 0.7;
/// Factor of the deviation of a new run over that of the residuals: a new run lies on no curve exactly.
const ONE_MORE: f64 = 1.1;
/// Prior median and deviation of ln exponent.
fn exponents(direction: Direction) -> (f64, f64) {
    match direction {
        Direction::Falling => (0.4f64.ln(), 0.8),
        Direction::Growing => (0.9f64.ln(), 0.4),
    }
}

/// Curves with their weights.
#[derive(Debug, Clone)]
pub(super) struct Powers {
    sizes: usize,
    /// −1 for powers that fall with a size.
    sign: f64,
    origin: [f64; 2],
    /// The ln y relative to which E and the coefficients are given.
    unit: f64,
    curves: Vec<PowerCurve>,
}

#[derive(Debug, Clone)]
struct PowerCurve {
    weight: f64,
    exponents: [f64; 2],
    floor: f64,
    coefficients: [f64; 2],
    deviation: f64,
}

/// An axis of the grid.
#[derive(Clone, Copy)]
struct GridAxis {
    low: f64,
    high: f64,
    points: usize,
}

impl GridAxis {
    fn step(&self) -> f64 {
        (self.high - self.low) / (self.points.max(2) - 1) as f64
    }

    fn at(&self, place: usize) -> f64 {
        self.low + place as f64 * self.step()
    }
}

impl Powers {
    /// Fits the curves. `None` if no curve has a finite weight.
    pub fn fit(cells: &Cells, direction: Direction) -> Option<Powers> {
        let sizes = cells.sizes;
        let exponent = GridAxis { low: EXPONENTS.0.ln(), high: EXPONENTS.1.ln(), points: POINTS[sizes - 1] };
        let none = GridAxis { low: 0.0, high: 0.0, points: 1 };
        let depth = GridAxis { low: 0.0, high: DEEPEST, points: FLOORS[sizes - 1] };
        let mut grid = [exponent, if sizes == 2 { exponent } else { none }, depth];
        let whole = grid;
        let unit = cells.y.iter().copied().fold(f64::INFINITY, f64::min);
        let mut powers = Powers {
            sizes,
            sign: if direction == Direction::Falling { -1.0 } else { 1.0 },
            origin: cells.largest(),
            unit,
            curves: Vec::new(),
        };
        for _ in 0..ROUNDS {
            let (curves, marginals) = powers.weigh(cells, direction, &grid)?;
            powers.curves = curves;
            let narrower = narrowed(&grid, &whole, &marginals);
            let shrinks =
                |(old, new): (&GridAxis, &GridAxis)| new.high - new.low < SMALLER * (old.high - old.low);
            if !grid.iter().zip(&narrower).any(shrinks) {
                break;
            }
            grid = narrower;
        }
        Some(powers)
    }

    /// The curves of a grid that have weight, and for each axis the largest weight at each place.
    fn weigh(
        &self,
        cells: &Cells,
        direction: Direction,
        grid: &[GridAxis; 3],
    ) -> Option<(Vec<PowerCurve>, [Vec<f64>; 3])> {
        let (median, deviation) = exponents(direction);
        let y: Vec<f64> = cells.y.iter().map(|y| (y - self.unit).exp()).collect();
        let freedom = cells.len() as f64 - self.sizes as f64 + cells.freedom() + PRIOR_FREEDOM;
        let within = cells.squares() + PRIOR_FREEDOM * PRIOR_SCATTER * PRIOR_SCATTER;
        let mut found: Vec<([usize; 3], PowerCurve)> = Vec::new();
        let mut powers = vec![[0.0; 2]; y.len()];
        for (first, second) in pairs(grid[0].points, grid[1].points) {
            let logs = [grid[0].at(first), grid[1].at(second)];
            let exponents = logs.map(f64::exp);
            for (power, x) in powers.iter_mut().zip(&cells.x) {
                *power = self.powers(*x, exponents);
            }
            let prior: f64 = logs[..self.sizes].iter().map(|log| ((log - median) / deviation).powi(2)).sum();
            for third in 0..grid[2].points {
                let floor = -(-grid[2].at(third)).exp_m1();
                let coefficients = coefficients(&powers, &y, &cells.runs, floor);
                let squares: f64 = (0..y.len())
                    .map(|cell| {
                        let curve =
                            floor + coefficients[0] * powers[cell][0] + coefficients[1] * powers[cell][1];
                        cells.runs[cell] * (curve.ln() - y[cell].ln()).powi(2)
                    })
                    .sum();
                let all = squares + within;
                if !all.is_finite() {
                    continue;
                }
                let weight = -0.5 * (freedom * all.ln() + prior);
                let deviation = ONE_MORE * (all / freedom).sqrt();
                found.push((
                    [first, second, third],
                    PowerCurve { weight, exponents, floor, coefficients, deviation },
                ));
            }
        }
        let most = found.iter().map(|(_, curve)| curve.weight).reduce(f64::max)?;
        let mut marginals = [0, 1, 2].map(|axis| vec![0.0f64; grid[axis].points]);
        for (place, curve) in &mut found {
            curve.weight = (curve.weight - most).exp();
            for (marginal, &at) in marginals.iter_mut().zip(place.iter()) {
                marginal[at] = marginal[at].max(curve.weight);
            }
        }
        let kept = found.into_iter().map(|(_, curve)| curve).filter(|curve| curve.weight > KEPT);
        Some((kept.collect(), marginals))
    }

    /// The powers at logarithms of sizes, relative to the largest size.
    fn powers(&self, x: [f64; 2], exponents: [f64; 2]) -> [f64; 2] {
        let power = |size: usize| (self.sign * exponents[size] * (x[size] - self.origin[size])).exp();
        [power(0), if self.sizes == 2 { power(1) } else { 0.0 }]
    }

    /// The distribution of ln y at the logarithms `x` of the sizes.
    pub fn at(&self, x: [f64; 2]) -> Mixture {
        let part = |curve: &PowerCurve| {
            let powers = self.powers(x, curve.exponents);
            let y = curve.floor + curve.coefficients[0] * powers[0] + curve.coefficients[1] * powers[1];
            (curve.weight, self.unit + y.max(f64::MIN_POSITIVE).ln(), curve.deviation)
        };
        Mixture::new(self.curves.iter().map(part).collect())
    }
}

fn pairs(first: usize, second: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..first).flat_map(move |a| (0..second).map(move |b| (a, b)))
}

/// The range of each axis that has weight, one step wider, within the whole grid.
fn narrowed(grid: &[GridAxis; 3], whole: &[GridAxis; 3], marginals: &[Vec<f64>; 3]) -> [GridAxis; 3] {
    std::array::from_fn(|axis| {
        let GridAxis { low, high, points } = grid[axis];
        let weighs = |place: &usize| marginals[axis][*place] > NOTHING;
        let first = (0..points).find(weighs).unwrap_or(0);
        let last = (0..points).rev().find(weighs).unwrap_or(points - 1);
        let step = grid[axis].step();
        GridAxis {
            low: (grid[axis].at(first) - step).max(whole[axis].low).max(low - step),
            high: (grid[axis].at(last) + step).min(whole[axis].high).min(high + step),
            points,
        }
    })
}

/// The coefficients of the powers, none below zero, by least squares of y minus the floor, relative to y. A missing
/// size has powers of 0 and the coefficient 0.
fn coefficients(powers: &[[f64; 2]], y: &[f64], runs: &[f64], floor: f64) -> [f64; 2] {
    let rows = powers.iter().zip(y).zip(runs);
    let rows = rows.map(|((power, y), runs)| ([0.0, power[0], power[1]], y - floor, runs / (y * y)));
    let [_, first, second] = least_squares_above_zero(rows, 1);
    [first, second]
}
