//! Learning rates that were not tuned: the best rate is at the edge of those tried, or it drifts with the size.
//!
//! For each size the mean losses of the rates are compared. At the edge the best rate has to be better than its
//! neighbour by more than chance; the parabola through the outermost three predicts the gain beyond. A drift is a slope
//! of the logarithms of the best rates (each the vertex of the parabola through the best and its neighbours) against
//! the logarithm of the first size, tested by Student's t.

use super::check::{Check, CheckOutcome, Fault};
use super::hint;
use super::overfitting::{consequence, of_sizes};
use super::statistics::{QuadraticFit, mean, one_sided, two_sided};
use super::subject::{Change, Subject, rates};
use crate::units::{digits, plural, significant};

/// The check, for the list in `mod.rs`.
pub const CHECK: Check = Check { name: "learning rates", judge };

/// Degrees of freedom from runs of equal sizes and rates that suffice.
const ENOUGH: usize = 4;
/// Number of steps beyond the edge up to which a parabola is used.
const BEYOND: f64 = 2.0;

/// The learning rates tried at one size.
struct Tried {
    group: usize,
    rates: Vec<Rate>,
    best: usize,
}

struct Rate {
    log: f64,
    /// Mean ln loss.
    loss: f64,
    runs: Vec<usize>,
}

fn judge(subject: &Subject) -> CheckOutcome {
    let tried = tried(subject);
    if tried.iter().all(|tried| tried.rates.len() < 2) {
        let known = subject.series.runs.iter().any(|run| run.learning_rate.is_some());
        let reason = if known {
            "each size has one learning rate, which may not be its best"
        } else {
            "there is no column of learning rates"
        };
        return CheckOutcome::Unknown(reason.to_string());
    }
    at_edge(subject, &tried)
        .or_else(|| drifting(subject, &tried))
        .map_or(CheckOutcome::Fine, CheckOutcome::Found)
}

fn tried(subject: &Subject) -> Vec<Tried> {
    let mut found: Vec<Tried> = Vec::new();
    for (group, (rate, runs)) in rates(subject.series, &subject.groups) {
        let losses: Vec<f64> = runs.iter().map(|&place| subject.series.runs[place].loss.ln()).collect();
        let rate = Rate { log: rate.ln(), loss: mean(&losses), runs };
        match found.last_mut().filter(|last| last.group == group) {
            Some(last) => last.rates.push(rate),
            None => found.push(Tried { group, rates: vec![rate], best: 0 }),
        }
    }
    for tried in &mut found {
        let best =
            (0..tried.rates.len()).min_by(|&a, &b| tried.rates[a].loss.total_cmp(&tried.rates[b].loss));
        tried.best = best.unwrap_or(0);
    }
    found
}

