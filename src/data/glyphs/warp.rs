//! The operations on a glyph's points: heavier or lighter strokes, an affine map, an elastic warp, and a shift that
//! keeps the glyph inside the image.

use super::outline::{Glyph, Point, distance, mix};
use super::random::Random;

/// Height of a capital at scale 1, as a fraction of the image's side.
const CAPITAL: f32 = 0.42;
/// Middle of a line of text above the baseline, in capital heights, between a capital's top and the foot of a `p`.
/// Glyphs are placed by their line and not by their own box, so that `p` hangs lower than `P` and `c` stays smaller
/// than `C`.
const MIDDLE: f32 = 0.37;
/// Width of the border that a glyph does not enter, as a fraction of the image's side.
const MARGIN: f32 = 0.05;
/// Control points of the elastic warp along each side.
const GRID: usize = 6;
/// The largest change of a stroke's width to either side, in capital heights, so that bold letters keep their counters.
const MOST_WEIGHT: f32 = 0.045;

/// One random deformation.
pub(super) struct Warp {
    /// Stroke width as a multiple of the typeface's own.
    weight: f32,
    /// Rotation, shear and scale: rows of a matrix from capital heights to fractions of the side.
    matrix: [Point; 2],
    shift: Point,
    /// Displacements at the control points of a uniform cubic B-spline over the image.
    grid: [[Point; GRID]; GRID],
}

impl Warp {
    /// Draws a random warp.
    pub(super) fn draw(random: &mut Random) -> Warp {
        let weight = random.between(0.6, 1.5);
        let (sin, cos) = random.between(-0.2, 0.2).sin_cos();
        let shear = random.between(-0.2, 0.2);
        let scale = CAPITAL * random.between(0.85, 1.15);
        let stretch = random.between(0.85, 1.2);
        let (x, y) = (scale * stretch, scale);
        let matrix = [[cos * x, (cos * shear - sin) * y], [sin * x, (sin * shear + cos) * y]];
        let shift = [random.between(-0.05, 0.05), random.between(-0.05, 0.05)];
        let grid = [(); GRID]
            .map(|()| [(); GRID].map(|()| [random.between(-0.07, 0.07), random.between(-0.07, 0.07)]));
        Warp { weight, matrix, shift, grid }
    }

    /// The glyph's polygons in fractions of the image's side.
    pub(super) fn apply(&self, glyph: &Glyph) -> Vec<Vec<Point>> {
        let weight = (glyph.stem * (self.weight - 1.0) / 2.0).clamp(-MOST_WEIGHT, MOST_WEIGHT);
        let mut contours: Vec<Vec<Point>> =
            glyph.contours.iter().map(|contour| embolden(contour, weight * glyph.outside)).collect();
        contours.iter_mut().flatten().for_each(|p| *p = self.bend(self.place(*p)));
        keep_inside(&mut contours);
        contours
    }

    fn place(&self, [x, y]: Point) -> Point {
        let y = y + MIDDLE;
        let [row_x, row_y] = self.matrix;
        [0.5 + self.shift[0] + row_x[0] * x + row_x[1] * y, 0.5 + self.shift[1] + row_y[0] * x + row_y[1] * y]
    }

    fn bend(&self, p: Point) -> Point {
        let (column, across) = basis(p[0]);
        let (row, down) = basis(p[1]);
        let mut moved = p;
        for (controls, v) in self.grid[row..row + 4].iter().zip(down) {
            for (control, u) in controls[column..column + 4].iter().zip(across) {
                moved[0] += u * v * control[0];
                moved[1] += u * v * control[1];
            }
        }
        moved
    }
}

