//! `allometry report`

use super::{Common, prediction, print_json};
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
    let prediction = Store::load_prediction(&args.directory)?;
    let score = prediction.as_ref().map(|prediction| prediction.score(&records));
    if args.common.json {
        score.map_or(Ok(()), |score| print_json(&serde_json::json!({ "score": score })))?;
        return print_json(&records);
    }
    println!("{}", report::table(&records));
    if let (Some(prediction), Some(score)) = (&prediction, &score) {
        prediction::print_score(score, prediction.level);
    }
    println!("report: {}", args.directory.join("report.html").display());
    Ok(())
}
