//! The page: one file that opens from disk, needs no network, and follows the reader's light or dark scheme.

use super::escape::escape;
use super::palette::palette;
use super::plot::Plot;
use super::quantity::Quantity;
use super::runs::{ABSENT, run_table};
use super::series::{amounts, axes, laws};
use super::words::{axis_findings, best, endings, exponent, headline, list, quality, signed};
use crate::error::Result;
use crate::models::axis::Axis;
use crate::sweep::plan::Plan;
use crate::sweep::record::Record;
use crate::train::TrainConfig;
use crate::units::{plural, seconds};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The footer, which explains the numbers.
const FOOTER: &str = "The laws of the loss are fitted to its logarithm by Huber’s loss; their intervals come from 1,000 resamples \
     of the runs. Dashed lines and the exponents of quality and cost are P = k·N<sup>α</sup>, fitted by least squares to the \
     logarithms of all completed runs of an axis, one point per seed; their interval is Student’s t at 95 %. The number after ± \
     is half the distance between the outermost seeds. A MAC (a multiplication and an addition) counts as two FLOPs, and a \
     training step as three forward passes.";

/// The parts of the page that other files make.
pub(super) struct Parts<'p> {
    /// The verdict on the soundness of the sweep, in one line.
    pub verdict: String,
    /// The section of a plan's recommendation.
    pub answer: String,
    /// The section of the laws.
    pub law: String,
    /// The section of the predictions.
    pub prediction: String,
    pub quality: &'p [Plot],
    pub cost: &'p [Plot],
}

/// The whole page. `shown` are the records that sizes are compared by.
pub(super) fn render(plan: &Plan, records: &[Record], shown: &[Record], parts: &Parts) -> Result<String> {
    let title = format!("How {} grows", plan.architecture.name);
    let plan_text = escape(&plan.to_toml()?);
    let leads = format!(
        "<p class=\"lead\">{}</p>\n<p class=\"lead\">{}</p>\n",
        swept(plan, records),
        escape(&parts.verdict)
    );
    let body = format!(
        "{answer}{cards}\
         <section>\n<h2>How cost and quality scale</h2>\n<p class=\"finding\">{finding}</p>\n{axes}</section>\n\
         {law}{prediction}{quality}{cost}{exponents}{runs}\
         <details>\n<summary>The plan, as TOML</summary>\n<pre>{plan_text}</pre>\n</details>\n\
         <footer>{FOOTER}</footer>\n",
        answer = parts.answer,
        cards = cards(records),
        finding = escape(&headline(records, shown)),
        axes = axis_list(shown),
        law = parts.law,
        prediction = parts.prediction,
        quality = plot_section(
            "Quality against size",
            "Small dots are single runs, large marks means over seeds, dashed lines power laws by least squares.",
            parts.quality
        ),
        cost = plot_section(
            "Cost against size",
            "Size is MACs per sample, which every axis changes. Hollow marks show the memory predicted before the run.",
            parts.cost
        ),
        exponents = exponent_table(shown),
        runs = run_table(records),
    );
    Ok(document(&title, "allometry sweep", &leads, &body))
}

