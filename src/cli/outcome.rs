//! The results of `allometry train`.

use allometry::nn::Precision;
use allometry::planner::Comparison;
use allometry::report::Quantity;
use allometry::terminal::Table;
use allometry::train::Finding;
use allometry::units::{bytes, digits, plural, seconds};
use allometry::{Result, print_line};
use serde::{Deserialize, Serialize};

/// What a training came to, for its folder and for `--json`.
#[derive(Serialize, Deserialize)]
pub struct Outcome {
    pub validation_accuracy: Option<f64>,
    pub validation_loss: f64,
    pub samples_per_second: f64,
    pub peak_bytes: u64,
    pub predicted_peak_bytes: u64,
    pub precision: Precision,
    pub recompute: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_steps: Option<u64>,
    pub epochs: usize,
    /// The epoch whose weights are kept, with early stopping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_epoch: Option<u64>,
    /// Seconds of the training.
    pub seconds: f64,
    /// Seconds including opening the device and the data, and building the model.
    pub wall_seconds: f64,
    pub device: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<Comparison>,
    /// What the curves and the observed steps say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// Prints the results as text: the loss, the findings, and beside what was planned.
pub fn print(outcome: &Outcome) -> Result<()> {
    let accuracy = outcome.validation_accuracy.map(|a| format!(", accuracy {:.2} %", 100.0 * a));
    print_line!(
        "validation loss {}{}; {:.0} samples/s, peak memory {}, {}{}",
        digits(outcome.validation_loss),
        accuracy.unwrap_or_default(),
        outcome.samples_per_second,
        bytes(outcome.peak_bytes),
        seconds(outcome.seconds),
        outcome
            .skipped_steps
            .map(|steps| format!(", {} skipped", plural(steps as usize, "step")))
            .unwrap_or_default(),
    )?;
    if let Some(kept) = outcome.kept_epoch {
        print_line!(
            "epoch {kept} of {} had the lowest validation loss, and its weights are kept",
            outcome.epochs
        )?;
    }
    for Finding { text, advice, .. } in &outcome.findings {
        print_line!("{text}; try {advice}")?;
    }
    let Some(planned) = &outcome.planned else { return Ok(()) };
    let expected = &planned.expected;
    let mut table = Table::new(["", "expected", "measured", "difference"]);
    let percent = |part: f64| format!("{:+.1} %", 100.0 * part);
    let loss = |value: f64| Quantity::ValidationLoss.format(value);
    table.add_row([
        "validation loss".to_string(),
        format!("{} [{}, {}]", loss(expected.loss), loss(expected.loss_low), loss(expected.loss_high)),
        loss(planned.loss),
        format!("{}, {}", percent(planned.loss_error), if planned.inside { "inside" } else { "outside" }),
    ]);
    let time = |value: f64| Quantity::Seconds.format(value);
    let interval = expected.seconds_interval.map(|(low, high)| format!(" [{}, {}]", time(low), time(high)));
    let side = |inside: bool| if inside { ", inside" } else { ", outside" };
    table.add_row([
        Quantity::Seconds.name().to_string(),
        time(expected.seconds) + &interval.unwrap_or_default(),
        time(planned.seconds),
        percent(planned.seconds_error) + planned.seconds_inside.map(side).unwrap_or_default(),
    ]);
    let memory = |bytes: u64| Quantity::PeakMemory.format(bytes as f64);
    table.add_row([
        Quantity::PeakMemory.name().to_string(),
        memory(expected.peak_bytes),
        memory(planned.peak_bytes),
        percent(planned.peak_error),
    ]);
    print_line!("{table}")?;
    Ok(())
}
