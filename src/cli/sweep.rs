//! `allometry sweep`

use super::compound::CompoundArgs;
use super::{
    CheckpointArgs, Common, ConfigArgs, DatasetArgs, axes, interrupt, models, prediction, print_json,
};
use allometry::arguments::{count, positive, seed};
use allometry::models::Axis;
use allometry::planner::grid;
use allometry::report;
use allometry::sweep::run::{self, Observer, SweepOptions};
use allometry::sweep::variants::MIN_STEPS;
use allometry::sweep::{Plan, Prediction, Record, Store, Variant};
use allometry::train::{Baseline, Callback, Finding, TerminalProgress, TrainConfig, out_of_scale};
use allometry::units::plural;
use allometry::{Error, Result, note, print_line};
use clap::{ArgMatches, Args};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "\
Example:
  allometry sweep --axis depth,width,resolution,compound --factors 0.5,1,2 --model convnet \\
    --dataset omniglot --data data/omniglot --out omniglot-sweep

Run the same command again to resume an interrupted sweep. With --extend, name more factors, seeds, samples, epochs or FLOPs
to train the new runs; with --predict, models larger than all earlier ones are predicted again.

To plan a training:
  allometry sweep --for-plan --model convnet --dataset mnist --data data/mnist --out sweep
  allometry plan sweep --budget 10m --data data/mnist")]
pub struct SweepArgs {
    #[arg(long, value_delimiter = ',', value_parser = axis, help = axes() + "; by default all, with --for-plan width")]
    axis: Vec<Axis>,
    /// Factors of every axis; on the compound axis, multiples of FLOPs. By default 0.5,1,2, with --for-plan
    /// 0.25,0.5,1,2.
    #[arg(long, value_delimiter = ',', value_parser = positive)]
    factors: Vec<f64>,
    #[arg(long, default_value = "convnet", help = models("or a TOML file: the model at factor 1"))]
    model: String,
    #[command(flatten)]
    data: DatasetArgs,
    /// Training samples per epoch; by default all (glyphs: 10,000). Every model is trained once with each number.
    #[arg(long, value_delimiter = ',', value_name = "N", value_parser = count)]
    samples: Vec<usize>,
    /// Compute budgets of whole trainings, in FLOPs. Every model is trained once with each budget, on the number of
    /// samples that uses it up.
    #[arg(long, value_delimiter = ',', value_name = "C", value_parser = positive, conflicts_with = "samples")]
    flops: Vec<f64>,
    /// Passes over the training samples; by default 3. Every model is trained once with each number, on each number of
    /// samples.
    #[arg(long, value_delimiter = ',', value_name = "E", value_parser = count)]
    epochs: Vec<usize>,
    /// With --flops: train on the whole training set, for as many epochs as each budget allows, instead of on part of
    /// the set for --epochs.
    #[arg(long, requires = "flops", conflicts_with = "epochs")]
    whole_set: bool,
    /// Train the runs that `plan` needs to recommend a training. Every model is trained with three compute budgets,
    /// those of 4 epochs, 1 epoch and a quarter of an epoch of the base model, on all training samples, repeated as
    /// often as the budget allows. With four widths these are 12 runs, which take about the compute of 20 epochs of the
    /// base model. --axis, --factors and a single number of epochs (--epochs, or that of --config) change these
    /// defaults; a single number of samples sets the length of an epoch that budgets are counted in.
    #[arg(long, conflicts_with_all = ["flops", "predict"])]
    for_plan: bool,
    #[command(flatten)]
    config: ConfigArgs,
    /// Seeds. Every model is trained once with each. By default the seed of --config, or 0.
    #[arg(long, value_delimiter = ',', value_parser = seed)]
    seeds: Vec<u64>,
    /// Train the K largest models of every axis last; predict their losses from the other runs before, and score the
    /// predictions.
    #[arg(long, value_name = "K", value_parser = count)]
    predict: Option<usize>,
    /// Validation samples; by default all.
    #[arg(long, value_parser = count)]
    validation_samples: Option<usize>,
    #[command(flatten)]
    compound: CompoundArgs,
    /// Skip models whose predicted peak memory is more than this many bytes.
    #[arg(long, value_name = "BYTES")]
    memory_limit: Option<u64>,
    /// Extend the sweep in the directory by more factors, seeds, samples, epochs or FLOPs, and train the new runs.
    #[arg(long)]
    extend: bool,
    #[command(flatten)]
    checkpoints: CheckpointArgs,
    /// The directory of the sweep.
    #[arg(long, value_name = "DIR", default_value = "sweep")]
    out: PathBuf,
    #[command(flatten)]
    common: Common,
}

