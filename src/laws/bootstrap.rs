//! Uncertainty of a fit: rows are resampled with replacement, and the law is fitted again, thousands of times.
//!
//! Percentiles of the results are the intervals (Efron 1979; for scaling laws Hoffmann et al. 2022 and Besiroglu et al.
//! 2024). Each resample has its own stream of random numbers, so the result depends on the seed alone and not on
//! threads. Its search starts at the optimum of all of the data, and at the two points of the valley around it
//! (`valley.rs`) that fit the resample best. The δ of the Huber loss stays that of the fit: it is part of the estimator
//! whose spread is wanted, and a resample that holds a row several times tells less about the scale.
//!
//! Newton's method (`newton.rs`) leads from there to within a hundredth of a standard error of the minimum, and a
//! descent from the best of these points to the minimum itself. With more than [`EXACT`] rows the descent is left out,
//! and rows of nearly equal sizes are joined (`Logs::binned`); a test compares the result with the exact search.

use super::estimate::minimise;
use super::logs::Logs;
use super::newton::Newton;
use super::objective::{Evaluation, Objective};
use super::progress::{Counter, FitStage, ProgressFn, silent};
use super::theta::MOST;
use super::valley::valley;
use super::{FittedForm, Form, LEVEL, Points, Uncertain};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// The largest number of rows whose resamples are fitted exactly.
pub const EXACT: usize = 200;
/// The largest number of cells in the direction of each size, for laws of one size and of two.
const CELLS: [usize; 2] = [100, 30];
/// Number of points of the valley at which a resample's search starts, beside the optimum.
const BESIDE: usize = 2;
/// A point of the valley is no start if it is worse than the minimum by more than this many times what chance produces.
const FAR: f64 = 30.0;
/// How many times a draw of rows that does not determine the parameters is repeated.
const DRAWS: usize = 1000;

/// The law of every resample.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    estimate: FittedForm,
    /// θ of each resample.
    replicates: Vec<Vec<f64>>,
    /// A residual of ln y for each resample, drawn from those of the fit.
    noise: Vec<f64>,
}

/// Fits an estimate's law to `resamples` draws of the rows that it was fitted to.
pub fn bootstrap(estimate: &FittedForm, points: &Points, resamples: usize, seed: u64) -> Bootstrap {
    bootstrap_with(estimate, points, (resamples, seed), &silent)
}

/// The same as [`bootstrap`], and reports progress.
pub(super) fn bootstrap_with(
    estimate: &FittedForm,
    points: &Points,
    (resamples, seed): (usize, u64),
    progress: ProgressFn,
) -> Bootstrap {
    let form = estimate.form;
    let residuals = estimate.residuals(points);
    let search = Resamples::new(estimate, points, points.len() <= EXACT);
    // Residuals of a fit are smaller than the noise, because its parameters take degrees of freedom.
    let freedom = (points.len() - form.count()) as f64;
    let inflation = (points.len() as f64 / freedom).sqrt();
    let counter = Counter::new(progress, FitStage::Resamples, form, resamples);
    let drawn = (0..resamples).into_par_iter().map(|index| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(index as u64);
        let theta = search.fit(&search.draw(&mut random));
        let noise = residuals[random.random_range(0..residuals.len())] * inflation;
        counter.next();
        (theta, noise)
    });
    let (replicates, noise) = drawn.unzip();
    Bootstrap { estimate: estimate.clone(), replicates, noise }
}

/// What all resamples share.
struct Resamples {
    form: Form,
    delta: f64,
    logs: Logs,
    /// The index in the logs of each row of the points.
    places: Vec<usize>,
    /// What a draw needs: enough different pairs of sizes, and enough different values of each size.
    needed: Vec<Needed>,
    centre: Vec<f64>,
    valley: Vec<Vec<f64>>,
    newton: Newton,
    exact: bool,
    /// Number of rows of a draw.
    rows: usize,
}

/// A number of different values that a draw of rows needs to determine the parameters.
struct Needed {
    /// The value of each row.
    value: Vec<usize>,
    /// The least number of different values: no more than all rows have.
    least: usize,
}

impl Needed {
    fn new(value: Vec<usize>, least: usize) -> Needed {
        let all = value.iter().max().map_or(0, |last| last + 1);
        Needed { value, least: least.min(all) }
    }

    fn met(&self, drawn: impl Fn(usize) -> bool) -> bool {
        let mut found = Vec::with_capacity(self.least);
        // Usually the first rows suffice.
        for (row, value) in self.value.iter().enumerate() {
            if found.len() == self.least {
                break;
            }
            if !found.contains(value) && drawn(row) {
                found.push(*value);
            }
        }
        found.len() == self.least
    }
}

