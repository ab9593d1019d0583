//! "How big should my model be?" answered in sentences for readers who know no paper on scaling laws. The text has no
//! markup.

use super::{AxisStudy, LawOutcome, Study, needs, profiles};
use crate::laws::doubling::SpreadOf;
use crate::laws::{Fit, Form, Uncertain};
use crate::models::axis::Axis;
use crate::report::words::{capitalised, list};
use crate::units::{metric, metric_range, plural, significant};

/// The findings in short, and what one more doubling gains along each axis.
pub struct Findings {
    pub short: Vec<String>,
    pub axes: Vec<(Axis, Vec<String>)>,
}

/// The findings of a study.
pub fn findings(study: &Study) -> Findings {
    let has_law = |one: &AxisStudy| one.isoflop.is_some() || laws(one).next().is_some();
    if !study.axes.iter().any(has_law) {
        return Findings { short: vec![what_is_missing(study)], axes: Vec::new() };
    }
    let mut short = Vec::new();
    short.extend(axes_compared(study));
    short.extend(data_or_size(study));
    short.push(luck(study));
    let axes = study.axes.iter().map(|one| (one.axis, axis_sentences(one))).collect();
    Findings { short, axes }
}

/// The fitted laws of an axis.
pub fn laws(one: &AxisStudy) -> impl Iterator<Item = &Fit> {
    [&one.parameters, &one.flops, &one.joint].into_iter().flatten().filter_map(LawOutcome::fitted)
}

/// Which runs a law needs.
fn what_is_missing(study: &Study) -> String {
    let joint = study.axes.iter().any(|one| one.joint.is_some());
    let (form, of) = if joint { (Form::Joint, "size and data") } else { (Form::Power, "size") };
    let (runs, sizes) = needs(form);
    // Seeds add runs, but no sizes.
    let seeds_suffice = |one: &AxisStudy| {
        let laws = [&one.joint, &one.parameters, &one.flops].into_iter().flatten();
        laws.into_iter().any(|law| matches!(law, LawOutcome::Few { sizes: have, .. } if *have >= sizes))
    };
    let more = if study.axes.iter().any(seeds_suffice) {
        "More factors (--factors) or more seeds (--seeds) give it"
    } else if joint {
        "More factors (--factors) or numbers of samples (--samples) give it"
    } else {
        "More factors (--factors) give it"
    };
    let have = study.axes.iter().map(|one| {
        let law = [&one.joint, &one.parameters, &one.flops].into_iter().flatten().find_map(|law| match law {
            LawOutcome::Few { runs, sizes } => {
                Some(format!("{} with {} of {}", one.axis, plural(*runs, "run"), plural(*sizes, "size")))
            }
            _ => None,
        });
        law.unwrap_or_else(|| format!("{} without", one.axis))
    });
    format!(
        "Too few runs to say how big the model should be: a law of {of} needs at least {runs} completed runs of {sizes} \
         different sizes along an axis, and there is {}. {more}.",
        list(&have.collect::<Vec<_>>())
    )
}

/// What twice the compute gains along each axis, best first; `None` with a single axis.
fn axes_compared(study: &Study) -> Option<String> {
    let mut gains: Vec<(Axis, Uncertain)> = study
        .axes
        .iter()
        .filter_map(|one| Some((one.axis, gain(one.flops.as_ref()?.fitted()?, 0)?)))
        .filter(|(_, gain)| gain.low > 0.0)
        .collect();
    gains.sort_by(|a, b| b.1.value.total_cmp(&a.1.value));
    let (first, rest) = gains.split_first().filter(|(_, rest)| !rest.is_empty())?;
    let others: Vec<String> =
        rest.iter().map(|(axis, gain)| format!("{} along {axis}", percent(gain))).collect();
    let settled = if rest.iter().all(|(_, other)| !other.interval().overlaps(&first.1.interval())) {
        ""
    } else {
        " These intervals overlap, so the order is not certain."
    };
    Some(format!(
        "Starting from the largest models, twice the compute for training lowers the loss most along {}: by {}, compared with \
         {}.{settled}",
        first.0,
        percent(&first.1),
        list(&others)
    ))
}

