//! A drawing with two axes, drawn by `plotters` as SVG, and over it the places where runs stand.
//!
//! A run's place is a disc that nobody sees, above its mark: it carries the run's key, by which the page's script
//! finds the run in every plot, and its record as a title, which browsers show without a script.

use super::canvas::{Canvas, Drawn, style};
use super::hover::about;
use super::html::escape;
use super::palette::{classify, colour, palette};
use super::ruler::Ruler;
use crate::error::{Error, Result};
use crate::sweep::record::Record;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::fmt::Write;

/// Pixels of a plot; the page shows it at about half that size.
const WIDTH: u32 = 880;
/// What lies over the legend.
const CHART_HEIGHT: u32 = 590;
/// From the chart's lower edge to the middle of the legend's first row.
const LEGEND_TOP: u32 = 28;
const LEGEND_ROW: u32 = 34;
/// Room for ticks and title under the chart.
const AXIS_BELOW: u32 = 74;
/// Room for the labels of ticks on the left.
const LABELS_LEFT: u32 = 118;
/// Room for the heading above.
const HEADING: u32 = 66;
const RIGHT: u32 = 30;
/// Pixels around a mark in which the pointer finds it.
const REACH: u32 = 15;

/// What a plot is before anything is drawn in it.
pub(super) struct Sheet {
    /// File name without its ending: `loss-macs`.
    pub name: String,
    /// What it shows, in words.
    pub title: String,
    /// A remark beside what the vertical axis shows.
    pub remark: &'static str,
    /// The horizontal axis.
    pub across: Ruler,
    /// The vertical axis.
    pub up: Ruler,
    /// Rows of the legend.
    pub rows: usize,
}

/// A drawn plot.
#[derive(Debug, Clone)]
pub(super) struct Plot {
    /// File name without its ending.
    pub name: String,
    /// What it shows, in words.
    pub title: String,
    /// What is inside the `svg` element, with classes.
    body: String,
    height: u32,
}

impl Plot {
    /// For a page that has the palette.
    pub fn inline(&self) -> String {
        let Plot { title, body, height, .. } = self;
        let title = escape(title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-label=\"{title}\">\n{body}</svg>\n"
        )
    }

    /// As a file of its own.
    pub fn standalone(&self) -> String {
        let head = format!("<title>{}</title>\n<style>\n{}</style>\n", escape(&self.title), palette("svg"));
        let size = format!("width=\"{WIDTH}\" height=\"{}\" viewBox", self.height);
        self.inline().replacen("viewBox", &size, 1).replacen(">\n", &format!(">\n{head}"), 1)
    }

    /// As a figure of the page.
    pub fn figure(&self) -> String {
        format!("<figure>\n{}</figure>\n", self.inline())
    }
}

/// Draws axes, and then what `paint` puts on the canvas.
pub(super) fn plot<'d>(sheet: Sheet, paint: impl FnOnce(&mut Canvas<'_, '_, 'd>) -> Drawn) -> Result<Plot> {
    let height = CHART_HEIGHT + LEGEND_TOP + LEGEND_ROW * sheet.rows as u32;
    let mut text = String::new();
    let places = draw(&mut text, height, &sheet, paint)
        .map_err(|problem| Error::Config { what: format!("plot {}", sheet.name), problem })?;
    // Without the outer element, which `inline` and `standalone` have their own of.
    let start = text.find('>').map_or(0, |end| end + 1);
    let end = text.rfind("</svg>").unwrap_or(text.len());
    let body = classify(text[start..end].trim_start().to_string()) + &places;
    Ok(Plot { name: sheet.name, title: sheet.title, body, height })
}

/// Returns the places of runs, as elements.
fn draw<'d>(
    out: &mut String,
    height: u32,
    sheet: &Sheet,
    paint: impl FnOnce(&mut Canvas<'_, '_, 'd>) -> Drawn,
) -> Result<String, String> {
    let Sheet { across, up, .. } = sheet;
    let root = SVGBackend::with_string(out, (WIDTH, height)).into_drawing_area();
    root.fill(&colour("surface")).map_err(|e| e.to_string())?;
    let (chart_area, _) = root.split_vertically(CHART_HEIGHT);
    let mut chart = ChartBuilder::on(&chart_area)
        .margin_top(HEADING)
        .margin_right(RIGHT)
        .x_label_area_size(AXIS_BELOW)
        .y_label_area_size(LABELS_LEFT)
        .build_cartesian_2d(across.clone(), up.clone())
        .map_err(|e| e.to_string())?;
    chart
        .configure_mesh()
        .bold_line_style(colour("grid").stroke_width(2))
        .light_line_style(TRANSPARENT)
        .axis_style(colour("muted").stroke_width(2))
        .label_style(style("muted", 21, HPos::Center))
        .x_desc(across.title())
        .axis_desc_style(style("ink", 23, HPos::Center))
        .draw()
        .map_err(|e| e.to_string())?;

    let bold = ("system-ui, sans-serif", 24.0 * 1.24, FontStyle::Bold).into_font().color(&colour("ink"));
    let bold = bold.pos(Pos::new(HPos::Left, VPos::Center));
    let heading = Text::new(up.title().to_string(), (24, 34), bold);
    root.draw(&heading).map_err(|e| e.to_string())?;
    let right = (WIDTH - RIGHT) as i32;
    let remark = Text::new(sheet.remark, (right, 34), style("muted", 20, HPos::Right));
    root.draw(&remark).map_err(|e| e.to_string())?;

    let place = |value: (f64, f64)| chart.backend_coord(&value);
    let frame = (LABELS_LEFT as i32, HEADING as i32, right, (CHART_HEIGHT - AXIS_BELOW) as i32);
    let mut canvas = Canvas::new(&root, across, up, &place, frame);
    paint(&mut canvas)?;
    let places = canvas.runs().iter().map(|&(record, at)| place_of(record, at)).collect();
    root.present().map_err(|e| e.to_string())?;
    Ok(places)
}

/// The middle of a row of the legend, counted from 0.
pub(super) fn legend_row(row: usize) -> i32 {
    (CHART_HEIGHT + LEGEND_TOP + LEGEND_ROW * row as u32) as i32
}

/// An unseen disc that knows its run.
fn place_of(record: &Record, (x, y): (i32, i32)) -> String {
    let mut title = String::new();
    for (name, value) in about(record) {
        let _ = writeln!(title, "{name}: {value}");
    }
    format!(
        "<circle class=\"run\" data-run=\"{}\" cx=\"{x}\" cy=\"{y}\" r=\"{REACH}\" fill-opacity=\"0\"><title>{}</title></circle>\n",
        escape(&record.variant.key),
        escape(title.trim_end())
    )
}
