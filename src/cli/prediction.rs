//! Prints the predictions of a sweep for its largest models, and their scores.

use super::print_json;
use allometry::sweep::prediction::{AxisPrediction, Estimate, Row};
use allometry::sweep::{Prediction, Record};
use allometry::terminal::Table;
use allometry::units::digits;
use allometry::{Result, print_line};

/// Prints the prediction of a generation: the law of each axis, and a row for every held-back model.
pub fn print(generation: usize, prediction: &Prediction) -> Result<()> {
    if generation > 1 {
        print_line!("Models of the extension that are larger than all earlier ones:")?;
    }
    for axis in &prediction.axes {
        let reasons = [(axis.left_out, "did not complete"), (axis.zeros, "have a loss of exactly 0")];
        let left_out = reasons.into_iter().filter(|(count, _)| *count > 0);
        let left_out: String =
            left_out.map(|(count, reason)| format!(", {count} that {reason} left out")).collect();
        print_line!("Axis {}: {} of {} runs{left_out}. Predictions:", axis.axis, basis(axis), axis.runs)?;
        print_line!("{}", rows(axis, prediction.level))?;
        for warning in &axis.warnings {
            print_line!("Warning: {warning}.")?;
        }
    }
    for axis in &prediction.without_law {
        print_line!("Axis {}: no prediction; {}.", axis.axis, axis.reason)?;
    }
    Ok(())
}

/// Describes the law, or the average, that makes a prediction.
fn basis(axis: &AxisPrediction) -> String {
    match axis.law {
        Some(law) => format!("{law} law, {}, fitted to the validation losses", law.formula()),
        None => {
            let weights = axis.weights.iter().map(|(name, weight)| format!("{name} {:.0} %", 100.0 * weight));
            let weights: Vec<String> = weights.collect();
            format!(
                "average over models of the curve ({}), fitted to the validation losses",
                weights.join(", ")
            )
        }
    }
}

fn rows(axis: &AxisPrediction, level: f64) -> Table {
    let interval = format!("validation loss [{} %]", 100.0 * level);
    let mut header = vec!["model", axis.size.name()];
    header.extend(axis.rows.iter().any(|row| row.samples.is_some()).then_some("samples"));
    header.extend([interval.as_str(), "runs"]);
    let mut table = Table::new(header);
    // All seeds of a model have the same prediction.
    let mut rows: Vec<&Row> = axis.rows.iter().collect();
    rows.sort_by_key(|row| row.model());
    for seeds in rows.chunk_by(|a, b| a.model() == b.model()) {
        let mut cells = vec![seeds[0].model().to_string(), digits(seeds[0].size)];
        cells.extend(seeds[0].samples.map(digits));
        cells.extend([with_interval(&seeds[0].loss), seeds.len().to_string()]);
        table.add_row(cells);
    }
    table
}

/// Prints a prediction as one line of JSON.
pub fn print_as_json(generation: usize, prediction: &Prediction) -> Result<()> {
    print_json(&numbered(generation, "prediction", prediction))
}

/// Prints each score as one line of JSON.
pub fn print_scores_as_json(predictions: &[(usize, Prediction)], records: &[Record]) -> Result<()> {
    predictions.iter().try_for_each(|(generation, prediction)| {
        print_json(&numbered(*generation, "score", &prediction.score(records)))
    })
}

/// A JSON object with one field, and the generation if it is not the first.
fn numbered(generation: usize, name: &str, value: &impl serde::Serialize) -> serde_json::Value {
    let mut object = serde_json::json!({ name: value });
    if generation > 1 {
        object["generation"] = generation.into();
    }
    object
}

/// Prints the score of each prediction.
pub fn print_scores(predictions: &[(usize, Prediction)], records: &[Record]) -> Result<()> {
    predictions.iter().try_for_each(|(_, prediction)| print_score(prediction, records))
}

/// Prints every predicted run that has been trained, and the number of losses inside their intervals.
fn print_score(prediction: &Prediction, records: &[Record]) -> Result<()> {
    let score = prediction.score(records);
    if score.rows.is_empty() {
        return Ok(());
    }
    print_line!("Predicted before training, and measured since:")?;
    let mut table = Table::new(["run", "predicted", "measured", "error", "inside"]);
    for row in &score.rows {
        table.add_row([
            row.key.clone(),
            with_interval(&row.predicted),
            digits(row.measured),
            row.relative_error.map_or("–".to_string(), |error| format!("{:+.2} %", 100.0 * error)),
            if row.inside { "yes" } else { "no" }.to_string(),
        ]);
    }
    print_line!("{table}")?;
    let error = score
        .relative_error
        .map(|error| format!("Relative error {:.2} % (root mean square); ", 100.0 * error));
    print_line!(
        "{}{} of {} inside the {} % interval.",
        error.unwrap_or_default(),
        score.inside,
        score.rows.len(),
        100.0 * prediction.level
    )?;
    if score.without_loss > 0 {
        print_line!(
            "{} predicted runs have no loss: they failed, or are not trained yet.",
            score.without_loss
        )?;
    }
    Ok(())
}

fn with_interval(estimate: &Estimate) -> String {
    format!("{} [{}, {}]", digits(estimate.value), digits(estimate.low), digits(estimate.high))
}
