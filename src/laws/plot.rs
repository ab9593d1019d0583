//! A fitted law as an SVG picture: rows, curve and band on logarithmic axes.
//!
//! A law of one size is drawn against it. So is a joint law if the second size takes few values, as one curve for each.
//! If it takes many, no curve fits the rows, and the picture shows measured against predicted values.

use super::band::{Band, band};
use super::{Fit, LEVEL, Points};
use crate::error::{Error, Result};
use plotters::coord::combinators::{LogCoord, WithKeyPoints};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::ops::Range;

/// The picture's size in pixels.
const WIDTH: u32 = 880;
const HEIGHT: u32 = 620;
const TITLE: i32 = 84;
/// The margin right of the frame, with and without labels of curves.
const LABELS: i32 = 130;
const MARGIN: i32 = 30;
const LEFT: u32 = 92;
const BELOW: u32 = 116;
/// The largest number of values of the second size that are drawn as a curve each.
const CURVES: usize = 6;
/// Number of sizes at which a curve is computed.
const SAMPLES: usize = 64;
/// How far curves extend to the right of the rows.
const BEYOND: f64 = 2.0;
/// Number of ticks wanted on an axis.
const TICKS: usize = 7;

const INK: RGBColor = RGBColor(28, 36, 48);
const MUTED: RGBColor = RGBColor(94, 104, 120);
const GRID: RGBColor = RGBColor(227, 231, 237);
/// Colours that readers with colour blindness can distinguish (Okabe & Ito 2008), the second size's smallest first.
const COLOURS: [RGBColor; CURVES] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(150, 110, 0),
    RGBColor(86, 160, 213),
];

/// A picture before it is drawn.
struct Picture {
    title: String,
    /// The law's formula.
    formula: &'static str,
    across: String,
    dots: Vec<Dot>,
    curves: Vec<DrawnCurve>,
    /// What the band shows.
    band: &'static str,
}

struct Dot {
    at: (f64, f64),
    colour: RGBColor,
    left_out: bool,
}

struct DrawnCurve {
    band: Band,
    label: String,
    colour: RGBColor,
}

/// Draws a fit and its rows as SVG. Rows that were held out are rings.
///
/// # Errors
/// A failure of the drawing backend.
pub fn svg(fit: &Fit, points: &Points) -> Result<String> {
    let held_out = fit.holdout.as_ref().map_or(0, |holdout| holdout.rows.len());
    let (fitted, left_out) = points.without_largest(held_out);
    let rows = || {
        let rows = |points: &'_ Points, left_out: bool| -> Vec<([f64; 2], f64, bool)> {
            points.x().iter().zip(points.y()).map(|(&x, &y)| (x, y, left_out)).collect()
        };
        [rows(&fitted, false), rows(&left_out, true)].concat()
    };
    let mut seconds: Vec<f64> = points.x().iter().map(|x| x[1]).collect();
    seconds.sort_by(f64::total_cmp);
    seconds.dedup();
    let picture = if fit.law.sizes() == 1 {
        against_size(fit, points, &rows(), &[1.0])
    } else if seconds.len() <= CURVES {
        against_size(fit, points, &rows(), &seconds)
    } else {
        against_law(fit, points, &rows())
    };
    let mut text = String::new();
    let problem = |problem: String| Error::Config { what: "plot".to_string(), problem };
    picture.draw(&mut text).map_err(problem)?;
    // Names of columns may hold characters that XML forbids, even escaped.
    Ok(text.replace(|letter: char| letter.is_control() && !"\n\r\t".contains(letter), "\u{fffd}"))
}

/// y against the first size, with a curve for each of these values of the second.
fn against_size(fit: &Fit, points: &Points, rows: &[([f64; 2], f64, bool)], seconds: &[f64]) -> Picture {
    let (low, high) = points.range(0);
    let joint = fit.law.sizes() == 2;
    let curve = |(&second, &colour): (&f64, &RGBColor)| DrawnCurve {
        band: band(&fit.bootstrap, (low, high * BEYOND), SAMPLES, |x| [x, second], LEVEL),
        label: if joint { format!("{} {}", points.sizes()[1], tick(second)) } else { String::new() },
        colour,
    };
    let dot = |&(x, y, left_out): &([f64; 2], f64, bool)| {
        let place = seconds.iter().position(|&second| joint && second == x[1]).unwrap_or(0);
        Dot { at: (x[0], y), colour: COLOURS[place], left_out }
    };
    Picture {
        title: format!("{} against {}", points.quantity(), points.sizes()[0]),
        across: points.sizes()[0].clone(),
        formula: fit.law.formula(),
        dots: rows.iter().map(dot).collect(),
        curves: seconds.iter().zip(&COLOURS).map(curve).collect(),
        band: "95 % interval of the law",
    }
}

