//! A sample as a drawing: paper, clutter, a glyph, scratches, grain.
//!
//! Everything here is a pure function of (key, index), in fractions of the image's side. This file knows no resolution,
//! so the same sample at 14 and at 56 pixels is the same drawing.

use super::outline::{CHARACTERS, Point, Typefaces};
use super::random::Random;
use super::warp::Warp;
use std::f32::consts::{PI, TAU};

/// The resolution of the grain. It is drawn once per sample at this size and resampled by area to the image's
/// resolution, so that it is the same at every resolution, finer than a small image's pixels.
pub(super) const GRAIN: usize = 28;

/// Polygons filled with one level (0 = black, 1 = white).
pub(super) struct Layer {
    pub contours: Vec<Vec<Point>>,
    pub level: f32,
}

/// A complete sample.
pub(super) struct Scene {
    pub class: u32,
    /// Level of the paper at the image's centre, and its slope over the width and the height.
    pub paper: [f32; 3],
    /// In the order of drawing.
    pub layers: Vec<Layer>,
    /// Additive noise, `GRAIN`×`GRAIN`, with mean 0.
    pub grain: Vec<f32>,
}

impl Scene {
    /// The scene of the image with this index. `key` selects the stream of random numbers.
    pub(super) fn draw(faces: &Typefaces, key: [u8; 32], index: u64) -> Scene {
        let random = &mut Random::new(key, index);
        let class = random.below(CHARACTERS.len());
        let paper = [random.between(0.0, 0.2), random.between(-0.1, 0.1), random.between(-0.1, 0.1)];
        let contrast = random.between(0.5, 0.8);
        let mut layers = Vec::new();

        // Behind the glyph, at most as strong as the glyph itself.
        for _ in 0..random.below(3) {
            let level = paper[0] + contrast * random.between(0.3, 0.8);
            layers.push(Layer { contours: vec![clutter(random)], level });
        }
        let glyph = faces.glyph(random.below(faces.len()), class);
        let contours = Warp::draw(random).apply(glyph);
        layers.push(Layer { contours, level: paper[0] + contrast });
        // Across the glyph: thin scratches, as dark as the paper.
        for _ in 0..random.below(2) {
            let width = random.between(0.01, 0.02);
            layers.push(Layer { contours: vec![stroke(&curve(random), width)], level: paper[0] });
        }

        let strength = random.between(0.01, 0.08);
        let mut bytes = vec![0; 2 * GRAIN * GRAIN];
        random.fill(&mut bytes);
        // The sum of two bytes is nearly normal; its deviation is 256 / √6.
        let scale = strength * 6f32.sqrt() / 256.0;
        let grain =
            bytes.chunks_exact(2).map(|b| (f32::from(b[0]) + f32::from(b[1]) - 255.0) * scale).collect();
        Scene { class: class as u32, paper, layers, grain }
    }
}

/// A line, an arc or a spot, at a random place.
fn clutter(random: &mut Random) -> Vec<Point> {
    if random.below(3) == 0 {
        return spot(random);
    }
    let width = random.between(0.01, 0.04);
    stroke(&curve(random), width)
}

/// Points along an arc of any curvature, including straight lines.
fn curve(random: &mut Random) -> Vec<Point> {
    const POINTS: usize = 12;
    let [mut x, mut y] = [random.between(0.0, 1.0), random.between(0.0, 1.0)];
    let length = random.between(0.25, 0.9);
    let mut heading = random.between(0.0, TAU);
    let turn = random.between(-PI, PI).powi(3) / (PI * PI);
    let step = length / (POINTS - 1) as f32;
    (0..POINTS)
        .map(|_| {
            let here = [x, y];
            let (sin, cos) = heading.sin_cos();
            x += cos * step;
            y += sin * step;
            heading += turn / POINTS as f32;
            here
        })
        .collect()
}

/// The polygon of a stroke of this width along the points, with square ends.
fn stroke(points: &[Point], width: f32) -> Vec<Point> {
    let side = |i: usize, half: f32| {
        let (a, b) = (points[i.saturating_sub(1)], points[(i + 1).min(points.len() - 1)]);
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        let reach = half / (dx * dx + dy * dy).sqrt();
        [points[i][0] - dy * reach, points[i][1] + dx * reach]
    };
    let left = (0..points.len()).map(|i| side(i, width / 2.0));
    let right = (0..points.len()).rev().map(|i| side(i, -width / 2.0));
    left.chain(right).collect()
}

/// A round spot with an uneven rim.
fn spot(random: &mut Random) -> Vec<Point> {
    const POINTS: usize = 14;
    let middle = [random.between(0.0, 1.0), random.between(0.0, 1.0)];
    let radius = random.between(0.02, 0.06);
    (0..POINTS)
        .map(|i| {
            let (sin, cos) = (TAU * i as f32 / POINTS as f32).sin_cos();
            let r = radius * random.between(0.75, 1.25);
            [middle[0] + r * cos, middle[1] + r * sin]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_depends_on_key_and_index_only() {
        let faces = Typefaces::load().unwrap();
        let draw = |key, index| {
            let scene = Scene::draw(&faces, [key; 32], index);
            (scene.class, scene.paper, scene.layers.last().map(|s| s.contours.clone()), scene.grain)
        };
        assert_eq!(draw(1, 7), draw(1, 7));
        assert_ne!(draw(1, 7), draw(1, 8));
        assert_ne!(draw(1, 7), draw(2, 7));
    }

    #[test]
    fn grain_has_mean_zero() {
        let faces = Typefaces::load().unwrap();
        let grain = Scene::draw(&faces, [3; 32], 0).grain;
        let mean = grain.iter().sum::<f32>() / grain.len() as f32;
        assert!(mean.abs() < 0.02, "mean {mean}");
    }

    #[test]
    fn a_stroke_is_as_wide_as_asked() {
        let outline = stroke(&[[0.0, 0.0], [0.5, 0.0], [1.0, 0.0]], 0.2);
        assert_eq!(outline, [[0.0, 0.1], [0.5, 0.1], [1.0, 0.1], [1.0, -0.1], [0.5, -0.1], [0.0, -0.1]]);
    }
}
