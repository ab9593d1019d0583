//! A line in the logarithms that bends, and whose slope wanders: for curves that flatten or steepen in ways that no
//! formula has.
//!
//! With u = (1 − e^(−κ·t)) / κ, where t = ln x is counted from the largest size, ln y = c + b·u + g(u). κ bends the line:
//! above zero it flattens, below it steepens (Box & Cox 1964 transform y in this way). g is a twice integrated white
//! noise: a random walk of the slope, with variance τ² for each e-fold (Wahba 1978, *Improper Priors, Spline Smoothing
//! and the Problem of Guarding Against Model Errors in Regression*: its mean is the cubic smoothing spline). Beyond the
//! largest size the mean goes on as the line, and the deviation grows with the distance to the power of 3/2. With two
//! sizes there is a walk for each, and one for their product.
//!
//! The distribution of b is that of scaling exponents; κ, τ and the noise of runs σ are summed over a grid, each point
//! by its likelihood (Rasmussen & Williams 2006, *Gaussian Processes for Machine Learning*, section 5.2).

use super::Direction;
use super::cells::Cells;
use super::linear::Cholesky;
use super::mixture::Mixture;
use super::powers::{PRIOR_FREEDOM, PRIOR_SCATTER};

/// Standard deviations of the slope's walk over an e-fold.
const WALKS: [f64; 6] = [0.01, 0.03, 0.06, 0.12, 0.25, 0.5];
/// Standard deviations of single runs.
const SCATTERS: [f64; 8] = [0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25];
/// How the line bends, and its mean and deviation before any run.
const BENDS: [f64; 8] = [-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4];
const BEND: (f64, f64) = (0.1, 0.2);
/// Variance of ln y itself: that of anything.
const ANYTHING: f64 = 25.0;
/// The part of the walks' deviation that the walk of the product has.
const PRODUCT: f64 = 0.5;
/// Less than this of the largest weight is nothing.
const NOTHING: f64 = 1e-3;

/// Mean and deviation of a slope before any run.
fn slope(direction: Direction) -> (f64, f64) {
    match direction {
        Direction::Falling => (-0.3, 0.4),
        Direction::Growing => (0.7, 0.4),
    }
}

/// The walk for each point of the grid.
#[derive(Debug, Clone)]
pub(super) struct Trend {
    origin: [f64; 2],
    slope: (f64, f64),
    walks: Vec<Walk>,
}

#[derive(Debug, Clone)]
struct Walk {
    weight: f64,
    bend: f64,
    walk: f64,
    scatter: f64,
    /// The bent sizes.
    x: Vec<[f64; 2]>,
    covariance: Cholesky,
    /// L⁻¹ of what the line leaves of ln y.
    left: Vec<f64>,
}

impl Trend {
    pub fn fit(cells: &Cells, direction: Direction) -> Option<Trend> {
        let mut trend = Trend { origin: cells.largest(), slope: slope(direction), walks: Vec::new() };
        let squares = cells.squares() + PRIOR_FREEDOM * PRIOR_SCATTER.powi(2);
        let freedom = cells.freedom() + PRIOR_FREEDOM;
        for bend in BENDS {
            let x: Vec<[f64; 2]> = cells.x.iter().map(|x| trend.bent(*x, bend)).collect();
            for (walk, scatter) in WALKS.iter().flat_map(|walk| SCATTERS.map(|scatter| (*walk, scatter))) {
                let mut matrix = Vec::with_capacity(x.len() * x.len());
                for (row, &a) in x.iter().enumerate() {
                    matrix.extend(x.iter().map(|&b| covariance(a, b, walk, trend.slope.1)));
                    matrix[row * x.len() + row] += scatter * scatter / cells.runs[row];
                }
                let Some(covariance) = Cholesky::new(x.len(), matrix) else { continue };
                let left = cells.y.iter().zip(&x).map(|(y, x)| y - trend.slope.0 * (x[0] + x[1]));
                let left = covariance.solve(left.collect());
                let of_curve = -0.5 * left.iter().map(|z| z * z).sum::<f64>() - covariance.log_diagonal();
                let of_runs = -0.5 * squares / (scatter * scatter) - freedom * scatter.ln();
                let weight = of_curve + of_runs - 0.5 * ((bend - BEND.0) / BEND.1).powi(2);
                let x = x.clone();
                trend.walks.push(Walk { weight, bend, walk, scatter, x, covariance, left });
            }
        }
        let weights = trend.walks.iter().map(|walk| walk.weight);
        let most = weights.filter(|weight| weight.is_finite()).reduce(f64::max)?;
        trend.walks.iter_mut().for_each(|walk| walk.weight = (walk.weight - most).exp());
        trend.walks.retain(|walk| walk.weight > NOTHING);
        Some(trend)
    }

    /// Logarithms of sizes, counted from the largest and bent.
    fn bent(&self, x: [f64; 2], bend: f64) -> [f64; 2] {
        [0, 1].map(|size| {
            let beyond = x[size] - self.origin[size];
            if bend == 0.0 { beyond } else { -(-bend * beyond).exp_m1() / bend }
        })
    }

    pub fn at(&self, x: [f64; 2]) -> Mixture {
        let part = |walk: &Walk| {
            let x = self.bent(x, walk.bend);
            let between = walk.x.iter().map(|&known| covariance(known, x, walk.walk, self.slope.1));
            let between = walk.covariance.solve(between.collect());
            let known: f64 = between.iter().zip(&walk.left).map(|(a, b)| a * b).sum();
            let told: f64 = between.iter().map(|z| z * z).sum();
            let variance = (covariance(x, x, walk.walk, self.slope.1) - told).max(0.0) + walk.scatter.powi(2);
            (walk.weight, self.slope.0 * (x[0] + x[1]) + known, variance.sqrt())
        };
        Mixture::new(self.walks.iter().map(part).collect())
    }
}

/// Of ln y at two sizes, but for the noise of runs. Where there is one size, the second is 0 everywhere.
fn covariance(a: [f64; 2], b: [f64; 2], walk: f64, slope: f64) -> f64 {
    let line = a[0] * b[0] + a[1] * b[1];
    let product = PRODUCT * PRODUCT * a[0] * a[1] * b[0] * b[1];
    ANYTHING + slope * slope * line + walk * walk * (walked(a[0], b[0]) + walked(a[1], b[1]) + product)
}

/// The covariance of a twice integrated white noise that starts at 0 in both directions.
fn walked(a: f64, b: f64) -> f64 {
    if a * b <= 0.0 {
        return 0.0;
    }
    let (near, far) = (a.abs().min(b.abs()), a.abs().max(b.abs()));
    near * near * (3.0 * far - near) / 6.0
}
