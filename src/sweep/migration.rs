//! Reads plans and planned trainings that earlier versions wrote.

use toml::{Table, Value};

/// Fields whose absence means `none`, which is not their default.
const ADDED: [&str; 2] = ["decay_exempt", "normalize"];

/// Converts TOML of an earlier version to the current form. Returns `None` for text in the current form.
///
/// Earlier versions have a table `schedule` instead of `config`, its field `train_samples` instead of `samples`, and
/// the seed of a planned training outside of this table. Where `decay_exempt` is absent, all parameters decay, and where
/// `normalize` is, channels are not normalised.
pub fn migrated(text: &str) -> Option<Table> {
    let mut table: Table = text.parse().ok()?;
    let Some(Value::Table(mut config)) = table.remove("schedule") else {
        let config = table.get_mut("config")?.as_table_mut()?;
        let missing: Vec<&str> = ADDED.into_iter().filter(|name| !config.contains_key(*name)).collect();
        config.extend(missing.iter().map(|name| (name.to_string(), "none".into())));
        return (!missing.is_empty()).then_some(table);
    };
    for name in ADDED {
        config.entry(name).or_insert("none".into());
    }
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
    fn what_an_earlier_version_did_not_have_is_off() {
        for text in ["[config]\nepochs = 3", "[schedule]\nepochs = 3"] {
            let table = migrated(text).unwrap();
            assert_eq!(table["config"]["decay_exempt"].as_str(), Some("none"), "{text}");
            assert_eq!(table["config"]["normalize"].as_str(), Some("none"), "{text}");
        }
        let newer = migrated("[config]\ndecay_exempt = \"vectors\"").unwrap();
        assert_eq!(newer["config"]["decay_exempt"].as_str(), Some("vectors"));
        assert_eq!(newer["config"]["normalize"].as_str(), Some("none"));
        assert!(migrated("[config]\ndecay_exempt = \"vectors\"\nnormalize = \"channels\"").is_none());
    }
}
