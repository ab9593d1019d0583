//! `allometry check`

use super::rows::RowsArgs;
use super::{Output, print_json, usage_error};
use allometry::laws;
use allometry::planner::soundness::{Asked, Finding, REACH, Sweep, Verdict, check};
use allometry::sweep::Store;
use allometry::{Error, Result, print_line};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit code for a sweep that is not sound.
const NOT_SOUND: u8 = 7;

#[derive(Args)]
#[command(after_help = "\
Example:
  allometry check sweep
  allometry check runs.csv --x parameters --x2 tokens --y loss --reach 10
  allometry check runs.csv --x parameters --y loss --lr learning_rate

Looks for learning rates that were not tuned, runs that had not converged or had begun to over-fit (where a sweep has their curves), \
sizes that span too little, two sizes that vary together, isoFLOP minima at the edge, outliers, and too few runs for their scatter. Each finding says \
what it changes and how to fix it. A remark changes the answer by less than its interval.

Exits with 0 if the sweep is sound, else with 7. Tables are read as by `allometry fit`.")]
pub struct CheckArgs {
    /// The directory of a sweep, or a table: a CSV file with a header, or JSON lines.
    place: PathBuf,
    /// The column of the size.
    #[arg(long, value_name = "COLUMN")]
    x: Option<String>,
    /// The column of the second size, such as samples or tokens.
    #[arg(long, value_name = "COLUMN")]
    x2: Option<String>,
    /// The column of the quantity that depends on the sizes.
    #[arg(long, value_name = "COLUMN")]
    y: Option<String>,
    /// The column of learning rates; for each size, only runs at its best learning rate count.
    #[arg(long, value_name = "COLUMN")]
    lr: Option<String>,
    /// Extrapolation factor: how many times the largest size (with --x2, the compute of the largest run) you want to
    /// predict.
    #[arg(long, value_name = "FACTOR", default_value_t = REACH, value_parser = reach)]
    reach: f64,
    #[command(flatten)]
    rows: RowsArgs,
    #[command(flatten)]
    output: Output,
}

fn reach(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| *number > 1.0 && number.is_finite());
    number.ok_or_else(|| "expected a number above one".to_string())
}

pub fn run(args: &CheckArgs) -> Result<ExitCode> {
    let verdict = check(&sweep(args)?, &Asked { reach: args.reach });
    if args.output.json {
        print_json(&verdict)?;
    } else {
        print(&verdict)?;
    }
    Ok(if verdict.sound { ExitCode::SUCCESS } else { ExitCode::from(NOT_SOUND) })
}

fn sweep(args: &CheckArgs) -> Result<Sweep> {
    let place = std::fs::metadata(&args.place).map_err(Error::file(&args.place, "open"))?;
    if place.is_dir() {
        if args.x.is_some() || args.x2.is_some() || args.y.is_some() || args.lr.is_some() {
            usage_error(
                "check",
                "--x, --x2, --y and --lr are for a table, but this is a directory, which is read as a sweep",
            );
        }
        let (plan, records) = Store::load(&args.place)?;
        return Ok(Sweep::of_records(&args.place, &plan, &records));
    }
    let (Some(x), Some(y)) = (&args.x, &args.y) else {
        usage_error(
            "check",
            "a table needs the columns --x and --y (the directory of a sweep needs neither)",
        );
    };
    let columns = args.rows.columns(x, args.x2.as_deref(), y);
    let selection = laws::read(&args.place, &columns)?;
    Sweep::of_table(&args.place, &columns, &selection, args.lr.as_deref())
}

fn print(verdict: &Verdict) -> Result<()> {
    print_line!("{verdict}")?;
    if let Some(left_out) = &verdict.left_out {
        print_line!("Left out: {left_out}.")?;
    }
    for Finding { axis, fault, .. } in &verdict.findings {
        let kind = if fault.matters { "" } else { "Remark: " };
        let place = if axis.is_empty() { String::new() } else { format!(" ({axis})") };
        print_line!("\n{kind}{}{place}", capital(&fault.fault))?;
        print_line!("  {}.", capital(&fault.problem))?;
        print_line!("  {}.", capital(&fault.consequence))?;
        print_line!("  To fix it, {}:", fault.hint.what)?;
        print_line!("    {}", fault.hint.command)?;
    }
    // Most axes have the same reasons.
    let mut said: Vec<(&str, &str)> = Vec::new();
    for unknown in &verdict.unknown {
        if !said.contains(&(unknown.check, &unknown.reason)) {
            said.push((unknown.check, &unknown.reason));
        }
    }
    if !said.is_empty() {
        print_line!("")?;
    }
    said.iter().try_for_each(|(check, reason)| print_line!("Not judged: {check}: {reason}."))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
