//! Which models are held back: on every axis the largest.

use crate::error::{Error, Result};
use crate::laws::average::Average;
use crate::laws::{Form, Points};
use crate::models::axis::Axis;
use crate::models::cost::Cost;
use crate::sweep::plan::{Plan, Variant};
use crate::sweep::record::Record;
use serde::{Deserialize, Serialize};

/// What the size of a model is, on an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// Trained values.
    Parameters,
    /// Multiply–adds a sample, forward.
    Macs,
}

impl Size {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Size::Parameters => "parameters",
            Size::Macs => "macs",
        }
    }

    /// Parameters where the models on an axis differ in them, else MACs: a sharper image has the same weights.
    fn of_models<'a>(models: impl IntoIterator<Item = &'a Cost>) -> Size {
        let mut parameters = models.into_iter().map(|cost| cost.parameters);
        let first = parameters.next();
        if parameters.any(|count| Some(count) != first) { Size::Parameters } else { Size::Macs }
    }

    /// The size on an axis of a plan with these runs.
    pub(super) fn along(axis: Axis, variants: &[Variant]) -> Result<Size> {
        let models = variants.iter().filter(|variant| variant.stands_on(axis));
        let costs: Vec<Cost> = models.map(|model| Cost::of(&model.architecture)).collect::<Result<_>>()?;
        Ok(Size::of_models(&costs))
    }

    /// Of a model that is not trained yet.
    pub(super) fn of_variant(self, variant: &Variant) -> Result<f64> {
        Ok(self.of_cost(&Cost::of(&variant.architecture)?) as f64)
    }

    /// Of a run.
    pub fn of(self, record: &Record) -> f64 {
        match self {
            Size::Parameters => record.cost.parameters as f64,
            Size::Macs => record.cost.macs as f64,
        }
    }

    fn of_cost(self, cost: &Cost) -> u64 {
        match self {
            Size::Parameters => cost.parameters,
            Size::Macs => cost.macs,
        }
    }
}

/// Marks the `count` largest models on every axis, of an extended plan those that are larger than all of before.
pub(crate) fn mark(models: &mut [Variant], earlier: &[Variant], axes: &[Axis], count: usize) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let costs: Vec<Cost> = models.iter().map(|model| Cost::of(&model.architecture)).collect::<Result<_>>()?;
    for &axis in axes {
        let mut places: Vec<usize> =
            (0..models.len()).filter(|&place| models[place].stands_on(axis)).collect();
        let size = Size::of_models(places.iter().map(|&place| &costs[place]));
        // Rounding can leave two models with the same parameters; then the one with more to compute is larger.
        let key = |cost: &Cost| (size.of_cost(cost), cost.macs);
        places.sort_by_key(|&place| key(&costs[place]));
        let known = earlier.iter().filter(|known| known.stands_on(axis));
        let known: Vec<(u64, u64)> =
            known.map(|known| Ok(key(&Cost::of(&known.architecture)?))).collect::<Result<_>>()?;
        let largest = known.into_iter().max();
        for &place in places.iter().rev().take(count) {
            if Some(key(&costs[place])) > largest {
                models[place].held_back.push(axis);
            }
        }
    }
    Ok(())
}

/// Whether a law of a plan's runs is one of two sizes: models are trained on different amounts of data.
pub(super) fn has_two_sizes(plan: &Plan) -> bool {
    plan.samples.len() > 1 || !plan.flops.is_empty()
}

/// What a law of the loss is fitted to: rows of a size, an amount of data, and a loss.
pub(super) fn points(plan: &Plan, size: Size, rows: &[[f64; 3]]) -> Result<Points> {
    let [sizes, samples, losses] =
        [0, 1, 2].map(|column| rows.iter().map(|row| row[column]).collect::<Vec<f64>>());
    let (size, loss) = ((size.name(), &sizes[..]), ("validation_loss", &losses[..]));
    if has_two_sizes(plan) {
        Points::joint(size, ("samples", &samples), loss)
    } else {
        Points::single(size, loss)
    }
}

/// Whether enough runs are left on every axis to fit a law to, before any of those is trained that come with a plan's
/// last generation.
pub(crate) fn check(plan: &Plan, variants: &[Variant]) -> Result<()> {
    if plan.predict == 0 {
        return Ok(());
    }
    if plan.epochs.len() > 1 {
        let problem = "a prediction is a law of size and data, and needs one number of epochs; leave out the others, or \
                       the prediction";
        return Err(Error::Config { what: "plan".to_string(), problem: problem.to_string() });
    }
    for &axis in &plan.axes {
        let held_back = |variant: &&Variant| variant.is_predicted_in(plan.generations());
        if !variants.iter().filter(held_back).any(|variant| variant.held_back.contains(&axis)) {
            continue;
        }
        let size = Size::along(axis, variants)?;
        let kept = variants.iter().filter(|variant| variant.stands_on(axis) && !held_back(variant));
        let rows: Vec<[f64; 3]> = kept
            .map(|variant| Ok([size.of_variant(variant)?, variant.train_samples.unwrap_or(1) as f64, 1.0]))
            .collect::<Result<_>>()?;
        let form = if has_two_sizes(plan) { Form::Joint } else { Form::Power };
        let fitted = points(plan, size, &rows)
            .and_then(|points| form.check(&points).and_then(|()| Average::check(&points)));
        fitted.map_err(|error| Error::Config {
            what: "plan".to_string(),
            problem: format!(
                "with {} models of axis {axis} held back, no law can be fitted to the others ({error}); predict \
                 fewer, or add smaller factors or seeds",
                plan.predict
            ),
        })?;
    }
    Ok(())
}
