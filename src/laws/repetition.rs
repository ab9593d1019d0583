//! The value of repeated samples.
//!
//! Muennighoff et al. 2023 (arXiv:2305.16264): U distinct samples, each seen once and then repeated R times, are worth
//! as many new samples as
//!
//! `D' = U + U·R*·(1 − e^(−R/R*))`
//!
//! The value of a sample decays with repetition; after R* repetitions, 1/e of it remains. With D' in place of D the
//! joint law `L = E + A·M^−α + B·D'^−β` holds for repeated data.
//!
//! R* has a distribution: the prior, times how well each R* fits the runs. Only runs that differ in how often they saw
//! their samples inform it. For given R*, α and β the law is linear in E, A and B (variable projection, Golub and
//! Pereyra 1973).

use super::distributions::normal_quantile;
use super::linear::least_squares_above_zero;
use crate::quantile::median;

/// R* of the paper's fit to language models: the value in the authors' code (github.com/huggingface/datablations,
/// "Parametric Fit").
pub const PRIOR: f64 = 15.387_756;
/// Prior standard deviation of ln R*: a factor of three either way. It is wide, because other data and models have
/// other values than the paper's.
const SPREAD: f64 = 1.098_612;
/// Number of values of ln R* to either side of the prior's, and their distance as a fraction of the prior's deviation.
const SIDE: i32 = 40;
const STEP: f64 = 0.1;
/// The smallest relative deviation of a run's loss.
const LUCK: f64 = 0.005;
/// The weight of a run: errors of neighbouring runs are correlated if the law is not exact.
const TOGETHER: f64 = 0.5;
/// Number of parameters of the law: E, A, α, B, β, R*.
const PARAMETERS: usize = 6;
/// The range of exponents, and the points of the first grid in each direction.
const EXPONENTS: (f64, f64) = (0.03, 3.0);
const GRID: usize = 10;
/// The smallest step of the search for exponents, as a difference of logarithms.
const FINE: f64 = 0.01;

/// A run that may have repeated its samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RepeatedRun {
    /// Size of the model.
    pub size: f64,
    /// Number of distinct samples, U.
    pub distinct: f64,
    /// How many times each was seen, 1 + R.
    pub passes: f64,
    /// Loss at the end, above zero.
    pub loss: f64,
}

/// How many new samples one sample is worth that is seen `passes` times, for R* = `repeats`: 1 + R*·(1 − e^(−R/R*)).
/// As many new samples as one that is seen so often is worth: 1 + R*·(1 − e^(−R/R*)).
pub fn worth(passes: f64, repeats: f64) -> f64 {
    1.0 + repeats * -(-(passes - 1.0) / repeats).exp_m1()
}

/// The distribution of R*.
#[derive(Debug, Clone, PartialEq)]
pub struct Repetition {
    /// (R*, probability of all values up to it), in ascending order.
    cumulative: Vec<(f64, f64)>,
    /// The geometric mean of the runs' passes.
    reference: f64,
    /// Whether runs narrow the prior.
    measured: bool,
    /// Standard deviation of a run's loss around the law, as a fraction of the loss.
    scatter: f64,
}

impl Repetition {
    /// The distribution given runs, whose numbers must be above zero.
    pub fn of(runs: &[RepeatedRun]) -> Repetition {
        let logs: Vec<f64> = runs.iter().map(|run| run.passes.ln()).collect();
        let reference = (logs.iter().sum::<f64>() / logs.len().max(1) as f64).exp();
        let varied = logs.iter().any(|log| (log - logs[0]).abs() > 0.1);
        let values = (-SIDE..=SIDE).map(|step| PRIOR * (f64::from(step) * STEP * SPREAD).exp());
        let prior = |value: f64| -0.5 * ((value / PRIOR).ln() / SPREAD).powi(2);
        let freedom = runs.len().saturating_sub(PARAMETERS) as f64;
        let mut search = Exponents::default();
        let logs: Vec<(f64, f64)> = values
            .map(|value| {
                // The unknown width of the error is integrated out, which leaves a power of the sum of squares.
                let met = if varied && freedom > 0.0 {
                    -0.5 * TOGETHER * freedom * search.least_squares(runs, value).ln()
                } else {
                    0.0
                };
                (value, prior(value) + met)
            })
            .collect();
        let most = logs.iter().map(|(_, log)| *log).fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = logs.iter().map(|(_, log)| (log - most).exp()).sum();
        let mut sum = 0.0;
        let cumulative: Vec<(f64, f64)> = logs
            .into_iter()
            .map(|(value, log)| {
                sum += (log - most).exp() / total;
                (value, sum)
            })
            .collect();
        let mut found = Repetition { cumulative, reference, measured: false, scatter: 1.0 };
        if freedom > 0.0 {
            found.scatter = (search.least_squares(runs, found.at(0.5)) / freedom).sqrt();
        }
        let prior_width = 2.0 * normal_quantile(0.9) * SPREAD;
        found.measured = (found.at(0.9) / found.at(0.1)).ln() < 0.75 * prior_width;
        found
    }

