//! How sure a fit is: rows are drawn again with replacement, and the law is fitted again, thousands of times.
//!
//! The percentiles of what comes out are the intervals (Efron 1979; for scaling laws Hoffmann et al. 2022 and
//! Besiroglu et al. 2024). Each resample has its own stream of random numbers, so that the result depends on
//! the seed alone and not on threads. Each begins at the optimum of all of the data, and at those two points of its
//! valley (`valley.rs`) that meet the resample best. The δ of the Huber loss is that of the fit: it is part of the
//! estimator whose spread is asked for, and of a draw that has a row several times the scale says less.
//!
//! Newton's method (`newton.rs`) leads from there to within a hundredth of a standard error of the minimum, and from the
//! best of these points a descent to the minimum itself. Of more than [`EXACT`] rows the descent is left out, and rows of
//! nearly equal sizes are moved together (`Logs::binned`); a test holds what comes of that against the exact search.

use super::estimate::minimise;
use super::logs::Logs;
use super::newton::Newton;
use super::objective::{Evaluation, Objective};
use super::progress::{Counter, Progress, Stage, silent};
use super::valley::valley;
use super::{Estimate, Form, LEVEL, Points, Quantity};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// The most rows whose resamples are fitted exactly.
pub const EXACT: usize = 200;
/// The most different values of each size that the others are moved to, for laws of one size and of two.
const CELLS: [usize; 2] = [100, 30];
/// Points of the valley that a resample is fitted from, beside the optimum.
const BESIDE: usize = 2;
/// A point of the valley that is worse than the minimum by more than so many times what chance does is not a start.
const FAR: f64 = 30.0;
/// A draw of rows that could not tell the parameters apart is made again, but not without end.
const DRAWS: usize = 1000;

/// The law of every resample.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    estimate: Estimate,
    /// θ of each resample.
    replicates: Vec<Vec<f64>>,
    /// A residual of ln y for each resample, drawn from those of the fit.
    noise: Vec<f64>,
}

/// Fits an estimate's law to `resamples` draws of the rows that it was fitted to.
pub fn bootstrap(estimate: &Estimate, points: &Points, resamples: usize, seed: u64) -> Bootstrap {
    bootstrap_with(estimate, points, (resamples, seed), &silent)
}

