//! Predicting before training: the law of the smaller models says what the validation loss of the largest will be, and
//! this is on disk before one of them is trained.
//!
//! A law that is fitted to all runs always looks good. Whether it can be trusted beyond them shows only when it has
//! said something that it could not know. So a plan with [`Plan::predict`] trains the largest models of every axis
//! last; when all others have a record, the law of each axis is fitted to these, and a [`Prediction`] is written that
//! is never changed any more. What the large models then reach is compared with it by [`Prediction::score`].

mod feasibility;
mod hold_back;

pub use hold_back::Size;
pub(super) use hold_back::mark_held_back;

use super::plan::Plan;
use super::record::Record;
use super::variant::Variant;
use crate::error::Result;
use crate::laws::average::{Average, Direction};
use crate::laws::{Form, Interval, Uncertain};
use crate::models::axis::Axis;
use feasibility::{has_two_sizes, points};
use serde::{Deserialize, Deserializer, Serialize};

/// The level of the intervals that losses are predicted to be in: of ten measurements, eight should be inside.
pub const LEVEL: f64 = 0.8;

/// What the validation losses of a plan's largest models will be, by the smaller ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The level of the losses' intervals.
    pub level: f64,
    /// One prediction for every axis with enough runs.
    pub axes: Vec<AxisPrediction>,
    /// The other axes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_law: Vec<WithoutLaw>,
}

/// What the smaller models on an axis say of the largest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AxisPrediction {
    /// The axis.
    pub axis: Axis,
    /// What the models' size is; for the joint law the second size is the number of training samples.
    pub size: Size,
    /// How much each model of the curve weighs in the [average](Average), by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<(String, f64)>,
    /// The single form that earlier versions predicted by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law: Option<Form>,
    /// Runs that it was fitted to.
    pub runs: usize,
    /// Runs that were left out, as they diverged or failed.
    pub left_out: usize,
    /// Runs that were left out, as their loss is exactly 0, which has no logarithm.
    #[serde(default)]
    pub zeros: usize,
    /// What the data can't tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
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
    /// The central value.
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

impl From<Uncertain> for Estimate {
    fn from(quantity: Uncertain) -> Estimate {
        Estimate { value: quantity.value, low: quantity.low, high: quantity.high }
    }
}

impl Prediction {
    /// Fits the average of every axis to the plan's runs, and predicts those of its last generation that are held back.
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
            let kept = variants.iter().filter(|one| one.is_on(axis) && !predicted_here(one));
            let kept: Vec<&Record> = kept.filter_map(|variant| find(records, &variant.key)).collect();
            let rows: Vec<[f64; 3]> = kept
                .iter()
                .filter_map(|record| {
                    Some([size.of_record(record), record.cost.train_samples as f64, loss(record)?])
                })
                .collect();
            let completed = rows.len();
            let rows: Vec<[f64; 3]> = rows.into_iter().filter(|row| row[2] > 0.0).collect();
            let average =
                points(plan, size, &rows).and_then(|points| Average::new(&points, Direction::Falling));
            match average {
                Ok(average) => prediction.axes.push(AxisPrediction {
                    axis,
                    size,
                    weights: named(&average),
                    law: None,
                    runs: rows.len(),
                    left_out: kept.len() - completed,
                    zeros: completed - rows.len(),
                    warnings: Vec::new(),
                    rows: predicted(plan, &variants, records, (axis, size), &average)?,
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
    records.iter().find(|record| record.variant.key == key)
}

/// The loss of a run that came to its end.
fn loss(record: &Record) -> Option<f64> {
    record.validation_loss().filter(|loss| record.completed() && loss.is_finite())
}

fn named(average: &Average) -> Vec<(String, f64)> {
    average.weights().into_iter().map(|(member, weight)| (member.name().to_string(), weight)).collect()
}

/// The runs that are held back on an axis.
fn predicted(
    plan: &Plan,
    variants: &[Variant],
    records: &[Record],
    (axis, size): (Axis, Size),
    average: &Average,
) -> Result<Vec<Row>> {
    // Only a set that draws new samples in each epoch shows more of them than an epoch has.
    let endless = variants.iter().any(|variant| {
        let seen = find(records, &variant.key).map(|record| record.cost.train_samples);
        seen.zip(variant.train_samples).is_some_and(|(seen, epoch)| seen > epoch as u64)
    });
    let here = |variant: &&Variant| variant.is_predicted_in(plan.generations());
    let held_back = variants.iter().filter(here).filter(|variant| variant.held_back.contains(&axis));
    held_back
        .map(|variant| {
            let samples = variant.train_samples.filter(|_| has_two_sizes(plan));
            let samples = samples.map(|samples| plan.config.distinct_samples(samples, endless) as f64);
            let size = size.of_variant(variant)?;
            let loss = average.at([size, samples.unwrap_or(1.0)]).interval(LEVEL);
            Ok(Row { key: variant.key.clone(), size, samples, loss: loss.into() })
        })
        .collect()
}
