//! What a sweep knows: on each axis the law of the loss in size and data, fitted to the runs that were completed.
//!
//! The size is M, the MACs of a sample's forward pass, and not the number of parameters: with C = 6·M·D it gives
//! compute for convolutions as well as for dense layers. D is the number of different training samples.

use crate::error::{Error, Result};
use crate::scaling::axis::Axis;
use crate::scaling::law::{Fit, FitOptions, Form, Points, Quantity};
use crate::scaling::plan::Plan;
use crate::scaling::record::Record;
use serde::Serialize;

/// Level of the intervals of expected losses.
pub const LEVEL: f64 = 0.8;

/// The law on one axis, and the runs behind it.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The axis.
    pub axis: Axis,
    /// The law of the validation loss: joint in M and D, or in M alone where D was not varied.
    pub fit: Fit,
    /// The number of training samples an epoch that the law is for, where the sweep did not vary it.
    pub fixed_samples: Option<usize>,
    /// Smallest and largest factor that was trained.
    pub factors: (f64, f64),
    /// Smallest and largest M that was trained.
    pub macs: (f64, f64),
    /// Smallest and largest D that was trained on.
    pub samples: (f64, f64),
    /// Training FLOPs of the largest run.
    pub flops: f64,
}

/// An axis without a law: it could not be fitted, or the runs don't identify it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeftOut {
    /// The axis.
    pub axis: Axis,
    /// Why.
    pub reason: String,
}

/// Fits a law on each axis of a sweep; the axes whose runs are too few for one, or don't identify it, come with the
/// reason. `samples` is how
/// many training samples an epoch has where the sweep did not vary their number.
pub fn gather(
    plan: &Plan,
    records: &[Record],
    samples: usize,
    resamples: usize,
    seed: u64,
) -> Result<(Vec<Evidence>, Vec<LeftOut>)> {
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    for &axis in &plan.axes {
        let runs: Vec<&Record> = records.iter().filter(|record| counts(record, axis)).collect();
        match Evidence::of(axis, &runs, samples, resamples, seed) {
            Ok(evidence) => found.push(evidence),
            Err(error) => left_out.push(LeftOut { axis, reason: error.to_string() }),
        }
    }
    Ok((found, left_out))
}

/// Whether a run stands on the axis and has a loss that a law can be fitted to.
pub fn counts(record: &Record, axis: Axis) -> bool {
    let loss = record.validation_loss.filter(|loss| *loss > 0.0 && loss.is_finite());
    record.completed() && loss.is_some() && record.factor_on(axis).is_some()
}

/// What is said of completed runs with a loss of exactly 0, which no law can take; none where there are none.
pub fn zeros(records: &[Record]) -> Option<String> {
    let zero = |record: &&Record| record.completed() && record.validation_loss == Some(0.0);
    match records.iter().filter(zero).count() {
        0 => None,
        count => {
            Some(format!("{count} of the runs left out, with a loss of exactly 0, which has no logarithm"))
        }
    }
}

impl Evidence {
    fn of(axis: Axis, runs: &[&Record], per_epoch: usize, resamples: usize, seed: u64) -> Result<Evidence> {
        let column = |of: fn(&Record) -> f64| runs.iter().map(|run| of(run)).collect::<Vec<f64>>();
        let macs = column(|run| run.macs as f64);
        let samples = column(|run| run.train_samples as f64);
        let losses = column(|run| run.validation_loss.unwrap_or(f64::NAN));
        let factors: Vec<f64> = runs.iter().filter_map(|run| run.factor_on(axis)).collect();
        let varied = samples.iter().any(|count| *count != samples[0]);
        let (points, form) = if varied {
            let points = Points::joint(("MACs", &macs), ("samples", &samples), ("loss", &losses))?;
            (points, Some(Form::Joint))
        } else {
            (Points::single(("MACs", &macs), ("loss", &losses))?, None)
        };
        let fit = Fit::new(&points, &FitOptions { form, resamples, seed, ..FitOptions::default() })?;
        if (0..fit.law.sizes()).any(|size| !fit.identifies(size)) {
            return Err(Error::Config {
                what: "law".into(),
                problem: format!("the runs don't identify it: {}", fit.warnings.join("; ")),
            });
        }
        let largest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        let range = |values: &[f64]| (values.iter().copied().fold(f64::INFINITY, f64::min), largest(values));
        Ok(Evidence {
            axis,
            fit,
            fixed_samples: (!varied).then_some(per_epoch),
            factors: range(&factors),
            macs: range(&macs),
            samples: range(&samples),
            flops: largest(&column(|run| run.training_flops)),
        })
    }

    /// The loss that the law expects of a model of M MACs that is trained on D samples.
    pub fn loss(&self, macs: f64, samples: f64) -> f64 {
        self.fit.bootstrap.estimate().predict([macs, samples])
    }

    /// The same with the interval, of [`LEVEL`], that one more run would be in.
    pub fn expected(&self, macs: f64, samples: f64) -> Quantity {
        self.fit.bootstrap.prediction([macs, samples], LEVEL)
    }
}
