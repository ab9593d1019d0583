//! Drawing that `plotters` has no chart for: marks by axis, bands, labels that avoid each other, legends.

use super::layout::legend_row;
use super::palette::colour;
use super::plot_axis::PlotAxis;
use crate::models::axis::Axis;
use crate::sweep::record::Record;
use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

type Root<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// Column and row in pixels.
pub(super) type Pixel = (i32, i32);
/// Left, top, right, bottom in pixels.
type Area = (i32, i32, i32, i32);
/// The result of drawing; the error is the message of `plotters`.
pub(super) type Drawn = Result<(), String>;

/// Half the width of a mark.
const MARK: i32 = 9;

/// The style of text of `size` pixels. `plotters` writes a font's size divided by 1.24 into the file.
pub(super) fn style(name: &str, size: u32, horizontal: HPos) -> TextStyle<'static> {
    let font = ("system-ui, sans-serif", f64::from(size) * 1.24);
    font.into_font().color(&colour(name)).pos(Pos::new(horizontal, VPos::Center))
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stroke {
    /// A solid line of this many pixels.
    Full(u32),
    /// A dashed line of two pixels.
    Dashed,
}

/// Draws values on top of the chart's grid.
pub(super) struct Canvas<'r, 'a, 'd> {
    root: &'r Root<'a>,
    across: &'r PlotAxis,
    up: &'r PlotAxis,
    place: &'r dyn Fn((f64, f64)) -> Pixel,
    /// The inside of the chart.
    frame: Area,
    /// Areas that labels must avoid: marks and other labels.
    taken: Vec<Area>,
    /// Areas that labels avoid if they can: lines, as small pieces.
    lines: Vec<Area>,
    /// The positions of runs.
    runs: Vec<(&'d Record, Pixel)>,
}

impl<'r, 'a, 'd> Canvas<'r, 'a, 'd> {
    /// An empty canvas.
    pub fn new(
        root: &'r Root<'a>,
        across: &'r PlotAxis,
        up: &'r PlotAxis,
        place: &'r dyn Fn((f64, f64)) -> Pixel,
        frame: Area,
    ) -> Self {
        Canvas { root, across, up, place, frame, taken: Vec::new(), lines: Vec::new(), runs: Vec::new() }
    }

