//! How to remove a fault: the command, or the runs that a table lacks.

use super::check::Hint;
use super::subject::Subject;
use super::sweep::RunSource;
use crate::models::architecture::Architecture;
use crate::models::axis::Axis;
use crate::optim::OptimizerName;
use crate::sweep::plan::Plan;
use crate::terminal::quoted;
use crate::units::{digits, plural, significant};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The most seeds that a hint asks for.
const MOST_SEEDS: usize = 32;
/// A margin for rounding, which narrows the range of small models.
const ROUNDING: f64 = 1.3;
/// A share above this, in percent, is written as a factor.
const MOST_PERCENT: f64 = 1000.0;
/// Factors closer than this, in the logarithm, count as one.
const NEAR: f64 = 0.15;

/// The size that the law is asked for, as text.
pub fn asked(subject: &Subject) -> String {
    let times = subject.asked.reach_text();
    if subject.dimensions() == 1 {
        format!("{times} times the largest {}", subject.series.sizes[0])
    } else {
        format!("{times} times the compute of the largest run")
    }
}

/// A distance of ln y, as text: a share of y, or a factor if that is above [`MOST_PERCENT`].
pub fn relative(distance: f64) -> String {
    let percent = 100.0 * distance.exp_m1();
    if percent.abs() <= MOST_PERCENT {
        return format!("{:.1} %", percent.abs());
    }
    format!("a factor of {}", digits(distance.exp()))
}

/// Half the width of an interval of ln y, as text: `±12.0 %`, or `a factor of 1.995e35`.
pub fn half(width: f64) -> String {
    let text = relative(width);
    if text.ends_with('%') { format!("±{text}") } else { text }
}

/// Half the width of the interval in which the answer is known, as text. An answer that may be more than
/// [`MOST_PERCENT`] away is not known.
pub fn known(width: f64) -> String {
    if 100.0 * width.exp_m1() <= MOST_PERCENT {
        return format!("known to {} (95 %)", half(width));
    }
    format!("not known: it may be {} larger or smaller (95 %)", half(width))
}

/// Asks for at least `count` sizes that span `factor`.
pub fn range(subject: &Subject, size: usize, factor: f64, count: usize) -> Hint {
    let (_, high) = subject.range(size);
    let name = &subject.series.sizes[size];
    let RunSource::Directory { path, plan } = subject.source else {
        let least = if high > 0.0 { format!(" down to {}", digits(high / factor)) } else { String::new() };
        return again(subject, format!("add runs of {name}{least}, {count} sizes at least"));
    };
    if size == 1 && !plan.flops.is_empty() {
        return smaller_budgets(plan, path);
    }
    let mut wanted = (**plan).clone();
    if size == 1 {
        let added = spread((high / factor).max(1.0), high, count.max(2));
        wanted.samples.extend(added.iter().map(|samples| samples.round() as usize));
        wanted.samples.sort_unstable();
        wanted.samples.dedup();
        return extended(&wanted, path, "also train on fewer samples");
    }
    let axis = plan.axes.iter().find(|axis| axis.name() == subject.series.name);
    // MACs grow with the square of width and resolution.
    let power = if matches!(axis, Some(Axis::Depth | Axis::Compound)) { 1.0 } else { 2.0 };
    let largest = plan.factors.iter().copied().fold(0.0, f64::max);
    let smallest = largest / (ROUNDING * factor).powf(1.0 / power);
    for added in spread(smallest, largest, count.max(plan.factors.len())) {
        add_factor(&mut wanted, added);
    }
    extended(&wanted, path, "also train smaller models")
}

/// Asks for sizes over a range four times as wide, which tell more than seeds do.
pub fn wider(subject: &Subject) -> Hint {
    let (low, high) = subject.range(0);
    let sizes: BTreeSet<u64> = subject.series.runs.iter().map(|run| run.sizes[0].to_bits()).collect();
    range(subject, 0, 4.0 * high / low, sizes.len() + 2)
}

/// `count` numbers, evenly spaced in the logarithm.
fn spread(low: f64, high: f64, count: usize) -> Vec<f64> {
    (0..count).map(|place| low * (high / low).powf(place as f64 / (count - 1).max(1) as f64)).collect()
}

