//! From a sweep's plan and records to a recommended training.

use super::candidate::Field;
use super::evidence::{AxisWithoutLaw, gather};
use super::recommendation::{Options, Recommendation};
use super::recommender::Recommender;
use super::search::Rules;
use super::speed::SpeedModel;
use crate::data::{self, DataOptions};
use crate::error::{Error, Result};
use crate::sweep::plan::Plan;
use crate::sweep::record::Record;

/// Recommends a training from a sweep's plan and records.
///
/// # Errors
/// No axis with enough runs; a budget that nothing fits, a target that nothing reaches; a best training that lies
/// further than [`FURTHEST`](super::FURTHEST) from the runs, unless `far`; errors of data and device.
pub fn recommend(plan: &Plan, records: &[Record], options: &Options) -> Result<Recommendation> {
    let (available, validation, per_epoch) = numbers_of_samples(plan, options)?;
    let (evidence, left_out) = gather(plan, records, per_epoch, available);
    if evidence.is_empty() {
        return Err(no_law(&left_out));
    }
    let memory = [options.budget.bytes, options.device.available_memory()].into_iter().flatten().min();
    let fields = evidence.into_iter().map(|evidence| Field::new(plan, evidence, memory));
    let rules = Rules {
        budget: options.budget,
        target_loss: options.target_loss,
        far: options.far,
        config: &plan.config,
        available,
        validation,
    };
    let mut planner = Recommender {
        plan,
        options,
        rules,
        fields: fields.collect::<Result<_>>()?,
        speed: SpeedModel::new(options.device_seconds),
        vetoed: Vec::new(),
    };
    planner.check_bounds()?;
    planner.learn_speed(records)?;
    let found = planner.find()?;
    planner.assemble(records, found, left_out)
}

/// The number of training samples, `None` for a set that draws new ones without end; the number of validation samples;
/// and the training samples in an epoch of a sweep that did not vary them.
fn numbers_of_samples(plan: &Plan, options: &Options) -> Result<(Option<usize>, usize, usize)> {
    let most = plan.most_samples()?.or(plan.config.samples);
    let wanted = DataOptions {
        dataset: plan.dataset.clone(),
        directory: options.data.clone(),
        resolution: plan.architecture.resolution(),
        seed: options.seed,
        most_samples: plan.validation_basis()?,
        target_columns: plan.target_columns.clone(),
        table: plan.table.clone(),
        ..DataOptions::default()
    };
    data::fingerprint::check(&plan.data, &wanted)?;
    let splits = data::open(&wanted)?;
    let all = splits.train.len();
    let available = (!splits.train.is_endless()).then_some(all);
    let validation = plan.config.validation_samples.unwrap_or(usize::MAX).min(splits.validation.len());
    Ok((available, validation, most.unwrap_or(all).min(available.unwrap_or(usize::MAX))))
}

fn no_law(left_out: &[AxisWithoutLaw]) -> Error {
    let reasons: Vec<String> =
        left_out.iter().map(|left_out| format!("{}: {}", left_out.axis, left_out.reason)).collect();
    Error::Config {
        what: "plan".into(),
        problem: format!(
            "no axis of the sweep has a law that its completed runs identify ({}); sweep more factors, seeds or numbers of \
             samples, three of each or more and over a factor of four",
            reasons.join("; ")
        ),
    }
}