pub(super) fn axis(text: &str) -> std::result::Result<Axis, String> {
    text.trim().parse().map_err(|_| format!("not an axis; expected one of {}", axes()))
}

/// Shows each variant's training on the terminal.
pub(super) struct Terminal {
    json: bool,
    /// The first failure to print. It does not end the sweep, because all results are on disk too.
    pub(super) printed: Result<()>,
}

impl Terminal {
    pub(super) fn new(json: bool) -> Terminal {
        Terminal { json, printed: Ok(()) }
    }

    /// Keeps the first failure.
    fn keep(&mut self, printed: Result<()>) {
        if self.printed.is_ok() {
            self.printed = printed;
        }
    }
}

impl Observer for Terminal {
    fn on_start(&mut self, variant: &Variant, index: usize, count: usize) -> Box<dyn Callback> {
        Box::new(TerminalProgress::new(format!("[{}/{count}] {} ", index + 1, variant.key)))
    }

    fn on_record(&mut self, record: &Record) {
        if let Some(reason) = &record.outcome.reason() {
            note!("{}: {}: {reason}", record.variant.key, record.outcome);
        }
        if self.json {
            self.keep(print_json(record));
        }
    }

    fn on_prediction(&mut self, generation: usize, prediction: &Prediction) {
        let print = if self.json { prediction::print_as_json } else { prediction::print };
        self.keep(print(generation, prediction));
    }
}

/// Default factors.
const FACTORS: [f64; 3] = [0.5, 1.0, 2.0];

/// Refuses fields of `--config` that compute budgets determine for each run, as clap refuses the same flags.
fn check_budgets(args: &SweepArgs) -> Result<()> {
    for (budgets, field, flag) in
        [(!args.flops.is_empty(), "samples", "--flops"), (args.whole_set, "epochs", "--whole-set")]
    {
        if let (true, Some(file)) = (budgets, args.config.file_with(field)?) {
            let problem = format!(
                "{field} is set, but with {flag} each budget determines the number of {field}; remove {field} from the file, or leave {flag} out"
            );
            return Err(Error::Config { what: file.display().to_string(), problem });
        }
    }
    Ok(())
}

/// Splits a list into a single number, or several.
fn dimension(numbers: &[usize]) -> (Option<usize>, Vec<usize>) {
    match *numbers {
        [one] => (Some(one), Vec::new()),
        _ => (None, numbers.to_vec()),
    }
}

