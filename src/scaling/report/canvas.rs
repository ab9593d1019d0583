//! What `plotters` has no chart for: marks by axis, labels that keep clear of each other, the legend with its
//! laws.

use super::quantity::Quantity;
use super::ruler::Ruler;
use super::series::AxisLaw;
use super::svg::{LEGEND_ROW, LEGEND_TOP, Point, Series, colour};
use super::words::signed;
use crate::scaling::axis::Axis;
use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

type Root<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Pixel = (i32, i32);
/// Left, top, right, bottom.
type Area = (i32, i32, i32, i32);

/// Text of `size` pixels. `plotters` writes a font's size divided by 1.24 into the file.
pub(super) fn style(name: &str, size: u32, horizontal: HPos) -> TextStyle<'static> {
    let font = ("system-ui, sans-serif", f64::from(size) * 1.24);
    font.into_font().color(&colour(name)).pos(Pos::new(horizontal, VPos::Center))
}

/// Draws in pixels on top of the chart's grid.
pub(super) struct Canvas<'r, 'a> {
    root: &'r Root<'a>,
    /// The chart's inside.
    frame: Area,
    /// What labels must keep clear of: marks and other labels.
    taken: Vec<Area>,
    /// What labels keep clear of where they can: lines, as small pieces.
    lines: Vec<Area>,
}

impl<'r, 'a> Canvas<'r, 'a> {
    /// Nothing drawn yet.
    pub fn new(root: &'r Root<'a>, frame: Area) -> Self {
        Canvas { root, frame, taken: Vec::new(), lines: Vec::new() }
    }

    fn put<E>(&self, element: E) -> Result<(), String>
    where
        for<'e> &'e E: plotters::element::PointCollection<'e, Pixel>,
        E: plotters::element::Drawable<SVGBackend<'a>>,
    {
        self.root.draw(&element).map_err(|e| e.to_string())
    }

    fn text(&self, text: &str, at: Pixel, style: TextStyle) -> Result<(), String> {
        self.put(Text::new(text.to_string(), at, style))
    }

    /// What the vertical axis shows, above it.
    pub fn title(&self, y: Quantity) -> Result<(), String> {
        let bold = ("system-ui, sans-serif", 24.0 * 1.24, FontStyle::Bold).into_font().color(&colour("ink"));
        self.text(y.axis_title(), (24, 34), bold.pos(Pos::new(HPos::Left, VPos::Center)))?;
        if y == Quantity::PeakMemory {
            let right = (self.frame.2, 34);
            self.text("filled: measured, hollow: predicted", right, style("muted", 20, HPos::Right))?;
        }
        Ok(())
    }

    /// The law as a dashed line over the sizes it was fitted to, as far as it stays inside the frame.
    pub fn law(
        &self,
        series: &Series,
        across: &Ruler,
        up: &Ruler,
        place: &dyn Fn((f64, f64)) -> Pixel,
    ) -> Result<(), String> {
        let Some(fit) = series.law else { return Ok(()) };
        let sizes = || series.points.iter().flat_map(|p| p.runs.iter().map(|run| run.0));
        let low = sizes().fold(f64::INFINITY, f64::min);
        let high = sizes().fold(f64::NEG_INFINITY, f64::max);
        let line: Vec<Pixel> = across
            .between(low, high, 33)
            // The error rate's law is shown as accuracy; the map from one to the other is its own inverse.
            .map(|size| (size, fit.quantity.law_value(fit.law.predict(size))))
            .filter(|&(_, value)| up.holds(value))
            .map(place)
            .collect();
        let style = colour(series.axis.name()).mix(0.6).stroke_width(2);
        self.put(DashedPathElement::new(line, 8, 7, style))
    }

    /// The line through the means.
    pub fn line(&mut self, series: &Series, place: &dyn Fn((f64, f64)) -> Pixel) -> Result<(), String> {
        const PIECES: i32 = 24;
        let corners: Vec<Pixel> = series.points.iter().map(|p| place(p.mean)).collect();
        for (from, to) in corners.iter().zip(corners.iter().skip(1)) {
            self.lines.extend((0..=PIECES).map(|i| {
                let (x, y) = (from.0 + (to.0 - from.0) * i / PIECES, from.1 + (to.1 - from.1) * i / PIECES);
                (x - 1, y - 1, x + 1, y + 1)
            }));
        }
        self.put(PathElement::new(corners, colour(series.axis.name()).mix(0.75).stroke_width(3)))
    }

