//! Predicting before training: the law of the smaller models says what the validation loss of the largest will be, and
//! this is on disk before one of them is trained.
//!
//! A law that is fitted to all runs always looks good. Whether it can be trusted beyond them shows only when it has
//! said something that it could not know. So a plan with [`Plan::predict`] trains the largest models of every axis
//! last; when all others have a record, the law of each axis is fitted to these, and a [`Prediction`] is written that
//! is never changed any more. What the large models then reach is compared with it by [`Prediction::score`].

mod hold_back;

pub use hold_back::Size;
pub(super) use hold_back::{check, mark};

use super::axis::Axis;
use super::law::{Fit, FitOptions, Form, Interval, Quantity};
use super::plan::{Plan, Variant};
use super::record::Record;
use crate::error::Result;
use hold_back::{form, points};
use serde::{Deserialize, Deserializer, Serialize};

/// The level of the intervals that losses are predicted to be in: of ten measurements, eight should be inside.
pub const LEVEL: f64 = 0.8;

/// What the validation losses of a plan's largest models will be, by the smaller ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The level of the losses' intervals.
    pub level: f64,
    /// One prediction for every axis that a law could be fitted to.
    pub axes: Vec<AxisPrediction>,
    /// The other axes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_law: Vec<WithoutLaw>,
}

/// The law of the smaller models on an axis, and what it says of the largest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AxisPrediction {
    /// The axis.
    pub axis: Axis,
    /// What the models' size is; for the joint law the second size is the number of training samples.
    pub size: Size,
    /// The form of the law.
    pub law: Form,
    /// The formula's parameters.
    pub parameters: Vec<Parameter>,
    /// Runs that it was fitted to.
    pub runs: usize,
    /// Runs that were left out, as they diverged or failed.
    pub left_out: usize,
    /// Runs that were left out, as their loss is exactly 0, which has no logarithm.
    #[serde(default)]
    pub zeros: usize,
    /// What the data can't tell.
    pub warnings: Vec<String>,
    /// The runs held back, in the plan's order.
    pub rows: Vec<Row>,
}

/// An axis whose runs no law can be fitted to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WithoutLaw {
    /// The axis.
    pub axis: Axis,
    /// Why.
    pub reason: String,
}

/// A parameter of a law.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// As the formula has it.
    pub name: String,
    /// Its value, with the 95 % interval of the bootstrap.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// Whether the data can tell it.
    pub identified: bool,
}

/// A run that is predicted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The run's key.
    pub key: String,
    /// Its model's size.
    pub size: f64,
    /// Different training samples, where the law has a second size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<f64>,
    /// What its validation loss will be; the interval is that of a single measurement.
    #[serde(flatten)]
    pub loss: Estimate,
}

impl Row {
    /// The key without the seed: what all runs of a model on one amount of data share.
    pub fn model(&self) -> &str {
        self.key.rsplit_once("-s").map_or(&self.key, |(model, _)| model)
    }
}

/// A number with the interval that it is expected in. An end that is not finite is null in JSON and read back as no
/// number, which no value is inside of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// By the law of all runs.
    #[serde(deserialize_with = "or_nan")]
    pub value: f64,
    /// Lower end.
    #[serde(deserialize_with = "or_nan")]
    pub low: f64,
    /// Upper end.
    #[serde(deserialize_with = "or_nan")]
    pub high: f64,
}

fn or_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

impl From<Quantity> for Estimate {
    fn from(quantity: Quantity) -> Estimate {
        Estimate { value: quantity.value, low: quantity.low, high: quantity.high }
    }
}

impl Prediction {
    /// Fits the law of every axis to the plan's runs, and predicts those of its last generation that are held back.
    /// Their records are not looked at; those of runs that an earlier generation held back are.
    pub fn new(plan: &Plan, records: &[Record]) -> Result<Prediction> {
        let variants = plan.variants()?;
        let mut prediction = Prediction { level: LEVEL, axes: Vec::new(), without_law: Vec::new() };
        for &axis in &plan.axes {
            let predicted_here = |variant: &Variant| variant.is_predicted_in(plan.generations());
            if !variants.iter().any(|one| predicted_here(one) && one.held_back.contains(&axis)) {
                continue;
            }
            let size = Size::along(axis, &variants)?;
            let kept = variants.iter().filter(|one| one.stands_on(axis) && !predicted_here(one));
            let kept: Vec<&Record> = kept.filter_map(|variant| find(records, &variant.key)).collect();
            let rows: Vec<[f64; 3]> = kept
                .iter()
                .filter_map(|record| Some([size.of(record), record.train_samples as f64, loss(record)?]))
                .collect();
            let completed = rows.len();
            let rows: Vec<[f64; 3]> = rows.into_iter().filter(|row| row[2] > 0.0).collect();
            let options = FitOptions { form: form(plan), ..FitOptions::default() };
            match points(plan, size, &rows).and_then(|points| Fit::new(&points, &options)) {
                Ok(fit) => prediction.axes.push(AxisPrediction {
                    axis,
                    size,
                    law: fit.law,
                    parameters: parameters(&fit),
                    runs: rows.len(),
                    left_out: kept.len() - completed,
                    zeros: completed - rows.len(),
                    rows: predicted(plan, &variants, records, (axis, size), &fit)?,
                    warnings: fit.warnings,
                }),
                Err(error) => {
                    prediction.without_law.push(WithoutLaw { axis, reason: error.to_string() });
                }
            }
        }
        Ok(prediction)
    }

