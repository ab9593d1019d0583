//! A drawing with two axes, drawn by `plotters` as SVG, with the positions of runs on top.
//!
//! Each run has an invisible disc above its mark. The disc carries the run's key, by which the page's script finds the
//! run in every plot, and its record as a title, which browsers show without a script.

use super::canvas::{Canvas, Drawn, style};
use super::escape::escape;
use super::hover::about;
use super::layout::{
    AXIS_BELOW, CHART_HEIGHT, HEADING, LABELS_LEFT, LEGEND_ROW, LEGEND_TOP, REACH, RIGHT, WIDTH,
};
use super::palette::{classify, colour, palette};
use super::plot_axis::PlotAxis;
use crate::error::{Error, Result};
use crate::sweep::record::Record;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::fmt::Write;

/// The description of a plot before anything is drawn.
pub(super) struct Sheet {
    /// File name without its ending: `loss-macs`.
    pub name: String,
    /// The title, for screen readers.
    pub title: String,
    /// A remark beside the title of the vertical axis.
    pub remark: &'static str,
    /// The horizontal axis.
    pub across: PlotAxis,
    /// The vertical axis.
    pub up: PlotAxis,
    /// Number of rows of the legend.
    pub rows: usize,
}

/// A drawn plot.
#[derive(Debug, Clone)]
pub(super) struct Plot {
    /// File name without its ending.
    pub name: String,
    /// The title, for screen readers.
    pub title: String,
    /// The content of the `svg` element, with classes.
    body: String,
    height: u32,
}

impl Plot {
    /// The SVG for a page that has the palette.
    pub fn inline(&self) -> String {
        let Plot { title, body, height, .. } = self;
        let title = escape(title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-label=\"{title}\">\n{body}</svg>\n"
        )
    }

    /// The SVG as a file of its own.
    pub fn standalone(&self) -> String {
        let head = format!("<title>{}</title>\n<style>\n{}</style>\n", escape(&self.title), palette("svg"));
        let size = format!("width=\"{WIDTH}\" height=\"{}\" viewBox", self.height);
        self.inline().replacen("viewBox", &size, 1).replacen(">\n", &format!(">\n{head}"), 1)
    }

    /// The SVG as a figure of the page.
    pub fn figure(&self) -> String {
        format!("<figure>\n{}</figure>\n", self.inline())
    }
}

/// Draws axes, and then what `paint` draws on the canvas.
pub(super) fn plot<'d>(sheet: Sheet, paint: impl FnOnce(&mut Canvas<'_, '_, 'd>) -> Drawn) -> Result<Plot> {
    let height = CHART_HEIGHT + LEGEND_TOP + LEGEND_ROW * sheet.rows as u32;
    let mut text = String::new();
    let places = draw(&mut text, height, &sheet, paint)
        .map_err(|problem| Error::Config { what: format!("plot {}", sheet.name), problem })?;
    // Drops the outer element, because `inline` and `standalone` write their own.
    let start = text.find('>').map_or(0, |end| end + 1);
    let end = text.rfind("</svg>").unwrap_or(text.len());
    let body = classify(text[start..end].trim_start().to_string()) + &places;
    Ok(Plot { name: sheet.name, title: sheet.title, body, height })
}

/// Returns the discs of runs, as elements.
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

/// An invisible disc that identifies its run.
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
