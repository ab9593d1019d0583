//! The plots, drawn by `plotters` as SVG. One colour and one shape an axis; small dots are single runs, large
//! marks means over seeds, dashed lines fitted laws, whose exponents stand in the legend.
//!
//! `plotters` writes colours as hexadecimal attributes. Each colour of the palette gets a CSS class beside
//! its attribute, so that the same drawing follows the reader's light or dark scheme, and a viewer without
//! CSS still shows the light one.

use super::canvas::{Canvas, style};
use super::quantity::{Quantity, times};
use super::ruler::Ruler;
use super::series::{AxisLaw, Configuration, along, axes, laws};
use crate::error::{Error, Result};
use crate::scaling::axis::Axis;
use crate::scaling::record::Record;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

/// Pixels of a plot; the page shows it at about half that size.
const WIDTH: u32 = 880;
const PLOT_HEIGHT: u32 = 590;
/// From the plot's lower edge to the middle of the legend's heading.
pub(super) const LEGEND_TOP: i32 = 28;
pub(super) const LEGEND_ROW: u32 = 34;
/// Room for ticks and title under the plot.
const AXIS_BELOW: u32 = 74;
/// Room for the labels of ticks on the left.
const LABELS_LEFT: u32 = 118;
/// Room for the title above.
const TITLE: u32 = 66;
const RIGHT: u32 = 30;

/// Name, light colour, dark colour. The light colours differ from each other: they are what classes are found
/// by.
const PALETTE: [(&str, RGBColor, RGBColor); 8] = [
    ("surface", RGBColor(255, 255, 255), RGBColor(24, 28, 36)),
    ("ink", RGBColor(28, 36, 48), RGBColor(230, 233, 239)),
    ("muted", RGBColor(94, 104, 120), RGBColor(152, 162, 179)),
    ("grid", RGBColor(227, 231, 237), RGBColor(46, 53, 65)),
    ("depth", RGBColor(31, 98, 209), RGBColor(110, 168, 254)),
    ("width", RGBColor(203, 75, 18), RGBColor(255, 150, 72)),
    ("resolution", RGBColor(12, 128, 92), RGBColor(72, 203, 152)),
    ("compound", RGBColor(142, 52, 190), RGBColor(205, 148, 245)),
];

pub(super) fn colour(name: &str) -> RGBColor {
    PALETTE.iter().find(|(known, _, _)| *known == name).map_or(BLACK, |(_, light, _)| *light)
}

fn hexadecimal(RGBColor(r, g, b): RGBColor) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

/// The palette as CSS: variables on `selector`, light and dark, and the classes that plots use.
pub(super) fn palette(selector: &str) -> String {
    let variables = |pick: &dyn Fn(&(&str, RGBColor, RGBColor)) -> RGBColor| -> String {
        PALETTE.iter().map(|entry| format!("--{}:{};", entry.0, hexadecimal(pick(entry)))).collect()
    };
    let classes: String = PALETTE
        .iter()
        .map(|(name, _, _)| format!(".f-{name}{{fill:var(--{name})}}.s-{name}{{stroke:var(--{name})}}"))
        .collect();
    format!(
        "{selector}{{{}}}\n@media (prefers-color-scheme:dark){{{selector}{{{}}}}}\n{classes}\n",
        variables(&|entry| entry.1),
        variables(&|entry| entry.2)
    )
}

/// A drawn plot.
#[derive(Debug, Clone)]
pub(super) struct Plot {
    /// File name without its ending: `loss-macs`.
    pub name: String,
    x: Quantity,
    y: Quantity,
    /// What is inside the `svg` element, with classes.
    body: String,
    height: u32,
}

impl Plot {
    /// Cost against size, rather than quality against size.
    pub fn is_cost(&self) -> bool {
        !matches!(self.y, Quantity::Accuracy | Quantity::ValidationLoss)
    }

    /// What it shows, in words.
    pub fn title(&self) -> String {
        format!("{} against {}", self.y.name(), self.x.name())
    }

    /// For a page that has the palette.
    pub fn inline(&self) -> String {
        let Plot { body, height, .. } = self;
        let title = super::html::escape(&self.title());
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
             <title>{title}</title>\n{body}</svg>\n"
        )
    }

    /// As a file of its own.
    pub fn standalone(&self) -> String {
        let style = format!("<style>\n{}</style>\n", palette("svg"));
        self.inline()
            .replacen("viewBox", &format!("width=\"{WIDTH}\" height=\"{}\" viewBox", self.height), 1)
            .replacen("<title>", &format!("{style}<title>"), 1)
    }
}

/// Every plot that the records have values for.
pub(super) fn render_all(records: &[Record]) -> Result<Vec<Plot>> {
    use Quantity::*;
    let panels = [
        (Parameters, Accuracy),
        (Macs, Accuracy),
        (Seconds, Accuracy),
        (Parameters, ValidationLoss),
        (Macs, ValidationLoss),
        (Seconds, ValidationLoss),
        (Macs, TrainingThroughput),
        (Macs, InferenceThroughput),
        (Macs, PeakMemory),
    ];
    let mut plots = Vec::with_capacity(panels.len());
    for (x, y) in panels {
        plots.extend(render(records, x, y)?);
    }
    Ok(plots)
}

