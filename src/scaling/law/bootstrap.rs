//! How sure a fit is: rows are drawn again with replacement, and the law is fitted again, thousands of times.
//!
//! The percentiles of what comes out are the intervals (Efron 1979; for scaling laws Hoffmann et al. 2022 and
//! Besiroglu et al. 2024). Each resample has its own stream of random numbers, so that the result depends on
//! the seed alone and not on threads. Each begins at the optimum of all of the data and two neighbours.

use super::estimate::minimise;
use super::objective::{Logs, Objective};
use super::{Estimate, LEVEL, Points, Quantity};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

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
    let form = estimate.form;
    let logs = Logs::of(points);
    let groups = points.groups(form);
    let starts = neighbours(estimate, &logs);
    let residuals = estimate.residuals(points);
    // Residuals of a fit are smaller than the noise, by the freedom that its parameters took.
    let freedom = (points.len() - form.count()) as f64;
    let inflation = (points.len() as f64 / freedom).sqrt();
    let drawn = (0..resamples).into_par_iter().map(|index| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(index as u64);
        let sample = resample(&logs, &groups, form.count(), &mut random);
        let objective = Objective::new(form, &sample);
        let minima = starts.iter().map(|start| minimise(&objective, start).0);
        let minimum = minima.min_by(|a, b| a.value.total_cmp(&b.value)).expect("there are starts");
        let noise = residuals[random.random_range(0..residuals.len())] * inflation;
        (logs.plain(form, &minimum.theta), noise)
    });
    let (replicates, noise) = drawn.unzip();
    Bootstrap { estimate: estimate.clone(), replicates, noise }
}

/// The optimum, and beside it points of a slower and of a faster fall. Without a floor the objective is convex
/// and one start is enough.
fn neighbours(estimate: &Estimate, logs: &Logs) -> Vec<Vec<f64>> {
    let form = estimate.form;
    let centre = logs.centred(form, &estimate.theta);
    if !form.has_floor() {
        return vec![centre];
    }
    let beside = |faster: f64, floor: f64| {
        let mut theta = centre.clone();
        for size in 0..form.sizes() {
            theta[2 * size + 1] *= faster;
        }
        theta[2 * form.sizes()] += floor;
        theta
    };
    vec![centre.clone(), beside(0.7, -0.2), beside(1.3, 0.1)]
}

/// Rows drawn with replacement; one that was drawn twice stands once, with weight 2.
fn resample(logs: &Logs, groups: &[usize], parameters: usize, random: &mut ChaCha8Rng) -> Logs {
    let count = logs.y.len();
    let mut weight = vec![0.0; count];
    let mut drawn = vec![false; count];
    for _ in 0..DRAWS {
        weight.fill(0.0);
        drawn.fill(false);
        for _ in 0..count {
            let row = random.random_range(0..count);
            weight[row] += 1.0;
            drawn[groups[row]] = true;
        }
        if drawn.iter().filter(|drawn| **drawn).count() >= parameters {
            break;
        }
    }
    let rows: Vec<usize> = (0..count).filter(|&row| weight[row] > 0.0).collect();
    logs.select(&rows, &weight)
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
    use super::super::estimate::{Search, estimate};
    use super::super::{Form, Interval};
    use super::*;

    #[test]
    fn intervals_of_a_lower_level_lie_inside() {
        let x: Vec<f64> = (0..30).map(|i| 1e3 * 1.5f64.powi(i)).collect();
        let y: Vec<f64> = x.iter().map(|x| 4.0 * x.powf(-0.2) * (1.0 + 0.02 * x.sin())).collect();
        let points = Points::single(("N", &x), ("loss", &y)).unwrap();
        let fitted = estimate(Form::Power, &points, Search::Screened).unwrap();
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
}