/// A page: `kicker` above the title, `leads` below it, as HTML.
pub(super) fn document(title: &str, kicker: &str, leads: &str, body: &str) -> String {
    let (title, palette) = (escape(title), palette(":root"));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>\n{palette}{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header>\n<p class=\"kicker\">{kicker}</p>\n<h1>{title}</h1>\n{leads}</header>\n\
         {body}</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

/// The settings of a training other than batch and learning rate that differ from the defaults: `, optimizer sgd,
/// momentum 0.9`.
fn settings(config: &TrainConfig) -> String {
    let default = TrainConfig::default();
    let flags = TrainConfig { batch: default.batch, learning_rate: default.learning_rate, ..*config }.flags();
    flags.iter().map(|flag| format!(", {}", flag.trim_start_matches('-').replace('-', " "))).collect()
}

/// The description of the sweep: model, data, settings, devices, time.
fn swept(plan: &Plan, records: &[Record]) -> String {
    let factors: Vec<String> = plan.factors.iter().map(|factor| format!("×{factor}")).collect();
    let mut devices: Vec<&str> = records.iter().map(|record| record.cost.device.as_str()).collect();
    devices.sort_unstable();
    devices.dedup();
    let mut amounts: Vec<String> = amounts(records).iter().map(|amount| amount.data.to_string()).collect();
    amounts.dedup();
    let amounts = if amounts.len() > 1 { format!(" on {}", list(&amounts)) } else { String::new() };
    let epochs = match &plan.numbers_of_epochs()[..] {
        _ if plan.whole_set.is_some() => "as many epochs as each budget pays for,".to_string(),
        [one] => format!("{} of", plural(*one, "epoch")),
        several => format!("{} epochs of", list(&several.iter().map(usize::to_string).collect::<Vec<_>>())),
    };
    let mut text = format!(
        "The model {} on {}, scaled along {} by {}{amounts}; {}, {} batch {} at learning rate {}{}.",
        plan.architecture.name,
        plan.dataset,
        list(&plan.axes.iter().map(|axis| axis.to_string()).collect::<Vec<_>>()),
        list(&factors),
        plural(plan.seeds.len(), "seed"),
        epochs,
        plan.config.batch,
        plan.config.learning_rate,
        settings(&plan.config),
    );
    if !devices.is_empty() {
        let total: f64 =
            records.iter().map(|record| record.cost.wall_seconds).filter(|s| s.is_finite()).sum();
        text += &format!(
            " {}, {} of training on {}.",
            endings(records.iter()),
            seconds(total),
            devices.join(" and ")
        );
    }
    escape(&text)
}

fn cards(records: &[Record]) -> String {
    let cards: String = best(records)
        .into_iter()
        .map(|best| {
            format!(
                "<div class=\"card\"><p class=\"by\">Best {}</p><p class=\"who\">{}</p>\
                 <p class=\"value\">{}</p><p class=\"cost\">{}</p></div>\n",
                escape(best.by),
                escape(&best.label),
                escape(&best.value),
                escape(&best.cost)
            )
        })
        .collect();
    if cards.is_empty() { cards } else { format!("<div class=\"cards\">\n{cards}</div>\n") }
}

fn axis_list(records: &[Record]) -> String {
    let items: String = axis_findings(records)
        .into_iter()
        .map(|(axis, sentences)| {
            let text: String = sentences.iter().map(|one| format!("<p>{}</p>", escape(one))).collect();
            format!("<div class=\"axis axis-{axis}\"><h3>{axis}</h3>{text}</div>\n")
        })
        .collect();
    if items.is_empty() { items } else { format!("<div class=\"axes\">\n{items}</div>\n") }
}

/// A section of plots; empty without plots.
pub(super) fn plot_section(heading: &str, note: &str, plots: &[Plot]) -> String {
    if plots.is_empty() {
        return String::new();
    }
    // Three plots per row if they fill the rows, else two.
    let columns = if plots.len().is_multiple_of(3) { "" } else { " two" };
    let figures: String = plots.iter().map(Plot::figure).collect();
    format!(
        "<section>\n<h2>{heading}</h2>\n<p class=\"note\">{note}</p>\n<div class=\"plots{columns}\">\n\
         {figures}</div>\n</section>\n"
    )
}

/// Exponents of cost and quality in MACs, one row per axis.
fn exponent_table(records: &[Record]) -> String {
    let mut quantities = vec![
        Quantity::ValidationLoss,
        Quantity::TrainingThroughput,
        Quantity::InferenceThroughput,
        Quantity::PeakMemory,
    ];
    if quality(records) == Quantity::Accuracy {
        quantities.insert(1, Quantity::Accuracy);
    }
    let fits: Vec<_> = quantities.iter().map(|&quantity| laws(records, Quantity::Macs, quantity)).collect();
    if fits.iter().all(Vec::is_empty) {
        return String::new();
    }
    let header: String =
        quantities.iter().map(|quantity| format!("<th>{}</th>", quantity.law_name())).collect();
    let cell = |axis: Axis, fits: &[super::AxisLaw]| match fits.iter().find(|fit| fit.axis == axis) {
        Some(fit) => format!(
            "<td title=\"{}; R² = {}; {} points{}\"><b>{}</b>{}</td>",
            exponent(&fit.law),
            signed(fit.law.r2),
            fit.law.n,
            if fit.left_out > 0 { format!(", {} of 0 left out", fit.left_out) } else { String::new() },
            signed(fit.law.alpha),
            fit.law
                .alpha_interval
                .map(|i| format!(" <span class=\"interval\">{} … {}</span>", signed(i.low), signed(i.high)))
                .unwrap_or_default()
        ),
        None => format!("<td>{ABSENT}</td>"),
    };
    let rows: String = axes(records)
        .into_iter()
        .map(|axis| {
            let cells: String = fits.iter().map(|fits| cell(axis, fits)).collect();
            format!("<tr><th class=\"axis-{axis}\">{axis}</th>{cells}</tr>\n")
        })
        .collect();
    format!(
        "<section>\n<h2>Exponents</h2>\n<p class=\"note\">The exponent of MACs per sample that each quantity \
         follows along each axis, with its 95 % interval.</p>\n\
         <div class=\"scroll\"><table class=\"exponents\">\n\
         <thead><tr><th>axis</th>{header}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n</section>\n"
    )
}