    /// One model: its runs as dots, their mean as a mark, its predicted value as a ring.
    pub fn point(
        &mut self,
        axis: Axis,
        point: &Point,
        place: &dyn Fn((f64, f64)) -> Pixel,
    ) -> Result<(), String> {
        // The base model stands on every axis: it has no axis's colour.
        let name = if point.base { "ink" } else { axis.name() };
        let paint = colour(name);
        if point.runs.len() > 1 {
            for &run in &point.runs {
                let (x, y) = place(run);
                self.put(Circle::new((x, y), 5, paint.mix(0.5).filled()))?;
                self.taken.push((x - 5, y - 5, x + 5, y + 5));
            }
        }
        let at = place(point.mean);
        if point.base {
            self.put(Circle::new(at, 9, paint.filled()))?;
        } else {
            self.mark(axis, at, 9)?;
        }
        self.taken.push((at.0 - 12, at.1 - 12, at.0 + 12, at.1 + 12));
        if let Some(predicted) = point.predicted {
            let at = place((point.mean.0, predicted));
            self.put(Circle::new(at, 14, paint.stroke_width(3)))?;
            self.taken.push((at.0 - 15, at.1 - 15, at.0 + 15, at.1 + 15));
        }
        Ok(())
    }

    /// The axis's own shape, so that colour is not all that tells axes apart.
    fn mark(&self, axis: Axis, (x, y): Pixel, size: i32) -> Result<(), String> {
        let paint = colour(axis.name()).filled();
        let around = |corners: &[Pixel]| corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect::<Vec<_>>();
        match axis {
            Axis::Depth => self.put(Circle::new((x, y), size, paint)),
            Axis::Width => {
                let half = size - 1;
                self.put(Rectangle::new([(x - half, y - half), (x + half, y + half)], paint))
            }
            Axis::Resolution => {
                let high = size + 2;
                self.put(Polygon::new(around(&[(0, -high), (high, size - 1), (-high, size - 1)]), paint))
            }
            Axis::Compound => {
                let high = size + 3;
                self.put(Polygon::new(around(&[(0, -high), (high, 0), (0, high), (-high, 0)]), paint))
            }
        }
    }

    /// Each model's factor beside its mark, where there is room; the base model, on every axis, once.
    pub fn labels(&mut self, series: &[Series], place: &dyn Fn((f64, f64)) -> Pixel) -> Result<(), String> {
        let base = series.iter().flat_map(|s| &s.points).find(|p| p.base).map(|p| ("ink", p));
        let others = series.iter().flat_map(|s| s.points.iter().map(|p| (s.axis.name(), p)));
        for (name, point) in base.into_iter().chain(others.filter(|(_, point)| !point.base)) {
            let (x, y) = place(point.mean);
            let half = point.label.chars().count() as i32 * 6 + 2;
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
            let Some(&free) = clear.or_else(|| boxes.iter().find(|b| self.is_free(b))) else { continue };
            self.taken.push(free);
            let centre = ((free.0 + free.2) / 2, (free.1 + free.3) / 2);
            self.text(&point.label, centre, style(name, 20, HPos::Center))?;
        }
        Ok(())
    }

    fn is_free(&self, label: &Area) -> bool {
        let &(left, top, right, bottom) = label;
        let inside =
            left > self.frame.0 && top > self.frame.1 && right < self.frame.2 && bottom < self.frame.3;
        inside && disjoint(label, &self.taken)
    }

    /// A row an axis: mark, name, exponent, interval, R².
    pub fn legend(&self, series: &[Series], x: Quantity, y: Quantity) -> Result<(), String> {
        const COLUMNS: [i32; 3] = [560, 760, 848];
        let law = format!("{} = k · {}^α", y.law_name(), x.name());
        self.text(&law, (30, LEGEND_TOP), style("muted", 20, HPos::Left))?;
        for (heading, column) in ["α", "95 % interval", "R²"].into_iter().zip(COLUMNS) {
            self.text(heading, (column, LEGEND_TOP), style("muted", 20, HPos::Right))?;
        }
        for (index, one) in (1..).zip(series) {
            let row = LEGEND_TOP + index * LEGEND_ROW as i32;
            self.mark(one.axis, (42, row), 9)?;
            self.text(one.axis.name(), (66, row), style("ink", 21, HPos::Left))?;
            let cells = match one.law {
                Some(AxisLaw { law, .. }) => {
                    let interval = law.alpha_interval;
                    let interval = interval.map(|i| format!("{} … {}", signed(i.low), signed(i.high)));
                    [signed(law.alpha), interval.unwrap_or_else(|| "unknown".into()), signed(law.r2)]
                }
                None => [String::new(), "no law can be fitted".into(), String::new()],
            };
            for (cell, column) in cells.iter().zip(COLUMNS) {
                self.text(cell, (column, row), style("ink", 21, HPos::Right))?;
            }
        }
        Ok(())
    }
}

fn disjoint(&(left, top, right, bottom): &Area, others: &[Area]) -> bool {
    others.iter().all(|other| right < other.0 || left > other.2 || bottom < other.1 || top > other.3)
}
