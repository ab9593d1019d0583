//! The sweep that a training is planned from: what it varies beside the size.
//!
//! A law of size and data needs three amounts of data or more, over a factor of four or more; the largest is all there is,
//! since that is what a training will use. How much repeated samples are worth, and when a model over-fits, shows where they
//! are few. So repetition is measured on the smaller amounts: as many samples are seen in 16 epochs of a sixteenth, in 4 of a
//! quarter, and in one of all, and no run sees more.

use crate::scaling::plan::Plan;

/// Parts of all training samples that models are trained on: one of so many.
const PARTS: [usize; 3] = [16, 4, 1];
/// Passes over each part.
const EPOCHS: [usize; 3] = [1, 4, 16];

/// Adds the amounts of data to a plan that has one, of `all` samples; and, unless the plan was given its own or the set draws
/// new samples without end, the numbers of epochs. A plan with several numbers of samples keeps them.
pub fn for_plan(mut plan: Plan, all: usize, endless: bool, has_epochs: bool) -> Plan {
    if plan.samples.is_empty() {
        plan.samples = PARTS.map(|part| (all / part).max(plan.schedule.batch.min(all))).to_vec();
        plan.samples.dedup();
        plan.schedule.train_samples = None;
    }
    if !has_epochs {
        plan.schedule.epochs = EPOCHS[0];
        if !endless {
            plan.epochs = EPOCHS.to_vec();
            plan.most_seen = plan.samples.iter().copied().max();
        }
    }
    plan
}
