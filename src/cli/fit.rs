//! `allometry fit`

use super::{Output, count, positive, print_json, usage_error};
use allometry::scaling::law::approaches::{Approach, Method};
use allometry::scaling::law::doubling::{Doubling, SpreadOf};
use allometry::scaling::law::isoflop::{IsoFlop, Minimum};
use allometry::scaling::law::{self, Columns, Fit, FitOptions, Form, LeftOut, Points, Quantity, Selection};
use allometry::tables::{Decimal, Format};
use allometry::terminal::Table;
use allometry::{Result, files, note, print_line};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::path::PathBuf;

fn after_help() -> String {
    let laws = Form::ALL.map(|form| format!("{} {}", form.name(), form.formula())).join("; ");
    format!(
        "\
Example:
  allometry fit runs.csv --x parameters --x2 tokens --y loss --law joint --budget 1e20 --holdout 3
  allometry fit log.jsonl --x step --y 'eval loss' --where 'model=small,task=a' --skip-missing

Laws: {laws}; auto chooses by the error on the largest rows, left out of the fit, and by AICc. Broken is for curves \
that bend. Intervals are 95 % by bootstrap.

Tables: CSV with a header, also with semicolons or tabs between cells and decimal commas; or JSON lines. Numbers may \
have marks before three digits (\"1,014.45\"), and suffixes k, M, B and T where all of a column have one. Of a sweep's \
runs.csv those count that completed. Rows with an empty cell, a size or a y of 0 are left out, and counted."
    )
}

#[derive(Args)]
#[command(after_help = after_help())]
pub struct FitArgs {
    /// The table: a CSV file with a header, or JSON lines.
    file: PathBuf,
    /// The column of the size, for the joint law that of the parameters N.
    #[arg(long, value_name = "COLUMN")]
    x: String,
    /// The column of the second size, for the joint law that of the samples or tokens D.
    #[arg(long, value_name = "COLUMN")]
    x2: Option<String>,
    /// The column of what follows from the sizes.
    #[arg(long, value_name = "COLUMN")]
    y: String,
    /// y is an accuracy from 0 to 1: fit the error rate, 1 − y.
    #[arg(long)]
    error_rate: bool,
    /// Which law.
    #[arg(long, value_enum, default_value_t = LawArg::Auto)]
    law: LawArg,
    /// Resamples that intervals are computed from.
    #[arg(long, default_value_t = 4000, value_name = "N", value_parser = resamples)]
    bootstrap: usize,
    /// Seed of the resamples.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Leave the K largest rows out of the fit, predict them, and compare.
    #[arg(long, value_name = "K", value_parser = count)]
    holdout: Option<usize>,
    /// Only rows whose cell in COLUMN is VALUE (the same text, or the same number). Of several conditions, with commas
    /// between or each with a --where, all have to hold. Names and values stand as in the table, spaces and commas
    /// included, without quotes.
    #[arg(long = "where", value_name = "COLUMN=VALUE[,COLUMN=VALUE]", value_parser = condition)]
    conditions: Vec<String>,
    /// Leave out rows where one of the columns is NaN, NA, null or a dash; otherwise they are an error.
    #[arg(long)]
    skip_missing: bool,
    /// Leave out rows whose y (or error rate) is larger.
    #[arg(long, value_name = "Y", value_parser = positive)]
    drop_above: Option<f64>,
    /// Leave out rows whose y (or error rate) is smaller.
    #[arg(long, value_name = "Y", value_parser = positive)]
    drop_below: Option<f64>,
    /// What stands between cells: comma, semicolon, tab, or another character; by default found from the file.
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// What stands before the decimals of a number; by default found from the file.
    #[arg(long, value_enum)]
    decimal: Option<DecimalArg>,
    /// Compute budgets in FLOPs; the joint law says which sizes are best for each, with C = 6·N·D.
    #[arg(long, value_delimiter = ',', value_name = "C", value_parser = positive)]
    budget: Vec<f64>,
    /// Draw rows, law and 95 % band into this file.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum LawArg {
    Power,
    Floor,
    Broken,
    Joint,
    Auto,
}

impl LawArg {
    /// The form, or none where it is to be chosen.
    fn form(self) -> Option<Form> {
        match self {
            LawArg::Power => Some(Form::Power),
            LawArg::Floor => Some(Form::Floor),
            LawArg::Broken => Some(Form::Broken),
            LawArg::Joint => Some(Form::Joint),
            LawArg::Auto => None,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum DecimalArg {
    Point,
    Comma,
}

impl From<DecimalArg> for Decimal {
    fn from(decimal: DecimalArg) -> Decimal {
        match decimal {
            DecimalArg::Point => Decimal::Point,
            DecimalArg::Comma => Decimal::Comma,
        }
    }
}

fn condition(text: &str) -> Result<String, String> {
    if text.contains('=') { Ok(text.to_string()) } else { Err("COLUMN=VALUE is needed".to_string()) }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match (text, text.as_bytes()) {
        ("comma", _) => Ok(b','),
        ("semicolon", _) => Ok(b';'),
        ("tab" | "\\t", _) => Ok(b'\t'),
        (_, &[byte]) if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n".contains(&byte) => {
            Ok(byte)
        }
        _ => {
            Err("comma, semicolon, tab, or one ASCII character that is no letter, digit or quote".to_string())
        }
    }
}

/// Percentiles 2.5 and 97.5 of fewer mean nothing.
const FEWEST: usize = 40;

pub(super) fn resamples(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number >= FEWEST);
    number.ok_or_else(|| format!("a whole number from {FEWEST} on is needed"))
}

pub fn run(args: &FitArgs) -> Result<()> {
    refuse_unused(args);
    let columns = Columns {
        x: args.x.clone(),
        x2: args.x2.clone(),
        y: args.y.clone(),
        error_rate: args.error_rate,
        conditions: args.conditions.clone(),
        drop_above: args.drop_above,
        drop_below: args.drop_below,
        skip_missing: args.skip_missing,
        format: Format { delimiter: args.delimiter, decimal: args.decimal.map(Decimal::from) },
    };
    let Selection { points, left_out } = law::read(&args.file, &columns)?;
    // A fit can take minutes, and is worth having without its plot.
    if let Some(error) = args.plot.as_ref().and_then(|path| files::check_target(path).err()) {
        note!("allometry: {error}; there will be no plot");
    }
    let options = FitOptions {
        form: args.law.form(),
        resamples: args.bootstrap,
        seed: args.seed,
        holdout: args.holdout.unwrap_or(0),
        budgets: args.budget.clone(),
    };
    let fit = Fit::new(&points, &options).inspect_err(|_| {
        if !left_out.is_empty() {
            note!("Left out: {left_out}.");
        }
    })?;
    if args.output.json {
        print_json(&Printed { fit: &fit, left_out })?;
    } else {
        print(&fit, &points, &left_out)?;
    }
    match &args.plot {
        Some(path) => files::replace(path, law::plot::svg(&fit, &points)?.as_bytes()),
        None => Ok(()),
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    fit: &'a Fit,
    #[serde(skip_serializing_if = "LeftOut::is_empty")]
    left_out: LeftOut,
}

/// Ends with a matter of usage where an option has no meaning for the law that is asked for.
fn refuse_unused(args: &FitArgs) {
    let one_size = args.law.form().filter(|form| form.sizes() == 1);
    if let (Some(form), true) = (one_size, args.x2.is_some()) {
        let problem =
            format!("--x2 is not used by the {form} law, which is of one size; --law joint is of two");
        usage_error("fit", &problem);
    }
    if !args.budget.is_empty() {
        if let Some(form) = one_size {
            usage_error(
                "fit",
                &format!("--budget is not used by the {form} law; --law joint divides a budget"),
            );
        }
        if args.x2.is_none() && args.law.form().is_none() {
            usage_error("fit", "--budget is used by the joint law alone, which needs --x2");
        }
    }
}

fn print(fit: &Fit, points: &Points, left_out: &LeftOut) -> Result<()> {
    let quantity = points.quantity();
    print_line!("{} law, {}, fitted to {} rows", fit.law, fit.law.formula(), fit.n)?;
    if !left_out.is_empty() {
        print_line!("Left out: {left_out}.")?;
    }
    let state = if fit.converged { "converged" } else { "not converged" };
    let r2 = fit.r2.map_or(String::new(), |r2| format!("; R² {r2:.4}"));
    print_line!(
        "Huber loss of ln y {}, {state}; scatter around the law {}{r2}",
        digits(fit.objective),
        percent(fit.scatter)
    )?;
    print_line!("{}", parameters(fit))?;
    if fit.comparison.len() > 1 {
        print_line!("{}", comparison(fit))?;
    }
    for doubling in &fit.doubling {
        print_doubling(doubling, fit, quantity)?;
    }
    if let Some(allocation) = &fit.allocation {
        print_line!("Compute-optimal: N grows as C^a, a = {}.", with_interval(&allocation.a))?;
        for optimum in &allocation.samples_per_parameter {
            print_line!(
                "  {} FLOPs: {} samples per parameter; N {}, D {}; {quantity} {}",
                digits(optimum.budget),
                with_interval(&optimum.ratio),
                with_interval(&optimum.parameters),
                with_interval(&optimum.samples),
                with_interval(&optimum.loss)
            )?;
        }
    }
    if let Some(isoflop) = &fit.isoflop {
        print_line!("{}", profiles(isoflop, quantity))?;
        print_unusable(isoflop)?;
        print_line!("{}", exponents(&fit.approaches))?;
    }
    if let Some(holdout) = &fit.holdout {
        print_line!("The largest rows, left out of the fit:")?;
        let mut table = Table::new(["sizes", "measured", "predicted", "error", "inside"]);
        for row in &holdout.rows {
            let sizes: Vec<String> = row.sizes.iter().map(|size| digits(*size)).collect();
            table.add_row([
                sizes.join(" × "),
                digits(row.measured),
                with_interval(&row.predicted),
                format!("{:+.2} %", 100.0 * row.relative_error),
                if row.inside { "yes" } else { "no" }.to_string(),
            ]);
        }
        print_line!("{table}")?;
        print_line!(
            "Relative error {:.2} % (root mean square); {} of {} inside the interval.",
            100.0 * holdout.relative_error,
            holdout.inside,
            holdout.rows.len()
        )?;
    }
    for warning in &fit.warnings {
        print_line!("Warning: {warning}.")?;
    }
    Ok(())
}

fn print_doubling(doubling: &Doubling, fit: &Fit, quantity: &str) -> Result<()> {
    let from: Vec<String> = doubling.from.iter().map(|size| digits(*size)).collect();
    let from = from.join(" × ");
    if !doubling.known {
        return print_line!(
            "What twice the {} from {from} does to {quantity}, these rows can't tell.",
            doubling.size
        );
    }
    let relative = doubling.relative;
    let (verb, value, low, high) = if relative.value < 0.0 {
        ("raises", -relative.value, -relative.high, -relative.low)
    } else {
        ("lowers", relative.value, relative.low, relative.high)
    };
    let [value, low, high] = [value, low, high].map(|part| format!("{:.2}", 100.0 * part));
    print_line!("Twice the {} from {from} {verb} {quantity} by {value} % [{low}, {high}].", doubling.size)?;
    let part = percent(fit.spread.value);
    let spread = match fit.spread.of {
        SpreadOf::Seeds => format!("the {part} by which runs of one size differ"),
        SpreadOf::Rows => format!("the {part} by which rows scatter around the law"),
    };
    match doubling.worthwhile_to {
        Some(limit) if limit.value <= 0.0 => print_line!("No doubling of it buys more than {spread}."),
        Some(limit) if limit.value.is_finite() => {
            let limit = with_interval(&limit);
            print_line!("Beyond {} = {limit} a doubling buys less than {spread}.", doubling.size)
        }
        Some(_) => print_line!("At every {} a doubling buys more than {spread}.", doubling.size),
        None if fit.law == Form::Power && fit.spread.shows() => {
            print_line!("So does every doubling, as it is a power law; to be held against {spread}.")
        }
        // Nothing is bought where y rises, and nothing is small where rows lie on the law.
        None => Ok(()),
    }
}

/// A part as a percentage, with two decimals or, where these would be zeros, four digits.
fn percent(part: f64) -> String {
    if part < 1e-4 { format!("{} %", digits(100.0 * part)) } else { format!("{:.2} %", 100.0 * part) }
}

/// In one line the budgets that show no best size: there may be one for every row of the table.
fn print_unusable(isoflop: &IsoFlop) -> Result<()> {
    let problems = isoflop.problems();
    let count: usize = problems.iter().map(|(_, budgets)| budgets.len()).sum();
    let reasons: Vec<String> =
        problems.iter().map(|(problem, budgets)| format!("{problem} ({})", budgets.len())).collect();
    if count > 0 {
        let all = isoflop.profiles.len();
        print_line!("{count} of {all} budgets show no best size: {}.", reasons.join(", "))?;
    }
    Ok(())
}

/// The isoFLOP profiles that show a best size.
fn profiles(isoflop: &IsoFlop, quantity: &str) -> Table {
    let mut table = Table::new(["isoFLOP budget", "runs", "best N", quantity]);
    for profile in &isoflop.profiles {
        if let Minimum::Optimum { parameters, loss } = &profile.minimum {
            let cells = [digits(profile.budget), profile.runs.to_string()];
            table.add_row(cells.into_iter().chain([with_interval(parameters), with_interval(loss)]));
        }
    }
    table
}

fn exponents(approaches: &[Approach]) -> Table {
    let mut table = Table::new(["approach", "a in N ∝ C^a", "from"]);
    for Approach { approach, a, points } in approaches {
        let from = match approach {
            Method::Envelope => "changes of the best size",
            Method::IsoFlop => "minima",
            Method::JointLaw => "rows",
        };
        table.add_row([approach.name().to_string(), with_interval(a), format!("{points} {from}")]);
    }
    table
}

fn parameters(fit: &Fit) -> Table {
    let mut table = Table::new(["parameter", "value", "standard error", "95 % interval"]);
    for (name, parameter) in &fit.parameters {
        let quantity = parameter.quantity;
        let interval = format!("[{}, {}]", digits(quantity.low), digits(quantity.high));
        if parameter.identified {
            table.add_row([name.to_string(), digits(quantity.value), digits(quantity.se), interval]);
        } else {
            table.add_row([name.to_string(), "not identified".into(), "–".into(), interval]);
        }
    }
    table
}

fn comparison(fit: &Fit) -> Table {
    let mut table = Table::new(["law", "error on the largest", "AICc", "chosen"]);
    for candidate in &fit.comparison {
        let error = candidate.largest_out_error.map(|error| format!("{:.2} %", 100.0 * error));
        table.add_row([
            candidate.law.to_string(),
            error.unwrap_or_else(|| "too few rows".to_string()),
            format!("{:.1}", candidate.aicc),
            if candidate.law == fit.law { "yes" } else { "" }.to_string(),
        ]);
    }
    table
}

fn with_interval(quantity: &Quantity) -> String {
    format!("{} [{}, {}]", digits(quantity.value), digits(quantity.low), digits(quantity.high))
}

/// Four significant digits.
pub(super) fn digits(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        value.to_string().replace("inf", "∞")
    } else if size < f64::MIN_POSITIVE {
        "0".to_string()
    } else if (1e-3..1e5).contains(&size) {
        let places = (3 - size.log10().floor() as i32).max(0) as usize;
        format!("{value:.places$}")
    } else {
        format!("{value:.3e}")
    }
}
