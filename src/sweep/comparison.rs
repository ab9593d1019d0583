//! Compares models by trainings with several seeds.
//!
//! A seed draws the initial weights, the order of samples and the validation samples, so the losses of one seed rise and
//! fall together. The loss of model i with seed j is therefore taken as ln loss = mᵢ + sⱼ + ε, an additive two-way
//! layout whose mᵢ and sⱼ are fitted by least squares. Not every model needs every seed: a model is compared with the
//! others on the seeds that it has. The scatter of ε is pooled over all models.

use crate::laws::distributions::student_t_quantile;
use crate::laws::linear::NormalEquations;

/// The probability with which none of the models that are called worse than the best is in truth the best.
pub const CONFIDENCE: f64 = 0.95;

/// The loss of a training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// The number of the model, from 0.
    pub model: usize,
    /// The seed.
    pub seed: u64,
    /// The validation loss.
    pub loss: f64,
}

/// The models of a set of trainings, compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    models: usize,
    /// mᵢ of all models, then sⱼ of all seeds but the first, which is 0.
    effects: Vec<f64>,
    /// The covariance of the effects for a scatter of 1, row-major.
    covariance: Vec<f64>,
    /// The standard deviation of ε, as a share of the loss; `None` if no model has a second seed.
    pub scatter: Option<f64>,
    /// Degrees of freedom of the scatter.
    pub freedom: usize,
}

impl Comparison {
    /// Compares the models 0 to `models` − 1. `None` if the observations do not connect all models: a model has none,
    /// or its seeds are those of no other model; and for a loss that is not finite and above zero.
    pub fn of(models: usize, observations: &[Observation]) -> Option<Comparison> {
        let mut seeds: Vec<u64> = observations.iter().map(|observation| observation.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        let size = (models + seeds.len()).checked_sub(1)?;
        let row = |observation: &Observation| {
            let mut row = vec![0.0; size];
            *row.get_mut(observation.model).filter(|_| observation.model < models)? = 1.0;
            let seed = seeds.binary_search(&observation.seed).ok()?;
            if seed > 0 {
                row[models + seed - 1] = 1.0;
            }
            let usable = observation.loss > 0.0 && observation.loss.is_finite();
            usable.then(|| (row, observation.loss.ln()))
        };
        let rows: Vec<(Vec<f64>, f64)> = observations.iter().map(row).collect::<Option<_>>()?;
        let mut normal = NormalEquations::new(size);
        rows.iter().for_each(|(row, value)| normal.add(row, *value));
        let covariance = normal.inverse()?;
        let effects = normal.coefficients(&covariance);
        let residual = |(row, value): &(Vec<f64>, f64)| {
            value - row.iter().zip(&effects).map(|(a, b)| a * b).sum::<f64>()
        };
        let squares: f64 = rows.iter().map(|row| residual(row).powi(2)).sum();
        let freedom = rows.len() - size;
        let scatter = (freedom > 0).then(|| (squares / freedom as f64).sqrt());
        Some(Comparison { models, effects, covariance, scatter, freedom })
    }

    /// The loss of a model, averaged over all seeds: those it has, and those it would have had.
    pub fn loss(&self, model: usize) -> f64 {
        let seeds = &self.effects[self.models..];
        let average = seeds.iter().sum::<f64>() / (seeds.len() + 1) as f64;
        (self.effects[model] + average).exp()
    }

    /// By which share the loss of a model is above that of another.
    pub fn excess(&self, model: usize, other: usize) -> f64 {
        (self.effects[model] - self.effects[other]).exp() - 1.0
    }

    /// The lower bound of [`excess`](Comparison::excess); `None` without a scatter. It holds for the comparisons of all
    /// models with one of them at once, with a probability of [`CONFIDENCE`]: Student's t, by Bonferroni's inequality.
    pub fn excess_at_least(&self, model: usize, other: usize) -> Option<f64> {
        let comparisons = (self.models - 1).max(1) as f64;
        let quantile = student_t_quantile(1.0 - (1.0 - CONFIDENCE) / comparisons, self.freedom.max(1));
        let size = self.effects.len();
        let entry = |i: usize, j: usize| self.covariance[i * size + j];
        let variance = entry(model, model) + entry(other, other) - 2.0 * entry(model, other);
        let margin = quantile * self.scatter? * variance.max(0.0).sqrt();
        Some((self.effects[model] - self.effects[other] - margin).exp() - 1.0)
    }
}
