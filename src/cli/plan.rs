//! `allometry plan`

use super::{Common, IMAGES, interrupt, print_json};
use allometry::arguments::{positive, seed};
use allometry::files::{check_outside, check_target, replace};
use allometry::planner::soundness::{Asked, Summary, Sweep, check};
use allometry::planner::{
    Budget, FURTHEST, Limit, Options, RANKS, Recommendation, Repeats, Suggestion, recommend,
};
use allometry::report::{self, Answer, ExpectedTraining, Quantity};
use allometry::sweep::Store;
use allometry::sweep::prediction::Score;
use allometry::terminal::{Table, quoted};
use allometry::units::{grouped, plural, significant};
use allometry::{Error, Result, note, print_line};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Args)]
#[command(after_help = "\
Example:
  allometry sweep --for-plan --dataset mnist --data data/mnist --out sweep
  allometry plan sweep --budget 2h,8GiB --data data/mnist
  allometry train sweep/recommended.toml --data data/mnist

Budgets: time of the whole training (90s, 30m, 2h, 1d), compute (1e15flops, 2.5PFLOP: 6 · MACs · samples seen), peak memory
on the device (500MiB, 8GiB); at most one of each. Trainings of more than 30 times the compute of the largest run need
--far. A model is trained for the whole budget, for as many epochs as fit, unless the runs show that it over-fits before.")]
pub struct PlanArgs {
    /// The directory of a sweep.
    directory: PathBuf,
    /// Budget of the training: a time, a number of FLOPs, memory, or several separated by commas.
    #[arg(long, value_name = "B", value_parser = budget, required_unless_present = "target_loss")]
    budget: Option<Budget>,
    /// Find the cheapest training that is expected to reach this validation loss: in time if the budget is a time, else
    /// in FLOPs.
    #[arg(long, value_name = "L", value_parser = positive)]
    target_loss: Option<f64>,
    /// Allow trainings of any compute, however far beyond the sweep's runs.
    #[arg(long)]
    far: bool,
    /// The folder with the data set's files; for csv the file itself.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Seed of the training.
    #[arg(long, default_value_t = 0, value_parser = seed)]
    seed: u64,
    /// Seconds of each pilot run, which measures the speed of a model.
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = positive)]
    seconds: f64,
    /// File for the recommended training; by default recommended.toml in the sweep's directory.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

fn budget(text: &str) -> Result<Budget, String> {
    text.parse().map_err(|error: Error| error.to_string())
}

pub fn run(args: &PlanArgs) -> Result<()> {
    let (plan, records) = Store::load(&args.directory)?;
    let file = args.out.clone().unwrap_or_else(|| args.directory.join("recommended.toml"));
    if let Some(data) = args.data.as_deref().filter(|_| plan.dataset == IMAGES) {
        check_outside(&file, data)?;
    }
    check_target(&file)?;
    let start = Instant::now();
    let device = args.common.open()?;
    let device_seconds = start.elapsed().as_secs_f64();
    let interrupted = interrupt::flag();
    note!("planning on {}: each of the best models is trained for {} s", device.name(), args.seconds);
    let options = Options {
        device,
        device_seconds,
        data: args.data.clone(),
        budget: args.budget.unwrap_or_default(),
        target_loss: args.target_loss,
        far: args.far,
        seed: args.seed,
        pilot_seconds: args.seconds,
        interrupted,
    };
    let found = recommend(&plan, &records, &options)?;
    // The recommendation is printed even if it can't be written.
    let written = replace(&file, found.best.training.to_toml()?.as_bytes());
    let answer = answer(&found, args, &file);
    // The sweep's directory may be read-only; only the training has to be written.
    let shown = answer.write(&args.directory).and_then(|()| report::write(&args.directory, &plan, &records));
    let verdict = check(&Sweep::of_records(&args.directory, &plan, &records), &Asked::default());
    if args.common.output.json {
        print_json(&Printed { found: &found, soundness: verdict.summary() })?;
        return written;
    }
    let predictions = Store::load_predictions(&args.directory, &plan)?;
    let scores: Vec<Score> = predictions.iter().map(|(_, prediction)| prediction.score(&records)).collect();
    for sentence in answer.sentences(&scores) {
        print_line!("{sentence}")?;
    }
    print_line!("")?;
    print(&found, &plan.dataset)?;
    print_line!("{verdict}")?;
    written?;
    match shown {
        Ok(()) => print_line!("report: {}", args.directory.join("report.html").display()),
        Err(error) => {
            note!("the report does not show this plan: {error}");
            Ok(())
        }
    }
}