/// Whether more data or a larger model gains more, along the axes whose runs identify both.
fn data_or_size(study: &Study) -> Option<String> {
    let mut better: [Vec<String>; 3] = Default::default();
    for one in &study.axes {
        let Some(fit) = one.joint.as_ref().and_then(LawOutcome::fitted) else { continue };
        let Some((size, data)) = gain(fit, 0).zip(gain(fit, 1)) else { continue };
        // A size that raises the loss gains nothing, even if the other raises it more.
        let place =
            if data.low > size.high.max(0.0) { 0 } else { 1 + usize::from(size.low <= data.high.max(0.0)) };
        better[place].push(one.axis.to_string());
    }
    let what = [
        "twice the data lowers the loss more than a model of twice the size",
        "a model of twice the size lowers the loss more than twice the data",
        "the runs don’t show whether more data or a larger model gains more",
    ];
    let told = what.into_iter().zip(&better).filter(|(_, axes)| !axes.is_empty());
    let told: Vec<String> = told.map(|(what, axes)| format!("along {} {what}", list(axes))).collect();
    (!told.is_empty())
        .then(|| format!("Starting from the largest models on the most data, {}.", told.join("; ")))
}

/// The size of a difference that is not chance.
fn luck(study: &Study) -> String {
    match study.spread {
        Some(spread) => format!(
            "Trained again from another seed, the same model typically ends with a loss {} % higher or lower; a smaller gain may \
             well be luck.",
            significant(100.0 * spread, 2)
        ),
        None => "Too few models were trained from several seeds to tell how much of a result is luck. Below, the scatter of \
                 single runs around their law is used instead; --seeds 0,1,2 would measure it."
            .into(),
    }
}

/// What more of a size gains, and where that ends.
fn axis_sentences(one: &AxisStudy) -> Vec<String> {
    if one.joint.is_some() {
        let mut sentences = one.isoflop.as_ref().map(profiles::sentences).unwrap_or_default();
        match one.joint.as_ref().and_then(LawOutcome::fitted) {
            Some(fit) => sentences.extend(joint_sentences(fit)),
            None => sentences.push(no_law(one)),
        }
        return sentences;
    }
    let by_parameters = one.parameters.as_ref().and_then(LawOutcome::fitted).map(|fit| (fit, "parameters"));
    let by_flops = one.flops.as_ref().and_then(LawOutcome::fitted).map(|fit| (fit, "training FLOPs"));
    let Some((fit, size)) = by_parameters.or(by_flops) else {
        return vec![no_law(one)];
    };
    let from = metric(fit.doubling[0].from[0]);
    let mut sentences = vec![match gain(fit, 0) {
        Some(gain) => format!("Twice the {size} of the largest model ({from}) {}.", effect(&gain)),
        None => format!("The runs can’t tell how the loss depends on {size}."),
    }];
    sentences.extend(gain(fit, 0).and_then(|_| end_of_gains(fit, 0, size)));
    sentences.extend(floor(fit));
    sentences.extend(roughness(fit));
    sentences
}

/// Why an axis has no law.
fn no_law(one: &AxisStudy) -> String {
    let reason = [&one.joint, &one.parameters, &one.flops].into_iter().flatten().find_map(|law| match law {
        LawOutcome::Step => Some(
            "The losses follow no law: they jump, as if some runs learned and others had not begun to. Train longer, or on \
             more samples."
                .into(),
        ),
        LawOutcome::Refused(why) => Some(format!("No law could be fitted: {why}.")),
        _ => None,
    });
    reason.unwrap_or_else(|| "Too few runs for a law.".into())
}

/// What more size and more data gain, and how to divide compute between them.
fn joint_sentences(fit: &Fit) -> Vec<String> {
    let from = &fit.doubling[0].from;
    let mut sentences = vec![format!(
        "From the run with the most compute ({} MACs, {} samples):",
        metric(from[0]),
        metric(from[1])
    )];
    for (size, name, unit) in [(0, "size", "MACs"), (1, "training samples", "training samples")] {
        match gain(fit, size) {
            Some(gain) => {
                sentences.push(format!("twice the {name} {}.", effect(&gain)));
                sentences.extend(end_of_gains(fit, size, unit));
            }
            None => sentences.push(format!("the runs can’t tell what twice the {name} would do.")),
        }
    }
    let first = sentences.remove(0);
    sentences[0] = format!("{first} {}", sentences[0]);
    for sentence in &mut sentences[1..] {
        *sentence = capitalised(sentence);
    }
    if let Some(allocation) =
        fit.allocation.as_ref().filter(|_| gain(fit, 0).is_some() && gain(fit, 1).is_some())
    {
        let grown = |exponent: f64| significant(10f64.powf(exponent), 2);
        let a = allocation.a;
        sentences.push(format!(
            "The best use of ten times the compute is a model {} times as large (95 %: {} to {}) on {} times the samples.",
            grown(a.value),
            grown(a.low),
            grown(a.high),
            grown(1.0 - a.value)
        ));
    }
    sentences.extend(floor(fit));
    sentences.extend(roughness(fit));
    sentences
}

