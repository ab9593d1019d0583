//! Reads plans and planned trainings that earlier versions wrote.

use toml::{Table, Value};

/// Converts TOML of an earlier version to the current form. Returns `None` for text in the current form.
///
/// Earlier versions have a table `schedule` instead of `config`, its field `train_samples` instead of `samples`, and
/// the seed of a planned training outside of this table.
pub fn migrated(text: &str) -> Option<Table> {
    let mut table: Table = text.parse().ok()?;
    let Value::Table(mut config) = table.remove("schedule")? else { return None };
    if let Some(samples) = config.remove("train_samples") {
        config.insert("samples".into(), samples);
    }
    if let Some(seed) = table.remove("seed") {
        config.insert("seed".into(), seed);
    }
    table.insert("config".into(), Value::Table(config));
    Some(table)
}
