//! Reads plans and planned trainings as earlier versions wrote them.

use toml::{Table, Value};

/// The table of a file's text in today's form, if it is in an earlier one: with a table `schedule`, whose
/// `train_samples` are today's `samples` of the table `config`, and with a training's seed outside of it.
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
