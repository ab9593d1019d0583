//! The check for outliers: runs too far from the others to be chance (`outlier_test.rs`).

use super::check::{Check, CheckOutcome, Fault};
use super::hint;
use super::outlier_test::FREEDOM;
use super::overfitting::of_sizes;
use super::subject::Subject;
use super::surface::Surface;
use crate::units::digits;

/// The check, for the list in `mod.rs`.
pub const CHECK: Check = Check { name: "outliers", judge };

fn judge(subject: &Subject) -> CheckOutcome {
    let Some(first) = subject.outliers.first() else {
        let known = subject.surface.as_ref().is_some_and(|surface| surface.freedom > FREEDOM);
        let few = || "too few runs to distinguish an outlier from scatter".to_string();
        return if known { CheckOutcome::Fine } else { CheckOutcome::Unknown(few()) };
    };
    let with = |without: &Surface| without.again(&subject.points(&subject.tuned, &[]));
    let change = subject.surface.as_ref().and_then(|without| Some(subject.change(&with(without)?, without)));
    let Some(change) = change else {
        return CheckOutcome::Unknown("too few runs beside outliers".to_string());
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
    CheckOutcome::Found(Fault {
        fault: if count == 1 { "an outlier".to_string() } else { format!("{count} outliers") },
        problem: format!(
            "{} ({}) has a {quantity} of {}, {} {} what the other runs predict, {:.1} times as far as scatter explains{rest}",
            run.name,
            of_sizes(subject, run),
            digits(run.loss),
            hint::relative(first.distance),
            if first.distance > 0.0 { "above" } else { "below" },
            first.deviate,
        ),
        consequence: format!(
            "without {} the {quantity} at {} is {} {}, known to {} instead of {}",
            if count == 1 { "it" } else { "them" },
            hint::asked(subject),
            hint::relative(change.log),
            if change.log > 0.0 { "higher" } else { "lower" },
            hint::half(change.after),
            hint::half(change.before),
        ),
        effect: Some(change.log.exp_m1()),
        hint: hint::outliers(subject, &run.name, count),
        matters: change.matters,
    })
}

fn shortened(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let first = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN { format!("{first} …") } else { first }
}
