//! The section of the page.

use super::panels::panels;
use super::words::{Findings, findings};
use super::{AxisStudy, LawOutcome, Study};
use crate::error::Result;
use crate::laws::approaches::approaches;
use crate::laws::{Fit, Form};
use crate::report::escape::escape;
use crate::report::plot::Plot;
use crate::report::words::signed;
use crate::units::{plural, significant};
use std::fmt::Write;

/// The section, and its plots for files of their own. Empty if no run has a loss above zero.
pub(in crate::report) fn section(study: &Study) -> Result<(String, Vec<Plot>)> {
    if study.runs.is_empty() {
        return Ok(Default::default());
    }
    let plots = panels(study)?;
    let figures: String = plots.iter().map(Plot::figure).collect();
    let Findings { mut short, axes } = findings(study);
    if study.zeros > 0 {
        let runs = plural(study.zeros, "run");
        short.push(format!("{runs} with a loss of exactly 0 left out, because 0 has no logarithm."));
    }
    if let Some(epochs) = study.of_epochs {
        short.push(format!(
            "The laws cover the runs of {}; allometry plan uses all runs.",
            plural(epochs, "epoch")
        ));
    }
    let short: String =
        short.iter().map(|one| format!("<p class=\"finding\">{}</p>\n", escape(one))).collect();
    let cards: String = axes
        .iter()
        .map(|(axis, sentences)| {
            let text: String = sentences.iter().map(|one| format!("<p>{}</p>", escape(one))).collect();
            format!("<div class=\"axis axis-{axis}\"><h3>{axis}</h3>{text}</div>\n")
        })
        .collect();
    let cards = if cards.is_empty() { cards } else { format!("<div class=\"axes\">\n{cards}</div>\n") };
    let html = format!(
        "<section>\n<h2>The law: how big should the model be?</h2>\n{short}{cards}\
         <p class=\"note\">Lines are fitted laws, bands their 95 % intervals; dashed parts are what the law expects of one more \
         doubling. Small dots are single runs, large marks means over seeds. Point at a mark to see its run in every \
         plot.</p>\n<div class=\"plots two\">\n{figures}</div>\n{}{}</section>\n",
        table(study),
        approaches_table(study)
    );
    Ok((html, plots))
}

/// The laws with their parameters, one row each, followed by what the data cannot tell.
fn table(study: &Study) -> String {
    let rows: Vec<(&AxisStudy, &'static str, &Fit)> = study
        .axes
        .iter()
        .flat_map(|one| {
            let laws = [("N", &one.parameters), ("C", &one.flops), ("M and D", &one.joint)];
            laws.into_iter().filter_map(move |(of, law)| Some((one, of, law.as_ref()?.fitted()?)))
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    // Coefficients depend on the sizes' units, so they say nothing by themselves.
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flat_map(|(_, _, fit)| &fit.parameters) {
        if !names.contains(name) && !["k", "A", "B"].contains(name) {
            names.push(name);
        }
    }
    let header: String = names.iter().map(|name| format!("<th>{}</th>", symbol(name))).collect();
    let mut body = String::new();
    let mut warnings = String::new();
    for (one, of, fit) in rows {
        let axis = one.axis;
        let cells: String = names.iter().map(|name| cell(fit, name)).collect();
        let formula = if fit.law == Form::Joint {
            fit.law.formula().replace("N^", "M^")
        } else {
            fit.law.formula().replace('x', of)
        };
        let _ = writeln!(
            body,
            "<tr><th class=\"axis-{axis}\">{axis}</th><td class=\"word\">{of}</td><td class=\"word\">{}</td>{cells}\
             <td>{} %</td><td>{}</td><td>{}</td></tr>",
            escape(&formula.replace("y = ", "")),
            significant(100.0 * fit.scatter, 2),
            significant(fit.delta.value, 2),
            fit.n
        );
        for warning in &fit.warnings {
            let _ = writeln!(warnings, "<li>{axis}, law in {of}: {}.</li>", escape(warning));
        }
    }
    let warnings = if warnings.is_empty() {
        warnings
    } else {
        format!("<p class=\"note\">What the runs can’t tell:</p>\n<ul class=\"note\">\n{warnings}</ul>\n")
    };
    let samples =
        if study.seen { "training samples seen, with repetitions" } else { "distinct training samples" };
    format!(
        "<p class=\"note\">N: parameters, C: training FLOPs, M: MACs per sample, D: {samples}. Each value has its 95 % \
         interval; ± is the scatter of single runs around the law, δ the residual of ln loss from which on Huber’s loss is \
         linear (1.345 times the scatter, at least 0.001; 0.001 with fewer than three runs for each parameter). allometry fit \
         prints all parameters of a law of runs.csv.</p>\n\
         <div class=\"scroll\"><table class=\"exponents\">\n<thead><tr><th>axis</th><th class=\"word\">loss as a law of</th>\
         <th class=\"word\">form</th>{header}\
         <th>±</th><th>δ</th><th>runs</th></tr></thead>\n<tbody>\n{body}</tbody></table></div>\n{warnings}"
    )
}

/// How the best size grows with compute, by each approach that gives an exponent; empty without one.
fn approaches_table(study: &Study) -> String {
    let mut body = String::new();
    for one in &study.axes {
        let joint = one.joint.as_ref().and_then(LawOutcome::fitted).and_then(Fit::joint_approach);
        for found in approaches(one.envelope.as_ref(), one.isoflop.as_ref(), joint) {
            let [a, low, high] = [found.a.value, found.a.low, found.a.high].map(signed);
            let _ = writeln!(
                body,
                "<tr><th class=\"axis-{axis}\">{axis}</th><td class=\"word\">{}</td><td><b>{a}</b> <span class=\"interval\">{low} … \
                 {high}</span></td><td>{}</td></tr>",
                found.approach.name(),
                found.points,
                axis = one.axis
            );
        }
    }
    if body.is_empty() {
        return body;
    }
    format!(
        "<p class=\"note\">The best size M for a compute budget C grows as C<sup>a</sup>. Three approaches estimate a; if their \
         intervals don’t overlap, one of them does not suit these runs.</p>\n\
         <div class=\"scroll\"><table class=\"exponents\">\n<thead><tr><th>axis</th><th class=\"word\">approach</th><th>a</th>\
         <th>points</th></tr></thead>\n<tbody>\n{body}</tbody></table></div>\n"
    )
}

fn cell(fit: &Fit, name: &str) -> String {
    let Some((_, parameter)) = fit.parameters.iter().find(|(known, _)| *known == name) else {
        return "<td></td>".into();
    };
    if !parameter.identified {
        return "<td class=\"unknown\">not identified</td>".into();
    }
    let [value, low, high] = [parameter.quantity.value, parameter.quantity.low, parameter.quantity.high]
        .map(|value| significant(value, 3).replace('-', "−"));
    format!("<td><b>{value}</b> <span class=\"interval\">{low} … {high}</span></td>")
}

/// The symbol in formulas.
fn symbol(name: &str) -> &str {
    match name {
        "alpha" => "α",
        "beta" => "β",
        "gamma" => "γ",
        "L0" => "L₀",
        other => other,
    }
}
