//! The laws of a sweep's loss, fitted once, and what the page shows of them: panels, tables, sentences.
//!
//! What the sweep varied determines the laws. With one amount of data, the loss of an axis's models is a law of their
//! size, in parameters N and in training FLOPs C. With several numbers of samples it is the joint law in the model's
//! MACs per sample M and the samples D, fitted to all runs of an axis; the law in N then covers the runs on the most
//! samples. With compute budgets the sizes of one budget follow no falling law, so only the joint law is fitted. If the
//! sweep varied the number of epochs, all laws cover the runs with the fewest. The joint law uses M and not N, because
//! C = 6·M·D holds for any model, but 6·N·D for dense ones only.

mod curves;
mod frontier;
mod panels;
mod prediction;
mod profiles;
mod section;
mod words;

use super::quantity::Quantity;
use super::series::{
    Amount, DataAmount, amounts, axes, by_samples_seen, configurations, of_fewest_epochs, on_most_data,
    took_whole_set, varies_epochs,
};
use crate::error::Result;
use crate::laws::doubling::within_groups;
use crate::laws::envelope::Envelope;
use crate::laws::isoflop::IsoFlop;
use crate::laws::{Fit, FitOptions, Form, Points};
use crate::models::axis::Axis;
use crate::rounding::constant;
use crate::sweep::record::Record;
use std::collections::HashSet;

pub(super) use prediction::section as prediction_section;
pub(super) use section::section;

/// Number of resamples behind every band and interval.
const RESAMPLES: usize = 1000;

/// The laws of a sweep's loss.
pub(super) struct Study {
    /// The completed runs whose loss has a logarithm; if epochs differ, those with the fewest.
    runs: Vec<Record>,
    /// Whether D counts repetitions, because budgets used the whole set as many times as they paid for.
    seen: bool,
    /// The fewest epochs, if they differ.
    of_epochs: Option<usize>,
    /// Number of completed runs with a loss of exactly 0, which has no logarithm.
    zeros: usize,
    /// The runs on the most data.
    on_most: Vec<Record>,
    /// The amounts of data, in ascending order.
    amounts: Vec<Amount>,
    /// Standard deviation of ln loss over the seeds of one model; `None` if too few models have several.
    spread: Option<f64>,
    /// The axes that have a run, in the order of display.
    axes: Vec<AxisStudy>,
}

/// The laws of one axis.
struct AxisStudy {
    axis: Axis,
    /// L(N) of the runs on the most data; `None` if the sweep has budgets.
    parameters: Option<LawOutcome>,
    /// L(C) of the runs on the most data; `None` if the sweep has several amounts of data.
    flops: Option<LawOutcome>,
    /// L(M, D) of all runs; `None` if the sweep has one amount of data.
    joint: Option<LawOutcome>,
    /// The least loss at each budget; `None` without a model of two points.
    envelope: Option<Envelope>,
    /// Loss against M at equal compute; `None` if the sweep has no budgets.
    isoflop: Option<IsoFlop>,
}

/// A law, or why there is none.
enum LawOutcome {
    /// Boxed, because it holds its resamples.
    Fitted(Box<Fit>),
    /// The size is the same in every run.
    Constant,
    /// Fewer runs, or fewer different sizes, than the law needs.
    Few { runs: usize, sizes: usize },
    /// The best fit is a step: the losses jump.
    Step,
    /// The fit failed for another reason.
    Refused(String),
}

impl LawOutcome {
    /// The best law of the loss in these sizes, along an axis.
    fn fit(records: &[Record], axis: Axis, sizes: &[Quantity]) -> LawOutcome {
        // If samples were varied, a law that ignores them is no candidate.
        let form = (sizes.len() == 2).then_some(Form::Joint);
        LawOutcome::of_form(form, records, axis, sizes)
    }

