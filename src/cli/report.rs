//! `allometry report`

use super::folder::{self, Complete};
use super::observers::{Page, observations};
use super::outcome::{Outcome, print};
use super::{Output, prediction, print_json};
use allometry::planner::soundness::{Asked, Sweep, check};
use allometry::report;
use allometry::sweep::Store;
use allometry::{Result, print_line};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Example:\n  allometry report sweep\n  allometry report run")]
pub struct ReportArgs {
    /// The directory of a sweep or of a training.
    directory: PathBuf,
    #[command(flatten)]
    output: Output,
}

pub fn run(args: &ReportArgs) -> Result<()> {
    if let Some(training) = folder::complete::<Outcome>(&args.directory)? {
        return of_training(args, &training);
    }
    let (plan, records) = Store::load(&args.directory)?;
    // The results are printed even if the report can't be written.
    let written = report::write(&args.directory, &plan, &records);
    let predictions = Store::load_predictions(&args.directory, &plan)?;
    if args.output.json {
        prediction::print_scores_as_json(&predictions, &records)?;
        print_json(&records)?;
        return written;
    }
    print_line!("{}", report::table(&records))?;
    prediction::print_scores(&predictions, &records)?;
    print_line!("{}", check(&Sweep::of_records(&args.directory, &plan, &records), &Asked::default()))?;
    written?;
    print_line!("report: {}", args.directory.join("report.html").display())
}

fn of_training(args: &ReportArgs, training: &Complete<Outcome>) -> Result<()> {
    let Complete { about, outcome, history } = training;
    let page =
        Page { architecture: &about.architecture, config: &about.config, outcome, data: &about.dataset };
    // The results are printed even if the report can't be written.
    let written = page.write(&args.directory, history, &observations(&args.directory)?);
    if args.output.json {
        print_json(outcome)?;
        return written;
    }
    print(outcome)?;
    written?;
    print_line!("report: {}", args.directory.join("report.html").display())
}