pub fn run(args: &SweepArgs, matches: &ArgMatches) -> Result<()> {
    let config = args.config.resolve(matches)?;
    check_budgets(args)?;
    args.data.check_apart(&args.data.dataset, &args.out)?;
    // A single number of samples or epochs belongs to the configuration; several are a dimension of the sweep.
    let (train_samples, samples) = dimension(&args.samples);
    let train_samples = train_samples.or(config.samples.filter(|_| args.samples.is_empty()));
    let (epochs, several_epochs) = dimension(&args.epochs);
    let seeds = if args.seeds.is_empty() { vec![config.seed] } else { args.seeds.clone() };
    let opened = train_samples.filter(|_| !args.for_plan);
    let (architecture, splits) = args.data.open(&args.model, config.normalize, seeds[0], opened)?;
    let axes = match &args.axis[..] {
        [] if args.for_plan => vec![Axis::Width],
        [] => Axis::ALL.to_vec(),
        given => given.to_vec(),
    };
    let (default_factors, default_epochs) = match (args.for_plan, args.whole_set) {
        (true, _) if args.config.file_with("epochs")?.is_none() => (&grid::FACTORS[..], grid::EPOCHS),
        (true, _) => (&grid::FACTORS[..], config.epochs),
        // Each budget determines its own number of epochs.
        (false, true) => (&FACTORS[..], 1),
        (false, false) => (&FACTORS[..], config.epochs),
    };
    let factors = if args.factors.is_empty() { default_factors.to_vec() } else { args.factors.clone() };
    let (all, endless) = (splits.train.len(), splits.train.is_endless());
    let data = args.data.options()?;
    let plan = Plan {
        dataset: args.data.dataset.clone(),
        target_columns: data.target_columns,
        table: data.table,
        axes,
        factors,
        seeds,
        samples,
        flops: args.flops.clone(),
        // A set that generates samples has no size: each budget takes as many samples as it allows.
        whole_set: (args.whole_set && !endless).then_some(all),
        most_seen: None,
        predict: args.predict.unwrap_or(0),
        config: TrainConfig {
            epochs: epochs.or(several_epochs.first().copied()).unwrap_or(default_epochs),
            // Each run has one of `seeds`.
            seed: 0,
            samples: train_samples,
            validation_samples: args.validation_samples.or(config.validation_samples),
            ..config
        },
        compound: args.compound.resolve(&architecture)?,
        data: args.data.fingerprint()?,
        earlier: Vec::new(),
        architecture,
        epochs: several_epochs,
    };
    let plan = if args.for_plan { grid::for_plan(plan, all, endless)? } else { plan };
    // Checked before the directory is created, so that it never has a plan that can't be run.
    plan.check_samples(splits.train.as_ref())?;
    let mut store =
        if args.extend { Store::extend(&args.out, &plan)? } else { Store::open(&args.out, &plan)? };
    let plan = store.plan().clone();
    let device = args.common.open()?;
    let variants = plan.variants()?.len();
    note!(
        "{} of {} on {} with {}, {} done; results in {}",
        plural(variants, "run"),
        plan.architecture.name,
        plan.dataset,
        device.name(),
        store.records().len(),
        args.out.display()
    );
    let too_short = plan.too_short()?;
    if too_short > 0 {
        let budgets = if args.for_plan { "more --epochs" } else { "larger --flops" };
        note!(
            "allometry: left out {} whose budget pays for fewer than {MIN_STEPS} steps; {budgets} or a smaller --batch add them",
            plural(too_short, "more run")
        );
    }
    let baseline = Baseline::of(plan.config.loss(splits.train.targets())?, &splits)?;
    if let Some(Finding { text, advice, .. }) = baseline.and_then(|b| out_of_scale(b, &plan.config)) {
        note!("Note: {text}; try {advice}.");
    }
    let options = SweepOptions {
        device,
        data: args.data.data.clone(),
        memory_limit: args.memory_limit,
        interrupted: interrupt::flag(),
        checkpoint: Some((store.checkpoint_file(), args.checkpoints.every())),
    };
    let mut terminal = Terminal::new(args.common.output.json);
    let outcome = run::run(&plan, &mut store, &options, &mut terminal);
    // Completed runs are reported even if the sweep ended early.
    let written = match store.records() {
        [] => Ok(()),
        records => report::write(&args.out, &plan, records),
    };
    if matches!(outcome, Err(Error::Interrupted)) {
        note!("run the same command again to resume");
    }
    outcome?;
    let predictions = Store::load_predictions(&args.out, &plan)?;
    if args.common.output.json {
        prediction::print_scores_as_json(&predictions, store.records())?;
    } else {
        print_line!("{}", report::table(store.records()))?;
        prediction::print_scores(&predictions, store.records())?;
    }
    terminal.printed?;
    written?;
    if !args.common.output.json {
        print_line!("report: {}", args.out.join("report.html").display())?;
    }
    store.log().check_completed()
}