/// Measured values against those of the law.
fn against_law(fit: &Fit, points: &Points, rows: &[([f64; 2], f64, bool)]) -> Picture {
    /// Standard deviations on either side that cover 95 % of normally distributed rows.
    const HALF: f64 = 1.96;
    let predicted = |x: [f64; 2]| fit.bootstrap.estimate().predict(x);
    let dots: Vec<Dot> = rows
        .iter()
        .map(|&(x, y, left_out)| Dot { at: (predicted(x), y), colour: COLOURS[0], left_out })
        .collect();
    let ends =
        dots.iter().fold((f64::INFINITY, 0.0f64), |(low, high), dot| (low.min(dot.at.0), high.max(dot.at.0)));
    let factor = (HALF * fit.scatter).exp();
    let x = [ends.0, ends.1];
    let band = Band {
        x: x.to_vec(),
        value: x.to_vec(),
        low: x.map(|x| x / factor).to_vec(),
        high: x.map(|x| x * factor).to_vec(),
    };
    Picture {
        title: format!("{}, measured against the law", points.quantity()),
        across: format!(
            "{} of the law at the row's {} and {}",
            points.quantity(),
            points.sizes()[0],
            points.sizes()[1]
        ),
        formula: fit.law.formula(),
        dots,
        curves: vec![DrawnCurve { band, label: String::new(), colour: COLOURS[0] }],
        band: "95 % of rows, from their scatter",
    }
}

fn text(size: u32, colour: RGBColor, horizontal: HPos) -> TextStyle<'static> {
    // `plotters` writes a font's size divided by 1.24 into the file.
    let font = ("system-ui, sans-serif", f64::from(size) * 1.24).into_font();
    font.color(&colour).pos(Pos::new(horizontal, VPos::Center))
}

impl Picture {
    fn draw(&self, out: &mut String) -> Result<(), String> {
        let root = SVGBackend::with_string(out, (WIDTH, HEIGHT)).into_drawing_area();
        root.fill(&WHITE).map_err(|e| e.to_string())?;
        let curves = || self.curves.iter().map(|curve| &curve.band);
        let across =
            axis(self.dots.iter().map(|dot| dot.at.0).chain(curves().flat_map(|band| band.x.clone())));
        let up =
            axis(self.dots.iter().map(|dot| dot.at.1).chain(curves().flat_map(|band| band.value.clone())));
        let frame = up.range();
        let mut chart = ChartBuilder::on(&root)
            .margin_top(TITLE)
            .margin_right(self.right())
            .x_label_area_size(BELOW)
            .y_label_area_size(LEFT)
            .build_cartesian_2d(across, up)
            .map_err(|e| e.to_string())?;
        chart
            .configure_mesh()
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(MUTED)
            .label_style(text(16, MUTED, HPos::Center))
            .x_label_formatter(&|value| tick(*value))
            .y_label_formatter(&|value| tick(*value))
            .draw()
            .map_err(|e| e.to_string())?;
        for DrawnCurve { band, colour, .. } in &self.curves {
            let along = |values: &[f64]| -> Vec<(f64, f64)> {
                let inside = values.iter().map(|value| value.clamp(frame.start, frame.end));
                band.x.iter().copied().zip(inside).collect()
            };
            let around = [along(&band.low), along(&band.high).into_iter().rev().collect()].concat();
            chart
                .draw_series([Polygon::new(around, colour.mix(0.16).filled())])
                .map_err(|e| e.to_string())?;
            chart
                .draw_series([PathElement::new(along(&band.value), colour.stroke_width(2))])
                .map_err(|e| e.to_string())?;
        }
        for dot in &self.dots {
            let style = if dot.left_out { dot.colour.stroke_width(2) } else { dot.colour.filled() };
            chart.draw_series([Circle::new(dot.at, 4, style)]).map_err(|e| e.to_string())?;
        }
        let ends = self.curves.iter().filter_map(|curve| {
            let at = (*curve.band.x.last()?, *curve.band.value.last()?);
            Some((chart.backend_coord(&at).1, curve))
        });
        let ends: Vec<(i32, &DrawnCurve)> = ends.collect();
        self.write_texts(&root, ends)?;
        root.present().map_err(|e| e.to_string())
    }

    fn right(&self) -> i32 {
        if self.curves.iter().all(|curve| curve.label.is_empty()) { MARGIN } else { LABELS }
    }

