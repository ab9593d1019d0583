//! `allometry report`

use super::{Output, prediction, print_json};
use allometry::planner::soundness::{Asked, Sweep, check};
use allometry::report;
use allometry::sweep::Store;
use allometry::{Result, print_line};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Example:\n  allometry report sweep")]
pub struct ReportArgs {
    /// The directory of a sweep.
    directory: PathBuf,
    #[command(flatten)]
    output: Output,
}

pub fn run(args: &ReportArgs) -> Result<()> {
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