/// The number of rows of a draw, from the residuals of a law with `parameters` parameters. If most residuals count by
/// their square, they are smaller than the noise by `√((n − p)/n)`, because the parameters take p degrees of freedom,
/// and so is the spread of laws of n resampled rows; laws of n − p rows have the spread of the noise (Rao & Wu 1988
/// draw n − 1 rows to estimate a variance). A draw has at least two rows for each parameter. If most residuals count by
/// their size, all n rows are drawn: laws that pass through rows have enough spread.
fn rows_of_a_draw(residuals: &[f64], parameters: usize, delta: f64) -> usize {
    let count = residuals.len();
    let within = residuals.iter().filter(|residual| residual.abs() <= delta).count();
    // A law can pass through as many rows as it has parameters; these rows tell nothing.
    if 2 * within <= count + parameters {
        return count;
    }
    count.saturating_sub(parameters).max(2 * parameters).min(count)
}

impl Resamples {
    fn new(estimate: &FittedForm, points: &Points, exact: bool) -> Resamples {
        let form = estimate.form;
        let mut logs = form.logs(points);
        let centre = form.centred(&logs, &estimate.theta);
        let along = CELLS[form.sizes() - 1];
        if !exact && logs.cells.len() > along.pow(form.sizes() as u32) {
            let law = |x: [f64; 2]| form.log_with_gradient(&centre, x, &mut [0.0; MOST]);
            logs = logs.binned(form.sizes(), along, law);
        }
        let mut places = vec![0; points.len()];
        for (place, &row) in logs.row.iter().enumerate() {
            places[row] = place;
        }
        let mut needed = vec![Needed::new(points.groups(form.sizes()), form.count())];
        needed.extend((0..form.sizes()).map(|size| Needed::new(points.steps(size), form.values_needed())));
        let delta = estimate.delta.value;
        let valley = valley(form, &logs, &centre, delta);
        let residuals = estimate.residuals(points);
        let newton = Newton::new(&residuals, form.count(), delta);
        let rows = rows_of_a_draw(&residuals, form.count(), delta);
        Resamples { form, delta, logs, places, needed, centre, valley, newton, exact, rows }
    }

    /// Draws rows with replacement. A row that is drawn twice occurs once, with weight 2.
    fn draw(&self, random: &mut ChaCha8Rng) -> Logs {
        let count = self.places.len();
        let mut weight = vec![0.0; count];
        for _ in 0..DRAWS {
            weight.fill(0.0);
            for _ in 0..self.rows {
                weight[self.places[random.random_range(0..count)]] += 1.0;
            }
            let drawn = |row: usize| weight[self.places[row]] > 0.0;
            if self.needed.iter().all(|needed| needed.met(drawn)) {
                break;
            }
        }
        self.logs.weighted(&weight)
    }

    /// θ of the best law for a draw, for plain logarithms.
    fn fit(&self, sample: &Logs) -> Vec<f64> {
        let objective = Objective::new(self.form, sample, self.delta);
        let least = |a: &Evaluation, b: &Evaluation| a.value.total_cmp(&b.value);
        let mut best = self.newton.minimise(&objective, &self.centre);
        let mut beside: Vec<Evaluation> = self.valley.iter().map(|theta| objective.evaluate(theta)).collect();
        beside.sort_by(least);
        for start in beside.iter().take(BESIDE) {
            if start.value <= best.value + FAR * self.newton.chance {
                let found = self.newton.minimise(&objective, &start.theta);
                best = if found.value < best.value { found } else { best };
            }
        }
        if self.exact {
            best = minimise(&objective, &best.theta, self.newton.enough()).0;
        }
        self.form.plain(&self.logs, &best.theta)
    }
}

impl Bootstrap {
    /// The law of all of the data.
    pub fn estimate(&self) -> &FittedForm {
        &self.estimate
    }

    /// The number of resamples.
    pub fn len(&self) -> usize {
        self.replicates.len()
    }

    /// Whether there are no resamples.
    pub fn is_empty(&self) -> bool {
        self.replicates.is_empty()
    }

    /// The formula's parameters with their intervals, in the order of [`super::Form::names`].
    pub fn parameters(&self) -> Vec<Uncertain> {
        let form = self.estimate.form;
        let replicates: Vec<Vec<f64>> = self.replicates.iter().map(|theta| form.parameters(theta)).collect();
        let quantity = |(place, value): (usize, f64)| {
            Uncertain::new(value, replicates.iter().map(|parameters| parameters[place]).collect(), LEVEL)
        };
        self.estimate.parameters().into_iter().enumerate().map(quantity).collect()
    }

    /// One parameter of the formula, by its index, in every resample.
    pub(super) fn replicates(&self, place: usize) -> Vec<f64> {
        self.replicates.iter().map(|theta| self.estimate.form.parameters(theta)[place]).collect()
    }

    /// A function of θ, with its interval over the resamples for which it is a number.
    pub fn quantity(&self, of: impl Fn(&[f64]) -> f64) -> Uncertain {
        self.at_level(of, LEVEL)
    }

    /// The law at these sizes, with the interval of the curve at a level.
    pub fn curve(&self, x: [f64; 2], level: f64) -> Uncertain {
        self.at_level(|theta| self.estimate.form.predict(theta, x), level)
    }

