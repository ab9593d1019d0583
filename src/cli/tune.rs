//! `allometry tune`

use super::{Common, print_json};
use allometry::arguments::positive;
use allometry::bench::tune::{self, Outcome};
use allometry::device::Kind;
use allometry::terminal::Table;
use allometry::{Result, files, note, print_line};
use clap::Args;
use clap::builder::PossibleValuesParser;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "\
Example:
  allometry tune --device gpu --family matmul

Correct variants that are faster than the default by more than 5 % are saved to a file in the folder ALLOMETRY_CACHE, or
else in the user's cache folder. Later runs on the same adapter and driver use them; without that file, or with another
driver, they use the defaults. Results are saved as they are found, also if you interrupt the command. Tuning runs only
when you ask for it.")]
pub struct TuneArgs {
    /// Families of kernels; by default all that have variants.
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(tune::families()))]
    family: Vec<String>,
    /// Seconds per class of shapes, without the time of compiling.
    #[arg(long, default_value_t = 0.5, value_parser = positive)]
    seconds: f64,
    #[command(flatten)]
    common: Common,
}

#[derive(serde::Serialize)]
struct Tuned {
    device: String,
    /// The file with the choices; `None` on the CPU device.
    file: Option<PathBuf>,
    outcomes: Vec<Outcome>,
}

pub fn run(args: &TuneArgs) -> Result<()> {
    let device = args.common.open()?;
    let mut tuned = Tuned { device: device.name(), file: None, outcomes: Vec::new() };
    if device.kind() == Kind::Cpu {
        if args.common.output.json {
            return print_json(&tuned);
        }
        return print_line!("{}: there is nothing to choose on the CPU device", tuned.device);
    }
    files::check_target(&device.tuned_variants_file()?)?;
    let all = || tune::families().iter().map(|name| name.to_string()).collect();
    let families = if args.family.is_empty() { all() } else { args.family.clone() };
    tuned.outcomes = tune::tune(&device, &families, args.seconds, |outcome| {
        note!("{}, {}: {}", outcome.family, outcome.class, outcome.best);
        // Saves the choices so far, in case the command is interrupted. An error here occurs again below.
        let _ = device.save_tuned_variants();
    })?;
    // The results are printed even if they can't be saved.
    let saved = device.save_tuned_variants();
    if args.common.output.json {
        tuned.file = saved.as_ref().ok().cloned();
        print_json(&tuned)?;
        return saved.map(drop);
    }
    let mut table =
        Table::new(["Family", "Class", "Work", "Default", "Best", "Default ms", "Best ms", "Gain"])
            .with_text_columns(5);
    for outcome in &tuned.outcomes {
        let [default, best] = outcome.seconds();
        table.add_row([
            outcome.family.to_string(),
            outcome.class.to_string(),
            outcome.work.clone(),
            outcome.default.to_string(),
            outcome.best.to_string(),
            format!("{:.3}", default * 1e3),
            format!("{:.3}", best * 1e3),
            format!("{:.0} %", 100.0 * (default / best - 1.0)),
        ]);
    }
    print_line!("{}\n{table}", tuned.device)?;
    print_line!("saved to {}", saved?.display())
}