/// The same, and how far it is.
pub(super) fn bootstrap_with(
    estimate: &Estimate,
    points: &Points,
    (resamples, seed): (usize, u64),
    progress: Progress,
) -> Bootstrap {
    let form = estimate.form;
    let residuals = estimate.residuals(points);
    let search = Resamples::new(estimate, points, points.len() <= EXACT);
    // Residuals of a fit are smaller than the noise, by the freedom that its parameters took.
    let freedom = (points.len() - form.count()) as f64;
    let inflation = (points.len() as f64 / freedom).sqrt();
    let counter = Counter::new(progress, Stage::Resamples, form, resamples);
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

/// What all resamples begin with.
struct Resamples {
    form: Form,
    delta: f64,
    logs: Logs,
    /// For each row of the points its place in the logs.
    places: Vec<usize>,
    /// What a draw has to have enough of: different pairs of sizes, and different values of each.
    needed: Vec<Needed>,
    centre: Vec<f64>,
    valley: Vec<Vec<f64>>,
    newton: Newton,
    exact: bool,
    /// Rows of a draw.
    rows: usize,
}

/// Different values that a draw of rows needs, so that it tells the parameters apart.
struct Needed {
    /// Of each row.
    value: Vec<usize>,
    /// How many different ones there have to be: no more than all rows have.
    least: usize,
}

impl Needed {
    fn new(value: Vec<usize>, least: usize) -> Needed {
        let all = value.iter().max().map_or(0, |last| last + 1);
        Needed { value, least: least.min(all) }
    }

    fn met(&self, drawn: impl Fn(usize) -> bool) -> bool {
        let mut found = Vec::with_capacity(self.least);
        // A few rows tell that there are enough.
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

/// Rows of a draw, from the residuals of a law with so many parameters. Where most residuals count by their square, they are
/// smaller than the noise by the freedom that the parameters took, `√((n − p)/n)`, and so is the spread of laws of n rows
/// drawn again; laws of n − p rows spread as the noise says (Rao & Wu 1988 draw n − 1 rows to estimate a variance). At least
/// two rows for each parameter are drawn. Where most count by their size, all n rows are drawn: laws that go through rows
/// spread enough.
fn rows_of_a_draw(residuals: &[f64], parameters: usize, delta: f64) -> usize {
    let count = residuals.len();
    let within = residuals.iter().filter(|residual| residual.abs() <= delta).count();
    // A law can go through as many rows as it has parameters: they say nothing.
    if 2 * within <= count + parameters {
        return count;
    }
    count.saturating_sub(parameters).max(2 * parameters).min(count)
}

impl Resamples {
    fn new(estimate: &Estimate, points: &Points, exact: bool) -> Resamples {
        let form = estimate.form;
        let mut logs = Logs::of(form, points);
        let centre = logs.centred(form, &estimate.theta);
        let along = CELLS[form.sizes() - 1];
        if !exact && logs.cells.len() > along.pow(form.sizes() as u32) {
            logs = logs.binned(form, &centre, along);
        }
        let mut places = vec![0; points.len()];
        for (place, &row) in logs.row.iter().enumerate() {
            places[row] = place;
        }
        let mut needed = vec![Needed::new(points.groups(form), form.count())];
        needed.extend((0..form.sizes()).map(|size| Needed::new(points.steps(size), form.steps())));
        let delta = estimate.delta.value;
        let valley = valley(form, &logs, &centre, delta);
        let residuals = estimate.residuals(points);
        let newton = Newton::new(&residuals, form.count(), delta);
        let rows = rows_of_a_draw(&residuals, form.count(), delta);
        Resamples { form, delta, logs, places, needed, centre, valley, newton, exact, rows }
    }

    /// Rows drawn with replacement; one that was drawn twice stands once, with weight 2.
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
        self.logs.plain(self.form, &best.theta)
    }
}

impl Bootstrap {
    /// The law of all of the data.
    pub fn estimate(&self) -> &Estimate {
        &self.estimate
    }

    /// How many resamples there are.
    pub fn len(&self) -> usize {
        self.replicates.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.replicates.is_empty()
    }

    /// The formula's parameters with their intervals, in the order of [`super::Form::names`].
    pub fn parameters(&self) -> Vec<Quantity> {
        let form = self.estimate.form;
        let replicates: Vec<Vec<f64>> = self.replicates.iter().map(|theta| form.parameters(theta)).collect();
        let quantity = |(place, value): (usize, f64)| {
            Quantity::new(value, replicates.iter().map(|parameters| parameters[place]).collect(), LEVEL)
        };
        self.estimate.parameters().into_iter().enumerate().map(quantity).collect()
    }

    /// One parameter of the formula, by its place, in every resample.
    pub(super) fn replicates(&self, place: usize) -> Vec<f64> {
        self.replicates.iter().map(|theta| self.estimate.form.parameters(theta)[place]).collect()
    }

    /// Something that follows from θ, with its interval over the resamples whose θ gives a number.
    pub fn quantity(&self, of: impl Fn(&[f64]) -> f64) -> Quantity {
        self.at_level(of, LEVEL)
    }

    /// The law at these sizes; the interval is that of the curve, at this level.
    pub fn curve(&self, x: [f64; 2], level: f64) -> Quantity {
        self.at_level(|theta| self.estimate.form.predict(theta, x), level)
    }

    /// What one more measurement at these sizes will be; the interval, at this level, is that of the curve with the
    /// scatter around it.
    pub fn prediction(&self, x: [f64; 2], level: f64) -> Quantity {
        let form = self.estimate.form;
        let replicates = self.replicates.iter().zip(&self.noise);
        let values = replicates.map(|(theta, noise)| form.predict(theta, x) * noise.exp());
        Quantity::new(self.estimate.predict(x), values.collect(), level)
    }

    fn at_level(&self, of: impl Fn(&[f64]) -> f64, level: f64) -> Quantity {
        let replicates = self.replicates.iter().map(|theta| of(theta)).filter(|value| !value.is_nan());
        Quantity::new(of(&self.estimate.theta), replicates.collect(), level)
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

    /// 1,000 rows of any sizes around a law, with noise that has tails.
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
                let se = Quantity::new(exact[0], exact, LEVEL).se;
                assert!(off < 0.1 * se, "{form}, {name}: {off} beside a standard error of {se}");
            }
        }
    }
}