    /// The prediction of one more measurement at these sizes. The interval, of a level, combines that of the curve with
    /// the scatter around it.
    pub fn prediction(&self, x: [f64; 2], level: f64) -> Uncertain {
        let form = self.estimate.form;
        let replicates = self.replicates.iter().zip(&self.noise);
        let values = replicates.map(|(theta, noise)| form.predict(theta, x) * noise.exp());
        Uncertain::new(self.estimate.predict(x), values.collect(), level)
    }

    fn at_level(&self, of: impl Fn(&[f64]) -> f64, level: f64) -> Uncertain {
        let replicates = self.replicates.iter().map(|theta| of(theta)).filter(|value| !value.is_nan());
        Uncertain::new(of(&self.estimate.theta), replicates.collect(), level)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Interval;
    use super::super::estimate::{Search, estimate};
    use super::*;

    #[test]
    fn intervals_of_a_lower_level_lie_inside() {
        let x: Vec<f64> = (0..30).map(|i| 1e3 * 1.5f64.powi(i)).collect();
        let y: Vec<f64> = x.iter().map(|x| 4.0 * x.powf(-0.2) * (1.0 + 0.02 * x.sin())).collect();
        let points = Points::single(("N", &x), ("loss", &y)).unwrap();
        let fitted = estimate(Form::Power, &points, Search::Screened, None).unwrap();
        let bootstrap = bootstrap(&fitted, &points, 400, 0);
        let width = |interval: Interval| interval.high - interval.low;
        let at = [1e9, 1.0];
        for level in [0.5, 0.8, 0.95] {
            let curve = bootstrap.curve(at, level);
            let prediction = bootstrap.prediction(at, level);
            assert_eq!((curve.value, curve.value), (prediction.value, fitted.predict(at)));
            assert!(width(curve.interval()) < width(prediction.interval()), "{level}");
            let inside = bootstrap.replicates.iter();
            let inside = inside.filter(|theta| curve.interval().contains(Form::Power.predict(theta, at)));
            assert!((inside.count() as f64 / 400.0 - level).abs() < 0.01, "{level}");
        }
        let [narrow, wide] = [0.8, 0.95].map(|level| bootstrap.prediction(at, level));
        assert!(wide.low < narrow.low && narrow.high < wide.high);
    }

    /// 1,000 rows of random sizes around a law, with heavy-tailed noise.
    fn many(law: impl Fn(f64, f64) -> f64) -> [Vec<f64>; 3] {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut columns = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..1000 {
            let n = 1e6 * 1e3f64.powf(random.random());
            let d = 1e8 * 1e3f64.powf(random.random());
            let noise = (0..3).map(|_| random.random::<f64>() - 0.5).sum::<f64>().powi(3);
            for (column, value) in columns.iter_mut().zip([n, d, law(n, d) * (0.1 * noise).exp()]) {
                column.push(value);
            }
        }
        columns
    }

    #[test]
    fn resamples_of_many_rows_are_those_of_the_exact_search() {
        let falling = |n: f64, d: f64| 1.8 + 480.0 * n.powf(-0.35) + 2100.0 * d.powf(-0.37);
        let bending = |n: f64, _: f64| {
            let theta = [17.6, 1.0, 1.2f64.ln(), 2f64.ln(), -0.5];
            Form::Broken.predict(&theta, [n, 1.0])
        };
        let single = |law: &dyn Fn(f64, f64) -> f64| {
            let [n, _, y] = many(law);
            Points::single(("N", &n), ("loss", &y)).unwrap()
        };
        let [n, d, y] = many(falling);
        for (form, points) in [
            (Form::Power, single(&|n, _| 40.0 * n.powf(-0.2))),
            (Form::Floor, single(&|n, _| falling(n, f64::INFINITY))),
            (Form::Broken, single(&bending)),
            (Form::Joint, Points::joint(("N", &n), ("D", &d), ("loss", &y)).unwrap()),
        ] {
            let fitted = estimate(form, &points, Search::Screened, None).unwrap();
            let laws = |exact: bool| -> Vec<Vec<f64>> {
                let resamples = Resamples::new(&fitted, &points, exact);
                let law = |index: u64| {
                    let mut random = ChaCha8Rng::seed_from_u64(0);
                    random.set_stream(index);
                    form.parameters(&resamples.fit(&resamples.draw(&mut random)))
                };
                (0..60).map(law).collect()
            };
            let (fast, exact) = (laws(false), laws(true));
            for (place, name) in form.names().iter().enumerate() {
                let of = |laws: &[Vec<f64>]| laws.iter().map(|law| law[place]).collect::<Vec<f64>>();
                let (fast, exact) = (of(&fast), of(&exact));
                let squares: f64 = fast.iter().zip(&exact).map(|(a, b)| (a - b).powi(2)).sum();
                let off = (squares / 60.0).sqrt();
                let se = Uncertain::new(exact[0], exact, LEVEL).se;
                assert!(off < 0.1 * se, "{form}, {name}: {off} beside a standard error of {se}");
            }
        }
    }
}
