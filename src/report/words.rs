//! The findings as sentences, and the best configurations. The text has no markup: the page escapes it, the terminal
//! prints it.

use super::quantity::Quantity;
use super::series::{Configuration, along, amounts, axes, configurations, label, laws, varies_epochs};
use crate::laws::PowerLaw;
use crate::models::axis::Axis;
use crate::sweep::record::{Outcome, Record};
use crate::units::{self, metric, plural, seconds, significant, times};

/// The configuration that is best by some measure.
#[derive(Debug, Clone)]
pub(super) struct BestConfiguration {
    /// The measure.
    pub by: &'static str,
    /// The configuration's name.
    pub label: String,
    /// Its value.
    pub value: String,
    /// Its cost.
    pub cost: String,
}

/// The cost that a measure divides by.
type CostOf<'f> = &'f dyn Fn(&Configuration) -> Option<f64>;

/// The best configurations by accuracy, by accuracy per training FLOP and by accuracy per second of training, each a
/// mean over seeds. For regression the measure is 1 / validation loss; a loss of 0 is best, and costs decide between
/// two of them. A configuration with a failed run is never best.
pub(super) fn best(records: &[Record]) -> Vec<BestConfiguration> {
    let mut sound = configurations(records);
    sound.retain(|c| c.runs.iter().all(|run| run.completed()));
    let quality = quality(records);
    let classifies = quality == Quantity::Accuracy;
    // Lower is better; of equal scores, the lower cost.
    let rank = |c: &Configuration, cost: f64| {
        let value = c.mean(quality)?;
        let score = if classifies { -value / cost } else { value * cost };
        (score.is_finite() && cost.is_finite()).then_some((score, cost))
    };
    let names = if classifies {
        ["accuracy", "accuracy per FLOP", "accuracy per second"]
    } else {
        ["validation loss", "1/loss per FLOP", "1/loss per second"]
    };
    // If models were trained on several amounts of data, the amount is part of the description.
    let several = amounts(records).len() > 1;
    let varies = varies_epochs(records);
    let samples = |c: &Configuration| match c.mean(Quantity::TrainingSamples) {
        Some(samples) if varies => {
            format!(", {} samples × {}", metric(samples), plural(c.first().config.epochs, "epoch"))
        }
        Some(samples) if several => format!(", {} samples", metric(samples)),
        _ => String::new(),
    };
    let flops = |c: &Configuration| Some(c.first().cost.training_flops);
    let time = |c: &Configuration| c.mean(Quantity::Seconds);
    let costs: [CostOf; 3] = [&|_| Some(1.0), &flops, &time];
    let leader = |(by, cost): (&'static str, CostOf)| {
        let ranked = sound.iter().filter_map(|c| Some((rank(c, cost(c)?)?, c)));
        // Of equals the first counts.
        let (_, winner) = ranked.reduce(|lead, next| if next.0 < lead.0 { next } else { lead })?;
        Some(BestConfiguration {
            by,
            label: winner.label(),
            value: with_spread(winner, quality)?,
            cost: format!(
                "{} parameters, {}, {}{}",
                metric(winner.first().cost.parameters as f64),
                units::flops(flops(winner)?),
                seconds(time(winner)?),
                samples(winner)
            ),
        })
    };
    names.into_iter().zip(costs).filter_map(leader).collect()
}

/// The measure of quality: the accuracy if there is one, else the loss.
pub(super) fn quality(records: &[Record]) -> Quantity {
    if records.iter().any(|record| Quantity::Accuracy.of(record).is_some()) {
        Quantity::Accuracy
    } else {
        Quantity::ValidationLoss
    }
}

/// A mean and, over several seeds, half the distance between the largest and the smallest.
pub(super) fn with_spread(configuration: &Configuration, quantity: Quantity) -> Option<String> {
    let mean = configuration.mean(quantity)?;
    let text = quantity.format(mean);
    let Some(spread) = configuration.spread(quantity) else { return Some(text) };
    let half = spread / 2.0;
    Some(match quantity {
        Quantity::Accuracy => format!("{:.2} ± {:.2} %", 100.0 * mean, 100.0 * half),
        _ => format!("{text} ± {}", significant(half, 2)),
    })
}

/// The main finding, in one or two sentences. `shown` are the records that sizes are compared by.
pub(super) fn headline(records: &[Record], shown: &[Record]) -> String {
    let done = records.iter().filter(|record| record.completed()).count();
    if done == 0 {
        return "No run has completed yet.".to_string();
    }
    let mut text = String::new();
    if let Some(best) = best(records).first() {
        text = format!("The best {} is {}, by {} ({}).", best.by, best.value, best.label, best.cost);
    }
    if let Some(sentence) = fastest_axis(shown) {
        text.push(' ');
        text.push_str(&sentence);
    }
    text
}