/// Adds a factor to a plan, rounded to two digits, unless it has one nearby.
fn add_factor(plan: &mut Plan, factor: f64) {
    let rounded = two_digits(factor);
    if !plan.factors.iter().any(|known| (known / rounded).ln().abs() < NEAR) {
        plan.factors.push(rounded);
        plan.factors.sort_by(f64::total_cmp);
    }
}

fn two_digits(number: f64) -> f64 {
    significant(number, 2).parse().unwrap_or(number)
}

/// Asks for runs that vary each size alone.
pub fn collinear(subject: &Subject) -> Hint {
    let [first, second] = &subject.series.sizes[..] else {
        return again(subject, "vary one size alone".into());
    };
    match subject.source {
        RunSource::Directory { path, plan } if !plan.flops.is_empty() => smaller_budgets(plan, path),
        RunSource::Directory { path, plan } => extended(plan, path, "train the runs that are missing"),
        RunSource::Table { .. } => again(
            subject,
            format!(
                "add runs of the largest {first} with few {second}, and of the smallest {first} with many"
            ),
        ),
    }
}

fn smaller_budgets(plan: &Plan, path: &Path) -> Hint {
    let mut wanted = plan.clone();
    let least = wanted.flops.iter().copied().fold(f64::INFINITY, f64::min);
    wanted.flops.extend([least / 10.0, least / 100.0].map(two_digits));
    wanted.flops.sort_by(f64::total_cmp);
    extended(&wanted, path, "also train smaller budgets")
}

/// Asks for sizes on the side of the minimum.
pub fn edge(subject: &Subject, larger: bool) -> Hint {
    let name = &subject.series.sizes[0];
    let side = if larger { "larger" } else { "smaller" };
    let RunSource::Directory { path, plan } = subject.source else {
        let todo = format!("add runs of {side} {name} at these budgets, until the loss rises on both sides");
        return again(subject, todo);
    };
    let mut wanted = (**plan).clone();
    let ends = plan.factors.iter().fold((f64::INFINITY, 0.0f64), |(a, b), f| (f.min(a), f.max(b)));
    let added = if larger { [1.5 * ends.1, 2.0 * ends.1] } else { [ends.0 / 1.5, 0.5 * ends.0] };
    added.into_iter().for_each(|factor| add_factor(&mut wanted, factor));
    extended(&wanted, path, &format!("also train {side} models"))
}

/// Asks for `wanted` runs of each size.
pub fn seeds(subject: &Subject, wanted: usize) -> Hint {
    let RunSource::Directory { path, plan } = subject.source else {
        return again(subject, format!("add runs with other seeds, {wanted} of each size in all"));
    };
    let mut plan = (**plan).clone();
    more_seeds(&mut plan, wanted);
    extended(&plan, path, &format!("train {wanted} seeds of each size"))
}

fn more_seeds(plan: &mut Plan, wanted: usize) {
    let known: BTreeSet<u64> = plan.seeds.iter().copied().collect();
    let missing = wanted.min(MOST_SEEDS).saturating_sub(plan.seeds.len());
    plan.seeds.extend((0..).filter(|seed| !known.contains(seed)).take(missing));
}

/// Asks for another seed, which distinguishes an unusual size from an unusual run; a table can leave out rows.
pub fn outliers(subject: &Subject, first: &str, count: usize) -> Hint {
    let which =
        if count == 1 { first.to_string() } else { format!("{first} and {}", plural(count - 1, "other")) };
    match subject.source {
        RunSource::Directory { path, plan } => {
            let mut wanted = (**plan).clone();
            more_seeds(&mut wanted, plan.seeds.len() + 1);
            extended(&wanted, path, &format!("train another seed, which shows whether {which} went wrong"))
        }
        RunSource::Table { .. } => again(
            subject,
            format!("find out what went wrong in {which}, then train it again or leave it out"),
        ),
    }
}

/// Asks for a longer training.
pub fn longer(subject: &Subject) -> Hint {
    let todo = "train all runs for twice as long";
    match subject.source {
        RunSource::Directory { path, plan } if plan.whole_set.is_some() => {
            let mut wanted = (**plan).clone();
            wanted.flops.push(two_digits(2.0 * plan.flops.iter().copied().fold(0.0, f64::max)));
            extended(&wanted, path, "also train a larger budget")
        }
        RunSource::Directory { path, plan } => epochs(plan, path, 2 * most_epochs(plan), todo),
        RunSource::Table { .. } => again(subject, todo.to_string()),
    }
}