/// The first of the four control points that act at `at` (0..1), and their weights.
fn basis(at: f32) -> (usize, [f32; 4]) {
    let spans = (GRID - 3) as f32;
    let at = (at * spans).clamp(0.0, spans);
    let first = (at as usize).min(GRID - 4);
    let t = at - first as f32;
    let s = 1.0 - t;
    let (tt, ss) = (t * t, s * s);
    (
        first,
        [
            ss * s / 6.0,
            (4.0 - 6.0 * tt + 3.0 * tt * t) / 6.0,
            (4.0 - 6.0 * ss + 3.0 * ss * s) / 6.0,
            tt * t / 6.0,
        ],
    )
}

/// Moves each point by `by` to the left of the contour's direction (on the screen, y down): outwards on outer contours
/// and on holes alike, because holes run in the opposite direction.
fn embolden(contour: &[Point], by: f32) -> Vec<Point> {
    let n = contour.len();
    let direction = |i: usize| {
        let (a, b) = (contour[i], contour[(i + 1) % n]);
        let length = distance(a, b);
        [(b[0] - a[0]) / length, (b[1] - a[1]) / length]
    };
    let mut before = direction(n - 1);
    (0..n)
        .map(|i| {
            let after = direction(i);
            let half = mix(before, after, 0.5);
            before = after;
            // A corner moves along its bisector, further than its sides by 1 / |half| (a mitre), but at sharp corners
            // at most twice as far.
            let reach = by / (half[0] * half[0] + half[1] * half[1]).max(0.25);
            [contour[i][0] + half[1] * reach, contour[i][1] - half[0] * reach]
        })
        .collect()
}

/// Shifts contours that cross the margin back inside, after shrinking those larger than the image allows.
fn keep_inside(contours: &mut [Vec<Point>]) {
    for axis in 0..2 {
        let along = contours.iter().flatten().map(|p| p[axis]);
        let (low, high) = along.fold((f32::MAX, f32::MIN), |(l, h), x| (l.min(x), h.max(x)));
        let scale = ((1.0 - 2.0 * MARGIN) / (high - low)).min(1.0);
        let middle = (low + high) / 2.0;
        let half = (high - low) / 2.0 * scale;
        let target = middle.clamp(MARGIN + half, (1.0 - MARGIN - half).max(MARGIN + half));
        contours.iter_mut().flatten().for_each(|p| p[axis] = target + (p[axis] - middle) * scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A square with a square hole, as in a font: the hole runs in the opposite direction.
    fn frame() -> Vec<Vec<Point>> {
        vec![
            vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]],
            vec![[0.25, 0.25], [0.25, 0.75], [0.75, 0.75], [0.75, 0.25]],
        ]
    }

    #[test]
    fn weight_moves_the_outside_out_and_the_hole_in() {
        let [outer, hole] = [0, 1].map(|i| embolden(&frame()[i], 0.1));
        assert!(distance(outer[0], [-0.1, -0.1]) < 1e-6 && distance(outer[2], [1.1, 1.1]) < 1e-6);
        assert!(distance(hole[0], [0.35, 0.35]) < 1e-6 && distance(hole[2], [0.65, 0.65]) < 1e-6);
    }

    #[test]
    fn basis_sums_to_one_and_is_continuous() {
        for i in 0..=100 {
            let (first, weights) = basis(i as f32 / 100.0);
            assert!(first + 4 <= GRID);
            assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
        let (_, left) = basis(1.0 / 3.0 - 1e-5);
        let (_, right) = basis(1.0 / 3.0 + 1e-5);
        assert!((left[1] - right[0]).abs() < 1e-3 && (left[2] - right[1]).abs() < 1e-3);
    }

    #[test]
    fn what_is_too_far_out_or_too_large_comes_back_inside() {
        let mut contours = vec![vec![[-3.0, 0.4], [-1.0, 0.4], [-1.0, 0.5], [-3.0, 0.5]]];
        keep_inside(&mut contours);
        for p in contours.iter().flatten() {
            assert!(p[0] > MARGIN - 1e-6 && p[0] < 1.0 - MARGIN + 1e-6, "{p:?}");
            assert!(p[1] >= 0.4 - 1e-6 && p[1] <= 0.5 + 1e-6, "{p:?}");
        }
    }
}