/// The axis along which the loss falls fastest with compute, and whether the order is certain.
fn fastest_axis(records: &[Record]) -> Option<String> {
    let mut laws = laws(records, Quantity::Macs, Quantity::ValidationLoss);
    laws.sort_by(|a, b| a.law.alpha.total_cmp(&b.law.alpha));
    let first = *laws.first()?;
    if first.law.alpha >= 0.0 {
        return Some("The loss falls with compute along no axis: train longer, or start smaller.".into());
    }
    let claim = format!(
        "Per MAC, the loss falls fastest along {}: it is proportional to MACs to the power of {}",
        first.axis,
        exponent(&first.law)
    );
    let Some(second) = laws.get(1) else { return Some(claim + ".") };
    let settled = matches!(
        (first.law.alpha_interval, second.law.alpha_interval),
        (Some(a), Some(b)) if !a.overlaps(&b)
    );
    Some(if settled {
        format!("{claim}, clearly ahead of {} at {}.", second.axis, exponent(&second.law))
    } else {
        format!(
            "{claim}. The next, {}, is at {}; their intervals overlap, so more factors or seeds are needed \
             to settle the order.",
            second.axis,
            exponent(&second.law)
        )
    })
}

/// `−0.31 (95 %: −0.40 to −0.22)`.
pub(super) fn exponent(law: &PowerLaw) -> String {
    match law.alpha_interval {
        Some(interval) => {
            format!("{} (95 %: {} to {})", signed(law.alpha), signed(interval.low), signed(interval.high))
        }
        None => format!("{} (two points: no interval)", signed(law.alpha)),
    }
}

/// Two decimals with a true minus sign, and never minus zero.
pub(super) fn signed(value: f64) -> String {
    let text = format!("{:.2}", value.abs());
    let negative = value < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b));
    if negative { format!("−{text}") } else { text }
}

/// What happened along each axis, from the smallest trained model to the largest: first the cost, then the gain, one
/// sentence each.
pub(super) fn axis_findings(records: &[Record]) -> Vec<(Axis, Vec<String>)> {
    axes(records).into_iter().filter_map(|axis| Some((axis, axis_finding(records, axis)?))).collect()
}

fn axis_finding(records: &[Record], axis: Axis) -> Option<Vec<String>> {
    let mut trained = along(records, axis);
    trained.retain(|c| c.runs.iter().any(|run| run.completed()));
    let (small, large) = (trained.first()?, trained.last()?);
    if trained.len() < 2 {
        let label = small.label();
        return Some(vec![format!(
            "Only {label} was trained to its end; there is nothing to compare it with."
        )]);
    }
    let (low, high) = (small.first().variant.resolution, large.first().variant.resolution);
    let pixels = match low.zip(high) {
        Some((low, high)) if low != high => format!(", {low} to {high} pixels"),
        _ => String::new(),
    };
    let ratio = |quantity| Some(times(large.mean(quantity)? / small.mean(quantity)?));
    let costs = [Quantity::Parameters, Quantity::Macs, Quantity::PeakMemory, Quantity::TrainingThroughput];
    let grown: Vec<String> = costs
        .into_iter()
        .filter_map(|quantity| Some(format!("{} {}", quantity.name(), ratio(quantity)?)))
        .collect();
    let mut sentences = vec![format!(
        "From {} to {}{pixels}: {}.",
        times(small.factor),
        times(large.factor),
        grown.join(", ")
    )];
    for quantity in [Quantity::ValidationLoss, Quantity::Accuracy] {
        if let (Some(before), Some(after)) = (with_spread(small, quantity), with_spread(large, quantity)) {
            let name = capitalised(quantity.name());
            sentences.push(format!("{name} {before} → {after}, {}.", against_seeds(small, large, quantity)));
        }
    }
    Some(sentences)
}

/// Whether a difference exceeds the spread of seeds.
fn against_seeds(small: &Configuration, large: &Configuration, quantity: Quantity) -> &'static str {
    let means = small.mean(quantity).zip(large.mean(quantity));
    match (means, small.spread(quantity), large.spread(quantity)) {
        (Some((a, b)), Some(spread_a), Some(spread_b)) if (a - b).abs() > spread_a.max(spread_b) => {
            "beyond the spread of seeds"
        }
        (Some(_), Some(_), Some(_)) => "within the spread of seeds",
        _ => "with one seed, whose spread is unknown",
    }
}

/// The text with its first letter in upper case.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Each run that did not complete: `width ×2, seed 1: diverged: the loss is NaN`.
pub(super) fn failures(records: &[Record]) -> Vec<String> {
    let broken = records.iter().filter(|record| !record.completed());
    broken
        .map(|record| {
            let status = record.outcome.to_string().replace('_', " ");
            let reason = record
                .outcome
                .reason()
                .filter(|reason| !reason.is_empty())
                .map(|reason| format!(": {reason}"))
                .unwrap_or_default();
            format!("{}, seed {}: {status}{reason}", label(record), record.config.seed)
        })
        .collect()
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [init @ .., last] => format!("{} and {last}", init.join(", ")),
    }
}

/// Numbers of runs by status: `24 completed, 1 diverged`.
pub(super) fn endings<'a>(records: impl Iterator<Item = &'a Record> + Clone) -> String {
    Outcome::NAMES
        .into_iter()
        .filter_map(|name| {
            let count = records.clone().filter(|record| record.outcome.name() == name).count();
            (count > 0).then(|| format!("{count} {}", name.replace('_', " ")))
        })
        .collect::<Vec<_>>()
        .join(", ")
}