    /// The quantile `p` of R*.
    pub fn at(&self, p: f64) -> f64 {
        let place = self.cumulative.partition_point(|&(_, sum)| sum < p).min(self.cumulative.len() - 1);
        let (above, sum) = self.cumulative[place];
        let Some(&(below, before)) = place.checked_sub(1).and_then(|before| self.cumulative.get(before))
        else {
            return above;
        };
        let part = if sum > before { ((p - before) / (sum - before)).clamp(0.0, 1.0) } else { 1.0 };
        below * (above / below).powf(part)
    }

    /// Whether runs narrow the prior of R*.
    pub fn is_measured(&self) -> bool {
        self.measured
    }

    /// The standard deviation of a run's loss around the law, as a fraction of the loss; 1 if runs are too few.
    pub fn scatter(&self) -> f64 {
        self.scatter
    }

    /// The number of samples, seen as often as the runs saw theirs on average, that `distinct` samples are worth that
    /// are seen `passes` times. The closer `passes` is to the runs' average, the less R* matters.
    pub fn effective(&self, distinct: f64, passes: f64, repeats: f64) -> f64 {
        distinct * worth(passes, repeats) / worth(self.reference, repeats)
    }
}

/// The search for α and β, which starts at the best values for the previous R*.
#[derive(Default)]
struct Exponents {
    best: Option<[f64; 2]>,
}

impl Exponents {
    /// The least sum of squared relative errors of the law with this R*.
    fn least_squares(&mut self, runs: &[RepeatedRun], repeats: f64) -> f64 {
        let rows: Vec<[f64; 3]> = runs
            .iter()
            .map(|run| [run.size.ln(), (run.distinct * worth(run.passes, repeats)).ln(), run.loss])
            .collect();
        let middle = |column: usize| median(rows.iter().map(|row| row[column]));
        let middles = [middle(0), middle(1)];
        let error = |logs: [f64; 2]| linear(&rows, middles, logs.map(f64::exp));
        let (low, high) = (EXPONENTS.0.ln(), EXPONENTS.1.ln());
        let start = self.best.unwrap_or_else(|| {
            let at = |step: usize| low + (high - low) * step as f64 / (GRID - 1) as f64;
            let grid = (0..GRID * GRID).map(|cell| [at(cell / GRID), at(cell % GRID)]);
            let errors = grid.map(|logs| (error(logs), logs));
            errors.min_by(|a, b| a.0.total_cmp(&b.0)).map_or([0.5f64.ln(); 2], |(_, logs)| logs)
        });
        let (mut best, mut at) = (error(start), start);
        let mut step = (high - low) / GRID as f64;
        while step > FINE {
            let moves = [[step, 0.0], [-step, 0.0], [0.0, step], [0.0, -step]];
            let tried = moves.map(|[first, second]| {
                let there = [(at[0] + first).clamp(low, high), (at[1] + second).clamp(low, high)];
                (error(there), there)
            });
            match tried.into_iter().filter(|(found, _)| *found < best).min_by(|a, b| a.0.total_cmp(&b.0)) {
                Some((found, there)) => (best, at) = (found, there),
                None => step *= 0.5,
            }
        }
        self.best = Some(at);
        best + rows.len() as f64 * LUCK * LUCK
    }
}

/// The least sum of squared relative errors over E, A, B ≥ 0.
fn linear(rows: &[[f64; 3]], middles: [f64; 2], exponents: [f64; 2]) -> f64 {
    let terms = |row: &[f64; 3]| {
        let power = |place: usize| (-exponents[place] * (row[place] - middles[place])).exp();
        [1.0, power(0), power(1)].map(|term| term / row[2])
    };
    let found = least_squares_above_zero(rows.iter().map(|row| (terms(row), 1.0, 1.0)), 0);
    let error = |row: &[f64; 3]| found.iter().zip(terms(row)).map(|(c, term)| c * term).sum::<f64>() - 1.0;
    rows.iter().map(|row| error(row).powi(2)).sum()
}