    /// The positions of runs.
    pub fn runs(&self) -> &[(&'d Record, Pixel)] {
        &self.runs
    }

    fn put<E>(&self, element: E) -> Drawn
    where
        for<'e> &'e E: plotters::element::PointCollection<'e, Pixel>,
        E: plotters::element::Drawable<SVGBackend<'a>>,
    {
        self.root.draw(&element).map_err(|e| e.to_string())
    }

    fn text(&self, text: &str, at: Pixel, style: TextStyle) -> Drawn {
        self.put(Text::new(text.to_string(), at, style))
    }

    /// Draws a line where it lies inside the frame.
    pub fn curve(&mut self, name: &str, values: &[(f64, f64)], opacity: f64, stroke: Stroke) -> Drawn {
        let inside = values.iter().filter(|value| self.across.holds(value.0) && self.up.holds(value.1));
        let line: Vec<Pixel> = inside.map(|&value| (self.place)(value)).collect();
        self.avoid(&line);
        let paint = colour(name).mix(opacity);
        match stroke {
            Stroke::Full(width) => self.put(PathElement::new(line, paint.stroke_width(width))),
            Stroke::Dashed => self.put(DashedPathElement::new(line, 8, 7, paint.stroke_width(2))),
        }
    }

    /// Fills the area between lower and upper ends, inside the frame: (position, low, high).
    pub fn band(&self, name: &str, values: &[(f64, f64, f64)], opacity: f64) -> Drawn {
        let place = |x: f64, y: f64| (self.place)((x, self.up.clamp(y)));
        let upper = values.iter().map(|&(x, _, high)| place(x, high));
        let lower = values.iter().rev().map(|&(x, low, _)| place(x, low));
        self.put(Polygon::new(upper.chain(lower).collect::<Vec<_>>(), colour(name).mix(opacity).filled()))
    }

    /// Makes labels avoid a line, if they can.
    fn avoid(&mut self, line: &[Pixel]) {
        const PIECE: i32 = 12;
        for (from, to) in line.iter().zip(line.iter().skip(1)) {
            let (wide, high) = (to.0 - from.0, to.1 - from.1);
            let pieces = (wide.abs().max(high.abs()) / PIECE).max(1);
            self.lines.extend((0..=pieces).map(|i| {
                let (x, y) = (from.0 + wide * i / pieces, from.1 + high * i / pieces);
                (x - 1, y - 1, x + 1, y + 1)
            }));
        }
    }

    /// Draws a single run as a dot.
    pub fn dot(&mut self, name: &str, value: (f64, f64)) -> Drawn {
        let (x, y) = (self.place)(value);
        self.taken.push((x - 5, y - 5, x + 5, y + 5));
        self.put(Circle::new((x, y), 5, colour(name).mix(0.5).filled()))
    }

    /// Draws the mark of a model on an axis; `None` for the base model, which is on every axis.
    pub fn mark(&mut self, axis: Option<Axis>, value: (f64, f64)) -> Drawn {
        let at = (self.place)(value);
        self.taken.push((at.0 - 12, at.1 - 12, at.0 + 12, at.1 + 12));
        self.shape(axis, at)
    }

    /// Draws a ring, which stands for a prediction.
    pub fn ring(&mut self, name: &str, value: (f64, f64)) -> Drawn {
        let at = (self.place)(value);
        self.taken.push((at.0 - 15, at.1 - 15, at.0 + 15, at.1 + 15));
        self.put(Circle::new(at, 14, colour(name).stroke_width(3)))
    }

    /// Draws a line from a lower to an upper end, with bars across.
    pub fn whisker(&self, name: &str, x: f64, low: f64, high: f64) -> Drawn {
        let ends = [low, high].map(|y| (self.place)((x, self.up.clamp(y))));
        let paint = colour(name).stroke_width(2);
        self.put(PathElement::new(ends, paint))?;
        for (x, y) in ends {
            self.put(PathElement::new([(x - 8, y), (x + 8, y)], paint))?;
        }
        Ok(())
    }

    /// Records the position at which the pointer finds a run.
    pub fn run(&mut self, record: &'d Record, value: (f64, f64)) {
        self.runs.push((record, (self.place)(value)));
    }

    /// Draws the shape of an axis, so that axes differ not only in colour.
    fn shape(&self, axis: Option<Axis>, (x, y): Pixel) -> Drawn {
        let paint = colour(name_of(axis)).filled();
        let around = |corners: &[Pixel]| corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect::<Vec<_>>();
        match axis {
            None | Some(Axis::Depth) => self.put(Circle::new((x, y), MARK, paint)),
            Some(Axis::Width) => {
                let half = MARK - 1;
                self.put(Rectangle::new([(x - half, y - half), (x + half, y + half)], paint))
            }
            Some(Axis::Resolution) => {
                let high = MARK + 2;
                self.put(Polygon::new(around(&[(0, -high), (high, MARK - 1), (-high, MARK - 1)]), paint))
            }
            Some(Axis::Compound) => {
                let high = MARK + 3;
                self.put(Polygon::new(around(&[(0, -high), (high, 0), (0, high), (-high, 0)]), paint))
            }
        }
    }

    /// Writes a text beside a mark, if there is a free place.
    pub fn label(&mut self, name: &str, text: &str, value: (f64, f64)) -> Drawn {
        let (x, y) = (self.place)(value);
        let half = text.chars().count() as i32 * 6 + 2;
        let offsets = [
            (0, -25),
            (0, 27),
            (half + 15, 0),
            (-half - 15, 0),
            (half + 10, -20),
            (-half - 10, -20),
            (half + 10, 22),
            (-half - 10, 22),
        ];
        let boxes = offsets.map(|(dx, dy)| (x + dx - half, y + dy - 11, x + dx + half, y + dy + 11));
        let clear = boxes.iter().find(|b| self.is_free(b) && disjoint(b, &self.lines));
        let Some(&free) = clear.or_else(|| boxes.iter().find(|b| self.is_free(b))) else { return Ok(()) };
        self.taken.push(free);
        let centre = ((free.0 + free.2) / 2, (free.1 + free.3) / 2);
        self.text(text, centre, style(name, 20, HPos::Center))
    }

    fn is_free(&self, label: &Area) -> bool {
        let &(left, top, right, bottom) = label;
        let inside =
            left > self.frame.0 && top > self.frame.1 && right < self.frame.2 && bottom < self.frame.3;
        inside && disjoint(label, &self.taken)
    }

    /// Draws the legend: a heading and the columns' headings, then one row per axis. Columns are right-aligned.
    pub fn legend(&self, heading: &str, columns: &[(&str, i32)], rows: &[(Axis, Vec<String>)]) -> Drawn {
        self.text(heading, (30, legend_row(0)), style("muted", 20, HPos::Left))?;
        for &(title, right) in columns {
            self.text(title, (right, legend_row(0)), style("muted", 20, HPos::Right))?;
        }
        for (index, (axis, cells)) in (1..).zip(rows) {
            let row = legend_row(index);
            self.shape(Some(*axis), (42, row))?;
            self.text(axis.name(), (66, row), style("ink", 21, HPos::Left))?;
            for (cell, &(_, right)) in cells.iter().zip(columns) {
                self.text(cell, (right, row), style("ink", 21, HPos::Right))?;
            }
        }
        Ok(())
    }
}

/// The colour name of an axis; the base model has that of text.
pub(super) fn name_of(axis: Option<Axis>) -> &'static str {
    axis.map_or("ink", Axis::name)
}

fn disjoint(&(left, top, right, bottom): &Area, others: &[Area]) -> bool {
    others.iter().all(|other| right < other.0 || left > other.2 || bottom < other.1 || top > other.3)
}
