//! `allometry report`

use super::{Common, print_json};
use allometry::Result;
use allometry::scaling::{Store, report};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Example:\n  allometry report sweep")]
pub struct ReportArgs {
    /// The directory of a sweep.
    directory: PathBuf,
    #[command(flatten)]
    common: Common,
}

pub fn run(args: &ReportArgs) -> Result<()> {
    let (plan, records) = Store::load(&args.directory)?;
    report::write(&args.directory, &plan, &records)?;
    if args.common.json {
        return print_json(&records);
    }
    println!("{}", report::table(&records));
    println!("report: {}", args.directory.join("report.html").display());
    Ok(())
}
