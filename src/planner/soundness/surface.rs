//! The curve (of one size) or surface (of two) around which runs lie: enough of a law to separate scatter from shape.
//!
//! It is fitted by least squares to ln loss. Two shapes are tried, a falling one with a floor, `E + Σ A·x^−α`, and a
//! parabola in the logarithms, which can also steepen; the one with less scatter is used. If the sizes are too few for
//! either, it is a straight line. Intervals are those of linear regression, for the nonlinear shape by its gradient
//! (the delta method; Seber and Wild 1989, section 5.1).

use super::statistics::{mean, quadratic_form, two_sided};
use crate::laws::linear::NormalEquations;
use crate::rounding::levels;

/// Sizes closer together than this fraction count as one.
pub const APART: f64 = 0.05;
/// The range of exponents of the first grid, in units of one standard deviation of a size's logarithm.
const EXPONENTS: (f64, f64) = (0.02, 6.0);
const SINGLE_STARTS: u32 = 24;
const JOINT_STARTS: u32 = 14;
/// How many times the step between exponents is halved.
const HALVINGS: usize = 14;
/// About this many points of a large table are used to search exponents; all points give the coefficients.
const SEARCHED: f64 = 500.0;
/// The fractional parts of its multiples are spread evenly, which draws rows without a period.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// A run as logarithms of its sizes (a missing second one is 0) and of its loss.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    pub sizes: [f64; 2],
    pub loss: f64,
}

/// The curve or surface around which runs lie.
#[derive(Debug, Clone)]
pub struct Surface {
    kind: Kind,
    dimensions: usize,
    shape: Shape,
    frame: Frame,
    /// (JᵀJ)⁻¹ of the parameters.
    inverse: Vec<f64>,
    /// ln loss minus the surface, point by point.
    pub residuals: Vec<f64>,
    /// The fraction of each point's own noise that the surface follows.
    pub leverages: Vec<f64>,
    /// Number of points minus that of parameters.
    pub freedom: usize,
    /// Standard deviation of ln loss around the surface.
    pub scatter: f64,
}

/// Centres and scales sizes.
#[derive(Debug, Clone, Copy)]
struct Frame {
    centre: [f64; 2],
    scale: [f64; 2],
}

impl Frame {
    fn of(points: &[Point]) -> Frame {
        let column = |size: usize| points.iter().map(|point| point.sizes[size]).collect::<Vec<f64>>();
        let centre = [0, 1].map(|size| mean(&column(size)));
        let scale = [0, 1].map(|size| {
            let variance = column(size).iter().map(|z| (z - centre[size]).powi(2)).sum::<f64>();
            let scale = (variance / points.len() as f64).sqrt();
            if scale > 0.0 { scale } else { 1.0 }
        });
        Frame { centre, scale }
    }

    fn place(&self, sizes: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|size| (sizes[size] - self.centre[size]) / self.scale[size])
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Falling,
    Parabola,
    Straight,
}

#[derive(Debug, Clone)]
enum Shape {
    /// ln loss as a polynomial: a straight line (or plane), or with squares and products.
    Polynomial { dimensions: usize, squares: bool, coefficients: Vec<f64> },
    /// loss = E + Σ A·exp(−α·u)
    Falling { floor: f64, parts: Vec<(f64, f64)> },
}

impl Shape {
    fn value(&self, u: [f64; 2]) -> f64 {
        match self {
            Shape::Polynomial { dimensions, squares, coefficients } => {
                let terms = terms(u, *dimensions, *squares);
                terms.iter().zip(coefficients).map(|(term, coefficient)| term * coefficient).sum()
            }
            Shape::Falling { floor, parts } => falling(*floor, parts, u).ln(),
        }
    }

    /// The gradient of ln loss by the parameters.
    fn gradient(&self, u: [f64; 2]) -> Vec<f64> {
        match self {
            Shape::Polynomial { dimensions, squares, .. } => terms(u, *dimensions, *squares),
            Shape::Falling { floor, parts } => {
                let loss = falling(*floor, parts, u);
                let of_part = |(size, &(a, alpha)): (usize, &(f64, f64))| {
                    let power = (-alpha * u[size]).exp() / loss;
                    [power, -a * u[size] * power]
                };
                std::iter::once(1.0 / loss).chain(parts.iter().enumerate().flat_map(of_part)).collect()
            }
        }
    }
}

fn falling(floor: f64, parts: &[(f64, f64)], u: [f64; 2]) -> f64 {
    floor + parts.iter().enumerate().map(|(size, (a, alpha))| a * (-alpha * u[size]).exp()).sum::<f64>()
}

fn terms([u, v]: [f64; 2], dimensions: usize, squares: bool) -> Vec<f64> {
    match (dimensions, squares) {
        (1, false) => vec![1.0, u],
        (1, true) => vec![1.0, u, u * u],
        (_, false) => vec![1.0, u, v],
        (_, true) => vec![1.0, u, v, u * u, v * v, u * v],
    }
}