/// Asks for a training that ends where the loss is least, after `part` of its samples; or, where budgets determine the
/// numbers of epochs or the runs cannot end sooner, for one that over-fits less.
pub fn shorter(subject: &Subject, part: f64) -> Hint {
    let todo = "end all runs where the loss is least, or train on more samples";
    let RunSource::Directory { path, plan } = subject.source else { return again(subject, todo.to_string()) };
    let most = most_epochs(plan);
    let number = ((part * most as f64).round() as usize).clamp(1, most.saturating_sub(1).max(1));
    if plan.whole_set.is_some() || number >= most || plan.epochs.contains(&number) {
        return decayed(plan, path);
    }
    epochs(plan, path, number, todo)
}

fn most_epochs(plan: &Plan) -> usize {
    plan.epochs.iter().copied().max().unwrap_or(plan.config.epochs)
}

/// Asks for runs of another number of epochs.
fn epochs(plan: &Plan, path: &Path, number: usize, todo: &str) -> Hint {
    let mut wanted = plan.clone();
    if plan.epochs.is_empty() {
        // All runs have one number of epochs, so another number needs another sweep.
        wanted.config.epochs = number;
        let own = format!("-{}-epochs", plan.config.epochs);
        let directory = beside(path, &own, &format!("-{number}-epochs"));
        return Hint { what: todo.to_string(), command: sweep(&wanted, &directory, false) };
    }
    wanted.epochs.push(number);
    extended(&wanted, path, todo)
}

/// The first weight decay to try: of an optimiser that decays weights apart from the gradient, and of one that adds the
/// decay to the gradient.
const WEIGHT_DECAY: (f64, f64) = (0.05, 5e-4);
/// The factor of a further one.
const MORE_DECAY: f64 = 3.0;

/// Asks for the same runs with weight decay, or more of it: another sweep, because all runs of one have the same.
fn decayed(plan: &Plan, path: &Path) -> Hint {
    let mut wanted = plan.clone();
    let config = &mut wanted.config;
    let before = plan.config.algorithm().weight_decay();
    if config.optimizer == OptimizerName::Adam {
        config.optimizer = OptimizerName::AdamW;
    }
    let first = if config.algorithm().has_decoupled_decay() { WEIGHT_DECAY.0 } else { WEIGHT_DECAY.1 };
    let decay = two_digits((MORE_DECAY * before).max(first));
    config.weight_decay = Some(decay);
    let [own, other] = [before, decay].map(|decay| format!("-weight-decay-{decay}"));
    let todo = "train the same runs with more weight decay (--augment for images), or on more samples";
    Hint { what: todo.to_string(), command: sweep(&wanted, &beside(path, &own, &other), false) }
}

/// The directory of a sweep that differs from the one in `path` in one number, which the end of its name tells. `own`
/// is the end for the number there.
fn beside(path: &Path, own: &str, other: &str) -> PathBuf {
    let name = path.display().to_string();
    let name = name.trim_end_matches('/');
    PathBuf::from(name.strip_suffix(own).unwrap_or(name).to_string() + other)
}

/// Asks for learning rates beyond the edge.
pub fn rates(subject: &Subject, edge: f64, smaller: bool) -> Hint {
    let factors = if smaller { [0.25, 0.5] } else { [2.0, 4.0] };
    let [one, other] = factors.map(|factor| significant(factor * edge, 2));
    again(subject, format!("add runs at learning rates of {one} and {other}"))
}

/// Asks to use each size's best learning rate.
pub fn drift(subject: &Subject, there: f64) -> Hint {
    let rate = significant(there, 2);
    again(
        subject,
        format!("keep only the runs at each size's best rate, and train larger models at about {rate}"),
    )
}

