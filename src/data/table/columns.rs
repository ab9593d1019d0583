//! The columns of a table that are targets, and those that are features.

use crate::data::options::DataOptions;
use crate::error::{Error, Result, listed, shown};
use crate::tables::Table;

/// Places of the target columns, in the order of the table: those of the options, or else the last one that is not
/// ignored.
///
/// # Errors
/// Names that are no columns, or that several have; no column.
pub(in crate::data) fn targets(table: &Table, options: &DataOptions) -> Result<Vec<usize>> {
    let ignored = ignored(table, options)?;
    let mut named = places(table, &options.target_columns)?;
    named.sort_unstable();
    named.dedup();
    if let Some(&place) = named.iter().find(|place| ignored.contains(place)) {
        let name = shown(&table.names()[place]);
        let problem = format!("column {name} is a target and ignored; keep one of the two");
        return Err(Error::Config { what: "dataset csv".into(), problem });
    }
    if !named.is_empty() {
        return Ok(named);
    }
    let last = (0..table.names().len()).rfind(|place| !ignored.contains(place));
    let none = || Error::format(table.path(), "a column that is not ignored", listed(table.names()));
    last.map(|place| vec![place]).ok_or_else(none)
}

/// Places of the feature columns.
///
/// # Errors
/// Names that are no columns; no column left beside the targets.
pub(in crate::data) fn features(
    table: &Table,
    targets: &[usize],
    options: &DataOptions,
) -> Result<Vec<usize>> {
    let ignored = ignored(table, options)?;
    let mut features: Vec<usize> = (0..table.names().len()).collect();
    features.retain(|place| !targets.contains(place) && !ignored.contains(place));
    if features.is_empty() {
        return Err(Error::format(
            table.path(),
            "at least one column beside the targets",
            listed(table.names()),
        ));
    }
    Ok(features)
}

/// Places of the ignored columns: all that have one of the names.
fn ignored(table: &Table, options: &DataOptions) -> Result<Vec<usize>> {
    let mut all = Vec::new();
    for name in &options.table.ignored {
        let named: Vec<usize> =
            (0..table.names().len()).filter(|&place| table.names()[place] == *name).collect();
        if named.is_empty() {
            // The error names the columns.
            table.column(name)?;
        }
        all.extend(named);
    }
    Ok(all)
}

/// Places of columns.
pub(in crate::data) fn places(table: &Table, names: &[String]) -> Result<Vec<usize>> {
    names.iter().map(|name| table.column(name)).collect()
}

/// The flag that leaves out the columns of this name, for a message.
pub(in crate::data) fn ignoring(name: &str) -> String {
    if name.is_empty() { "--ignore ''".to_string() } else { format!("--ignore {}", shown(name)) }
}
