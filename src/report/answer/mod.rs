//! The answer of a sweep: which size, for what budget, how certain, and what more compute would gain.
//!
//! `allometry plan` writes it beside the sweep's records; the terminal and the page's first screen show it in the same
//! words.

mod picture;

use super::escape::escape;
use super::plot::Plot;
use super::quantity::Quantity;
use crate::error::{Error, Result, brief};
use crate::files::replace;
use crate::quantile::median;
use crate::sweep::prediction::{Estimate, Score};
use crate::sweep::record::Record;
use crate::units::{flops, grouped, significant};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The file's name in a sweep's directory.
pub const ANSWER: &str = "answer.json";

/// The name of the base model in an answer.
const BASE: &str = "base";

/// What `plan` recommends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What the training may cost, as text; empty if nothing limits it but a target loss.
    pub budget: String,
    /// The device that times refer to.
    pub device: String,
    /// The recommended training.
    pub best: ExpectedTraining,
    /// The base model trained for the whole budget; `None` if it is the best, or if the budget is too small.
    pub base: Option<ExpectedTraining>,
    /// The best for other amounts of compute, in ascending order.
    pub others: Vec<ExpectedTraining>,
    /// The file that `allometry train` takes.
    pub training: String,
}

/// A training with its expected loss and cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExpectedTraining {
    /// The model: `width ×1.5`, or `base`.
    pub model: String,
    /// Number of parameters.
    pub parameters: u64,
    /// Training samples per epoch.
    pub samples: usize,
    /// Number of epochs.
    pub epochs: usize,
    /// Validation loss, with the interval of a single training.
    pub loss: Estimate,
    /// Wall seconds of the whole training.
    pub seconds: f64,
    /// Training FLOPs.
    pub flops: f64,
}

impl ExpectedTraining {
    fn data(&self) -> String {
        let samples = grouped(self.samples as u64);
        match self.epochs {
            1 => format!("{samples} samples once"),
            epochs => format!("{samples} samples {epochs} times"),
        }
    }

    fn is_lower_but_less_certain_than(&self, other: &ExpectedTraining) -> bool {
        self.loss.value < other.loss.value && self.loss.high > other.loss.high
    }

    fn expected(&self) -> String {
        let Estimate { value, low, high } = self.loss;
        let [value, low, high] = [value, low, high].map(|loss| Quantity::ValidationLoss.format(loss));
        format!("{value} (four of five such trainings between {low} and {high})")
    }
}

impl Answer {
    /// Writes the answer to a sweep's directory, replacing an earlier one.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, directory: &Path) -> Result<()> {
        let path = directory.join(ANSWER);
        let mut json = serde_json::to_vec_pretty(self).map_err(|e| Error::file(&path, "write")(e.into()))?;
        json.push(b'\n');
        replace(&path, &json)
    }

    /// Reads the answer, if the directory has one.
    ///
    /// # Errors
    /// A file that cannot be read, or that is not an answer.
    pub fn load(directory: &Path) -> Result<Option<Answer>> {
        let path = directory.join(ANSWER);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| Error::format(&path, "the answer of a plan", brief(error))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file(&path, "read")(error)),
        }
    }

    /// The answer in sentences, each on one question.
    pub fn sentences(&self, scores: &[Score]) -> Vec<String> {
        let Answer { best, .. } = self;
        let mut sentences = vec![
            format!(
                "Train {} ({} parameters) on {}.",
                if best.model == BASE {
                    "the base model".into()
                } else {
                    format!("the model at {}", best.model)
                },
                Quantity::Parameters.format(best.parameters as f64),
                best.data()
            ),
            format!(
                "That takes {}{}, about {} on {}.",
                flops(best.flops),
                if self.budget.is_empty() {
                    String::new()
                } else {
                    format!(" of the budget of {}", self.budget)
                },
                Quantity::Seconds.format(best.seconds),
                self.device
            ),
            format!("Expect a validation loss of {}.", best.expected()),
        ];
        sentences.push(match &self.base {
            Some(base) => format!(
                "The base model ({} parameters), trained for {}, is expected at {}{}.",
                Quantity::Parameters.format(base.parameters as f64),
                if self.budget.is_empty() { flops(base.flops) } else { "the same budget".into() },
                base.expected(),
                if base.is_lower_but_less_certain_than(best) { ": lower, but less certain" } else { "" }
            ),
            None => {
                "That is the base model itself: no other size is expected to be clearly better.".to_string()
            }
        });
        sentences.extend(self.next_doubling());
        sentences.extend(trust(scores));
        sentences.push(format!("Next: allometry train {}", self.training));
        sentences
    }

    /// What twice the compute would gain.
    fn next_doubling(&self) -> Option<String> {
        let next = self.others.iter().find(|other| other.flops > 1.5 * self.best.flops)?;
        let gain = 1.0 - next.loss.value / self.best.loss.value;
        let times = significant(next.flops / self.best.flops, 2);
        Some(if gain > 0.0 {
            format!(
                "With {times} times the compute, {} would lower the loss by {} %, to {}.",
                next.model,
                significant(100.0 * gain, 2),
                Quantity::ValidationLoss.format(next.loss.value)
            )
        } else {
            format!("{times} times the compute is not expected to lower the loss.")
        })
    }

    /// The page's first section with its picture, and the picture for a file of its own.
    pub(super) fn section(&self, records: &[Record], scores: &[Score]) -> Result<(String, Plot)> {
        let picture = picture::draw(self, records)?;
        let sentences = self.sentences(scores);
        let (first, rest) = sentences.split_first().map_or(("", &[][..]), |(first, rest)| (first, rest));
        let items: String = rest.iter().map(|sentence| format!("<li>{}</li>\n", escape(sentence))).collect();
        let html = format!(
            "<section class=\"answer\">\n<div>\n<h2>{}</h2>\n<ul>\n{items}</ul>\n</div>\n{}</section>\n",
            escape(first),
            picture.figure()
        );
        Ok((html, picture))
    }
}

/// How well the sweep's own predictions held.
fn trust(scores: &[Score]) -> Option<String> {
    let rows: Vec<_> = scores.iter().flat_map(|score| &score.rows).collect();
    let inside = rows.iter().filter(|row| row.inside).count();
    let errors: Vec<f64> = rows.iter().filter_map(|row| row.relative_error).map(f64::abs).collect();
    if errors.is_empty() {
        return None;
    }
    let error = significant(100.0 * median(errors), 2);
    Some(match rows.len() {
        1 => format!(
            "How far to trust that: this sweep predicted its largest run before it trained it; it ended {} the 80 % \
             interval, within {error} % of the prediction.",
            if inside == 1 { "inside" } else { "outside" }
        ),
        runs => format!(
            "How far to trust that: this sweep predicted its {runs} largest runs before it trained them; {inside} ended \
             inside the 80 % interval, half of them within {error} % of the prediction."
        ),
    })
}