impl Surface {
    /// Fits points of one size or two; `None` if they, or their different sizes, are too few for every shape.
    pub fn through(points: &[Point], dimensions: usize) -> Option<Surface> {
        let different = |size: usize| {
            let sizes: Vec<f64> = points.iter().map(|point| point.sizes[size].exp()).collect();
            levels(&sizes, APART).into_iter().max().map_or(0, |most| most + 1)
        };
        let fewest = (0..dimensions).map(different).min().unwrap_or(0);
        let bends = fewest > if dimensions == 1 { 3 } else { 2 };
        let bent = [Kind::Falling, Kind::Parabola].into_iter().filter(|_| bends);
        let bent = bent.filter_map(|kind| Surface::of_kind(kind, points, dimensions));
        let bent = bent.min_by(|a, b| a.scatter.total_cmp(&b.scatter));
        bent.or_else(|| Surface::of_kind(Kind::Straight, points, dimensions))
    }

    /// Fits other points with the same shape, so that the two surfaces differ by their points alone.
    pub fn again(&self, points: &[Point]) -> Option<Surface> {
        Surface::of_kind(self.kind, points, self.dimensions)
    }

    fn of_kind(kind: Kind, points: &[Point], dimensions: usize) -> Option<Surface> {
        let frame = Frame::of(points);
        let shape = match kind {
            Kind::Falling => falling_through(points, frame, dimensions),
            Kind::Parabola => polynomial_through(points, frame, dimensions, true),
            Kind::Straight => polynomial_through(points, frame, dimensions, false),
        };
        Surface::new(kind, points, dimensions, frame, shape?)
    }

    fn new(kind: Kind, points: &[Point], dimensions: usize, frame: Frame, shape: Shape) -> Option<Surface> {
        let places: Vec<[f64; 2]> = points.iter().map(|point| frame.place(point.sizes)).collect();
        let gradients: Vec<Vec<f64>> = places.iter().map(|&u| shape.gradient(u)).collect();
        let count = gradients.first()?.len();
        let freedom = points.len().checked_sub(count).filter(|&freedom| freedom > 0)?;
        let mut normal = NormalEquations::new(count);
        gradients.iter().for_each(|row| normal.add(row, 0.0));
        let inverse = normal.inverse()?;
        let residuals: Vec<f64> =
            points.iter().zip(&places).map(|(point, &u)| point.loss - shape.value(u)).collect();
        let squares: f64 = residuals.iter().map(|residual| residual * residual).sum();
        let scatter = (squares / freedom as f64).sqrt();
        let leverages = gradients.iter().map(|row| quadratic_form(row, &inverse).min(1.0)).collect();
        scatter.is_finite().then_some(Surface {
            kind,
            dimensions,
            shape,
            frame,
            inverse,
            residuals,
            leverages,
            freedom,
            scatter,
        })
    }

    /// ln loss at these logarithms of sizes.
    pub fn at(&self, sizes: [f64; 2]) -> f64 {
        self.shape.value(self.frame.place(sizes))
    }

    /// Half the 95 % interval of ln loss there: that of the surface, not of one more run.
    pub fn half_width(&self, sizes: [f64; 2]) -> f64 {
        let gradient = self.shape.gradient(self.frame.place(sizes));
        let variance = quadratic_form(&gradient, &self.inverse).max(0.0);
        two_sided(0.05, self.freedom) * self.scatter * variance.sqrt()
    }
}

fn polynomial_through(points: &[Point], frame: Frame, dimensions: usize, squares: bool) -> Option<Shape> {
    let row = |point: &Point| terms(frame.place(point.sizes), dimensions, squares);
    let mut normal = NormalEquations::new(row(points.first()?).len());
    points.iter().for_each(|point| normal.add(&row(point), point.loss));
    let coefficients = normal.coefficients(&normal.inverse()?);
    Some(Shape::Polynomial { dimensions, squares, coefficients })
}

/// For given exponents, E and A follow from linear least squares of relative residuals. Exponents are searched on a
/// grid, then around its best point with smaller and smaller steps.
fn falling_through(points: &[Point], frame: Frame, dimensions: usize) -> Option<Shape> {
    let places: Vec<([f64; 2], f64)> =
        points.iter().map(|point| (frame.place(point.sizes), point.loss.exp())).collect();
    let starts = if dimensions == 1 { SINGLE_STARTS } else { JOINT_STARTS };
    let (low, high) = (EXPONENTS.0.ln(), EXPONENTS.1.ln());
    let start = |place: u32| low + (high - low) * f64::from(place) / f64::from(starts - 1);
    let part = SEARCHED / places.len() as f64;
    let drawn = places.iter().enumerate().filter(|(row, _)| (*row as f64 * GOLDEN).fract() < part);
    let drawn: Vec<([f64; 2], f64)> = drawn.map(|(_, place)| *place).collect();
    let exponents = |logs: [f64; 2]| logs.map(f64::exp);
    let tried = |logs: [f64; 2]| linear(&drawn, &exponents(logs)[..dimensions]).0;
    let mut best = (f64::INFINITY, [0.0; 2]);
    for first in 0..starts {
        for second in 0..if dimensions == 1 { 1 } else { starts } {
            let logs = [start(first), start(second)];
            let squares = tried(logs);
            if squares < best.0 {
                best = (squares, logs);
            }
        }
    }
    let mut step = 0.5 * (high - low) / f64::from(starts - 1);
    for _ in 0..HALVINGS {
        for (size, sign) in (0..dimensions).flat_map(|size| [(size, -1.0), (size, 1.0)]) {
            loop {
                let mut logs = best.1;
                logs[size] += sign * step;
                let squares = tried(logs);
                if squares >= best.0 || !(low - 1.0..=high + 1.0).contains(&logs[size]) {
                    break;
                }
                best = (squares, logs);
            }
        }
        step *= 0.5;
    }
    linear(&places, &exponents(best.1)[..dimensions]).1
}

