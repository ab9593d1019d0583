//! Predicts the validation losses of the largest models from the smaller ones, before the largest are trained.
//!
//! A law that is fitted to all runs always fits them. Only a prediction of runs that it has not seen shows whether it
//! can be trusted beyond them. So a plan with [`Plan::predict`] trains the largest models of every axis last. Once all
//! other runs have a record, a law of each axis is fitted to these, and a [`Prediction`] is written to disk that never
//! changes. [`Prediction::score`] compares it with the losses that the large models then reach.

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

/// The level of prediction intervals: eight of ten measured losses should lie inside.
pub const LEVEL: f64 = 0.8;

/// The predicted validation losses of a plan's largest models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The level of the intervals.
    pub level: f64,
    /// The predictions of every axis with enough runs.
    pub axes: Vec<AxisPrediction>,
    /// The axes without a prediction.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_law: Vec<WithoutLaw>,
}

/// The predictions for one axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AxisPrediction {
    /// The axis.
    pub axis: Axis,
    /// The measure of the models' size. If the law has a second size, it is the number of training samples.
    pub size: Size,
    /// Name and weight of each member of the [average](Average).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<(String, f64)>,
    /// The form of law, in predictions of earlier versions, which used a single one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law: Option<Form>,
    /// Number of runs that the average was fitted to.
    pub runs: usize,
    /// Runs that were left out because they did not complete.
    pub left_out: usize,
    /// Runs that were left out because their loss is exactly 0, which has no logarithm.
    #[serde(default)]
    pub zeros: usize,
    /// The loss of guessing, which no loss is expected to exceed; `None` where there are no classes, and in predictions
    /// of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<f64>,
    /// Warnings about what the data do not determine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The predicted runs, in the plan's order.
    pub rows: Vec<Row>,
}

/// An axis without a prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WithoutLaw {
    /// The axis.
    pub axis: Axis,
    /// Why no law can be fitted to its runs.
    pub reason: String,
}

/// The prediction of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The run's key.
    pub key: String,
    /// Size of its model, in the unit of [`AxisPrediction::size`].
    pub size: f64,
    /// Distinct training samples, if the law has a second size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<f64>,
    /// The predicted validation loss, with the interval of a single measurement.
    #[serde(flatten)]
    pub loss: Estimate,
}

impl Row {
    /// The key without the seed, which all runs of a model on one amount of data share.
    pub fn model(&self) -> &str {
        self.key.rsplit_once("-s").map_or(&self.key, |(model, _)| model)
    }
}

/// A value with its interval. In JSON a number that is not finite is `null`, which is read back as NaN; no value lies
/// inside an interval that ends at NaN.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The central value.
    #[serde(deserialize_with = "or_nan")]
    pub value: f64,
    /// Lower end of the interval.
    #[serde(deserialize_with = "or_nan")]
    pub low: f64,
    /// Upper end of the interval.
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
    /// Fits the average of every axis to the plan's runs, and predicts the held-back runs of its last generation.
    /// Records of these runs are not used; records of runs that an earlier generation held back are.
    ///
    /// # Errors
    /// Those of [`Plan::variants`].
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
            let ceiling = plan.loss_of_guessing();
            let average = points(plan, size, &rows)
                .and_then(|points| Average::new(&points, Direction::Falling))
                .map(|average| average.below(ceiling));
            match average {
                Ok(average) => prediction.axes.push(AxisPrediction {
                    axis,
                    size,
                    weights: named(&average),
                    law: None,
                    runs: rows.len(),
                    left_out: kept.len() - completed,
                    zeros: completed - rows.len(),
                    ceiling,
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

    /// Compares the prediction with the predicted runs that have been trained since.
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

/// The comparison of a prediction with measured losses.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// The predicted runs that have a loss.
    pub rows: Vec<Scored>,
    /// Root mean square of the relative errors; `None` if there is none.
    pub relative_error: Option<f64>,
    /// Number of rows whose loss lies inside the interval.
    pub inside: usize,
    /// Number of predicted runs without a loss: not trained yet, or failed.
    pub without_loss: usize,
}

/// A predicted run that has been trained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scored {
    /// The axis whose runs predicted it.
    pub axis: Axis,
    /// The run's key.
    pub key: String,
    /// The predicted validation loss.
    pub predicted: Estimate,
    /// The measured validation loss.
    pub measured: f64,
    /// (predicted − measured) / measured; `None` if the measured loss is 0.
    pub relative_error: Option<f64>,
    /// Whether the measured loss lies inside the interval.
    pub inside: bool,
}

/// Root mean square of the relative errors; `None` if there is none.
pub fn relative_error<'a>(rows: impl Iterator<Item = &'a Scored>) -> Option<f64> {
    let squares: Vec<f64> = rows.filter_map(|row| Some(row.relative_error?.powi(2))).collect();
    (!squares.is_empty()).then(|| (squares.iter().sum::<f64>() / squares.len() as f64).sqrt())
}

fn find<'a>(records: &'a [Record], key: &str) -> Option<&'a Record> {
    records.iter().find(|record| record.variant.key == key)
}

/// The finite validation loss of a completed run.
fn loss(record: &Record) -> Option<f64> {
    record.validation_loss().filter(|loss| record.completed() && loss.is_finite())
}

fn named(average: &Average) -> Vec<(String, f64)> {
    average.weights().into_iter().map(|(member, weight)| (member.name().to_string(), weight)).collect()
}

/// Predicts the held-back runs of an axis.
fn predicted(
    plan: &Plan,
    variants: &[Variant],
    records: &[Record],
    (axis, size): (Axis, Size),
    average: &Average,
) -> Result<Vec<Row>> {
    // Only a set that generates new samples in each epoch has more distinct samples than one epoch.
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