/// One model on one axis.
pub(super) struct Point {
    /// `base` or its factor.
    pub label: String,
    pub base: bool,
    /// Mean over the runs.
    pub mean: (f64, f64),
    pub runs: Vec<(f64, f64)>,
    /// What `y` was counted to be beforehand, where it was.
    pub predicted: Option<f64>,
}

/// The models on one axis, by rising factor.
pub(super) struct Series {
    pub axis: Axis,
    pub points: Vec<Point>,
    pub law: Option<AxisLaw>,
}

fn gather(records: &[Record], x: Quantity, y: Quantity) -> Vec<Series> {
    let laws = laws(records, x, y);
    let point = |configuration: Configuration| {
        let done = configuration.runs.iter().filter(|run| run.completed());
        let runs: Vec<(f64, f64)> = done.filter_map(|run| Some((x.of(run)?, y.of(run)?))).collect();
        let count = runs.len() as f64;
        let mean = (
            runs.iter().map(|run| run.0).sum::<f64>() / count,
            runs.iter().map(|run| run.1).sum::<f64>() / count,
        );
        let base = configuration.first().scale == crate::scaling::Scale::BASE;
        (!runs.is_empty()).then(|| Point {
            label: if base { "base".to_string() } else { times(configuration.factor) },
            base,
            mean,
            runs,
            predicted: (y == Quantity::PeakMemory)
                .then(|| Quantity::PredictedMemory.of(configuration.first()))
                .flatten(),
        })
    };
    axes(records)
        .into_iter()
        .map(|axis| Series {
            axis,
            points: along(records, axis).into_iter().filter_map(point).collect(),
            law: laws.iter().find(|law| law.axis == axis).copied(),
        })
        .filter(|series| !series.points.is_empty())
        .collect()
}

fn render(records: &[Record], x: Quantity, y: Quantity) -> Result<Option<Plot>> {
    let series = gather(records, x, y);
    if series.is_empty() {
        return Ok(None);
    }
    let height = PLOT_HEIGHT + LEGEND_ROW * (series.len() as u32 + 1) + LEGEND_TOP as u32;
    let name = format!("{}-{}", y.slug(), x.slug());
    let mut text = String::new();
    draw(&mut text, height, &series, x, y)
        .map_err(|problem| Error::Config { what: format!("plot {name}"), problem })?;
    Ok(Some(Plot { name, x, y, body: classify(&text), height }))
}

/// The drawing without its outer element, and with a class beside every colour of the palette.
fn classify(svg: &str) -> String {
    let start = svg.find('>').map_or(0, |end| end + 1);
    let end = svg.rfind("</svg>").unwrap_or(svg.len());
    let mut body = svg[start..end].trim_start().to_string();
    for (name, light, _) in PALETTE {
        for (attribute, class) in [("fill", "f"), ("stroke", "s")] {
            let plain = format!("{attribute}=\"{}\"", hexadecimal(light));
            body = body.replace(&plain, &format!("class=\"{class}-{name}\" {plain}"));
        }
    }
    body
}

fn draw(out: &mut String, height: u32, series: &[Series], x: Quantity, y: Quantity) -> Result<(), String> {
    let root = SVGBackend::with_string(out, (WIDTH, height)).into_drawing_area();
    root.fill(&colour("surface")).map_err(|e| e.to_string())?;

    let points = || series.iter().flat_map(|s| &s.points);
    let across = Ruler::around(x, points().flat_map(|p| p.runs.iter().map(|run| run.0)));
    let up = Ruler::around(y, points().flat_map(|p| p.runs.iter().map(|run| run.1).chain(p.predicted)));
    let (plot_area, legend_area) = root.split_vertically(PLOT_HEIGHT);
    let mut chart = ChartBuilder::on(&plot_area)
        .margin_top(TITLE)
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
        .x_desc(x.axis_title())
        .axis_desc_style(style("ink", 23, HPos::Center))
        .draw()
        .map_err(|e| e.to_string())?;

    let place = |value: (f64, f64)| chart.backend_coord(&value);
    let frame = (LABELS_LEFT as i32, TITLE as i32, (WIDTH - RIGHT) as i32, (PLOT_HEIGHT - AXIS_BELOW) as i32);
    let mut canvas = Canvas::new(&root, frame);
    canvas.title(y)?;
    for one in series {
        canvas.law(one, &across, &up, &place)?;
        canvas.line(one, &place)?;
    }
    for one in series {
        for point in &one.points {
            canvas.point(one.axis, point, &place)?;
        }
    }
    canvas.labels(series, &place)?;
    Canvas::new(&legend_area, frame).legend(series, x, y)?;
    root.present().map_err(|e| e.to_string())
}