    /// The law of this form.
    fn of_form(form: Option<Form>, records: &[Record], axis: Axis, sizes: &[Quantity]) -> LawOutcome {
        let rows: Vec<Vec<f64>> = records
            .iter()
            .filter(|record| record.factor_on(axis).is_some())
            .filter_map(|record| sizes.iter().chain([&LOSS]).map(|quantity| quantity.of(record)).collect())
            .collect();
        let column = |place: usize| -> Vec<f64> { rows.iter().map(|row| row[place]).collect() };
        let columns: Vec<Vec<f64>> = (0..=sizes.len()).map(column).collect();
        if sizes.len() == 1 && rows.len() > 1 && constant(columns[0].iter().copied()) {
            return LawOutcome::Constant;
        }
        let loss = (LOSS.name(), &columns[sizes.len()][..]);
        let points = match sizes {
            [x, x2] => Points::joint((x.name(), &columns[0]), (x2.name(), &columns[1]), loss),
            _ => Points::single((sizes[0].name(), &columns[0]), loss),
        };
        let options = FitOptions { form, resamples: RESAMPLES, ..FitOptions::default() };
        let different: HashSet<Vec<u64>> =
            rows.iter().map(|row| row[..sizes.len()].iter().map(|size| size.to_bits()).collect()).collect();
        let (least_runs, least_sizes) = needs(form.unwrap_or(Form::Power));
        if rows.len() < least_runs || different.len() < least_sizes {
            return LawOutcome::Few { runs: rows.len(), sizes: different.len() };
        }
        match points.and_then(|points| Fit::new(&points, &options)) {
            Ok(fit) if is_step(&fit) => LawOutcome::Step,
            Ok(fit) => LawOutcome::Fitted(Box::new(fit)),
            Err(error) => LawOutcome::Refused(error.to_string()),
        }
    }

    fn fitted(&self) -> Option<&Fit> {
        if let LawOutcome::Fitted(fit) = self { Some(fit) } else { None }
    }
}

/// Standard deviation of ln loss over the seeds of one model on the same data, over all models with several seeds;
/// `None` if these are too few.
fn spread_of_seeds(records: &[Record]) -> Option<f64> {
    let models = configurations(records);
    let losses = models.iter().enumerate();
    // A loss of 0 has no logarithm; laws leave it out as well.
    let logs = losses.flat_map(|(model, runs)| runs.values(LOSS).map(move |loss| (model, loss.ln())));
    within_groups(logs.filter(|(_, log)| log.is_finite()))
}

/// The numbers of runs and of different sizes that a form needs, as in [`Form::check`].
fn needs(form: Form) -> (usize, usize) {
    (form.count() + 2, form.count())
}

/// Exponents of learning lie between 0 and 1. A steeper law is a step between runs that learned and runs that did not.
const STEEPEST: f64 = 4.0;

fn is_step(fit: &Fit) -> bool {
    let exponents = fit.parameters.iter().filter(|(name, _)| ["alpha", "beta"].contains(name));
    exponents.map(|(_, parameter)| parameter.quantity.value).any(|value| value.abs() > STEEPEST)
}

const LOSS: Quantity = Quantity::ValidationLoss;

impl Study {
    /// Fits what can be fitted.
    pub fn new(records: &[Record]) -> Result<Study> {
        let done = || records.iter().filter(|record| record.completed());
        let runs: Vec<Record> = done().filter(|record| LOSS.plotted(record).is_some()).cloned().collect();
        let seen = took_whole_set(&runs);
        let runs = if seen { runs.iter().map(by_samples_seen).collect() } else { runs };
        let varies = varies_epochs(&runs);
        let runs = of_fewest_epochs(&runs);
        let of_epochs = runs.first().filter(|_| varies).map(|run| run.config.epochs);
        let zeros = done().filter(|record| LOSS.of(record) == Some(0.0)).count();
        let on_most = on_most_data(&runs);
        let amounts = amounts(&runs);
        let budgets = matches!(amounts.last(), Some(Amount { data: DataAmount::Flops(_), .. }));
        let several = amounts.len() > 1;
        let study_of = |axis: Axis| {
            Ok(AxisStudy {
                axis,
                parameters: (!budgets).then(|| LawOutcome::fit(&on_most, axis, &[Quantity::Parameters])),
                flops: (!budgets && !several)
                    .then(|| LawOutcome::fit(&on_most, axis, &[Quantity::TrainingFlops])),
                joint: (budgets || several)
                    .then(|| LawOutcome::fit(&runs, axis, &[Quantity::Macs, Quantity::TrainingSamples])),
                envelope: frontier::along(&runs, &amounts, axis)?,
                isoflop: profiles::along(&runs, &amounts, axis)?,
            })
        };
        let axes = axes(&runs).into_iter().map(study_of).collect::<Result<_>>()?;
        Ok(Study { spread: spread_of_seeds(&runs), runs, seen, of_epochs, zeros, on_most, amounts, axes })
    }
}
