//! Records grouped for display: the runs of one model over its seeds, the models along one axis, and the law of each
//! axis.

use super::quantity::Quantity;
use crate::laws::PowerLaw;
use crate::models::axis::Axis;
use crate::models::cost::FLOPS_PER_MAC;
use crate::sweep::record::Record;
use crate::units::{flops, metric, times};
use std::cmp::Ordering;

/// One model and its runs, one per seed.
#[derive(Debug, Clone)]
pub(super) struct Configuration<'a> {
    /// Its factor on the axis that is shown.
    pub factor: f64,
    /// All of its runs, whatever their status.
    pub runs: Vec<&'a Record>,
}

impl<'a> Configuration<'a> {
    /// Its first run; there is always one.
    pub fn first(&self) -> &'a Record {
        self.runs[0]
    }

    /// `base`, or axis and factor: `width ×2`.
    pub fn label(&self) -> String {
        label(self.first())
    }

    /// The values of the completed runs.
    pub fn values(&self, quantity: Quantity) -> impl Iterator<Item = f64> + '_ {
        self.runs.iter().filter(|run| run.completed()).filter_map(move |run| quantity.of(run))
    }

    /// The mean over the completed runs.
    pub fn mean(&self, quantity: Quantity) -> Option<f64> {
        let (count, sum) = self.values(quantity).fold((0, 0.0), |(count, sum), v| (count + 1, sum + v));
        (count > 0).then(|| sum / f64::from(count))
    }

    /// The largest minus the smallest value over the seeds; `None` with fewer than two completed runs.
    pub fn spread(&self, quantity: Quantity) -> Option<f64> {
        let values: Vec<f64> = self.values(quantity).collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (values.len() > 1).then_some(high - low)
    }
}

/// The name of a run: `base`, or axis and factor.
pub(super) fn label(record: &Record) -> String {
    if record.variant.scale == crate::models::Scale::BASE {
        "base".to_string()
    } else {
        format!("{} {}", record.variant.axis, times(record.variant.factor))
    }
}

/// How much data a run used.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) enum DataAmount {
    /// This many distinct training samples.
    Samples(u64),
    /// As many as this many FLOPs allow.
    Flops(f64),
}

/// How much data a run used, and how many times.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) struct Amount {
    pub data: DataAmount,
    /// Number of epochs.
    pub epochs: usize,
}

impl Amount {
    /// `None` for a run that did not start training, and for old records.
    pub fn of(record: &Record) -> Option<Amount> {
        let samples =
            (record.cost.train_samples > 0).then_some(DataAmount::Samples(record.cost.train_samples));
        let data = record.variant.flops_budget.map(DataAmount::Flops).or(samples)?;
        Some(Amount { data, epochs: record.config.epochs })
    }

    /// The number of distinct training samples for a model of `macs` MACs that sees each of them `passes` times.
    pub fn samples(self, macs: f64, passes: f64) -> f64 {
        match self.data {
            DataAmount::Samples(samples) => samples as f64,
            DataAmount::Flops(budget) => budget / (FLOPS_PER_MAC * macs * passes),
        }
    }
}

impl std::fmt::Display for DataAmount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            DataAmount::Samples(samples) => write!(f, "{} samples", metric(samples as f64)),
            DataAmount::Flops(budget) => f.write_str(&flops(budget)),
        }
    }
}

/// Whether runs differ in their number of epochs.
pub(super) fn varies_epochs(records: &[Record]) -> bool {
    records.iter().any(|record| record.config.epochs != records[0].config.epochs)
}

/// Whether compute budgets used the whole set as many times as they paid for: models differ in epochs, and no model has
/// two numbers of epochs at one budget.
pub(super) fn took_whole_set(records: &[Record]) -> bool {
    let one = |a: &Record| {
        let same = |b: &&Record| {
            (b.cost.macs, b.config.seed, b.variant.flops_budget)
                == (a.cost.macs, a.config.seed, a.variant.flops_budget)
        };
        records.iter().filter(same).all(|b| b.config.epochs == a.config.epochs)
    };
    varies_epochs(records)
        && records.iter().all(|record| record.variant.flops_budget.is_some() && one(record))
}