/// The fraction of the loss that twice a size removes; `None` if the data do not identify its exponent.
fn gain(fit: &Fit, size: usize) -> Option<Uncertain> {
    fit.identifies(size).then(|| fit.doubling[size].relative)
}

/// A fraction of the loss that is 0 at the digits shown.
const NOTHING: f64 = 5e-4;

fn effect(gain: &Uncertain) -> String {
    if gain.low > -NOTHING && gain.high > NOTHING {
        format!("lowers the loss by {}", percent(gain))
    } else if gain.high < NOTHING && gain.low < -NOTHING {
        let Uncertain { value, se, low, high } = *gain;
        let rise = Uncertain { value: -value, se, low: -high, high: -low };
        format!("raises the loss by {}: models this large need more training", percent(&rise))
    } else if gain.high < NOTHING {
        "does not change the loss".into()
    } else {
        format!(
            "may raise the loss by {} % or lower it by {} %",
            significant(100.0 * gain.low.abs(), 2),
            significant(100.0 * gain.high.abs(), 2)
        )
    }
}

/// How far beyond the largest size a law is trusted.
const REACH: f64 = 1000.0;

/// The size from which on a doubling gains less than chance.
fn end_of_gains(fit: &Fit, size: usize, unit: &str) -> Option<String> {
    let gained = gain(fit, size).filter(|gain| gain.value > NOTHING)?;
    let part = fit.spread.value;
    let name = match fit.spread.of {
        SpreadOf::Seeds => "the spread of seeds",
        SpreadOf::Rows => "the scatter of single runs",
    };
    let against = format!("{name} ({} %)", significant(100.0 * part, 2));
    let doubling = &fit.doubling[size];
    let most = REACH * doubling.from[size];
    if fit.law.has_floor() && doubling.worthwhile_to.is_none() {
        // All runs lie on the law: without scatter no gain is small.
        return None;
    }
    // Every doubling of a power law gains the same fraction.
    let Some(end) = doubling.worthwhile_to else {
        return Some(if gained.value < part {
            format!("That is less than {against}.")
        } else {
            "The sizes tried show no end to that: by this law every further doubling gains as much.".into()
        });
    };
    // The value and the ends of its interval, cut to the range where the law is trusted.
    let [value, low, high] = [end.value, end.low, end.high].map(|size| size.clamp(0.0, most));
    Some(if value.is_nan() || value <= 0.0 {
        format!("Even between the smallest models a doubling gains less than {against}.")
    } else if value >= most {
        format!(
            "The law shows no end to that: up to {REACH:.0} times as many {unit}, a doubling gains more than {against}."
        )
    } else {
        let already = if value < doubling.from[size] { ", already passed" } else { "" };
        let interval = match (low > 0.0, high < most) {
            (true, true) => metric_range(low, high),
            (true, false) => format!("{} or more", metric(low)),
            (false, true) => format!("at most {}", metric(high)),
            (false, false) => "anywhere".into(),
        };
        format!(
            "Beyond about {} {unit} (95 %: {interval}){already}, a doubling gains less than {against}.",
            metric(value)
        )
    })
}

/// The scatter around the law, as a multiple of the spread of seeds, that seeds do not explain.
const ROUGH: f64 = 2.0;

/// Whether single runs deviate from the law by more than chance.
fn roughness(fit: &Fit) -> Option<String> {
    let rough = fit.spread.of == SpreadOf::Seeds && fit.scatter > ROUGH * fit.spread.value;
    rough.then(|| {
        format!(
            "Single runs deviate from the law by {} %, more than their seeds explain: the law is only that accurate.",
            significant(100.0 * fit.scatter, 2)
        )
    })
}

/// The loss that no model falls below, if the data identify it.
fn floor(fit: &Fit) -> Option<String> {
    let (_, floor) = fit.parameters.iter().find(|(name, parameter)| *name == "E" && parameter.identified)?;
    let [value, low, high] =
        [floor.quantity.value, floor.quantity.low, floor.quantity.high].map(|loss| significant(loss, 2));
    let data = if fit.law == Form::Joint { ", and on however much data" } else { "" };
    Some(format!(
        "However large{data}, no model is expected to fall below a loss of {value} (95 %: {low} to {high})."
    ))
}

/// `14 % (95 %: 10 to 18 %)`.
fn percent(part: &Uncertain) -> String {
    let shown = |part: f64| if part.abs() < NOTHING { "0".into() } else { significant(100.0 * part, 2) };
    let [value, low, high] = [part.value, part.low, part.high].map(shown);
    format!("{value} % (95 %: {low} to {high} %)")
}
