//! Runs that scatter too much for their number: the answer is less sure than what the sizes make.

use super::subject::Subject;
use super::surface::Surface;
use super::{Check, Fault, Outcome, Run, collinear, mend, range};
use crate::laws::Points;
use crate::laws::average::{Average, Direction};

pub const CHECK: Check = Check { name: "number of seeds", judge };

/// The largest part of the whole difference between sizes that the answer may be uncertain by.
const PART: f64 = 0.2;

/// Rather than so many times the runs, sizes that differ more are trained.
const MANY: f64 = 4.0;

/// Half the interval of ln loss at the target. Where no size has two runs, nothing tells how runs scatter from what the surface
/// misses; there the average of laws, which bends as the runs do, may know better.
fn half_width(subject: &Subject, surface: &Surface) -> f64 {
    let half = surface.half_width(subject.target());
    if subject.dimensions() == 1 || subject.by_sizes().len() < subject.kept.len() {
        return half;
    }
    half.min(by_average(subject).unwrap_or(f64::INFINITY))
}

/// The same by the average of laws; none where it can't be fitted.
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

fn judge(subject: &Subject) -> Outcome {
    let Some(surface) = &subject.surface else {
        return Outcome::Unknown("too few runs to say how they scatter".to_string());
    };
    // A design that can't answer makes any number of runs too small, and is found by itself.
    if [range::CHECK, collinear::CHECK]
        .iter()
        .any(|check| matches!((check.judge)(subject), Outcome::Found(_)))
    {
        return Outcome::Unknown("the sizes have to be mended first".to_string());
    }
    let half = half_width(subject, surface);
    let fitted: Vec<f64> =
        subject.kept.iter().map(|&place| surface.at(subject.series.runs[place].point().sizes)).collect();
    let difference = fitted.iter().copied().fold(f64::NEG_INFINITY, f64::max)
        - fitted.iter().copied().fold(f64::INFINITY, f64::min);
    if half <= PART * difference {
        return Outcome::Fine;
    }
    let quantity = &subject.series.quantity;
    let seeds = subject.kept.len() as f64 / subject.by_sizes().len() as f64;
    // Intervals shrink as the root of the number of runs.
    let times = (half / (PART * difference)).powi(2);
    let wanted = ((seeds * times).ceil() as usize).max(seeds.ceil() as usize + 1);
    Outcome::Found(Fault {
        fault: "too few seeds for the effect".to_string(),
        problem: format!(
            "runs scatter by {:.2} % around the curve, {seeds:.1} of each size, where all sizes together change the \
             {quantity} by {:.1} %",
            100.0 * surface.scatter,
            100.0 * difference.exp_m1(),
        ),
        consequence: format!(
            "the {quantity} at {} is known to ±{:.1} % (95 %)",
            mend::asked(subject),
            100.0 * half.exp_m1()
        ),
        effect: Some(half.exp_m1()),
        mend: if times > MANY { mend::wider(subject) } else { mend::seeds(subject, wanted) },
        matters: true,
    })
}