    /// Writes the titles, the labels at the curves' ends, and the legend.
    fn write_texts<'a>(
        &self,
        root: &DrawingArea<SVGBackend<'a>, plotters::coord::Shift>,
        mut ends: Vec<(i32, &DrawnCurve)>,
    ) -> Result<(), String> {
        /// The distance between lines of labels.
        const LINE: i32 = 20;
        let write = |words: &str, at: (i32, i32), style: TextStyle| {
            root.draw(&Text::new(words.to_string(), at, style)).map_err(|e| e.to_string())
        };
        let (width, height, left) = (WIDTH as i32, HEIGHT as i32, LEFT as i32);
        write(&self.title, (24, 28), text(22, INK, HPos::Left))?;
        write(self.formula, (24, 60), text(17, MUTED, HPos::Left))?;
        write(&self.across, ((left + width - self.right()) / 2, height - 70), text(17, MUTED, HPos::Center))?;
        ends.sort_by_key(|(y, _)| *y);
        let mut free = TITLE;
        for (y, curve) in ends {
            let y = y.max(free);
            write(&curve.label, (width - self.right() + 10, y), text(16, curve.colour, HPos::Left))?;
            free = y + LINE;
        }
        let row = height - 28;
        let mark = |x: i32, style: ShapeStyle| {
            root.draw(&Circle::new((x, row), 4, style)).map_err(|e| e.to_string())
        };
        mark(left, INK.filled())?;
        write("fitted to", (left + 12, row), text(16, INK, HPos::Left))?;
        if self.dots.iter().any(|dot| dot.left_out) {
            mark(left + 130, INK.stroke_width(2))?;
            write("left out of the fit", (left + 142, row), text(16, INK, HPos::Left))?;
        }
        let line = left + 320;
        root.draw(&PathElement::new([(line, row), (line + 30, row)], INK.stroke_width(2)))
            .map_err(|e| e.to_string())?;
        write("law", (line + 38, row), text(16, INK, HPos::Left))?;
        let band = Rectangle::new([(line + 90, row - 7), (line + 120, row + 7)], INK.mix(0.16).filled());
        root.draw(&band).map_err(|e| e.to_string())?;
        write(self.band, (line + 128, row), text(16, INK, HPos::Left))
    }
}

/// A logarithmic axis that covers all values with a margin.
fn axis(values: impl Iterator<Item = f64>) -> WithKeyPoints<LogCoord<f64>> {
    let (low, high) =
        values.fold((f64::INFINITY, 0.0f64), |(low, high), value| (value.min(low), value.max(high)));
    let margin = (high / low).powf(0.06).max(1.01);
    let range = low / margin..high * margin;
    let ticks = ticks(&range);
    range.log_scale().with_key_points(ticks)
}

/// A few round values: multiples of a step within a decade, else 1, 2 and 5 times powers of ten, or fewer.
fn ticks(range: &Range<f64>) -> Vec<f64> {
    let inside = |value: &f64| range.contains(value);
    if range.end < 10.0 * range.start {
        let least = (range.end - range.start) / TICKS as f64;
        let power = 10f64.powf(least.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= least);
        let step = step.unwrap_or(least);
        let first = (range.start / step).ceil();
        return (0..=TICKS).map(|i| (first + i as f64) * step).filter(inside).collect();
    }
    let powers = range.start.log10().floor() as i32..=range.end.log10().ceil() as i32;
    let of = |mantissas: &[f64], every: i32| -> Vec<f64> {
        let powers = powers.clone().filter(|power| power % every == 0);
        powers.flat_map(|power| mantissas.iter().map(move |m| m * 10f64.powi(power))).filter(inside).collect()
    };
    let denser = of(&[1.0, 2.0, 5.0], 1);
    let sparser = (1..).map(|every| of(&[1.0], every));
    [denser].into_iter().chain(sparser).find(|ticks| ticks.len() <= TICKS).unwrap_or_default()
}

/// `0.3`, `20`, `5e9`: the value without rounding errors.
fn tick(value: f64) -> String {
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    if (1e-3..1e5).contains(&rounded) { format!("{rounded}") } else { format!("{rounded:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_few_and_round() {
        for (range, expected) in [
            (2.4..3.3, vec![2.4, 2.6, 2.8, 3.0, 3.2]),
            (0.9..60.0, vec![1.0, 2.0, 5.0, 10.0, 20.0, 50.0]),
            (1e3..1e8, vec![1e3, 1e4, 1e5, 1e6, 1e7]),
            (1e3..1.1e15, vec![1e4, 1e6, 1e8, 1e10, 1e12, 1e14]),
        ] {
            let found = ticks(&range);
            let same = found.len() == expected.len()
                && found.iter().zip(&expected).all(|(a, b)| (a / b - 1.0).abs() < 1e-9);
            assert!(same, "{found:?} for {expected:?}");
        }
        assert_eq!([0.1 * 3.0, 2.0, 5e9, 2.0 * 1e-5].map(tick), ["0.3", "2", "5e9", "2e-5"]);
    }
}