/// The JSON output.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    found: &'a Recommendation,
    soundness: Summary<'a>,
}

/// The answer, for the report and the first lines of the output.
fn answer(found: &Recommendation, args: &PlanArgs, file: &Path) -> Answer {
    let choice = |suggestion: &Suggestion| ExpectedTraining {
        model: suggestion.model.to_string(),
        parameters: suggestion.model.parameters,
        samples: suggestion.samples,
        epochs: suggestion.epochs,
        loss: suggestion.loss.into(),
        seconds: suggestion.seconds,
        flops: suggestion.flops,
    };
    let path = |path: &Path| quoted(&path.display().to_string());
    let data = args.data.as_deref().map(|data| format!(" --data {}", path(data))).unwrap_or_default();
    let base = found.base.as_ref();
    Answer {
        budget: found.budget.to_string(),
        device: found.device.clone(),
        best: choice(&found.best),
        base: base.filter(|base| base.model.architecture != found.best.model.architecture).map(choice),
        others: found.others.iter().map(choice).collect(),
        training: format!("{}{data}{}", path(file), args.common.device_flag()),
    }
}

fn print(found: &Recommendation, dataset: &str) -> Result<()> {
    let wanted = match found.target_loss {
        Some(target) => format!("A loss of {target}"),
        None => "The least loss".to_string(),
    };
    let budget = if found.budget.is_empty() { String::new() } else { format!(" with {}", found.budget) };
    let runs = plural(found.runs, "run");
    print_line!("{wanted}{budget} on {}, by the laws of {runs} on {dataset}:", found.device)?;
    print_line!("{}", suggestions(found))?;
    print_line!("{}", limits(found))?;
    print_line!("{}", certainty(found))?;
    if let Some(text) = precaution(found) {
        print_line!("{text}")?;
    }
    if let Some(text) = repetition(found) {
        print_line!("{text}")?;
    }
    if !found.pilots_agree {
        print_line!(
            "The machine's speed varies: of two pilot runs of one model, one took {:.0} % longer. The intervals of time \
             include that.",
            100.0 * found.wavering
        )?;
    }
    for vetoed in &found.vetoed {
        print_line!("Left out: {vetoed}.")?;
    }
    for left_out in &found.left_out {
        print_line!("Left out: {}: {}.", left_out.axis, left_out.reason)?;
    }
    for warning in &found.warnings {
        print_line!("Warning: {warning}.")?;
    }
    Ok(())
}

fn suggestions(found: &Recommendation) -> Table {
    let mut table = Table::new([
        "",
        "depth",
        "width",
        "input",
        "parameters",
        "MACs",
        "samples",
        "validation loss",
        "time",
        "FLOPs",
        "peak memory",
    ]);
    let mut base = found.base.as_ref();
    for (rank, suggestion) in RANKS.iter().zip(std::iter::once(&found.best).chain(&found.alternatives)) {
        let is_base = base.is_some_and(|base| {
            base.training.architecture == suggestion.training.architecture
                && base.training.config == suggestion.training.config
        });
        table.add_row(row(&if is_base { format!("{rank}, base") } else { rank.to_string() }, suggestion));
        base = base.filter(|_| !is_base);
    }
    if let Some(base) = base {
        table.add_row(row("base", base));
    }
    table
}

fn row(rank: &str, suggestion: &Suggestion) -> [String; 11] {
    let Suggestion { model, samples, epochs, loss, .. } = suggestion;
    let input = model.architecture.resolution().map(|pixels| format!("{pixels} px"));
    let passes = if *epochs > 1 { format!(" × {epochs} epochs") } else { String::new() };
    let loss_text = |value: f64| Quantity::ValidationLoss.format(value);
    // Times without a pilot run are estimates.
    let about = if suggestion.measured { "" } else { "≈ " };
    [
        rank.to_string(),
        format!("×{:.3}", model.scale.depth),
        format!("×{:.3}", model.scale.width),
        input.unwrap_or_else(|| "–".to_string()),
        Quantity::Parameters.format(model.parameters as f64),
        Quantity::Macs.format(model.macs as f64),
        format!("{}{passes}", grouped(*samples as u64)),
        format!("{} [{}, {}]", loss_text(loss.value), loss_text(loss.low), loss_text(loss.high)),
        format!(
            "{about}{} [{}, {}]",
            Quantity::Seconds.format(suggestion.seconds),
            Quantity::Seconds.format(suggestion.seconds_interval.0),
            Quantity::Seconds.format(suggestion.seconds_interval.1)
        ),
        Quantity::TrainingFlops.format(suggestion.flops),
        Quantity::PeakMemory.format(suggestion.peak_bytes as f64),
    ]
}

