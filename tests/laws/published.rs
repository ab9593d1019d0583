//! Published tables. `tests/fixtures/published/README.md` says where they are from.

use allometry::laws::{Columns, Points, read};
use std::path::Path;

/// Rows of one table.
pub fn points(table: &str, x: &str, x2: Option<&str>, y: &str, conditions: &[&str]) -> Points {
    select(table, x, x2, y, |columns| {
        columns.conditions = conditions.iter().map(|condition| condition.to_string()).collect();
    })
}

fn select(table: &str, x: &str, x2: Option<&str>, y: &str, change: impl FnOnce(&mut Columns)) -> Points {
    let path = Path::new("tests/fixtures/published").join(table);
    let (x, x2, y) = (x.to_string(), x2.map(str::to_string), y.to_string());
    let mut columns = Columns { x, x2, y, ..Columns::default() };
    change(&mut columns);
    read(&path, &columns).unwrap().points
}

/// Hoffmann et al. 2022, 245 runs.
pub fn hoffmann() -> Points {
    points("hoffmann_2022.csv", "parameters", Some("tokens"), "loss", &[])
}

/// The same without the five largest losses.
pub fn hoffmann_without_outliers() -> Points {
    let without = |columns: &mut Columns| columns.drop_above = Some(3.44);
    select("hoffmann_2022.csv", "parameters", Some("tokens"), "loss", without)
}
