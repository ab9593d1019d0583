//! The sweep that a training is planned from: what it varies beside the size.
//!
//! A plan asks which model is best for a budget of compute, on the data that there are. So the sweep asks the same at budgets
//! that it can pay: every model is trained for each of three (isoFLOP profiles, Hoffmann et al. 2022, approach 2), on all
//! samples, as often as the budget takes. A small model sees the samples many times, a large one not even once; so the runs
//! show what size, new samples and repeated samples are worth where a training will use them, and where a model over-fits.

use crate::error::{Error, Result};
use crate::models::cost::{Cost, FLOPS_PER_MAC};
use crate::sweep::plan::Plan;

/// Factors of models, where none are asked for. MACs go with the square of the width: the smallest sees the samples tens of
/// times as often as the largest.
pub const FACTORS: [f64; 4] = [0.25, 0.5, 1.0, 2.0];
/// Parts of the largest budget that models are trained for.
const PARTS: [f64; 3] = [16.0, 4.0, 1.0];
/// Epochs of the base model that the largest budget pays for, where no number is asked for.
pub const EPOCHS: usize = 4;

/// Adds the budgets to a plan that varies neither samples nor epochs, for a set of `all` samples that may be drawn without
/// end: the largest pays for the base model's epochs, of as many samples as the plan has or else of all.
///
/// # Errors
/// A model without a size; several numbers of samples or of epochs.
pub fn for_plan(mut plan: Plan, all: usize, endless: bool) -> Result<Plan> {
    let (samples, epochs) = (plan.samples.len(), plan.epochs.len());
    if samples.max(epochs) > 0 {
        let problem = format!(
            "{} are given; a sweep to plan from varies them itself: name one number at the most, or sweep without --for-plan",
            if samples > 0 {
                format!("{samples} numbers of samples")
            } else {
                format!("{epochs} numbers of epochs")
            }
        );
        return Err(Error::Config { what: "plan".into(), problem });
    }
    let samples = plan.config.samples.take().unwrap_or(all);
    let base = FLOPS_PER_MAC * Cost::of(&plan.architecture)?.macs as f64 * samples as f64;
    let most = base * plan.config.epochs as f64;
    plan.flops = PARTS.map(|part| most / part).to_vec();
    plan.config.epochs = 1;
    plan.whole_set = (!endless).then_some(all);
    Ok(plan)
}
