//! The page of one training: its findings, its losses, and, if it was watched, its gradients, outputs and updates over
//! depth and time.

use super::canvas::Stroke;
use super::escape::escape;
use super::html::{document, plot_section};
use super::plot::{Plot, Sheet, plot};
use super::plot_axis::{AxisQuantity, PlotAxis};
use crate::error::Result;
use crate::files::replace;
use crate::train::{EpochReport, Finding, History, Observation, ObservedModule};
use crate::units::significant;
use std::path::Path;

/// What the page of a training is made from.
pub struct TrainingPage<'a> {
    /// The name of the model.
    pub model: &'a str,
    /// What was trained on what, in a sentence.
    pub lead: String,
    /// The results of each epoch.
    pub history: &'a History,
    /// The observed steps; empty if the training was not watched.
    pub observations: &'a [Observation],
    /// What is to be said of it.
    pub findings: &'a [Finding],
    /// The configuration, as TOML.
    pub config: &'a str,
}

/// A number of each module that is drawn.
struct Watched {
    /// File names begin with this.
    name: &'static str,
    title: &'static str,
    of: fn(&ObservedModule) -> Option<f64>,
}

const WATCHED: [Watched; 3] = [
    Watched { name: "gradients", title: "norm of the gradient", of: |module| module.gradient },
    Watched { name: "outputs", title: "root mean square of the output", of: |module| module.activation },
    Watched { name: "updates", title: "change of the weights / weights", of: ObservedModule::update_ratio },
];

/// The colours of the first, the middle and the last curve.
const COLOURS: [&str; 3] = ["depth", "compound", "width"];

