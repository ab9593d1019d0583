//! The sweep that a training is planned from: what it varies beside the size.
//!
//! A plan asks which model is best for a compute budget, on the available data. So the sweep asks the same at
//! affordable budgets: it trains every model for each of three (isoFLOP profiles, Hoffmann et al. 2022, approach 2), on
//! all samples, as many times as the budget allows. A small model sees the samples many times, a large one not even
//! once. So the runs show the value of size, new samples and repeated samples where a training will use them, and when
//! a model over-fits.

use crate::error::{Error, Result};
use crate::models::cost::{Cost, FLOPS_PER_MAC};
use crate::sweep::plan::Plan;

/// The default factors of models. MACs grow with the square of the width: the smallest model sees the samples tens of
/// times as many times as the largest.
pub const FACTORS: [f64; 4] = [0.25, 0.5, 1.0, 2.0];
/// The largest budget divided by each budget.
const PARTS: [f64; 3] = [16.0, 4.0, 1.0];
/// The default number of epochs of the base model that the largest budget pays for.
pub const EPOCHS: usize = 4;

/// Adds the budgets to a plan that varies neither samples nor epochs, for a data set of `all` samples, `endless` if it
/// draws new ones without end. The largest budget pays for the base model's epochs, on as many samples as the plan
/// names or else on all.
///
/// # Errors
/// A model whose cost cannot be counted; several numbers of samples or of epochs.
pub fn for_plan(mut plan: Plan, all: usize, endless: bool) -> Result<Plan> {
    let (samples, epochs) = (plan.samples.len(), plan.epochs.len());
    if samples.max(epochs) > 0 {
        let problem = format!(
            "{} are given; a sweep to plan from varies them itself: give at most one number, or sweep without --for-plan",
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