/// What to do, and the command that checks the sweep or table again.
fn again(subject: &Subject, what: String) -> Hint {
    let quoted_path = |path: &Path| quoted(&path.display().to_string());
    let command = match subject.source {
        RunSource::Directory { path, .. } => format!("allometry check {}", quoted_path(path)),
        RunSource::Table { path, columns, learning_rate } => {
            let mut command = format!("allometry check {} --x {}", quoted_path(path), quoted(&columns.x));
            let mut add = |option: &str, value: &str| command += &format!(" --{option} {}", quoted(value));
            columns.x2.iter().for_each(|x2| add("x2", x2));
            add("y", &columns.y);
            learning_rate.iter().for_each(|rate| add("lr", rate));
            columns.conditions.iter().for_each(|condition| add("where", condition));
            columns.drop_above.iter().for_each(|limit| add("drop-above", &limit.to_string()));
            columns.drop_below.iter().for_each(|limit| add("drop-below", &limit.to_string()));
            for (flag, given) in
                [("--error-rate", columns.error_rate), ("--skip-missing", columns.skip_missing)]
            {
                command += &if given { format!(" {flag}") } else { String::new() };
            }
            command
        }
    };
    Hint { what, command }
}

/// The command that extends a sweep to a larger plan.
fn extended(plan: &Plan, directory: &Path, what: &str) -> Hint {
    Hint { what: what.to_string(), command: sweep(plan, directory, true) }
}

/// The command that runs a plan. A plan does not know the paths of data and model files, so the command has DATA, and
/// the model's name.
fn sweep(plan: &Plan, directory: &Path, extend: bool) -> String {
    let base = &plan.architecture;
    let preset = Architecture::preset(&base.name);
    let model = if preset.is_some() { base.name.clone() } else { format!("{}.toml", base.name) };
    let mut command = format!("allometry sweep --model {}", quoted(&model));
    let mut add = |option: &str, value: String| command += &format!(" --{option} {}", quoted(&value));
    add("dataset", plan.dataset.clone());
    if !plan.data.is_empty() {
        add("data", "DATA".to_string());
    }
    let own = preset.and_then(|preset| preset.resolution());
    base.resolution().filter(|pixels| own.is_some_and(|own| own != *pixels)).iter().for_each(|pixels| {
        add("resolution", pixels.to_string());
    });
    plan.target_columns.iter().for_each(|target| add("target", target.clone()));
    let of_table = if plan.dataset == "csv" { plan.table.flags() } else { Vec::new() };
    for (flag, value) in &of_table {
        value.iter().for_each(|value| add(flag, value.clone()));
    }
    add("axis", joined(&plan.axes));
    add("factors", joined(&plan.factors));
    let config = plan.config;
    let samples: Vec<usize> = config.samples.into_iter().chain(plan.samples.iter().copied()).collect();
    if !samples.is_empty() {
        add("samples", joined(&samples));
    }
    if !plan.flops.is_empty() {
        add("flops", plan.flops.iter().map(|budget| format!("{budget:e}")).collect::<Vec<_>>().join(","));
    }
    if plan.whole_set.is_none() {
        add("epochs", if plan.epochs.is_empty() { config.epochs.to_string() } else { joined(&plan.epochs) });
    }
    config.validation_samples.iter().for_each(|samples| add("validation-samples", samples.to_string()));
    if plan.predict > 0 {
        add("predict", plan.predict.to_string());
    }
    add("seeds", joined(&plan.seeds));
    command += &config.flags().iter().map(|flag| format!(" {flag}")).collect::<String>();
    let alone = of_table.iter().filter(|(_, value)| value.is_none()).map(|(flag, _)| (*flag, true));
    let flags = alone.chain([("whole-set", plan.whole_set.is_some()), ("extend", extend)]);
    flags.filter(|(_, given)| *given).for_each(|(flag, _)| command += &format!(" --{flag}"));
    command + &format!(" --out {}", quoted(&directory.display().to_string()))
}

fn joined<T: ToString>(values: &[T]) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::{half, known, relative};

    #[test]
    fn what_may_be_many_times_as_large_is_not_known() {
        assert_eq!(known(1.25f64.ln()), "known to ±25.0 % (95 %)");
        assert_eq!(known(2e35f64.ln()), "not known: it may be a factor of 2.000e35 larger or smaller (95 %)");
        assert_eq!((half(10f64.ln()), half(12f64.ln())), ("±900.0 %".into(), "a factor of 12.00".into()));
        assert_eq!(relative(0.5f64.ln()), "50.0 %");
    }
}
