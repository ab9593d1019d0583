//! Reports of a sweep: a table for the terminal, a CSV, SVG plots, and one HTML page that needs no network.
//!
//! In reading order:
//!
//! - `quantity.rs`: the quantities of a record, with their units.
//! - `series.rs`: records grouped into configurations and axes, with the power law fitted on each.
//! - `words.rs`: the findings as sentences, and the best configurations.
//! - `study/`: the laws of the loss, fitted once, with their panels, tables and sentences.
//! - `answer/`: what `plan` recommends, as sentences and as the page's first picture.
//! - `table.rs`, `csv.rs`: records as a table for the terminal and for programs.
//! - `svg.rs`: quality and cost against size, on `plot.rs` (a drawing with axes and the positions of runs), `layout.rs`
//!   (sizes in pixels), `plot_axis.rs` (scales and ticks), `canvas.rs` (marks and labels), `palette.rs` (colours, light
//!   and dark) and `hover.rs` (the description of a run).
//! - `training.rs`: the page of one training.
//! - `html.rs` and `runs.rs`: the page, with `page.css` and `page.js`; `escape.rs`: text in HTML.

mod answer;
mod canvas;
mod csv;
mod escape;
mod hover;
mod html;
mod layout;
mod palette;
mod plot;
mod plot_axis;
mod quantity;
mod runs;
mod series;
mod study;
mod svg;
mod table;
mod training;
mod words;

use crate::error::{Error, Result};
use crate::files::replace;
use crate::planner::soundness::{Asked, Sweep, check};
use crate::sweep::plan::Plan;
use crate::sweep::record::Record;
use crate::sweep::store::Store;
use std::path::Path;

pub use answer::{Answer, ExpectedTraining};
pub use quantity::Quantity;
pub use series::{AxisLaw, laws};
pub use table::table;
pub use training::TrainingPage;

/// The panels of quality against size. The loss against parameters and compute has its own panels with laws.
const QUALITY: [(Quantity, Quantity); 4] = [
    (Quantity::Parameters, Quantity::Accuracy),
    (Quantity::Macs, Quantity::Accuracy),
    (Quantity::Seconds, Quantity::Accuracy),
    (Quantity::Seconds, Quantity::ValidationLoss),
];
/// The panels of cost against size.
const COST: [(Quantity, Quantity); 3] = [
    (Quantity::Macs, Quantity::TrainingThroughput),
    (Quantity::Macs, Quantity::InferenceThroughput),
    (Quantity::Macs, Quantity::PeakMemory),
];

/// Writes `runs.csv`, one SVG per plot and `report.html` into `directory`, each whole or not at all. If the directory
/// holds predictions of the largest models, the page compares them with the results.
///
/// # Errors
/// Files that cannot be read or written; runs that a plot cannot show.
pub fn write(directory: &Path, plan: &Plan, records: &[Record]) -> Result<()> {
    std::fs::create_dir_all(directory).map_err(Error::file(directory, "create"))?;
    replace(&directory.join("runs.csv"), &csv::render(records)?)?;
    let shown = series::on_most_data(records);
    let quality = svg::render(&shown, &QUALITY)?;
    let cost = svg::render(&shown, &COST)?;
    let (law, panels) = study::section(&study::Study::new(records)?)?;
    let (mut prediction, mut predicted) = (String::new(), Vec::new());
    let mut scores = Vec::new();
    for (generation, made) in Store::load_predictions(directory, plan)? {
        scores.push(made.score(records));
        let (section, plots) = study::prediction_section(&plan.generation(generation), records, &made)?;
        prediction += &section;
        predicted.extend(plots);
    }
    let (mut answer, mut answered) = (String::new(), None);
    if let Some(found) = Answer::load(directory)? {
        let (section, plot) = found.section(records, &scores)?;
        (answer, answered) = (section, Some(plot));
    }
    for plot in quality.iter().chain(&cost).chain(&panels).chain(&predicted).chain(&answered) {
        replace(&directory.join(format!("{}.svg", plot.name)), plot.standalone().as_bytes())?;
    }
    let verdict = check(&Sweep::of_records(directory, plan, records), &Asked::default()).verdict;
    let parts = html::Parts { verdict, answer, law, prediction, quality: &quality, cost: &cost };
    replace(&directory.join("report.html"), html::render(plan, records, &shown, &parts)?.as_bytes())
}
