//! Letters and digits as closed polygons, from typefaces that registry crates contain.
//!
//! The points of a polygon lie close together (`LINE_SPACING`), so that operations on points (a warp, a heavier stroke)
//! bend straight stems too, and later files handle no curves.

use crate::error::{Error, Result};
use ttf_parser::{Face, OutlineBuilder};

/// A point: x to the right, y down.
pub(super) type Point = [f32; 2];

/// The classes in the order of their labels: 0-9, A-Z, a-z.
pub const CHARACTERS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The largest distance between neighbouring points on a curve, in capital heights: such a chord deviates from a
/// letter's curves by less than a fifth of a pixel in an image of 112 pixels.
const CURVE_SPACING: f32 = 0.08;
/// The same on a straight line, which only has to follow the warps; they are smoother than letters.
const LINE_SPACING: f32 = 0.2;
/// Points closer than this count as one: there is no direction between them.
const COINCIDENT: f32 = 1e-4;

/// The typefaces: sans, serif and monospaced, from hairline to bold, upright and slanted. Licences: Ubuntu font
/// licence, MIT and Bitstream Vera (Hack), OFL 1.1 (Noto), Bitstream Vera and public domain (DejaVu).
fn typefaces() -> [(&'static str, &'static [u8]); 12] {
    [
        ("Ubuntu Light", epaint_default_fonts::UBUNTU_LIGHT),
        ("Hack", epaint_default_fonts::HACK_REGULAR),
        ("Noto Sans", notosans::REGULAR_TTF),
        ("Noto Sans Bold", notosans::BOLD_TTF),
        ("Noto Sans Italic", notosans::ITALIC_TTF),
        ("DejaVu Sans Extra Light", dejavu::sans::extra_light()),
        ("DejaVu Sans Mono Bold Oblique", dejavu::sans_mono::bold_oblique()),
        ("DejaVu Serif", dejavu::serif::regular()),
        ("DejaVu Serif Bold", dejavu::serif::bold()),
        ("DejaVu Serif Italic", dejavu::serif::italic()),
        ("DejaVu Serif Condensed", dejavu::serif_condensed::regular()),
        ("DejaVu Serif Condensed Bold Italic", dejavu::serif_condensed::bold_italic()),
    ]
}

/// A character of a typeface, in capital heights, with its baseline at y = 0 and its box centred at x = 0.
pub(super) struct Glyph {
    pub contours: Vec<Vec<Point>>,
    /// Mean width of a stroke: twice the inked area over the outline's length.
    pub stem: f32,
    /// +1 if a contour's outside lies to the left of its direction on the screen (y down), else −1.
    pub outside: f32,
}

/// Every character of every typeface.
pub(super) struct Typefaces {
    glyphs: Vec<Glyph>,
}

impl Typefaces {
    /// Reads the outlines of the typefaces in the binary.
    pub(super) fn load() -> Result<Typefaces> {
        let mut glyphs = Vec::new();
        for (name, bytes) in typefaces() {
            let broken = |problem: &str| Error::Config {
                what: format!("typeface {name}"),
                problem: format!("{problem}; the crate that carries it has changed"),
            };
            let face = Face::parse(bytes, 0).map_err(|e| broken(&e.to_string()))?;
            let glyph = |c| face.glyph_index(c).ok_or_else(|| broken(&format!("no glyph for {c:?}")));
            let capital = face.glyph_bounding_box(glyph('H')?).map_or(0, |b| b.y_max);
            if capital <= 0 {
                return Err(broken("its H has no height"));
            }
            for c in CHARACTERS.chars() {
                let mut tracer = Tracer::new(1.0 / f32::from(capital));
                face.outline_glyph(glyph(c)?, &mut tracer);
                let traced = tracer.finish().ok_or_else(|| broken(&format!("{c:?} has no outline")))?;
                glyphs.push(traced);
            }
        }
        Ok(Typefaces { glyphs })
    }

    /// How many faces there are.
    pub(super) fn len(&self) -> usize {
        self.glyphs.len() / CHARACTERS.len()
    }

    /// The character of this class in this face.
    pub(super) fn glyph(&self, face: usize, class: usize) -> &Glyph {
        &self.glyphs[face * CHARACTERS.len() + class]
    }
}

/// Converts a font's segments to points no further apart than the spacings above.
struct Tracer {
    scale: f32,
    contours: Vec<Vec<Point>>,
    at: Point,
}

impl Tracer {
    fn new(scale: f32) -> Tracer {
        Tracer { scale, contours: Vec::new(), at: [0.0; 2] }
    }

    fn point(&self, x: f32, y: f32) -> Point {
        [x * self.scale, -y * self.scale]
    }

