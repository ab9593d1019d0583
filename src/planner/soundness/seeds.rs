//! Runs that scatter too much for their number: the answer is too uncertain relative to the effect of the sizes.

use super::check::{Check, CheckOutcome, Fault};
use super::subject::Subject;
use super::surface::Surface;
use super::sweep::Run;
use super::{collinear, hint, range};
use crate::laws::Points;
use crate::laws::average::{Average, Direction};

/// The check, for the list in `mod.rs`.
pub const CHECK: Check = Check { name: "number of seeds", judge };

/// The largest uncertainty of the answer, as a fraction of the whole difference between sizes.
const PART: f64 = 0.2;

/// If this many times the runs were needed, a wider range of sizes is suggested instead.
const MANY: f64 = 4.0;

/// Half the interval of ln loss at the target. If no size has two runs, nothing distinguishes scatter from errors of
/// the surface; then the average of laws, which is more flexible, may have a smaller interval.
fn half_width(subject: &Subject, surface: &Surface) -> f64 {
    let half = surface.half_width(subject.target());
    if subject.dimensions() == 1 || subject.by_sizes().len() < subject.kept.len() {
        return half;
    }
    half.min(by_average(subject).unwrap_or(f64::INFINITY))
}

/// The same by the average of laws; `None` if it cannot be fitted.
fn by_average(subject: &Subject) -> Option<f64> {
    let runs = || subject.kept.iter().map(|&place| &subject.series.runs[place]);
    let column = |of: fn(&Run) -> f64| runs().map(of).collect::<Vec<f64>>();
    let [first, second] = [column(|run| run.sizes[0]), column(|run| run.sizes[1])];
    let losses = column(|run| run.loss);
    let names = &subject.series.sizes;
    let points = Points::joint(
        (names.first()?, &first),
        (names.get(1)?, &second),
        (&subject.series.quantity, &losses),
    );
    let law = Average::new(&points.ok()?, Direction::Falling).ok()?;
    let there = law.at(subject.target().map(f64::exp));
    Some(0.5 * (there.quantile(0.975) / there.quantile(0.025)).ln())
}

fn judge(subject: &Subject) -> CheckOutcome {
    let Some(surface) = &subject.surface else {
        return CheckOutcome::Unknown("too few runs to tell how they scatter".to_string());
    };
    // With an unsuitable design any number of runs is too small; other checks report it.
    if [range::CHECK, collinear::CHECK]
        .iter()
        .any(|check| matches!((check.judge)(subject), CheckOutcome::Found(_)))
    {
        return CheckOutcome::Unknown("the sizes have to be corrected first".to_string());
    }
    let half = half_width(subject, surface);
    let fitted: Vec<f64> =
        subject.kept.iter().map(|&place| surface.at(subject.series.runs[place].point().sizes)).collect();
    let difference = fitted.iter().copied().fold(f64::NEG_INFINITY, f64::max)
        - fitted.iter().copied().fold(f64::INFINITY, f64::min);
    if half <= PART * difference {
        return CheckOutcome::Fine;
    }
    let quantity = &subject.series.quantity;
    let seeds = subject.kept.len() as f64 / subject.by_sizes().len() as f64;
    // Intervals shrink as the root of the number of runs.
    let times = (half / (PART * difference)).powi(2);
    let wanted = ((seeds * times).ceil() as usize).max(seeds.ceil() as usize + 1);
    CheckOutcome::Found(Fault {
        fault: "too few runs for their scatter".to_string(),
        problem: format!(
            "runs scatter by {:.2} % around the curve, {seeds:.1} of each size, where all sizes together change the \
             {quantity} by {:.1} %",
            100.0 * surface.scatter,
            100.0 * difference.exp_m1(),
        ),
        consequence: format!("the {quantity} at {} is {}", hint::asked(subject), hint::known(half)),
        effect: Some(half.exp_m1()),
        hint: if times > MANY { hint::wider(subject) } else { hint::seeds(subject, wanted) },
        matters: true,
    })
}