/// The sum of squares for given exponents, with the floor and coefficients, none of them below zero.
fn linear(places: &[([f64; 2], f64)], exponents: &[f64]) -> (f64, Option<Shape>) {
    let count = exponents.len() + 1;
    let rows: Vec<[f64; 3]> = places
        .iter()
        .map(|(u, loss)| {
            let power =
                |size: usize| exponents.get(size).map_or(0.0, |alpha| (-alpha * u[size]).exp() / loss);
            [1.0 / loss, power(0), power(1)]
        })
        .collect();
    let mut free: Vec<usize> = (0..count).collect();
    loop {
        let mut normal = NormalEquations::new(free.len());
        let mut row = vec![0.0; free.len()];
        for whole in &rows {
            row.iter_mut().zip(&free).for_each(|(cell, &place)| *cell = whole[place]);
            normal.add(&row, 1.0);
        }
        let Some(inverse) = normal.inverse() else { return (f64::INFINITY, None) };
        let found = normal.coefficients(&inverse);
        let least = (0..free.len()).min_by(|&a, &b| found[a].total_cmp(&found[b]));
        if let Some(least) = least.filter(|&least| found[least] < 0.0) {
            free.remove(least);
            if free.is_empty() {
                return (f64::INFINITY, None);
            }
            continue;
        }
        let mut whole = [0.0; 3];
        free.iter().zip(&found).for_each(|(&place, value)| whole[place] = *value);
        let left = |row: &[f64; 3]| row.iter().zip(&whole).map(|(a, b)| a * b).sum::<f64>() - 1.0;
        let squares = rows.iter().map(|row| left(row).powi(2)).sum();
        let parts = exponents.iter().zip(&whole[1..]).map(|(&alpha, &a)| (a, alpha)).collect();
        return (squares, Some(Shape::Falling { floor: whole[0], parts }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laws_of_one_and_two_sizes_are_recovered() {
        let single = |x: f64| (0.3 + 40.0 * x.powf(-0.5)).ln();
        let points: Vec<Point> = (0..6)
            .map(|step| 1e3 * 3f64.powi(step))
            .map(|x| Point { sizes: [x.ln(), 0.0], loss: single(x) })
            .collect();
        let found = Surface::through(&points, 1).unwrap();
        assert!(found.scatter < 1e-5, "{}", found.scatter);
        assert!((found.at([1e6f64.ln(), 0.0]) - single(1e6)).abs() < 1e-3);
        let joint = |n: f64, d: f64| (1.8 + 480.0 * n.powf(-0.35) + 2100.0 * d.powf(-0.37)).ln();
        let points: Vec<Point> = (0..25)
            .map(|row| (1e7 * 3f64.powi(row % 5), 5e8 * 4f64.powi(row / 5)))
            .map(|(n, d)| Point { sizes: [n.ln(), d.ln()], loss: joint(n, d) })
            .collect();
        let found = Surface::through(&points, 2).unwrap();
        assert!(found.scatter < 1e-4, "{}", found.scatter);
        assert!((found.at([1e10f64.ln(), 1e12f64.ln()]) - joint(1e10, 1e12)).abs() < 1e-2);
    }

    #[test]
    fn what_rises_and_steepens_has_a_parabola() {
        let points: Vec<Point> =
            (0..6).map(f64::from).map(|z| Point { sizes: [z, 0.0], loss: -0.1 * z * z + 0.05 * z }).collect();
        let found = Surface::through(&points, 1).unwrap();
        assert!(found.scatter < 1e-9 && (found.at([7.0, 0.0]) + 0.1 * 49.0 - 0.35).abs() < 1e-6);
    }

    #[test]
    fn few_points_have_a_line_or_nothing() {
        let points = |count: usize| -> Vec<Point> {
            (0..count).map(|step| Point { sizes: [step as f64, 0.0], loss: -(step as f64) }).collect()
        };
        assert_eq!(Surface::through(&points(3), 1).unwrap().freedom, 1);
        assert!(Surface::through(&points(2), 1).is_none() && Surface::through(&[], 1).is_none());
    }
}
