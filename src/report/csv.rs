//! One row a run, flat, for other programs. An absent value is an empty field.

use crate::error::{Error, Result};
use crate::models::Bytes;
use crate::sweep::record::{Record, Throughput};

/// The table as bytes, header first.
pub(super) fn render(records: &[Record]) -> Result<Vec<u8>> {
    let failed = |problem: String| Error::Config { what: "runs.csv".into(), problem };
    let mut writer = csv::Writer::from_writer(Vec::new());
    // The header is that of a row: an empty sweep has neither.
    for (index, record) in records.iter().enumerate() {
        let row = row(record);
        if index == 0 {
            writer.write_record(row.iter().map(|(name, _)| name)).map_err(|e| failed(e.to_string()))?;
        }
        writer.write_record(row.iter().map(|(_, value)| value)).map_err(|e| failed(e.to_string()))?;
    }
    writer.into_inner().map_err(|e| failed(e.to_string()))
}

fn row(record: &Record) -> Vec<(String, String)> {
    fn text(value: Option<impl ToString>) -> String {
        value.map(|v| v.to_string()).unwrap_or_default()
    }
    let also: Vec<String> =
        record.also.iter().map(|place| format!("{}:{}", place.axis, place.factor)).collect();
    let median = |throughput: Option<Throughput>| text(throughput.map(|t| t.median));
    let iqr = |throughput: Option<Throughput>| text(throughput.map(|t| t.iqr));
    let mut row: Vec<(String, String)> = [
        ("key", record.key.clone()),
        ("axis", record.axis.to_string()),
        ("factor", record.factor.to_string()),
        ("also", also.join(" ")),
        ("depth", record.scale.depth.to_string()),
        ("width", record.scale.width.to_string()),
        ("resolution_scale", record.scale.resolution.to_string()),
        ("architecture", record.architecture.clone()),
        ("resolution", text(record.resolution)),
        ("seed", record.seed.to_string()),
        ("device", record.device.clone()),
        ("epochs", record.epochs.to_string()),
        ("batch", record.batch.to_string()),
        ("learning_rate", record.learning_rate.to_string()),
        ("precision", record.precision.to_string()),
        ("recompute", record.recompute.to_string()),
        ("clip_norm", text(record.clip_norm)),
        ("parameters", record.parameters.to_string()),
        ("macs", record.macs.to_string()),
        ("training_flops", record.training_flops.to_string()),
        ("samples_seen", record.samples_seen.to_string()),
        ("train_samples", record.train_samples.to_string()),
        ("flops_budget", text(record.flops_budget)),
        ("skipped_steps", text(record.skipped_steps)),
        ("train_loss", text(record.train_loss)),
        ("validation_loss", text(record.validation_loss)),
        ("validation_accuracy", text(record.validation_accuracy)),
        ("samples_per_second", median(record.samples_per_second)),
        ("samples_per_second_iqr", iqr(record.samples_per_second)),
        ("inference_samples_per_second", median(record.inference_samples_per_second)),
        ("inference_samples_per_second_iqr", iqr(record.inference_samples_per_second)),
        ("flops_per_second", text(record.flops_per_second)),
        ("wall_seconds", record.wall_seconds.to_string()),
        ("status", record.status.to_string()),
        ("reason", record.reason.clone().unwrap_or_default()),
    ]
    .map(|(name, value)| (name.to_string(), value))
    .into();
    push_bytes(&mut row, "peak_bytes", record.peak_bytes);
    push_bytes(&mut row, "predicted_peak_bytes", record.predicted_peak_bytes);
    row
}

fn push_bytes(row: &mut Vec<(String, String)>, stem: &str, bytes: Option<Bytes>) {
    let text = |value: u64| if bytes.is_some() { value.to_string() } else { String::new() };
    let shown = bytes.unwrap_or_default();
    row.push((stem.to_string(), text(shown.total())));
    row.extend(shown.named().map(|(category, value)| (format!("{stem}_{category}"), text(value))));
}
