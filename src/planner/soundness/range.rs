//! Sizes that span too small a range, or are too few, for the extrapolation that the law is asked for.
//!
//! A curve of three parameters through sizes that span R in the logarithm, read at u·R beyond the largest, has a
//! standard error that grows as the second Legendre polynomial of 1 + 2u (the leverage of a parabola; Draper and Smith
//! 1998, chapter 22): twice that of the middle at u = 0, eight times at u = 2/3, thirteen times at u = 1. So the sizes
//! have to span at least the reach to the power of 3/2, u = 2/3; and at least a factor of 4, as the exponents of `fit`
//! need.

use super::check::{Check, CheckOutcome, Fault};
use super::hint;
use super::subject::Subject;
use crate::rounding::levels;
use crate::units::{digits, significant, trim};

/// The check, for the list in `mod.rs`.
pub const CHECK: Check = Check { name: "range of sizes", judge };

/// Sizes have to span this power of the reach.
const POWER: f64 = 1.5;
/// The smallest range that they have to span.
const LEAST: f64 = 4.0;
/// Number of different sizes that a curve with a floor needs, and that a law of two sizes needs of each.
const SINGLE: usize = 4;
const JOINT: usize = 3;
/// Sizes closer together than this fraction count as one.
const APART: f64 = 0.25;

fn judge(subject: &Subject) -> CheckOutcome {
    let narrow: Vec<(Fault, f64)> =
        (0..subject.dimensions()).filter_map(|size| fault(subject, size)).collect();
    match narrow.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)) {
        Some((fault, _)) => CheckOutcome::Found(fault),
        None => CheckOutcome::Fine,
    }
}

/// The fault of one of the sizes, and the fraction of the needed range (in logarithms) that it spans.
fn fault(subject: &Subject, size: usize) -> Option<(Fault, f64)> {
    let series = subject.series;
    let (name, two) = (&series.sizes[size], subject.dimensions() == 2);
    let sizes: Vec<f64> = series.runs.iter().map(|run| run.sizes[size]).collect();
    let different = levels(&sizes, APART).into_iter().max().map_or(0, |most| most + 1);
    let needed = if two { JOINT } else { SINGLE };
    // With two sizes, each grows as the root.
    let reach = if two { subject.asked.reach.sqrt() } else { subject.asked.reach };
    let wanted = reach.powf(POWER).max(LEAST);
    let (low, high) = subject.range(size);
    let span = if different == 0 { 1.0 } else { high / low };
    // Rounding of sizes may reduce the span slightly.
    let short = span < 0.98 * wanted;
    if !short && different >= needed {
        return None;
    }
    let place = if series.name.is_empty() { String::new() } else { format!(" along {}", series.name) };
    let written = |factor: f64| trim(significant(factor, 3));
    let problem = match different {
        0 => format!("no run{place} has a loss"),
        1 => format!("all runs{place} have one size, {} {name}", digits(low)),
        _ if short => format!(
            "the {name} of the runs{place} span a factor of {}, from {} to {}; the loss at {} needs a factor of {}",
            written(span),
            digits(low),
            digits(high),
            hint::asked(subject),
            written(wanted),
        ),
        _ => format!(
            "the runs{place} have {different} different {name}; a curve that may level off needs {needed}"
        ),
    };
    let half = subject.half_width().filter(|_| different >= needed);
    let consequence = match half {
        Some(half) => format!("its 95 % interval there is {}", hint::half(half)),
        None => "nothing distinguishes a curve that levels off from one that does not".to_string(),
    };
    let words = if short { "sizes span too little" } else { "too few sizes" };
    let fault = Fault {
        fault: if two { format!("{words} in {name}") } else { words.to_string() },
        problem,
        consequence,
        effect: half.map(f64::exp_m1),
        hint: hint::range(subject, size, wanted.max(span), needed),
        matters: true,
    };
    Some((fault, span.ln() / wanted.ln()))
}
