//! Runs that lie too far from the surface of the others to be chance.
//!
//! A run is compared with the curve of the others, and, if its size has several runs, with these alone, which no curve
//! can follow. The run whose externally studentised residual exceeds its threshold most is removed, and the rest are
//! tested again, up to a tenth of the runs and twenty. The outliers are those removed up to the last step at which a
//! residual exceeded its threshold: Student's t at the level shared by all runs and both comparisons. This order keeps
//! two outliers from hiding each other (the generalised extreme studentised deviate test, Rosner 1983; for residuals of
//! a regression Cook and Weisberg 1982, section 2.2).

use super::statistics::{mean, two_sided};
use super::surface::{Point, Surface};
use std::collections::HashMap;

/// The largest fraction of the runs, and the largest number, that may be outliers.
const PART: f64 = 0.1;
const MOST: usize = 20;
/// Degrees of freedom beyond which a residual can be tested.
pub(super) const FREEDOM: usize = 3;

/// A run is not compared with a surface that follows the run itself more than the others (a leverage above a half): at
/// the corners of a design, a slightly wrong surface and an outlier look alike.
const OWN: f64 = 0.5;

/// A run far from the others.
#[derive(Debug, Clone, Copy)]
pub struct Outlier {
    pub run: usize,
    /// ln loss minus that of the curve, or of the other runs of its size.
    pub distance: f64,
    /// The distance in standard errors, as a multiple of the threshold.
    pub deviate: f64,
}

/// The outliers among points, in the order in which the test finds them.
pub fn found(points: &[Point], dimensions: usize, level: f64) -> Vec<Outlier> {
    let most = ((PART * points.len() as f64) as usize).clamp(1, MOST);
    let mut left: Vec<usize> = (0..points.len()).collect();
    let mut steps: Vec<Outlier> = Vec::new();
    let mut count = 0;
    for _ in 0..most {
        let rows: Vec<Point> = left.iter().map(|&place| points[place]).collect();
        let level = level / (2 * left.len()) as f64;
        let surface = Surface::through(&rows, dimensions);
        let least = if dimensions == 2 { OWN } else { 0.0 };
        let around = surface.as_ref().and_then(|surface| farthest(&Residuals::of(surface), level, least));
        let among = farthest(&Residuals::among(&rows), level, 0.0);
        let Some(mut outlier) =
            [around, among].into_iter().flatten().max_by(|a, b| a.deviate.total_cmp(&b.deviate))
        else {
            break;
        };
        outlier.run = off(&rows, outlier.run, dimensions);
        let place = outlier.run;
        steps.push(Outlier { run: left[place], ..outlier });
        if outlier.deviate > 1.0 {
            count = steps.len();
        }
        left.remove(place);
    }
    steps.truncate(count);
    steps
}

/// Residuals of points, one minus their leverages, and the degrees of freedom.
struct Residuals {
    residuals: Vec<f64>,
    own: Vec<f64>,
    freedom: usize,
}

impl Residuals {
    /// From a surface.
    fn of(surface: &Surface) -> Residuals {
        let own = surface.leverages.iter().map(|leverage| 1.0 - leverage).collect();
        Residuals { residuals: surface.residuals.clone(), own, freedom: surface.freedom }
    }

    /// From the mean of the points of equal sizes.
    fn among(points: &[Point]) -> Residuals {
        let mut groups: HashMap<[u64; 2], Vec<f64>> = HashMap::new();
        let key = |point: &Point| point.sizes.map(f64::to_bits);
        points.iter().for_each(|point| groups.entry(key(point)).or_default().push(point.loss));
        let of = |point: &Point| {
            let group = &groups[&key(point)];
            (point.loss - mean(group), 1.0 - 1.0 / group.len() as f64)
        };
        let (residuals, own) = points.iter().map(of).unzip();
        Residuals { residuals, own, freedom: points.len() - groups.len() }
    }
}

/// The point with the largest deviate among those whose `own` is at least `least`; `None` with too few points.
fn farthest(Residuals { residuals, own, freedom }: &Residuals, level: f64, least: f64) -> Option<Outlier> {
    if *freedom <= FREEDOM {
        return None;
    }
    let squares: f64 = residuals.iter().map(|residual| residual * residual).sum();
    let threshold = two_sided(2.0 * level, freedom - 1);
    let deviate = |place: usize| {
        let (residual, own) = (residuals[place], own[place]);
        // A point that its comparison passes through exactly has no residual of its own.
        if own < least.max(1e-9) {
            return None;
        }
        let without = (squares - residual * residual / own).max(0.0) / (freedom - 1) as f64;
        let deviate = residual.abs() / (without * own).sqrt() / threshold;
        deviate.is_finite().then_some(Outlier { run: place, distance: residual / own, deviate })
    };
    (0..residuals.len()).filter_map(deviate).max_by(|a, b| a.deviate.total_cmp(&b.deviate))
}

/// If a size has exactly two points, the one farther from the curve of all others: their difference does not tell which
/// of them is the outlier.
fn off(points: &[Point], found: usize, dimensions: usize) -> usize {
    let same = |place: &usize| points[*place].sizes == points[found].sizes;
    let pair: Vec<usize> = (0..points.len()).filter(same).collect();
    if pair.len() != 2 {
        return found;
    }
    let rest: Vec<Point> =
        (0..points.len()).filter(|place| !same(place)).map(|place| points[place]).collect();
    let Some(curve) = Surface::through(&rest, dimensions) else { return found };
    let distance = |place: usize| (points[place].loss - curve.at(points[place].sizes)).abs();
    if distance(pair[0]) > distance(pair[1]) { pair[0] } else { pair[1] }
}