impl TrainingPage<'_> {
    /// Writes `report.html` and one SVG per plot into `directory`, each whole or not at all.
    ///
    /// # Errors
    /// Files that cannot be written; numbers that a plot cannot show.
    pub fn write(&self, directory: &Path) -> Result<()> {
        let losses: Vec<Plot> = self.losses()?.into_iter().collect();
        let (mut depth, mut time) = (Vec::new(), Vec::new());
        for watched in &WATCHED {
            depth.extend(self.over_depth(watched)?);
            time.extend(self.over_time(watched)?);
        }
        for plot in losses.iter().chain(&depth).chain(&time) {
            replace(&directory.join(format!("{}.svg", plot.name)), plot.standalone().as_bytes())?;
        }
        let findings: String = self.findings.iter().map(paragraph).collect();
        let body = format!(
            "<section>\n<h2>Diagnosis</h2>\n{findings}</section>\n{losses}{depth}{time}{modules}\
             <details>\n<summary>The configuration, as TOML</summary>\n<pre>{config}</pre>\n</details>\n",
            losses =
                plot_section("Losses", "The training loss is the mean over the steps of an epoch.", &losses),
            depth = plot_section(
                "Over depth",
                "Modules are numbered from the input on; the table below has their names. Blue: the first step; violet: half way; \
                 orange: the last step. Lines join layers; norms are dots. A ring at the lower edge is a module whose value is 0.",
                &depth
            ),
            time = plot_section(
                "Over time",
                "One line per module. Blue: the first module; orange: the last one; grey: those between.",
                &time
            ),
            modules = self.modules(),
            config = escape(self.config),
        );
        let title = format!("How {} trained", self.model);
        let page = document(
            &title,
            "allometry train",
            &format!("<p class=\"lead\">{}</p>\n", escape(&self.lead)),
            &body,
        );
        replace(&directory.join("report.html"), page.as_bytes())
    }

    fn losses(&self) -> Result<Option<Plot>> {
        let of = |loss: fn(&EpochReport) -> f64| -> Vec<(f64, f64)> {
            let points = self.history.epochs.iter().map(|epoch| (epoch.epoch as f64, loss(epoch)));
            points.filter(|point| shown(point.1)).collect()
        };
        let (training, validation) = (of(|epoch| epoch.train.loss), of(|epoch| epoch.validation.loss));
        let all = training.iter().chain(&validation);
        let (Some(sheet), [Some(&end), Some(&other)]) =
            (sheet("losses", "epoch", "loss", all), [training.last(), validation.last()])
        else {
            return Ok(None);
        };
        plot(sheet, |canvas| {
            for (curve, colour, text, end) in
                [(&training, "depth", "training", end), (&validation, "width", "validation", other)]
            {
                canvas.curve(colour, curve, 1.0, Stroke::Full(3))?;
                canvas.dot(colour, end)?;
                canvas.label(colour, text, end)?;
            }
            Ok(())
        })
        .map(Some)
    }

    fn over_depth(&self, watched: &Watched) -> Result<Option<Plot>> {
        let seen = self.observations;
        let (Some(first), Some(last)) = (seen.first(), seen.last()) else { return Ok(None) };
        let values = |observation: &Observation| -> Vec<(f64, f64)> {
            let values = (1u32..).zip(&observation.modules);
            values.filter_map(|(place, module)| Some((f64::from(place), (watched.of)(module)?))).collect()
        };
        let curves = [first, &seen[seen.len() / 2], last].map(values);
        let positive = curves.iter().flatten().filter(|point| shown(point.1));
        let name = format!("{}-over-depth", watched.name);
        let Some(sheet) = sheet(&name, "module, from the input on", watched.title, positive) else {
            return Ok(None);
        };
        let lowest = sheet.up.ends()[0];
        plot(sheet, |canvas| {
            for (points, colour) in curves.iter().zip(COLOURS) {
                let positive = || points.iter().copied().filter(|point| shown(point.1));
                let layers: Vec<(f64, f64)> =
                    positive().filter(|point| !is_norm(&first.modules[point.0 as usize - 1].name)).collect();
                canvas.curve(colour, &layers, 1.0, Stroke::Full(3))?;
                for point in positive() {
                    canvas.dot(colour, point)?;
                }
                for zero in points.iter().filter(|point| point.1 == 0.0) {
                    canvas.ring(colour, (zero.0, lowest))?;
                }
            }
            Ok(())
        })
        .map(Some)
    }

    fn over_time(&self, watched: &Watched) -> Result<Option<Plot>> {
        let modules = self.observations.first().map_or(0, |first| first.modules.len());
        let curve = |index: usize| -> Vec<(f64, f64)> {
            let points = self.observations.iter().filter_map(|observation| {
                Some((observation.step as f64, (watched.of)(observation.modules.get(index)?)?))
            });
            points.filter(|point| shown(point.1)).collect()
        };
        let curves: Vec<Vec<(f64, f64)>> = (0..modules).map(curve).collect();
        let name = format!("{}-over-time", watched.name);
        let Some(sheet) = sheet(&name, "step", watched.title, curves.iter().flatten()) else {
            return Ok(None);
        };
        plot(sheet, |canvas| {
            for between in curves.iter().take(modules.saturating_sub(1)).skip(1) {
                canvas.curve("muted", between, 0.5, Stroke::Full(1))?;
            }
            for (end, colour) in [(curves.first(), "depth"), (curves.last(), "width")] {
                canvas.curve(colour, end.map_or(&[], Vec::as_slice), 1.0, Stroke::Full(3))?;
            }
            Ok(())
        })
        .map(Some)
    }

    /// The names of the modules, with the values of the last observed step.
    fn modules(&self) -> String {
        let Some(last) = self.observations.last() else { return String::new() };
        let cell = |value: Option<f64>| {
            value.map_or("<td class=\"absent\">–</td>".to_string(), |value| {
                format!("<td>{}</td>", significant(value, 3))
            })
        };
        let row = |(place, module): (usize, &ObservedModule)| {
            let cells: String = WATCHED.iter().map(|watched| cell((watched.of)(module))).collect();
            format!("<tr><td>{place}</td><td>{}</td>{cells}</tr>\n", escape(&module.name))
        };
        let rows: String = (1..).zip(&last.modules).map(row).collect();
        let header: String = WATCHED.iter().map(|watched| format!("<th>{}</th>", watched.title)).collect();
        format!(
            "<details>\n<summary>The modules at step {}</summary>\n<div class=\"scroll\"><table>\n\
             <tr><th>#</th><th>module</th>{header}</tr>\n{rows}</table></div>\n</details>\n",
            last.step
        )
    }
}

fn paragraph(finding: &Finding) -> String {
    let mut text = finding.text.clone();
    if let Some(first) = text.get(..1).map(str::to_uppercase) {
        text.replace_range(..1, &first);
    }
    format!(
        "<p class=\"finding\">{}. <span class=\"note\">Try {}.</span></p>\n",
        escape(&text),
        escape(&finding.advice)
    )
}

/// Whether a module is a norm, by its name. The gradients of norms have sizes of their own; a line through them and the
/// layers between them would hide how either changes with depth.
fn is_norm(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|last| last.contains("norm"))
}

/// Whether a logarithmic axis has a place for a value.
fn shown(value: f64) -> bool {
    value > 0.0 && value.is_finite()
}

/// An empty plot with a linear and a logarithmic axis around these points; `None` without points.
fn sheet<'p>(
    name: &str,
    across: &'static str,
    up: &'static str,
    points: impl Iterator<Item = &'p (f64, f64)> + Clone,
) -> Option<Sheet> {
    points.clone().next()?;
    let axis = |title: &'static str, logarithmic: bool| AxisQuantity::Plain { title, logarithmic };
    Some(Sheet {
        name: name.to_string(),
        title: format!("{up} by {across}"),
        remark: "",
        across: PlotAxis::around(axis(across, false), points.clone().map(|point| point.0)),
        up: PlotAxis::around(axis(up, true), points.map(|point| point.1)),
        rows: 0,
    })
}
