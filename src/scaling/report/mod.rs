//! What a sweep found, for people: a table for the terminal, a CSV, SVG plots, and one HTML page that needs
//! no network.
//!
//! Beneath the outputs lie `quantity.rs` (what is shown of a record, with its unit), `series.rs` (records
//! gathered into configurations and axes, with the law fitted on each) and `words.rs` (the findings as
//! sentences, and the best configurations). Each output is a file of its own: `table.rs`, `csv.rs`, `svg.rs`
//! with `ruler.rs` and `canvas.rs`, `html.rs` with `page.css` and `page.js`.

mod canvas;
mod csv;
mod html;
mod quantity;
mod ruler;
mod series;
mod svg;
mod table;
mod words;

use super::plan::Plan;
use super::record::Record;
use crate::error::{Error, Result};
use crate::files::replace;
use std::path::Path;

pub use quantity::Quantity;
pub use series::{AxisLaw, laws};
pub use table::table;

/// Writes `runs.csv`, one SVG a plot and `report.html` into `directory`, each whole or not at all.
pub fn write(directory: &Path, plan: &Plan, records: &[Record]) -> Result<()> {
    std::fs::create_dir_all(directory).map_err(Error::file(directory, "create"))?;
    replace(&directory.join("runs.csv"), &csv::render(records)?)?;
    let plots = svg::render_all(records)?;
    for plot in &plots {
        replace(&directory.join(format!("{}.svg", plot.name)), plot.standalone().as_bytes())?;
    }
    replace(&directory.join("report.html"), html::render(plan, records, &plots)?.as_bytes())
}
