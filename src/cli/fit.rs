//! `allometry fit`

use super::groups;
use super::law::print;
use super::rows::RowsArgs;
use super::watch::Watch;
use super::{Output, print_json, usage_error};
use allometry::arguments::{count, positive};
use allometry::laws::groups::Groups;
use allometry::laws::{self, Columns, Fit, FitOptions, Form, LeftOut, Selection};
use allometry::planner::soundness::{Asked, Summary, Sweep, check};
use allometry::{Result, files, note, print_line};
use clap::Args;
use clap::builder::PossibleValuesParser;
use serde::{Serialize, Serializer};
use std::path::PathBuf;

fn after_help() -> String {
    let law = |form: Form| format!("  {:<8} {}, for {}\n", form.name(), form.formula(), form.purpose());
    let laws: String = Form::ALL.into_iter().map(law).collect();
    let automatic: Vec<&str> = Form::automatic().map(Form::name).collect();
    format!(
        "\
Example:
  allometry fit runs.csv --x parameters --x2 tokens --y loss --law joint --budget 1e20 --holdout 3
  allometry fit log.jsonl --x step --y 'eval loss' --where 'model=small,task=a' --skip-missing
  allometry fit runs.csv --x parameters --x2 tokens --y loss --law joint --by dataset

Laws:
{laws}
auto chooses among {} by the error on the largest rows, which are left out of the fit, and by AICc. Of the laws whose error is at \
most 1.5 times the least error, or 1.5 times the least scatter of the rows if that is larger, and whose AICc is at most 4 above the \
least of these, it takes the one with the fewest parameters. Intervals are 95 % bootstrap intervals.

Tables: CSV with a header (cells separated by commas, semicolons or tabs; decimal points or commas), or JSON lines. Numbers \
may have thousands separators (\"1,014.45\"), and suffixes k, M, B and T if all numbers of a column have one. In a sweep's \
runs.csv only completed runs count. Rows with an empty cell, a size of 0 or a y of 0 are left out and counted.",
        automatic.join(", ")
    )
}

#[derive(Args)]
#[command(after_help = after_help())]
pub struct FitArgs {
    /// The table: a CSV file with a header, or JSON lines. For the directory of a sweep, its runs.csv.
    file: PathBuf,
    /// The column of the size; for the joint law, of the parameters N.
    #[arg(long, value_name = "COLUMN")]
    x: String,
    /// The column of the second size; for the joint law, of the samples or tokens D.
    #[arg(long, value_name = "COLUMN")]
    x2: Option<String>,
    /// The column of the quantity that depends on the sizes.
    #[arg(long, value_name = "COLUMN")]
    y: String,
    /// The law to fit.
    #[arg(long, default_value = AUTO, value_parser = PossibleValuesParser::new(laws()))]
    law: String,
    /// Number of bootstrap resamples for intervals.
    #[arg(long, default_value_t = 4000, value_name = "N", value_parser = resamples)]
    bootstrap: usize,
    /// Seed of the bootstrap.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// δ of the Huber loss of ln y: residuals up to δ count quadratically, larger ones linearly. By default 1.345 times
    /// the scatter of the rows around the law, and at least 1e-3; with fewer than three rows per parameter, 1e-3. The
    /// published estimator uses 1e-3.
    #[arg(long, value_name = "VALUE", value_parser = positive)]
    huber_delta: Option<f64>,
    /// Leave the K largest rows out of the fit, and compare the law's predictions with them.
    #[arg(long, value_name = "K", value_parser = count)]
    holdout: Option<usize>,
    #[command(flatten)]
    rows: RowsArgs,
    /// Compute budgets in FLOPs. The joint law gives the best sizes for each, with C = 6·N·D.
    #[arg(long, value_delimiter = ',', value_name = "C", value_parser = positive)]
    budget: Vec<f64>,
    /// Fit a law to each value of COLUMN, show them side by side, and test whether their exponents differ. All have the
    /// form of --law, or, with auto, the form chosen for the value with the most rows.
    #[arg(long, value_name = "COLUMN", conflicts_with = "plot")]
    by: Option<String>,
    /// Draw rows, law and 95 % band to this file.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// The value of `--law` that chooses the form automatically.
const AUTO: &str = "auto";

fn laws() -> Vec<&'static str> {
    Form::ALL.into_iter().map(Form::name).chain([AUTO]).collect()
}

impl FitArgs {
    /// The form of `--law`; `None` for [`AUTO`].
    fn form(&self) -> Option<Form> {
        Form::ALL.into_iter().find(|form| form.name() == self.law)
    }

    /// The file of the table; in a directory, that of a sweep's runs.
    fn table(&self) -> PathBuf {
        if self.file.is_dir() { self.file.join("runs.csv") } else { self.file.clone() }
    }
}

/// The smallest number of resamples for which percentiles 2.5 and 97.5 are meaningful.
const MIN_RESAMPLES: usize = 40;

pub(super) fn resamples(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number >= MIN_RESAMPLES);
    number.ok_or_else(|| format!("expected a whole number, at least {MIN_RESAMPLES}"))
}

