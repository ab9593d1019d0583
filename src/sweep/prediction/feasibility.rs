//! Checks whether a plan can be run: its models can be built, and enough runs are left to predict the held-back ones.

use super::hold_back::Size;
use crate::error::{Error, Result};
use crate::laws::average::Average;
use crate::laws::{Form, Points};
use crate::sweep::plan::Plan;
use crate::sweep::variant::Variant;

impl Plan {
    /// Checks that every variant can be built, and that enough runs are left to predict the held-back ones.
    ///
    /// # Errors
    /// [`Error::Config`] that names the problem and a change that solves it.
    pub fn validate(&self) -> Result<()> {
        let generations = (1..=self.generations()).map(|number| self.generation(number));
        generations.into_iter().try_for_each(|plan| check(&plan, &plan.variants()?))
    }
}

/// Whether laws of this plan depend on two sizes, because its models are trained on different amounts of data.
pub(super) fn has_two_sizes(plan: &Plan) -> bool {
    plan.samples.len() > 1 || !plan.flops.is_empty()
}

/// The points that a law of the loss is fitted to. Each row has a size, a number of samples, and a loss.
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

/// Checks that on every axis enough runs are left to fit a law to, without the held-back runs of the plan's last
/// generation.
fn check(plan: &Plan, variants: &[Variant]) -> Result<()> {
    if plan.predict == 0 {
        return Ok(());
    }
    if plan.epochs.len() > 1 {
        let problem = "a prediction needs runs with one number of epochs; leave out the other numbers, or the prediction";
        return Err(Error::Config { what: "plan".to_string(), problem: problem.to_string() });
    }
    for &axis in &plan.axes {
        let held_back = |variant: &&Variant| variant.is_predicted_in(plan.generations());
        if !variants.iter().filter(held_back).any(|variant| variant.held_back.contains(&axis)) {
            continue;
        }
        let size = Size::along(axis, variants)?;
        let kept = variants.iter().filter(|variant| variant.is_on(axis) && !held_back(variant));
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