    /// How well the runs that were predicted and have been trained since were met.
    pub fn score(&self, records: &[Record]) -> Score {
        let rows: Vec<Scored> = self
            .axes
            .iter()
            .flat_map(|axis| axis.rows.iter().map(move |row| (axis.axis, row)))
            .filter_map(|(axis, row)| {
                let measured = loss(find(records, &row.key)?)?;
                Some(Scored {
                    axis,
                    key: row.key.clone(),
                    predicted: row.loss,
                    measured,
                    relative_error: (measured > 0.0).then(|| row.loss.value / measured - 1.0),
                    inside: Interval { low: row.loss.low, high: row.loss.high }.contains(measured),
                })
            })
            .collect();
        Score {
            relative_error: relative_error(rows.iter()),
            inside: rows.iter().filter(|row| row.inside).count(),
            without_loss: self.axes.iter().map(|axis| axis.rows.len()).sum::<usize>() - rows.len(),
            rows,
        }
    }
}

/// How well a prediction was met.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Every predicted run that has a loss.
    pub rows: Vec<Scored>,
    /// Root mean square of the relative errors; none without one.
    pub relative_error: Option<f64>,
    /// Rows whose loss was inside the interval.
    pub inside: usize,
    /// Predicted runs that have no loss: not trained yet, or failed.
    pub without_loss: usize,
}

/// A run that was predicted and trained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scored {
    /// The axis whose law predicted it.
    pub axis: Axis,
    /// The run's key.
    pub key: String,
    /// What was predicted.
    pub predicted: Estimate,
    /// Its validation loss.
    pub measured: f64,
    /// (predicted − measured) / measured; none where 0 was measured.
    pub relative_error: Option<f64>,
    /// Whether the interval held.
    pub inside: bool,
}

/// The root mean square of the relative errors; none without one.
pub fn relative_error<'a>(rows: impl Iterator<Item = &'a Scored>) -> Option<f64> {
    let squares: Vec<f64> = rows.filter_map(|row| Some(row.relative_error?.powi(2))).collect();
    (!squares.is_empty()).then(|| (squares.iter().sum::<f64>() / squares.len() as f64).sqrt())
}

fn find<'a>(records: &'a [Record], key: &str) -> Option<&'a Record> {
    records.iter().find(|record| record.key == key)
}

/// The loss of a run that came to its end.
fn loss(record: &Record) -> Option<f64> {
    record.validation_loss.filter(|loss| record.completed() && loss.is_finite())
}

fn parameters(fit: &Fit) -> Vec<Parameter> {
    let named = fit.parameters.iter().map(|(name, parameter)| Parameter {
        name: name.to_string(),
        estimate: parameter.quantity.into(),
        identified: parameter.identified,
    });
    named.collect()
}

/// The runs that are held back on an axis.
fn predicted(
    plan: &Plan,
    variants: &[Variant],
    records: &[Record],
    (axis, size): (Axis, Size),
    fit: &Fit,
) -> Result<Vec<Row>> {
    // Only a set that draws new samples in each epoch shows more of them than an epoch has.
    let endless = variants.iter().any(|variant| {
        let seen = find(records, &variant.key).map(|record| record.train_samples);
        seen.zip(variant.train_samples).is_some_and(|(seen, epoch)| seen > epoch as u64)
    });
    let here = |variant: &&Variant| variant.is_predicted_in(plan.generations());
    let held_back = variants.iter().filter(here).filter(|variant| variant.held_back.contains(&axis));
    held_back
        .map(|variant| {
            let samples = variant.train_samples.filter(|_| fit.law == Form::Joint);
            let samples = samples.map(|samples| plan.schedule.distinct_samples(samples, endless) as f64);
            let size = size.of_variant(variant)?;
            let loss = fit.bootstrap.prediction([size, samples.unwrap_or(1.0)], LEVEL);
            Ok(Row { key: variant.key.clone(), size, samples, loss: loss.into() })
        })
        .collect()
}
