//! Reads plans and planned trainings that earlier versions wrote.

use toml::{Table, Value};

/// Converts TOML of an earlier version to the current form. Returns `None` for text in the current form.
///
/// Earlier versions have a table `schedule` instead of `config`, its field `train_samples` instead of `samples`, and
/// the seed of a planned training outside of this table. Where `decay_exempt` is absent, all parameters decay.
pub fn migrated(text: &str) -> Option<Table> {
    let mut table: Table = text.parse().ok()?;
    let Some(Value::Table(mut config)) = table.remove("schedule") else {
        let config = table.get_mut("config")?.as_table_mut()?;
        if config.contains_key("decay_exempt") {
            return None;
        }
        config.insert("decay_exempt".into(), "none".into());
        return Some(table);
    };
    config.entry("decay_exempt").or_insert("none".into());
    if let Some(samples) = config.remove("train_samples") {
        config.insert("samples".into(), samples);
    }
    if let Some(seed) = table.remove("seed") {
        config.insert("seed".into(), seed);
    }
    table.insert("config".into(), Value::Table(config));
    Some(table)
}

#[cfg(test)]
mod tests {
    use super::migrated;

    #[test]
    fn all_parameters_decay_where_a_plan_does_not_say_which() {
        for text in ["[config]\nepochs = 3", "[schedule]\nepochs = 3"] {
            let table = migrated(text).unwrap();
            assert_eq!(table["config"]["decay_exempt"].as_str(), Some("none"), "{text}");
        }
        assert!(migrated("[config]\ndecay_exempt = \"vectors\"").is_none());
    }
}