/// Variance of one run's ln loss, and its degrees of freedom.
fn noise(subject: &Subject, tried: &[Tried]) -> (f64, usize) {
    let rates = || tried.iter().flat_map(|tried| &tried.rates);
    let freedom: usize = rates().map(|rate| rate.runs.len() - 1).sum();
    if freedom >= ENOUGH {
        let runs = &subject.series.runs;
        let squares = |rate: &Rate| {
            rate.runs.iter().map(|&place| (runs[place].loss.ln() - rate.loss).powi(2)).sum::<f64>()
        };
        return (rates().map(squares).sum::<f64>() / freedom as f64, freedom);
    }
    // Both contain noise and errors of the curves; the smaller one is nearer to the noise.
    let scatter = subject.surface.as_ref().map(|surface| (surface.scatter.powi(2), surface.freedom));
    let parabolas = tried.iter().filter(|tried| tried.rates.len() > 3).filter_map(|tried| {
        let points: Vec<(f64, f64)> =
            tried.rates.iter().map(|rate| (rate.log - tried.rates[0].log, rate.loss)).collect();
        Some((QuadraticFit::through(&points)?.squares, points.len() - 3))
    });
    let (squares, freedom) = parabolas.fold((0.0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
    let around = (freedom > 0).then(|| (squares / freedom as f64, freedom));
    let smaller = [scatter, around].into_iter().flatten().min_by(|a, b| a.0.total_cmp(&b.0));
    smaller.unwrap_or((0.0, 1))
}

fn at_edge(subject: &Subject, tried: &[Tried]) -> Option<Fault> {
    let several: Vec<&Tried> = tried.iter().filter(|tried| tried.rates.len() > 1).collect();
    let (variance, freedom) = noise(subject, tried);
    let threshold = one_sided(subject.level / several.len() as f64, freedom);
    let mut open: Vec<(usize, f64)> = Vec::new();
    let mut worst: Option<(f64, &Tried)> = None;
    for &tried in &several {
        let last = tried.rates.len() - 1;
        let Tried { rates, best, .. } = tried;
        let inner = match *best {
            0 => [1, 2],
            best if best == last => [last - 1, last.saturating_sub(2)],
            _ => continue,
        };
        let (edge, neighbour) = (&rates[*best], &rates[inner[0]]);
        let gain = neighbour.loss - edge.loss;
        let error = variance * (1.0 / edge.runs.len() as f64 + 1.0 / neighbour.runs.len() as f64);
        if gain <= threshold * error.sqrt() {
            continue;
        }
        let beyond =
            rates.get(inner[1]).filter(|_| last > 1).map_or(gain, |third| beyond(edge, neighbour, third));
        open.push((tried.group, beyond));
        if worst.is_none_or(|worst| beyond > worst.0) {
            worst = Some((beyond, tried));
        }
    }
    let (beyond, worst) = worst?;
    let place = worst.rates[worst.best].runs[0];
    let change = subject.without(&open);
    let rate = |index: usize| significant(worst.rates[index].log.exp(), 3);
    let side = if worst.best == 0 { "smallest" } else { "largest" };
    Some(Fault {
        fault: "learning rates at the edge".to_string(),
        problem: format!(
            "the best learning rate is the {side} of those tried at {} of {}, most clearly at {}: {} of {} to {}",
            open.len(),
            plural(several.len(), "size"),
            of_sizes(subject, &subject.series.runs[place]),
            rate(worst.best),
            rate(0),
            rate(worst.rates.len() - 1),
        ),
        consequence: format!(
            "a better rate would lower its {} by about {:.1} %; {}",
            subject.series.quantity,
            -100.0 * (-beyond).exp_m1(),
            consequence(subject, change, "at their best rates the runs")
        ),
        effect: change.map(|change| change.log.exp_m1()),
        hint: hint::rates(subject, worst.rates[worst.best].log.exp(), worst.best == 0),
        matters: change.is_none_or(|change| change.matters),
    })
}

/// The fall of ln loss beyond the edge, by the parabola through the outermost three rates.
fn beyond(edge: &Rate, neighbour: &Rate, third: &Rate) -> f64 {
    let step = (edge.log - neighbour.log).abs();
    // The distance from the edge in steps.
    let x = |rate: &Rate| (rate.log - edge.log).abs() / step;
    let points = [edge, neighbour, third].map(|rate| (x(rate), rate.loss));
    let gain = neighbour.loss - edge.loss;
    let Some(parabola) = QuadraticFit::through(&points) else { return gain };
    let [a, b, c] = parabola.coefficients;
    let at = parabola.vertex().unwrap_or(-BEYOND).clamp(-BEYOND, 0.0);
    // On a convex curve, no step gains more than the previous one.
    (-(b * at + c * at * at + (a - edge.loss))).clamp(0.0, BEYOND * gain)
}

fn drifting(subject: &Subject, tried: &[Tried]) -> Option<Fault> {
    let inside: Vec<(&Tried, f64, f64)> = tried
        .iter()
        .filter(|tried| tried.best > 0 && tried.best + 1 < tried.rates.len())
        .filter_map(|tried| {
            let around = &tried.rates[tried.best - 1..=tried.best + 1];
            let points: Vec<(f64, f64)> = around.iter().map(|r| (r.log - around[1].log, r.loss)).collect();
            let parabola = QuadraticFit::through(&points)?;
            Some((tried, around[1].log + parabola.vertex()?, parabola.coefficients[2]))
        })
        .collect();
    let points: Vec<[f64; 2]> = inside
        .iter()
        .map(|(tried, best, _)| [subject.series.runs[tried.rates[0].runs[0]].point().sizes[0], *best])
        .collect();
    let freedom = points.len().checked_sub(2).filter(|&freedom| freedom > 0)?;
    let centre = [0, 1].map(|axis| mean(&points.iter().map(|point| point[axis]).collect::<Vec<_>>()));
    let sum =
        |a: usize, b: usize| points.iter().map(|p| (p[a] - centre[a]) * (p[b] - centre[b])).sum::<f64>();
    let (xx, xy) = (sum(0, 0), sum(0, 1));
    let slope = xy / xx;
    let left: f64 = points.iter().map(|p| (p[1] - centre[1] - slope * (p[0] - centre[0])).powi(2)).sum();
    let error = (left / freedom as f64 / xx).sqrt();
    let threshold = two_sided(subject.level, freedom);
    if !(slope.abs() > threshold * error && slope.is_finite()) {
        return None;
    }
    // One rate for all sizes, the mean of the best ones, raises each size's loss by the parabola's value there.
    let rate = |log_size: f64| centre[1] + slope * (log_size - centre[0]);
    let curvature = mean(&inside.iter().map(|(_, _, curvature)| *curvature).collect::<Vec<_>>());
    let raised: Vec<(usize, f64)> = inside
        .iter()
        .zip(&points)
        .map(|((tried, _, _), point)| (tried.group, curvature * (rate(point[0]) - centre[1]).powi(2)))
        .collect();
    let change = subject.without(&raised);
    let (low, high) = subject.range(0);
    let name = &subject.series.sizes[0];
    let written = |log: f64| significant(log.exp(), 3);
    Some(Fault {
        fault: "learning rates drift with size".to_string(),
        problem: format!(
            "the best learning rate is proportional to {name} to the power of {slope:.2} ± {:.2}: from {} at {} to {} at {}",
            two_sided(0.05, freedom) * error,
            written(rate(low.ln())),
            digits(low),
            written(rate(high.ln())),
            digits(high),
        ),
        consequence: match change {
            Some(Change { log: change, .. }) => format!(
                "one rate for all sizes would make the {} at {} look {:.1} % {}",
                subject.series.quantity,
                hint::asked(subject),
                100.0 * change.exp_m1().abs(),
                if change < 0.0 { "higher" } else { "lower" }
            ),
            None => "one rate for all sizes distorts the law".to_string(),
        },
        effect: change.map(|change| change.log.exp_m1()),
        hint: hint::drift(subject, rate(subject.target()[0]).exp()),
        matters: change.is_none_or(|change| change.matters),
    })
}
