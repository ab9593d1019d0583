//! Reading what the driver wrote: JSON objects, and the records of a sweep.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

pub fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("a JSON object").keys().map(String::as_str).collect()
}

/// The lines of a sweep's `runs.jsonl`, or none where it is not there yet. A last line that has no newline yet is
/// not a record.
pub fn lines(sweep: &Path) -> Vec<String> {
    let runs = fs::read_to_string(sweep.join("runs.jsonl")).unwrap_or_default();
    let whole = runs.rfind('\n').map_or(0, |newline| newline + 1);
    runs[..whole].lines().map(str::to_string).collect()
}

pub fn records(sweep: &Path) -> Vec<Value> {
    lines(sweep).iter().map(|line| serde_json::from_str(line).expect("a line is a JSON object")).collect()
}

/// The record without what a clock measured.
pub fn timeless(record: &Value) -> Value {
    let mut record = record.clone();
    let fields = record.as_object_mut().unwrap();
    for clock in ["samples_per_second", "inference_samples_per_second", "flops_per_second", "wall_seconds"] {
        fields.remove(clock).unwrap_or_else(|| panic!("{clock} is a field"));
    }
    for point in fields["curve"].as_array_mut().unwrap() {
        point.as_object_mut().unwrap().remove("seconds").expect("seconds is a field");
    }
    record
}