/// A run as one epoch on as many samples as it saw, with repetitions.
pub(super) fn by_samples_seen(record: &Record) -> Record {
    let mut seen = record.clone();
    seen.config.epochs = 1;
    seen.cost.train_samples = record.cost.samples_seen;
    seen
}

/// The runs with the fewest epochs. They follow a law of size and data, whereas repeated samples are worth less than
/// new ones.
pub(super) fn of_fewest_epochs(records: &[Record]) -> Vec<Record> {
    let fewest = records.iter().map(|record| record.config.epochs).min();
    records.iter().filter(|record| Some(record.config.epochs) == fewest).cloned().collect()
}

/// The amounts of data of the completed runs, in ascending order.
pub(super) fn amounts(records: &[Record]) -> Vec<Amount> {
    let done = records.iter().filter(|record| record.completed());
    let mut amounts: Vec<Amount> = done.filter_map(Amount::of).collect();
    amounts.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    amounts.dedup();
    amounts
}

/// The runs on the most data, which sizes are compared by.
pub(super) fn on_most_data(records: &[Record]) -> Vec<Record> {
    let most = amounts(records).last().copied();
    let on_most = |record: &&Record| Amount::of(record).is_none_or(|amount| Some(amount) == most);
    records.iter().filter(on_most).cloned().collect()
}

/// Every model with every amount of data, in the order of the records.
pub(super) fn configurations(records: &[Record]) -> Vec<Configuration<'_>> {
    gather(records.iter().map(|record| (record.variant.factor, record)), |a, b| {
        let amounts = [a, b].map(Amount::of);
        let same_amount = amounts[0] == amounts[1] || amounts.contains(&None);
        a.variant.axis == b.variant.axis && a.variant.factor == b.variant.factor && same_amount
    })
}

/// The models on one axis, in ascending order of factors.
pub(super) fn along(records: &[Record], axis: Axis) -> Vec<Configuration<'_>> {
    let on_axis = records.iter().filter_map(|record| Some((record.factor_on(axis)?, record)));
    let mut found = gather(on_axis, |a, b| a.factor_on(axis) == b.factor_on(axis));
    found.sort_by(|a, b| a.factor.total_cmp(&b.factor));
    found
}

fn gather<'a>(
    records: impl Iterator<Item = (f64, &'a Record)>,
    same: impl Fn(&Record, &Record) -> bool,
) -> Vec<Configuration<'a>> {
    let mut found: Vec<Configuration<'a>> = Vec::new();
    for (factor, record) in records {
        match found.iter_mut().find(|known| same(known.first(), record)) {
            Some(known) => known.runs.push(record),
            None => found.push(Configuration { factor, runs: vec![record] }),
        }
    }
    found
}

/// The axes that have a record, in the order of display.
pub(super) fn axes(records: &[Record]) -> Vec<Axis> {
    let stands = |axis: &Axis| records.iter().any(|record| record.factor_on(*axis).is_some());
    Axis::ALL.into_iter().filter(stands).collect()
}

/// A law along one axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AxisLaw {
    /// The axis of its models.
    pub axis: Axis,
    /// The size N.
    pub size: Quantity,
    /// The quantity P; for the accuracy, the error rate.
    pub quantity: Quantity,
    /// The fit.
    pub law: PowerLaw,
    /// Number of completed runs with a value of exactly 0 (an accuracy of 1 is an error rate of 0), which are left out
    /// because it has no logarithm.
    pub left_out: usize,
}

/// The law of `quantity` in `size` on every axis where it can be fitted. Every completed run with a value above zero is
/// a point; two different sizes are needed.
pub fn laws(records: &[Record], size: Quantity, quantity: Quantity) -> Vec<AxisLaw> {
    let fit = |axis| {
        let points: Vec<(f64, f64)> = records
            .iter()
            .filter(|record| record.completed() && record.factor_on(axis).is_some())
            .filter_map(|record| Some((size.plotted(record)?, quantity.law_value(quantity.of(record)?))))
            .collect();
        let above_zero: Vec<(f64, f64)> = points.iter().copied().filter(|(_, value)| *value > 0.0).collect();
        let law = PowerLaw::fit(&above_zero).ok()?;
        Some(AxisLaw { axis, size, quantity, law, left_out: points.len() - above_zero.len() })
    };
    axes(records).into_iter().filter_map(fit).collect()
}