pub fn run(args: &FitArgs) -> Result<()> {
    refuse_unused(args);
    let columns = args.rows.columns(&args.x, args.x2.as_deref(), &args.y);
    let options = FitOptions {
        form: args.form(),
        resamples: args.bootstrap,
        seed: args.seed,
        holdout: args.holdout.unwrap_or(0),
        budgets: args.budget.clone(),
        delta: args.huber_delta,
    };
    if let Some(by) = &args.by {
        return run_groups(args, &columns, by, &options);
    }
    let file = args.table();
    let selection = laws::read(&file, &columns)?;
    let verdict = check(&Sweep::of_table(&file, &columns, &selection, None)?, &Asked::default());
    let Selection { points, left_out, .. } = selection;
    // A fit can take minutes; print it even if its plot can't be written.
    if let Some(error) = args.plot.as_ref().and_then(|path| files::check_target(path).err()) {
        note!("allometry: {error}; no plot will be written");
    }
    let watch = Watch::new();
    let fit = Fit::with_progress(&points, &options, &|step| watch.step(step)).inspect_err(|_| {
        if !left_out.is_empty() {
            note!("Left out: {left_out}.");
        }
    })?;
    if args.output.json {
        print_json(&Printed { fit: &fit, left_out, soundness: verdict.summary() })?;
    } else {
        print(&fit, &points, &left_out)?;
        print_line!("{verdict}")?;
    }
    match &args.plot {
        Some(path) => files::replace(path, laws::plot::svg(&fit, &points)?.as_bytes()),
        None => Ok(()),
    }
}

/// Fits a law to each value of a column.
fn run_groups(args: &FitArgs, columns: &Columns, by: &str, options: &FitOptions) -> Result<()> {
    let mut left_out = Vec::new();
    let mut rows = Vec::new();
    for (group, selection) in laws::read_groups(&args.table(), columns, by)? {
        let points = selection.map(|selection| {
            left_out.push((group.clone(), selection.left_out));
            selection.points
        });
        rows.push((group, points));
    }
    let watch = Watch::new();
    let groups = Groups::fit(rows, options, &|step| watch.step(step))?;
    if args.output.json {
        print_json(&PrintedGroups { by, groups: &groups, left_out })
    } else {
        groups::print(&groups, by, &left_out)
    }
}

/// The JSON output with `--by`.
#[derive(Serialize)]
struct PrintedGroups<'a> {
    by: &'a str,
    #[serde(flatten)]
    groups: &'a Groups,
    /// The rows of each group that were left out.
    #[serde(serialize_with = "as_map")]
    left_out: Vec<(String, LeftOut)>,
}

fn as_map<S: Serializer>(groups: &[(String, LeftOut)], serializer: S) -> Result<S::Ok, S::Error> {
    let with_rows = groups.iter().filter(|(_, left_out)| !left_out.is_empty());
    serializer.collect_map(with_rows.map(|(group, left_out)| (group, left_out)))
}

/// The JSON output.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    fit: &'a Fit,
    #[serde(skip_serializing_if = "LeftOut::is_empty")]
    left_out: LeftOut,
    soundness: Summary<'a>,
}

/// Exits with a usage error if an option has no effect for the chosen law.
fn refuse_unused(args: &FitArgs) {
    let one_size = args.form().filter(|form| form.sizes() == 1);
    if let (Some(form), true) = (one_size, args.x2.is_some()) {
        let problem =
            format!("the {form} law has one size and does not use --x2; use --law joint for two sizes");
        usage_error("fit", &problem);
    }
    if !args.budget.is_empty() {
        if let Some(form) = one_size {
            usage_error("fit", &format!("the {form} law does not use --budget; use --law joint"));
        }
        if args.x2.is_none() && args.form().is_none() {
            usage_error("fit", "--budget needs the joint law, which needs --x2");
        }
    }
}
