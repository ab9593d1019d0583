//! The table of all runs, which the page's script sorts.

use super::escape::escape;
use super::quantity::Quantity;
use super::series::label;
use super::words::failures;
use crate::models::Bytes;
use crate::sweep::record::{Record, Throughput};
use crate::units::{bytes, metric, seconds, significant};
use std::fmt::Write;

/// The text of a missing value; the script sorts it last.
pub(super) const ABSENT: &str = "–";

/// A cell: its text and its sort key.
struct Cell {
    text: String,
    sort: String,
    hint: String,
}

impl Cell {
    fn text(text: impl Into<String>) -> Cell {
        let text = text.into();
        Cell { sort: text.clone(), text, hint: String::new() }
    }

    fn number(value: Option<f64>, show: impl Fn(f64) -> String) -> Cell {
        match value.filter(|v| v.is_finite()) {
            Some(v) => Cell { text: show(v), sort: v.to_string(), hint: String::new() },
            None => Cell::text(ABSENT),
        }
    }

    fn hint(self, hint: impl Into<String>) -> Cell {
        Cell { hint: hint.into(), ..self }
    }

    fn render(&self) -> String {
        let hint =
            if self.hint.is_empty() { String::new() } else { format!(" title=\"{}\"", escape(&self.hint)) };
        format!("<td data-sort=\"{}\"{hint}>{}</td>", escape(&self.sort), escape(&self.text))
    }
}

/// The section with the table; empty without runs.
pub(super) fn run_table(records: &[Record]) -> String {
    if records.is_empty() {
        return String::new();
    }
    let rows: Vec<_> = records.iter().map(run_row).collect();
    // Every row has the same columns; columns without any value are left out.
    let shown: Vec<usize> =
        (0..rows[0].len()).filter(|&column| rows.iter().any(|row| row[column].1.text != ABSENT)).collect();
    let header: String = shown
        .iter()
        .map(|&column| {
            format!("<th scope=\"col\"><button type=\"button\">{}</button></th>", rows[0][column].0)
        })
        .collect();
    let mut body = String::new();
    for (record, row) in records.iter().zip(&rows) {
        let cells: String = shown.iter().map(|&column| row[column].1.render()).collect();
        let state = if record.completed() { "" } else { " class=\"broken\"" };
        let _ = writeln!(body, "<tr{state} data-run=\"{}\">{cells}</tr>", escape(&record.variant.key));
    }
    format!(
        "<section>\n<h2>All runs</h2>\n\
         <p class=\"note\">A click on a heading sorts by its column. Point at memory or throughput to see its \
         parts, and at a row to see its marks in the plots.</p>\n{failures}<div class=\"scroll\"><table class=\"runs\">\n\
         <thead><tr>{header}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n</section>\n",
        failures = failure_list(records),
    )
}

/// The runs that did not complete, with their full reasons.
fn failure_list(records: &[Record]) -> String {
    let items: String = failures(records).iter().map(|one| format!("<li>{}</li>\n", escape(one))).collect();
    if items.is_empty() { items } else { format!("<ul class=\"failures\">\n{items}</ul>\n") }
}

fn run_row(record: &Record) -> Vec<(&'static str, Cell)> {
    let rate = |throughput: Option<Throughput>| {
        let hint = throughput.map(|t| format!("interquartile range {}", metric(t.iqr))).unwrap_or_default();
        Cell::number(throughput.map(|t| t.median), metric).hint(hint)
    };
    let memory = |peak: Option<Bytes>| {
        let parts: Vec<String> = peak
            .iter()
            .flat_map(|peak| peak.named())
            .map(|(name, value)| format!("{name} {}", bytes(value)))
            .collect();
        Cell::number(peak.map(|b| b.total() as f64), |v| bytes(v as u64)).hint(parts.join(", "))
    };
    let count = |value: u64| Cell::number(Some(value as f64), metric);
    let loss = |value| Cell::number(value, |v| significant(v, 4));
    vec![
        ("model", Cell::text(label(record)).hint(record.variant.scale.to_string())),
        ("seed", Cell::text(record.config.seed.to_string())),
        ("pixels", Cell::number(record.variant.resolution.map(|r| r as f64), |v| v.to_string())),
        ("parameters", count(record.cost.parameters)),
        ("MACs", count(record.cost.macs)),
        ("epochs", count(record.config.epochs as u64)),
        ("samples", Cell::number(Quantity::TrainingSamples.of(record), metric)),
        ("FLOPs trained", Cell::number(Some(record.cost.training_flops), metric)),
        ("train loss", loss(record.train_loss())),
        ("val. loss", loss(record.validation_loss())),
        ("accuracy", Cell::number(record.validation_accuracy(), |v| Quantity::Accuracy.format(v))),
        ("train /s", rate(record.cost.samples_per_second)),
        ("infer /s", rate(record.cost.inference_samples_per_second)),
        ("FLOP/s", Cell::number(record.cost.flops_per_second, metric)),
        ("peak", memory(record.cost.peak_bytes)),
        ("predicted", memory(record.cost.predicted_peak_bytes)),
        ("time", Cell::number(Some(record.cost.wall_seconds), seconds)),
        (
            "status",
            Cell::text(record.outcome.to_string().replace('_', " "))
                .hint(record.outcome.reason().unwrap_or_default()),
        ),
    ]
}
