//! Two sizes that grow together: their exponents cannot be separated.
//!
//! A correlation ρ of ln N and ln D multiplies the variance of either coefficient by 1 / (1 − ρ²) (the variance
//! inflation factor; Marquardt 1970, Belsley, Kuh and Welsch 1980, chapter 3). From 5 on, where intervals are 2.2 times
//! as wide, a grid of the same number of runs tells more.

use super::check::{Check, CheckOutcome, Fault};
use super::hint;
use super::subject::Subject;

/// The check, for the list in `mod.rs`.
pub const CHECK: Check = Check { name: "two sizes apart", judge };

/// The largest inflation of the variance.
const LARGEST: f64 = 5.0;

fn judge(subject: &Subject) -> CheckOutcome {
    let (2, [first, second]) = (subject.dimensions(), &subject.series.sizes[..]) else {
        return CheckOutcome::Fine;
    };
    let correlation = correlation(subject);
    let inflation = 1.0 / (1.0 - correlation * correlation);
    if !correlation.is_finite() || inflation < LARGEST {
        return CheckOutcome::Fine;
    }
    let wider = inflation.sqrt();
    let together = if correlation > 0.0 {
        format!("{second} grow with {first}")
    } else {
        format!("{second} fall as {first} grow")
    };
    let consequence = if wider < 1000.0 {
        format!(
            "the intervals of both exponents are {wider:.1} times as wide as those of a grid of as many runs"
        )
    } else {
        "the exponents of the two cannot be separated at all".to_string()
    };
    CheckOutcome::Found(Fault {
        fault: format!("{first} and {second} vary together"),
        problem: format!("{together}: the correlation of their logarithms is {correlation:.3}"),
        consequence,
        effect: None,
        hint: hint::collinear(subject),
        matters: true,
    })
}

/// The correlation of the logarithms of the two sizes.
fn correlation(subject: &Subject) -> f64 {
    let logs: Vec<[f64; 2]> =
        subject.tuned.iter().map(|&place| subject.series.runs[place].point().sizes).collect();
    let mean = [0, 1].map(|size| logs.iter().map(|z| z[size]).sum::<f64>() / logs.len() as f64);
    let product = |a: usize, b: usize| logs.iter().map(|z| (z[a] - mean[a]) * (z[b] - mean[b])).sum::<f64>();
    (product(0, 1) / (product(0, 0) * product(1, 1)).sqrt()).clamp(-1.0, 1.0)
}
