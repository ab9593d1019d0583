//! The sweep as a table for the terminal: one row per configuration, means over its seeds.

use super::quantity::Quantity;
use super::series::{Configuration, amounts, configurations, varies_epochs};
use super::words::{best, endings, failures, quality, with_spread};
use crate::sweep::record::Record;
use crate::terminal::Table;

/// The table, then the best configurations by accuracy, by accuracy per FLOP and per second, then each run that did not
/// complete, with the reason.
pub fn table(records: &[Record]) -> String {
    let mut text = format!("{}\n", render(records));
    let best = best(records);
    if !best.is_empty() {
        let mut table = Table::new(["best by", "model", "value", "cost"]).with_text_columns(4);
        for best in best {
            table.add_row([best.by, &best.label, &best.value, &best.cost]);
        }
        text += &format!("{table}\n");
    }
    for failure in failures(records) {
        text += &format!("{failure}\n");
    }
    text
}

fn render(records: &[Record]) -> Table {
    let configurations = configurations(records);
    let quality = quality(records);
    let mut columns = vec![
        Quantity::Parameters,
        Quantity::Macs,
        Quantity::ValidationLoss,
        Quantity::TrainingThroughput,
        Quantity::InferenceThroughput,
        Quantity::PeakMemory,
        Quantity::PredictedMemory,
        Quantity::Seconds,
    ];
    if quality == Quantity::Accuracy {
        columns.insert(3, quality);
    }
    if amounts(records).len() > 1 {
        columns.insert(2, Quantity::TrainingSamples);
    }
    let mut header = vec!["model".to_string()];
    header.extend(columns.iter().map(|&column| heading(column).to_string()));
    let epochs = varies_epochs(records);
    if epochs {
        header.insert(1, "epochs".to_string());
    }
    header.push("runs".to_string());

    let mut table = Table::new(header);
    for configuration in &configurations {
        let mut row = vec![configuration.label()];
        row.extend(epochs.then(|| configuration.first().config.epochs.to_string()));
        row.extend(columns.iter().map(|&column| cell(configuration, column)));
        let runs = configuration.runs.iter().copied();
        let all_completed = runs.clone().all(Record::completed);
        row.push(if all_completed { runs.len().to_string() } else { endings(runs) });
        table.add_row(row);
    }
    table
}

/// A column's heading, short enough for a terminal of 120 columns.
fn heading(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::TrainingSamples => "samples",
        Quantity::ValidationLoss => "val. loss",
        Quantity::TrainingThroughput => "train /s",
        Quantity::InferenceThroughput => "infer /s",
        Quantity::PeakMemory => "peak",
        Quantity::PredictedMemory => "predicted",
        other => other.name(),
    }
}

/// The size is known even for a failed run; measured values are means over the completed runs.
fn cell(configuration: &Configuration, quantity: Quantity) -> String {
    let known = match quantity {
        Quantity::Parameters | Quantity::Macs | Quantity::TrainingSamples | Quantity::PredictedMemory => {
            quantity.of(configuration.first()).map(|value| quantity.format(value))
        }
        Quantity::ValidationLoss | Quantity::Accuracy => with_spread(configuration, quantity),
        _ => configuration.mean(quantity).map(|value| quantity.format(value)),
    };
    known.unwrap_or_else(|| "–".to_string())
}