    /// Appends the points of a segment that ends at `end`, in at least so many steps: `curve` gives its
    /// point at 0..1.
    fn segment(&mut self, end: Point, steps: f32, curve: impl Fn(f32) -> Point) {
        let steps = steps.ceil().max(1.0) as usize;
        if let Some(contour) = self.contours.last_mut() {
            contour.extend((1..steps).map(|i| curve(i as f32 / steps as f32)));
            contour.push(end);
        }
        self.at = end;
    }

    fn finish(mut self) -> Option<Glyph> {
        for contour in &mut self.contours {
            contour.dedup_by(|a, b| distance(*a, *b) < COINCIDENT);
            while contour.len() > 1 && distance(contour[0], contour[contour.len() - 1]) < COINCIDENT {
                contour.pop();
            }
        }
        self.contours.retain(|contour| contour.len() >= 3);

        let (mut area, mut length, mut left, mut right) = (0.0, 0.0, f32::MAX, f32::MIN);
        for contour in &self.contours {
            for (i, &a) in contour.iter().enumerate() {
                let b = contour[(i + 1) % contour.len()];
                area += (a[0] * b[1] - a[1] * b[0]) / 2.0;
                length += distance(a, b);
                left = left.min(a[0]);
                right = right.max(a[0]);
            }
        }
        if self.contours.is_empty() {
            return None;
        }
        let middle = (left + right) / 2.0;
        self.contours.iter_mut().flatten().for_each(|p| p[0] -= middle);
        // Holes run against the outer contour, so the sum of the areas has the outer contour's sign.
        Some(Glyph { contours: self.contours, stem: 2.0 * area.abs() / length, outside: area.signum() })
    }
}

impl OutlineBuilder for Tracer {
    fn move_to(&mut self, x: f32, y: f32) {
        self.at = self.point(x, y);
        self.contours.push(vec![self.at]);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (a, b) = (self.at, self.point(x, y));
        self.segment(b, distance(a, b) / LINE_SPACING, |t| mix(a, b, t));
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let (a, b, c) = (self.at, self.point(x1, y1), self.point(x, y));
        // The curve moves no faster than this.
        let speed = 2.0 * distance(a, b).max(distance(b, c));
        self.segment(c, speed / CURVE_SPACING, |t| mix(mix(a, b, t), mix(b, c, t), t));
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let (a, b, c, d) = (self.at, self.point(x1, y1), self.point(x2, y2), self.point(x, y));
        // The curve moves no faster than this.
        let speed = 3.0 * distance(a, b).max(distance(b, c)).max(distance(c, d));
        self.segment(d, speed / CURVE_SPACING, |t| {
            let middle = mix(b, c, t);
            mix(mix(mix(a, b, t), middle, t), mix(middle, mix(c, d, t), t), t)
        });
    }

    fn close(&mut self) {
        // The edge back to the start may be a long straight one, and has to bend like the others.
        if let Some(&start) = self.contours.last().and_then(|contour| contour.first()) {
            let a = self.at;
            self.segment(start, distance(a, start) / LINE_SPACING, |t| mix(a, start, t));
        }
    }
}

/// The point at the fraction `t` of the way from `a` to `b`.
pub(super) fn mix(a: Point, b: Point, t: f32) -> Point {
    [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t]
}

/// The Euclidean distance.
pub(super) fn distance(a: Point, b: Point) -> f32 {
    ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_face_has_every_character_with_close_points() {
        let faces = Typefaces::load().unwrap();
        assert_eq!(faces.glyphs.len(), faces.len() * 62);
        for glyph in &faces.glyphs {
            assert!(glyph.stem > 0.03 && glyph.stem < 0.5, "stem {}", glyph.stem);
            for contour in &glyph.contours {
                for (i, &a) in contour.iter().enumerate() {
                    let gap = distance(a, contour[(i + 1) % contour.len()]);
                    assert!(gap > 0.0 && gap <= LINE_SPACING * 1.001, "gap {gap}");
                }
            }
        }
    }

    #[test]
    fn a_capital_stands_on_the_baseline_and_is_one_high() {
        let faces = Typefaces::load().unwrap();
        let h = CHARACTERS.find('H').unwrap();
        for face in 0..faces.len() {
            let ys = faces.glyph(face, h).contours.iter().flatten().map(|p| p[1]);
            let (top, bottom) = ys.fold((f32::MAX, f32::MIN), |(t, b), y| (t.min(y), b.max(y)));
            assert!((top + 1.0).abs() < 1e-3 && bottom.abs() < 0.02, "face {face}: {top}..{bottom}");
        }
    }
}
