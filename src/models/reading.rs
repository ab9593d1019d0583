//! Reads the tables of an architecture's TOML, so that an error names the key that it is about.

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error};
use serde_json::Value;

/// Reads the table `name`.
///
/// # Errors
/// The key by its path from `name`, the value seen, and the values expected.
pub(super) fn table<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    name: &str,
    deserializer: D,
) -> Result<T, D::Error> {
    named(name, Value::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Reads a table that has exactly one of some keys. `keys` are their names, and how each is written.
///
/// # Errors
/// Those of [`table`], and the keys that there are, for none, several or another.
pub(super) fn one_of<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    name: &str,
    keys: [(&str, &str); 2],
    deserializer: D,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let found: Vec<&str> = value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    if value.is_object() && !matches!(found[..], [only] if keys.iter().any(|(key, _)| *key == only)) {
        let [(_, first), (_, second)] = keys;
        let seen = match found[..] {
            [] => "it has no key".to_string(),
            _ => format!("it has {}", found.join(" and ")),
        };
        return Err(D::Error::custom(format!("{name}: {seen}; give one key, `{first}` or `{second}`")));
    }
    named(name, value).map_err(D::Error::custom)
}

/// Converts a value, with errors that begin with the path of their key from `name`.
pub(super) fn named<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, String> {
    let Err(message) = attempt::<T>(&value) else {
        return serde_json::from_value(value).map_err(|error| format!("{name}: {error}"));
    };
    let path: String = culprit::<T>(&value, &message).iter().map(|key| format!("{key}.")).collect();
    match path.strip_suffix('.') {
        Some(path) => Err(format!("{name}: {path}: {}", plain(&message))),
        None => Err(format!("{name}: {}", plain(&message))),
    }
}

/// The message of the error that a value gives.
fn attempt<T: DeserializeOwned>(value: &Value) -> Result<(), String> {
    serde_json::from_value::<T>(value.clone()).map(|_| ()).map_err(|error| error.to_string())
}

/// The path of the key that `message` is about: without it there is no error, or another one. Serde gives errors no
/// path, and a flattened struct has none to give.
fn culprit<T: DeserializeOwned>(value: &Value, message: &str) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    loop {
        let pointer: String = path.iter().map(|key| format!("/{key}")).collect();
        let keys: Vec<String> = match value.pointer(&pointer) {
            Some(Value::Object(table)) => table.keys().cloned().collect(),
            _ => return path,
        };
        let without = |key: &String| {
            let mut rest = value.clone();
            if let Some(Value::Object(table)) = rest.pointer_mut(&pointer) {
                table.remove(key);
            }
            attempt::<T>(&rest).err()
        };
        let lacks = |key: &String| format!("missing field `{key}`");
        // Without a required key there is another error whether or not it is the culprit, so optional keys come first.
        let optional =
            |key: &&String| without(key).is_none_or(|other| other != message && other != lacks(key));
        let required =
            |key: &&String| without(key).is_some_and(|other| other != message && other == lacks(key));
        let next = keys.iter().find(optional).or_else(|| {
            // Nothing that is there is to blame for what is missing.
            keys.iter().find(required).filter(|_| !message.starts_with("missing field"))
        });
        match next {
            Some(key) => path.push(key.clone()),
            None => return path,
        }
    }
}

/// A message of serde without names of Rust's types.
fn plain(message: &str) -> String {
    let message = message.replace("expected usize", "expected a whole number that is not negative");
    message.replace("expected f64", "expected a number").replace("missing field", "missing key")
}