/// The constraints that limit the best training.
fn limits(found: &Recommendation) -> String {
    if found.target_loss.is_some() {
        let cost = if found.budget.seconds.is_some() { "time" } else { "FLOPs" };
        return format!("The best reaches the target with the least {cost}.");
    }
    if found.limits.is_empty() {
        return "Nothing limits it: the laws predict no lower loss at any size and number of samples."
            .to_string();
    }
    let names: Vec<String> = found.limits.iter().map(Limit::to_string).collect();
    let mut text = format!("Limited by {}", names.join(" and "));
    if let Some(samples) = found.fixed_samples {
        let samples = grouped(samples as u64);
        text += &format!("; the sweep did not vary the {samples} training samples, so the plan keeps them");
    }
    if found.limits.contains(&Limit::Extrapolation) {
        text += &format!("; beyond {FURTHEST} times the compute of the largest run its law is not trusted");
    }
    if found.unused > UNUSED {
        text += &format!("; {:.0} % of the budget stays unused", 100.0 * found.unused);
        if found.limits.contains(&Limit::Overfitting) {
            text += ", because longer runs ended with a higher loss";
        }
    }
    text + "."
}

/// The smallest unused share of a budget that is reported. Rounding to whole epochs leaves smaller shares.
const UNUSED: f64 = 0.05;

/// That the best training stops early, because no run tells whether it over-fits; `None` if one does.
fn precaution(found: &Recommendation) -> Option<String> {
    let epochs = found.best.training.config.early_stopping.filter(|_| found.best.reach.repeats_more())?;
    let times = |passes: f64| match passes.round() {
        1.0 => "once".to_string(),
        2.0 => "twice".to_string(),
        passes => format!("{passes} times"),
    };
    Some(format!(
        "It sees its samples {}, but runs of models as large at most {}: over-fitting may begin unseen, so it ends after {} \
         without a lower validation loss. A sweep with more --epochs shows whether it does.",
        times(found.best.epochs as f64),
        times(found.passes_seen),
        plural(epochs, "epoch"),
    ))
}

/// How the laws count repeated samples; `None` if the best training repeats none.
fn repetition(found: &Recommendation) -> Option<String> {
    if found.best.epochs == 1 {
        return None;
    }
    if found.includes_repetition {
        return Some("The law includes the value of repetition, but not the value of more samples.".into());
    }
    let Repeats { value, low, high, measured } = found.repetition?;
    let source = if measured {
        "measured by the runs"
    } else {
        "as in language models (Muennighoff et al. 2023); a sweep with several --epochs measures it"
    };
    Some(format!(
        "Repeated samples lose their value over {} repetitions [{}, {}], {source}.",
        significant(value, 2),
        significant(low, 2),
        significant(high, 2)
    ))
}

/// Why a training is not recommended although its expected loss is lower. Empty if the losses look the same.
fn why_not(name: &str, lower: &Suggestion, best: &Suggestion) -> String {
    let text = |value: f64| Quantity::ValidationLoss.format(value);
    if text(lower.loss.value) == text(best.loss.value) {
        return String::new();
    }
    if lower.upper > best.upper {
        return format!(
            "\nThe {name} has a lower expected loss, but is less certain. Trainings are compared by the loss that four of five end \
             below: {} for the best, {} for the {name}.",
            text(best.upper),
            text(lower.upper)
        );
    }
    format!(
        "\nThe {name} has a lower expected loss, but is not clearly better: of models that are about equally good, the base model is \
         recommended, or else the smallest."
    )
}

/// How certain the expected loss is.
fn certainty(found: &Recommendation) -> String {
    let Suggestion { loss, reach, .. } = &found.best;
    let text = |value: f64| Quantity::ValidationLoss.format(value);
    let mut sentence = format!(
        "Four of five such trainings are expected to end between {} and {}.",
        text(loss.low),
        text(loss.high)
    );
    let next = found.alternatives.first().filter(|next| loss.interval().contains(next.loss.value));
    if let Some(next) = next.filter(|_| found.target_loss.is_none()) {
        sentence += &format!(
            " The next best, at {}, lies inside this interval, so the two can't be distinguished.",
            text(next.loss.value)
        );
    }
    if let Some((name, lower)) = found.lower() {
        sentence += &why_not(name, lower, &found.best);
    }
    sentence
        + &format!(
            "\nCompared with the most of any run of its axis: {:.2} times the compute, {:.2} times the MACs, {:.2} times the samples.",
            reach.compute, reach.macs, reach.samples
        )
}
