//! The page: one file that opens from disk, asks nothing of a network, and follows the reader's light or
//! dark.

use super::quantity::{Quantity, bytes, metric, seconds, significant};
use super::series::{axes, label, laws};
use super::svg::Plot;
use super::words::{axis_findings, best, endings, exponent, failures, headline, quality, signed};
use crate::error::Result;
use crate::nn::Precision;
use crate::scaling::axis::Axis;
use crate::scaling::plan::Plan;
use crate::scaling::record::{Bytes, Record, Throughput};
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// How to read the numbers.
const FOOTER: &str = "Each law is P = k·N<sup>α</sup>, fitted by least squares to the logarithms of all completed runs of an \
     axis, every seed a point; the interval is Student’s t at 95 %. After ± stands half the distance between the \
     outermost seeds. FLOPs count two a MAC, and a training step as three forward passes.";

/// Stands for a value that a run does not have; the script sorts it last.
const ABSENT: &str = "–";

/// The whole page.
pub(super) fn render(plan: &Plan, records: &[Record], plots: &[Plot]) -> Result<String> {
    let title = escape(&format!("How {} grows", plan.architecture.name));
    let plan_text = escape(&plan.to_toml()?);
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>\n{palette}{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header>\n<p class=\"kicker\">allometry sweep</p>\n<h1>{title}</h1>\n\
         <p class=\"lead\">{swept}</p>\n</header>\n\
         {cards}\
         <section>\n<h2>What grew how</h2>\n<p class=\"finding\">{finding}</p>\n{axes}</section>\n\
         {plots}{exponents}{runs}\
         <details>\n<summary>The plan, as TOML</summary>\n<pre>{plan_text}</pre>\n</details>\n\
         <footer>{footer}</footer>\n</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        palette = super::svg::palette(":root"),
        swept = swept(plan, records),
        cards = cards(records),
        finding = escape(&headline(records)),
        axes = axis_list(records),
        plots = plot_sections(plots),
        exponents = exponent_table(records),
        runs = run_table(records),
        footer = FOOTER,
    ))
}

/// Text as it must stand in HTML, in elements and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// What was swept, on what, for how long.
fn swept(plan: &Plan, records: &[Record]) -> String {
    let list = |items: Vec<String>| match items.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [init @ .., last] => format!("{} and {last}", init.join(", ")),
    };
    let factors = plan.factors.iter().map(|factor| format!("×{factor}")).collect();
    let mut devices: Vec<&str> = records.iter().map(|record| record.device.as_str()).collect();
    devices.sort_unstable();
    devices.dedup();
    let plural = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let mut text = format!(
        "The model {} on {}, scaled along {} by {}; {}, {} of batch {} at learning rate {}{}{}{}.",
        plan.architecture.name,
        plan.dataset,
        list(plan.axes.iter().map(|axis| axis.to_string()).collect()),
        list(factors),
        plural(plan.seeds.len(), "seed"),
        plural(plan.schedule.epochs, "epoch"),
        plan.schedule.batch,
        plan.schedule.learning_rate,
        if plan.schedule.precision == Precision::Mixed { ", in mixed precision" } else { "" },
        if plan.schedule.recompute { ", activations recomputed" } else { "" },
        plan.schedule.clip_norm.map(|norm| format!(", gradients clipped to norm {norm}")).unwrap_or_default(),
    );
    if !devices.is_empty() {
        let total: f64 = records.iter().map(|record| record.wall_seconds).filter(|s| s.is_finite()).sum();
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

fn plot_sections(plots: &[Plot]) -> String {
    let mut out = String::new();
    for (heading, note, costs) in [
        (
            "Quality against size",
            "Small dots are single runs, large marks means over seeds, dashed lines fitted laws.",
            false,
        ),
        (
            "Cost against size",
            "Size is MACs per sample, which every axis moves. Hollow marks are memory as predicted before \
             the run.",
            true,
        ),
    ] {
        let figures: String = plots
            .iter()
            .filter(|plot| plot.is_cost() == costs)
            .map(|plot| {
                format!("<figure aria-label=\"{}\">\n{}</figure>\n", escape(&plot.title()), plot.inline())
            })
            .collect();
        if !figures.is_empty() {
            let _ = write!(
                out,
                "<section>\n<h2>{heading}</h2>\n<p class=\"note\">{note}</p>\n<div class=\"plots\">\n\
                 {figures}</div>\n</section>\n"
            );
        }
    }
    out
}

/// Exponents of cost and quality in MACs, one row an axis.
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
            "<td title=\"{}; R² = {}; {} points\"><b>{}</b>{}</td>",
            exponent(&fit.law),
            signed(fit.law.r2),
            fit.law.n,
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
        "<section>\n<h2>Exponents</h2>\n<p class=\"note\">The power of MACs per sample that each quantity \
         follows along each axis, with its 95 % interval.</p>\n\
         <div class=\"scroll\"><table class=\"exponents\">\n\
         <thead><tr><th>axis</th>{header}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n</section>\n"
    )
}

