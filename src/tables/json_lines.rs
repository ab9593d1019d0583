//! JSON lines: one object per row. The columns are the keys of all objects, in the order of their first occurrence;
//! keys of nested objects are joined with dots. `null` and a missing key are empty cells.

use super::numbers::{Decimal, Notation};
use super::table::{Row, Table};
use crate::error::{Error, Result, brief};
use csv::StringRecord;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

/// Whether the text begins like an object.
pub(super) fn are_in(text: &str) -> bool {
    let inside = text.trim_start().strip_prefix('{').map(str::trim_start);
    inside.is_some_and(|inside| inside.starts_with(['"', '}']))
}

/// Reads every object of the text.
pub(super) fn read(path: &Path, text: &str) -> Result<Table> {
    let text = quote_constants(text);
    let mut names: Vec<String> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for object in serde_json::Deserializer::from_str(&text).into_iter::<Object>() {
        let Object(entries) =
            object.map_err(|error| Error::format(path, "JSON lines, one object each", brief(error)))?;
        let mut cells = vec![String::new(); names.len()];
        for (name, value) in entries {
            let place = *known.entry(name).or_insert_with_key(|name| {
                names.push(name.clone());
                names.len() - 1
            });
            cells.resize(names.len(), String::new());
            cells[place] = value.trim().to_string();
        }
        rows.push(cells);
    }
    let rows = (1..).zip(rows).map(|(number, mut cells)| {
        cells.resize(names.len(), String::new());
        Row { number, line: None, cells: StringRecord::from(cells) }
    });
    let rows = rows.collect();
    // JSON's numbers have decimal points; so do numbers in strings.
    let notation = Notation { given: Some(Decimal::Point), ..Notation::default() };
    Ok(Table { path: path.into(), has_header: true, names, rows, notation })
}

/// Keys and values as text, in the file's order.
struct Object(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Object;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object, M::Error> {
                let mut entries = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    flatten(name, value, &mut entries);
                }
                Ok(Object(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

fn flatten(name: String, value: Value, entries: &mut Vec<(String, String)>) {
    match value {
        Value::Object(inner) => {
            for (key, value) in inner {
                flatten(format!("{name}.{key}"), value, entries);
            }
        }
        Value::Null => entries.push((name, String::new())),
        Value::String(text) => entries.push((name, text)),
        other => entries.push((name, other.to_string())),
    }
}

/// Puts quotes around NaN, Infinity and -Infinity outside strings. Python writes them, but JSON does not allow them.
fn quote_constants(text: &str) -> Cow<'_, str> {
    const CONSTANTS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];
    if !CONSTANTS.iter().any(|constant| text.contains(constant)) {
        return Cow::Borrowed(text);
    }
    let (mut quoted, mut rest, mut inside) = (String::with_capacity(text.len() + 64), text, false);
    while let Some(first) = rest.chars().next() {
        let constant = CONSTANTS.into_iter().find(|constant| !inside && rest.starts_with(constant));
        let length = match (first, constant) {
            (_, Some(constant)) => {
                quoted += &format!("\"{constant}\"");
                rest = &rest[constant.len()..];
                continue;
            }
            ('\\', None) if inside => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            ('"', None) => {
                inside = !inside;
                1
            }
            _ => first.len_utf8(),
        };
        quoted += &rest[..length];
        rest = &rest[length..];
    }
    Cow::Owned(quoted)
}
