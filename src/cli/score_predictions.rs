//! `allometry score-predictions`

use super::{Output, print_json};
use allometry::laws::benchmark::{
    Estimator, EstimatorScore, Half, Measure, Task, calibrate, load, score_estimators,
};
use allometry::terminal::Table;
use allometry::{Result, print_line};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "\
Example:
  allometry score-predictions benches/prediction/runs --half development

Each estimator predicts the larger runs of each recorded sweep from the smaller ones. median, rms: of |predicted /
measured - 1|; in: share of runs inside the interval, with its own 95 % interval from a bootstrap over sources; width: upper
end / lower end of the 80 % interval; score: the interval score of ln y at 80 % (Gneiting & Raftery 2007), lower is better;
beats: share of tasks on which its error is smaller.")]
pub struct ScoreArgs {
    /// The folder of recorded sweeps.
    #[arg(default_value = "benches/prediction/runs")]
    folder: PathBuf,
    /// The half of the sources to score on; estimators are built and calibrated on the development half only.
    #[arg(long, value_enum, default_value_t = Half::Development)]
    half: Half,
    /// Print the factors that calibrate the average's intervals on these tasks: for each level, the factor near the
    /// data, and what each e-fold of distance adds.
    #[arg(long)]
    calibrate: bool,
    #[command(flatten)]
    output: Output,
}

pub fn run(args: &ScoreArgs) -> Result<()> {
    let tasks: Vec<Task> =
        load(&args.folder)?.into_iter().filter(|task| task.head.half == args.half).collect();
    for measure in Measure::ALL {
        if args.calibrate {
            if let Some(calibration) = calibrate(&tasks, measure) {
                let levels = calibration.levels.map(|(level, near, each)| {
                    format!("{:.0} %: {near:.2} + {each:.2} × distance", 100.0 * level)
                });
                print_line!("{}: {}", measure.name(), levels.join(", "))?;
            }
            continue;
        }
        let scores = score_estimators(&tasks, measure, &Estimator::ALL);
        if args.output.json {
            scores.iter().try_for_each(print_json)?;
        } else if let Some(first) = scores.first().filter(|first| first.tasks[1] > 0) {
            print_line!("{}, {} tasks:", measure.name(), first.tasks[1])?;
            print_line!("{}", table(&scores))?;
        }
    }
    Ok(())
}

fn table(scores: &[EstimatorScore]) -> Table {
    let percent = |value: f64| format!("{:.0} %", 100.0 * value);
    let header = ["estimator", "tasks", "median", "rms", "in 50 %", "in 80 %", "in 95 %", "width", "score"];
    let mut header: Vec<String> = header.map(String::from).to_vec();
    header.extend(Estimator::NAIVE.map(|naive| format!("beats {}", naive.name())));
    let mut table = Table::new(header);
    for score in scores {
        let inside = |level: usize| {
            let part = percent(score.coverage[level]);
            match score.coverage_interval.map(|intervals| intervals[level]) {
                Some([low, high]) => format!("{part} [{:.0}, {:.0}]", 100.0 * low, 100.0 * high),
                None => part,
            }
        };
        let mut cells = vec![
            score.estimator.clone(),
            score.tasks[0].to_string(),
            format!("{:.1} %", 100.0 * score.median_error),
            format!("{:.1} %", 100.0 * score.rms_error),
            inside(0),
            inside(1),
            inside(2),
            format!("{:.2}", score.width.exp()),
            format!("{:.3}", score.interval_score),
        ];
        cells.extend(Estimator::NAIVE.map(|naive| percent(score.better_than[&naive.name()])));
        table.add_row(cells);
    }
    table
}
