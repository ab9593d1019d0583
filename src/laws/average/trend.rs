//! A line in the logarithms that bends and whose slope varies randomly: for curves that flatten or steepen in ways that
//! no formula describes.
//!
//! With u = (1 − e^(−κ·t)) / κ, where t = ln x is relative to the largest size, ln y = c + b·u + g(u). κ bends the
//! line: it flattens for κ > 0 and steepens for κ < 0 (Box & Cox 1964 transform y in this way). g is twice integrated
//! white noise: its slope is a random walk with variance τ² for each e-fold (Wahba 1978, *Improper Priors, Spline
//! Smoothing and the Problem of Guarding Against Model Errors in Regression*: the mean of g is the cubic smoothing
//! spline). Beyond the largest size the mean continues as the line, and the deviation grows with the distance to the
//! power of 3/2. With two sizes there is a process for each, and one for their product.
//!
//! The prior of b is the distribution of scaling exponents. κ, τ and the noise of runs σ are summed over a grid, each
//! point weighted by its likelihood (Rasmussen & Williams 2006, *Gaussian Processes for Machine Learning*, section
//! 5.2).

use super::cells::Cells;
use super::direction::Direction;
use super::mixture::Mixture;
use super::prior::{PRIOR_FREEDOM, PRIOR_SCATTER};
use crate::laws::linear::{factorise, solve_lower};

/// Standard deviations τ of the slope's change over an e-fold.
const SLOPE_DEVIATIONS: [f64; 6] = [0.01, 0.03, 0.06, 0.12, 0.25, 0.5];
/// Standard deviations σ of single runs.
const SCATTERS: [f64; 8] = [0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25];
/// Values of κ, and its prior mean and deviation.
const BENDS: [f64; 8] = [-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4];
const BEND: (f64, f64) = (0.1, 0.2);
/// Prior variance of ln y itself, which says next to nothing.
const LEVEL_VARIANCE: f64 = 25.0;
/// The deviation of the product's process, as a fraction of τ.
const PRODUCT: f64 = 0.5;
/// Grid points of less than this fraction of the largest weight are dropped.
const NOTHING: f64 = 1e-3;

/// Prior mean and deviation of the slope.
fn slope(direction: Direction) -> (f64, f64) {
    match direction {
        Direction::Falling => (-0.3, 0.4),
        Direction::Growing => (0.7, 0.4),
    }
}

/// A Gaussian process for each point of the grid.
#[derive(Debug, Clone)]
pub(super) struct Trend {
    origin: [f64; 2],
    slope: (f64, f64),
    processes: Vec<Process>,
}

#[derive(Debug, Clone)]
struct Process {
    weight: f64,
    bend: f64,
    slope_deviation: f64,
    scatter: f64,
    /// The bent sizes.
    x: Vec<[f64; 2]>,
    /// Cholesky's factor L of the covariance, row-major.
    factor: Vec<f64>,
    /// L⁻¹ of the difference of ln y to the line.
    residuals: Vec<f64>,
}

impl Trend {
    /// Fits the processes. `None` if no process has a finite weight.
    pub fn fit(cells: &Cells, direction: Direction) -> Option<Trend> {
        let mut trend = Trend { origin: cells.largest(), slope: slope(direction), processes: Vec::new() };
        let squares = cells.squares() + PRIOR_FREEDOM * PRIOR_SCATTER.powi(2);
        let freedom = cells.freedom() + PRIOR_FREEDOM;
        for bend in BENDS {
            let x: Vec<[f64; 2]> = cells.x.iter().map(|x| trend.bent(*x, bend)).collect();
            let pairs =
                SLOPE_DEVIATIONS.iter().flat_map(|deviation| SCATTERS.map(|scatter| (*deviation, scatter)));
            for (slope_deviation, scatter) in pairs {
                let size = x.len();
                let mut factor = Vec::with_capacity(size * size);
                for (row, &a) in x.iter().enumerate() {
                    factor.extend(x.iter().map(|&b| covariance(a, b, slope_deviation, trend.slope.1)));
                    factor[row * size + row] += scatter * scatter / cells.runs[row];
                }
                let positive = |pivot: f64| (pivot > 0.0).then_some(pivot);
                if factorise(&mut factor, size, size, positive).is_none() {
                    continue;
                }
                let line = cells.y.iter().zip(&x).map(|(y, x)| y - trend.slope.0 * (x[0] + x[1]));
                let mut residuals: Vec<f64> = line.collect();
                solve_lower(&factor, size, &mut residuals);
                let log_diagonal: f64 = (0..size).map(|place| factor[place * size + place].ln()).sum();
                let of_curve = -0.5 * residuals.iter().map(|z| z * z).sum::<f64>() - log_diagonal;
                let of_runs = -0.5 * squares / (scatter * scatter) - freedom * scatter.ln();
                let weight = of_curve + of_runs - 0.5 * ((bend - BEND.0) / BEND.1).powi(2);
                let x = x.clone();
                trend.processes.push(Process {
                    weight,
                    bend,
                    slope_deviation,
                    scatter,
                    x,
                    factor,
                    residuals,
                });
            }
        }
        let weights = trend.processes.iter().map(|process| process.weight);
        let most = weights.filter(|weight| weight.is_finite()).reduce(f64::max)?;
        trend.processes.iter_mut().for_each(|process| process.weight = (process.weight - most).exp());
        trend.processes.retain(|process| process.weight > NOTHING);
        Some(trend)
    }

    /// Logarithms of sizes, relative to the largest and bent.
    fn bent(&self, x: [f64; 2], bend: f64) -> [f64; 2] {
        [0, 1].map(|size| {
            let beyond = x[size] - self.origin[size];
            if bend == 0.0 { beyond } else { -(-bend * beyond).exp_m1() / bend }
        })
    }

    /// The distribution of ln y at the logarithms `x` of the sizes.
    pub fn at(&self, x: [f64; 2]) -> Mixture {
        let part = |process: &Process| {
            let Process { slope_deviation, .. } = *process;
            let x = self.bent(x, process.bend);
            let covariances =
                process.x.iter().map(|&known| covariance(known, x, slope_deviation, self.slope.1));
            let mut between: Vec<f64> = covariances.collect();
            solve_lower(&process.factor, between.len(), &mut between);
            let mean: f64 = between.iter().zip(&process.residuals).map(|(a, b)| a * b).sum();
            let explained: f64 = between.iter().map(|z| z * z).sum();
            let prior = covariance(x, x, slope_deviation, self.slope.1);
            let variance = (prior - explained).max(0.0) + process.scatter.powi(2);
            (process.weight, self.slope.0 * (x[0] + x[1]) + mean, variance.sqrt())
        };
        Mixture::new(self.processes.iter().map(part).collect())
    }
}

/// The covariance of ln y at two sizes, without the noise of runs. With one size, the second is 0 everywhere.
fn covariance(a: [f64; 2], b: [f64; 2], slope_deviation: f64, slope: f64) -> f64 {
    let line = a[0] * b[0] + a[1] * b[1];
    let product = PRODUCT * PRODUCT * a[0] * a[1] * b[0] * b[1];
    let processes = integrated_noise(a[0], b[0]) + integrated_noise(a[1], b[1]) + product;
    LEVEL_VARIANCE + slope * slope * line + slope_deviation * slope_deviation * processes
}

/// The covariance of twice integrated white noise that starts at 0 in both directions.
fn integrated_noise(a: f64, b: f64) -> f64 {
    if a * b <= 0.0 {
        return 0.0;
    }
    let (near, far) = (a.abs().min(b.abs()), a.abs().max(b.abs()));
    near * near * (3.0 * far - near) / 6.0
}