/// A cell: what it shows, and what it sorts by.
struct Cell {
    text: String,
    sort: String,
    hint: String,
}

impl Cell {
    fn text(text: impl Into<String>) -> Cell {
        let text = text.into();
        Cell { sort: text.clone(), text, hint: String::new() }
    }

    fn number(value: Option<f64>, show: impl Fn(f64) -> String) -> Cell {
        match value.filter(|v| v.is_finite()) {
            Some(v) => Cell { text: show(v), sort: v.to_string(), hint: String::new() },
            None => Cell::text(ABSENT),
        }
    }

    fn hint(self, hint: impl Into<String>) -> Cell {
        Cell { hint: hint.into(), ..self }
    }

    fn render(&self) -> String {
        let hint =
            if self.hint.is_empty() { String::new() } else { format!(" title=\"{}\"", escape(&self.hint)) };
        format!("<td data-sort=\"{}\"{hint}>{}</td>", escape(&self.sort), escape(&self.text))
    }
}

fn run_table(records: &[Record]) -> String {
    if records.is_empty() {
        return String::new();
    }
    let rows: Vec<_> = records.iter().map(run_row).collect();
    // Every row has the same columns; one that no run has a value for is left out.
    let shown: Vec<usize> =
        (0..rows[0].len()).filter(|&column| rows.iter().any(|row| row[column].1.text != ABSENT)).collect();
    let header: String = shown
        .iter()
        .map(|&column| {
            format!("<th scope=\"col\"><button type=\"button\">{}</button></th>", rows[0][column].0)
        })
        .collect();
    let mut body = String::new();
    for (record, row) in records.iter().zip(&rows) {
        let cells: String = shown.iter().map(|&column| row[column].1.render()).collect();
        let state = if record.completed() { "" } else { " class=\"broken\"" };
        let _ = writeln!(body, "<tr{state}>{cells}</tr>");
    }
    format!(
        "<section>\n<h2>All runs</h2>\n\
         <p class=\"note\">A heading sorts by its column. Memory and throughput \
         show their parts when pointed at.</p>\n{failures}<div class=\"scroll\"><table class=\"runs\">\n\
         <thead><tr>{header}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n</section>\n",
        failures = failure_list(records),
    )
}

/// The runs that did not complete, with their reasons in full.
fn failure_list(records: &[Record]) -> String {
    let items: String = failures(records).iter().map(|one| format!("<li>{}</li>\n", escape(one))).collect();
    if items.is_empty() { items } else { format!("<ul class=\"failures\">\n{items}</ul>\n") }
}

fn run_row(record: &Record) -> Vec<(&'static str, Cell)> {
    let rate = |throughput: Option<Throughput>| {
        let hint = throughput.map(|t| format!("interquartile range {}", metric(t.iqr))).unwrap_or_default();
        Cell::number(throughput.map(|t| t.median), metric).hint(hint)
    };
    let memory = |peak: Option<Bytes>| {
        let parts: Vec<String> = peak
            .iter()
            .flat_map(|peak| peak.named())
            .map(|(name, value)| format!("{name} {}", bytes(value as f64)))
            .collect();
        Cell::number(peak.map(|b| b.total() as f64), bytes).hint(parts.join(", "))
    };
    let count = |value: u64| Cell::number(Some(value as f64), metric);
    let loss = |value| Cell::number(value, |v| significant(v, 4));
    vec![
        ("model", Cell::text(label(record)).hint(record.scale.to_string())),
        ("seed", Cell::text(record.seed.to_string())),
        ("pixels", Cell::number(record.resolution.map(|r| r as f64), |v| v.to_string())),
        ("parameters", count(record.parameters)),
        ("MACs", count(record.macs)),
        ("FLOPs trained", Cell::number(Some(record.training_flops), metric)),
        ("train loss", loss(record.train_loss)),
        ("val. loss", loss(record.validation_loss)),
        ("accuracy", Cell::number(record.validation_accuracy, |v| Quantity::Accuracy.format(v))),
        ("train /s", rate(record.samples_per_second)),
        ("infer /s", rate(record.inference_samples_per_second)),
        ("FLOP/s", Cell::number(record.flops_per_second, metric)),
        ("peak", memory(record.peak_bytes)),
        ("predicted", memory(Some(record.predicted_peak_bytes))),
        ("time", Cell::number(Some(record.wall_seconds), seconds)),
        (
            "status",
            Cell::text(record.status.to_string().replace('_', " "))
                .hint(record.reason.clone().unwrap_or_default()),
        ),
    ]
}
