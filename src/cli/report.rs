//! `allometry report`

use super::{Output, prediction, print_json};
use allometry::scaling::{Store, report};
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
    report::write(&args.directory, &plan, &records)?;
    let prediction = Store::load_prediction(&args.directory)?;
    if args.output.json {
        if let Some(prediction) = &prediction {
            prediction::print_score_as_json(prediction, &records)?;
        }
        return print_json(&records);
    }
    print_line!("{}", report::table(&records))?;
    if let Some(prediction) = &prediction {
        prediction::print_score(prediction, &records)?;
    }
    print_line!("report: {}", args.directory.join("report.html").display())
}
