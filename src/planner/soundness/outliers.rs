//! Runs that lie too far from the surface of the others to be chance.
//!
//! A run is held against the curve of the others, and, where its size has several runs, against these alone, which no curve
//! can follow. The run whose externally studentised residual is farthest beyond its threshold is taken out, and the rest are judged
//! anew, up to a tenth of the runs and twenty; as many are outliers as there were steps when a residual last was beyond its
//! threshold: Student's t at the level over all runs and both comparisons. That order keeps two outliers from hiding each other
//! (the generalised extreme studentised deviate test, Rosner 1983; for residuals of a regression Cook and Weisberg 1982, section 2.2).

use super::overfitting::of_sizes;
use super::statistics::{mean, two_sided};
use super::subject::Subject;
use super::surface::{Point, Surface};
use super::{Check, Fault, Outcome, mend};
use crate::units::digits;
use std::collections::HashMap;

pub const CHECK: Check = Check { name: "outliers", judge };

/// The part of the runs that may be outliers, and the most that are looked for.
const PART: f64 = 0.1;
const MOST: usize = 20;
/// Runs more than parameters that a residual is judged by.
const FREEDOM: usize = 3;

/// A run is not held against a surface that follows the run itself more than the others (a leverage above a half): at the
/// corners of a design, a surface that is a little wrong and a run that is off look alike.
const OWN: f64 = 0.5;

/// A run far from the others.
#[derive(Debug, Clone, Copy)]
pub struct Outlier {
    pub run: usize,
    /// ln loss less that of the curve, or of the other runs of its size.
    pub distance: f64,
    /// That in standard errors, as a multiple of the threshold.
    pub deviate: f64,
}

/// The outliers among points, in the order in which they are found.
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

/// What points are off by, the parts of them that their own noise does not hide, and the degrees of freedom.
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

/// The point with the largest deviate, of those whose own part is at least so large; none where there are too few to tell.
fn farthest(Residuals { residuals, own, freedom }: &Residuals, level: f64, least: f64) -> Option<Outlier> {
    if *freedom <= FREEDOM {
        return None;
    }
    let squares: f64 = residuals.iter().map(|residual| residual * residual).sum();
    let threshold = two_sided(2.0 * level, freedom - 1);
    let deviate = |place: usize| {
        let (residual, own) = (residuals[place], own[place]);
        // A point that is met exactly by what it is held against has no residual of its own.
        if own < least.max(1e-9) {
            return None;
        }
        let without = (squares - residual * residual / own).max(0.0) / (freedom - 1) as f64;
        let deviate = residual.abs() / (without * own).sqrt() / threshold;
        deviate.is_finite().then_some(Outlier { run: place, distance: residual / own, deviate })
    };
    (0..residuals.len()).filter_map(deviate).max_by(|a, b| a.deviate.total_cmp(&b.deviate))
}

/// Of a point and the only other one of its sizes that which is farther from the curve of all others: their difference alone
/// does not tell.
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

fn judge(subject: &Subject) -> Outcome {
    let Some(first) = subject.outliers.first() else {
        let known = subject.surface.as_ref().is_some_and(|surface| surface.freedom > FREEDOM);
        let few = || "too few runs to tell one that is off from scatter".to_string();
        return if known { Outcome::Fine } else { Outcome::Unknown(few()) };
    };
    let with = |without: &Surface| without.again(&subject.points(&subject.tuned, &[]));
    let change = subject.surface.as_ref().and_then(|without| Some(subject.change(&with(without)?, without)));
    let Some(change) = change else {
        return Outcome::Unknown("too few runs beside outliers".to_string());
    };
    let runs = &subject.series.runs;
    let first = subject.outliers.iter().max_by(|a, b| a.deviate.total_cmp(&b.deviate)).unwrap_or(first);
    let run = &runs[first.run];
    let others: Vec<&str> = subject
        .outliers
        .iter()
        .filter(|outlier| outlier.run != first.run)
        .map(|outlier| runs[outlier.run].name.as_str())
        .collect();
    let count = subject.outliers.len();
    let rest = match &others[..] {
        [] => String::new(),
        [other] => format!("; so is {other}"),
        _ => format!("; so are {} more: {}", others.len(), shortened(&others)),
    };
    let quantity = &subject.series.quantity;
    Outcome::Found(Fault {
        fault: if count == 1 { "an outlier".to_string() } else { format!("{count} outliers") },
        problem: format!(
            "{} ({}) has a {quantity} of {}, {:.1} % {} what the others say, {:.1} times as far as scatter explains{rest}",
            run.name,
            of_sizes(subject, run),
            digits(run.loss),
            100.0 * first.distance.exp_m1().abs(),
            if first.distance > 0.0 { "above" } else { "below" },
            first.deviate,
        ),
        consequence: format!(
            "without {} the {quantity} at {} is {:.1} % {}, known to ±{:.1} % instead of ±{:.1} %",
            if count == 1 { "it" } else { "them" },
            mend::asked(subject),
            100.0 * change.log.exp_m1().abs(),
            if change.log > 0.0 { "higher" } else { "lower" },
            100.0 * change.after.exp_m1(),
            100.0 * change.before.exp_m1(),
        ),
        effect: Some(change.log.exp_m1()),
        mend: mend::outliers(subject, &run.name, count),
        matters: change.matters,
    })
}

fn shortened(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let first = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN { format!("{first} …") } else { first }
}
