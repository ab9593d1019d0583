//! The runs as CSV, one row each, for other programs. A missing value is an empty field.

use crate::error::{Error, Result};
use crate::models::Bytes;
use crate::sweep::record::{Record, Throughput};
use serde_json::Value;
use std::collections::BTreeSet;

/// The table as bytes, with a header.
pub(super) fn render(records: &[Record]) -> Result<Vec<u8>> {
    let failed = |problem: String| Error::Config { what: "runs.csv".into(), problem };
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Fields of the configuration that a column below does not show already.
    let names = records.iter().flat_map(|record| record.config.fields().into_iter().map(|(name, _)| name));
    let settings: BTreeSet<String> = names.filter(|name| !SHOWN.contains(&name.as_str())).collect();
    // The header comes from the first row, so an empty sweep has none.
    for (index, record) in records.iter().enumerate() {
        let row = row(record, &settings);
        if index == 0 {
            writer.write_record(row.iter().map(|(name, _)| name)).map_err(|e| failed(e.to_string()))?;
        }
        writer.write_record(row.iter().map(|(_, value)| value)).map_err(|e| failed(e.to_string()))?;
    }
    writer.into_inner().map_err(|e| failed(e.to_string()))
}

/// Fields of the configuration with a column of their own.
const SHOWN: [&str; 7] = ["seed", "epochs", "batch", "learning_rate", "precision", "recompute", "clip_norm"];

fn row(record: &Record, settings: &BTreeSet<String>) -> Vec<(String, String)> {
    fn text(value: Option<impl ToString>) -> String {
        value.map(|v| v.to_string()).unwrap_or_default()
    }
    let also: Vec<String> =
        record.variant.also.iter().map(|place| format!("{}:{}", place.axis, place.factor)).collect();
    let median = |throughput: Option<Throughput>| text(throughput.map(|t| t.median));
    let iqr = |throughput: Option<Throughput>| text(throughput.map(|t| t.iqr));
    let mut row: Vec<(String, String)> = [
        ("key", record.variant.key.clone()),
        ("axis", record.variant.axis.to_string()),
        ("factor", record.variant.factor.to_string()),
        ("also", also.join(" ")),
        ("depth", record.variant.scale.depth.to_string()),
        ("width", record.variant.scale.width.to_string()),
        ("resolution_scale", record.variant.scale.resolution.to_string()),
        ("architecture", record.variant.architecture.clone()),
        ("resolution", text(record.variant.resolution)),
        ("seed", record.config.seed.to_string()),
        ("device", record.cost.device.clone()),
        ("epochs", record.config.epochs.to_string()),
        ("batch", record.config.batch.to_string()),
        ("learning_rate", record.config.learning_rate.to_string()),
        ("precision", record.config.precision.to_string()),
        ("recompute", record.config.recompute.to_string()),
        ("clip_norm", text(record.config.clip_norm)),
        ("parameters", record.cost.parameters.to_string()),
        ("macs", record.cost.macs.to_string()),
        ("training_flops", record.cost.training_flops.to_string()),
        ("samples_seen", record.cost.samples_seen.to_string()),
        ("train_samples", record.cost.train_samples.to_string()),
        ("flops_budget", text(record.variant.flops_budget)),
        ("skipped_steps", text(record.skipped_steps())),
        ("train_loss", text(record.train_loss())),
        ("validation_loss", text(record.validation_loss())),
        ("validation_accuracy", text(record.validation_accuracy())),
        ("samples_per_second", median(record.cost.samples_per_second)),
        ("samples_per_second_iqr", iqr(record.cost.samples_per_second)),
        ("inference_samples_per_second", median(record.cost.inference_samples_per_second)),
        ("inference_samples_per_second_iqr", iqr(record.cost.inference_samples_per_second)),
        ("flops_per_second", text(record.cost.flops_per_second)),
        ("wall_seconds", record.cost.wall_seconds.to_string()),
        ("status", record.outcome.to_string()),
        ("reason", record.outcome.reason().unwrap_or_default().to_string()),
    ]
    .map(|(name, value)| (name.to_string(), value))
    .into();
    push_bytes(&mut row, "peak_bytes", record.cost.peak_bytes);
    push_bytes(&mut row, "predicted_peak_bytes", record.cost.predicted_peak_bytes);
    let fields = record.config.fields();
    for name in settings {
        let value = fields.get(name).map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        row.push((name.clone(), value.unwrap_or_default()));
    }
    row
}

fn push_bytes(row: &mut Vec<(String, String)>, stem: &str, bytes: Option<Bytes>) {
    let text = |value: u64| if bytes.is_some() { value.to_string() } else { String::new() };
    let shown = bytes.unwrap_or_default();
    row.push((stem.to_string(), text(shown.total())));
    row.extend(shown.named().map(|(category, value)| (format!("{stem}_{category}"), text(value))));
}
