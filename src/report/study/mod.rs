//! The laws of a sweep's loss, fitted once, and what the page shows of them: panels, tables, sentences.
//!
//! What can be fitted follows from what the sweep varied. With one amount of data, the loss of an axis's models is
//! a law of their size, in parameters N and in training FLOPs C. With several numbers of samples it is the joint
//! law in the model's MACs per sample M and the samples D, fitted to all runs of an axis; the law in N is then that
//! of the runs on the most samples. With compute budgets the sizes of one budget follow no falling law: there the
//! joint law alone is fitted. Where the sweep varied the number of epochs, all are laws of the runs of the fewest. M is the size of the joint law, and not N, because C = 6·M·D for any model, while
//! 6·N·D holds for dense ones only.

mod curves;
mod frontier;
mod panels;
mod prediction;
mod profiles;
mod section;
mod words;

use super::quantity::Quantity;
use super::series::{
    Amount, Data, amounts, axes, by_samples_seen, configurations, of_fewest_epochs, on_most_data,
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

/// Resamples behind every band and interval.
const RESAMPLES: usize = 1000;

/// What a sweep says about its loss.
pub(super) struct Study {
    /// The runs that completed with a loss that has a logarithm, where epochs differ those of the fewest.
    runs: Vec<Record>,
    /// Whether D is samples seen, repeats counted, since budgets took the whole set as often as they paid for.
    seen: bool,
    /// The fewest epochs, where they differ.
    of_epochs: Option<usize>,
    /// How many completed with a loss of exactly 0, which has none.
    zeros: usize,
    /// Those of them on the most data.
    on_most: Vec<Record>,
    /// The different amounts of data, the least first.
    amounts: Vec<Amount>,
    /// Standard deviation of ln loss over the seeds of one model; none where too few models have several.
    spread: Option<f64>,
    /// Axes that have a run, in the order they are shown.
    axes: Vec<AxisStudy>,
}

/// The laws of one axis.
struct AxisStudy {
    axis: Axis,
    /// L(N), of the runs on the most data; none where the sweep has budgets.
    parameters: Option<Law>,
    /// L(C), of the runs on the most data; none where the sweep has several amounts of data.
    flops: Option<Law>,
    /// L(M, D), of all runs; none where the sweep has one amount of data.
    joint: Option<Law>,
    /// The least loss at each budget; none where no model has two points.
    envelope: Option<Envelope>,
    /// Loss against M at equal compute; none where the sweep has no budgets.
    isoflop: Option<IsoFlop>,
}

/// A law, or why there is none.
enum Law {
    /// Boxed: it carries its resamples.
    Fitted(Box<Fit>),
    /// The size is the same in every run.
    Constant,
    /// Fewer runs, or fewer different sizes, than the law needs.
    Few { runs: usize, sizes: usize },
    /// What fits best is a step and no law: the losses jump.
    Lawless,
    /// Anything else that the fit was refused for.
    Refused(String),
}

impl Law {
    /// The best law of the loss in these sizes, along an axis.
    fn fit(records: &[Record], axis: Axis, sizes: &[Quantity]) -> Law {
        // Where samples were varied, a law that knows nothing of them is no candidate.
        let form = (sizes.len() == 2).then_some(Form::Joint);
        Law::of_form(form, records, axis, sizes)
    }

    /// The law of this form.
    fn of_form(form: Option<Form>, records: &[Record], axis: Axis, sizes: &[Quantity]) -> Law {
        let rows: Vec<Vec<f64>> = records
            .iter()
            .filter(|record| record.factor_on(axis).is_some())
            .filter_map(|record| sizes.iter().chain([&LOSS]).map(|quantity| quantity.of(record)).collect())
            .collect();
        let column = |place: usize| -> Vec<f64> { rows.iter().map(|row| row[place]).collect() };
        let columns: Vec<Vec<f64>> = (0..=sizes.len()).map(column).collect();
        if sizes.len() == 1 && rows.len() > 1 && constant(columns[0].iter().copied()) {
            return Law::Constant;
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
            return Law::Few { runs: rows.len(), sizes: different.len() };
        }
        match points.and_then(|points| Fit::new(&points, &options)) {
            Ok(fit) if is_step(&fit) => Law::Lawless,
            Ok(fit) => Law::Fitted(Box::new(fit)),
            Err(error) => Law::Refused(error.to_string()),
        }
    }

    fn fitted(&self) -> Option<&Fit> {
        if let Law::Fitted(fit) = self { Some(fit) } else { None }
    }
}

/// Standard deviation of ln loss over the seeds of one model on the same data, over all models that have several
/// seeds; none where these are too few.
fn spread_of_seeds(records: &[Record]) -> Option<f64> {
    let models = configurations(records);
    let losses = models.iter().enumerate();
    // A loss of 0 has no logarithm; no law is fitted to it either.
    let logs = losses.flat_map(|(model, runs)| runs.values(LOSS).map(move |loss| (model, loss.ln())));
    within_groups(logs.filter(|(_, log)| log.is_finite()))
}

/// How many runs, and of how many different sizes, a form can be fitted to; [`Points::check`] asks for the same.
fn needs(form: Form) -> (usize, usize) {
    (form.count() + 2, form.count())
}

/// Exponents of learning lie between 0 and 1. What is steeper than this is a step between runs that learned and runs
/// that did not.
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
        let budgets = matches!(amounts.last(), Some(Amount { data: Data::Flops(_), .. }));
        let several = amounts.len() > 1;
        let study_of = |axis: Axis| {
            Ok(AxisStudy {
                axis,
                parameters: (!budgets).then(|| Law::fit(&on_most, axis, &[Quantity::Parameters])),
                flops: (!budgets && !several).then(|| Law::fit(&on_most, axis, &[Quantity::TrainingFlops])),
                joint: (budgets || several)
                    .then(|| Law::fit(&runs, axis, &[Quantity::Macs, Quantity::TrainingSamples])),
                envelope: frontier::along(&runs, &amounts, axis)?,
                isoflop: profiles::along(&runs, &amounts, axis)?,
            })
        };
        let axes = axes(&runs).into_iter().map(study_of).collect::<Result<_>>()?;
        Ok(Study { spread: spread_of_seeds(&runs), runs, seen, of_epochs, zeros, on_most, amounts, axes })
    }
}
