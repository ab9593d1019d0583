//! `allometry search-compound`

use super::compound::coefficients;
use super::sweep::Terminal;
use super::{CheckpointArgs, Common, ConfigArgs, DatasetArgs, interrupt, models, print_json};
use allometry::arguments::{count, positive, seed};
use allometry::models::{Axis, Compound};
use allometry::sweep::Plan;
use allometry::sweep::compound::{Answer, CompoundSearch, Ranked, Ranking, SearchStore, run};
use allometry::sweep::run::SweepOptions;
use allometry::terminal::{Table, quoted};
use allometry::train::TrainConfig;
use allometry::units::{flops, grouped, plural, significant, times, trim};
use allometry::{Error, Result, note, print_line};
use clap::{ArgMatches, Args};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "\
Example:
  allometry search-compound residual --dataset mnist --data data/mnist --out search
  allometry sweep --axis compound --compound-from search/compound.toml --model residual \\
    --dataset mnist --data data/mnist --factors 1,2,4,8

Candidates are the coefficients alpha, beta, gamma of depth, width and resolution, each at least 1, with
alpha · beta² · gamma² = 2 (Tan & Le 2019, section 3.3, step 1). Each scales the model to the same multiple of its FLOPs, and
is trained with the same FLOPs. Rounding of widths, depths and resolutions is coarse in small models: a larger
--flops-factor makes it matter less.

Run the same command again to resume an interrupted search. With larger --best or --more-seeds it trains what is missing.")]
pub struct SearchArgs {
    #[arg(help = models("or a TOML file: the base model"))]
    model: String,
    #[command(flatten)]
    data: DatasetArgs,
    /// The multiple of the base model's FLOPs at which candidates are compared.
    #[arg(long, value_name = "F", default_value_t = 2.0, value_parser = positive)]
    flops_factor: f64,
    /// Candidates share a doubling of FLOPs among depth, width and resolution in steps of 1/N: (N + 1)(N + 2)/2
    /// candidates for images, N + 1 for features.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = count)]
    divisions: usize,
    /// A further candidate, with alpha · beta² · gamma² within 5 % of 2, such as the paper's 1.2,1.1,1.15. Can be given
    /// several times.
    #[arg(long, value_name = "A,B,C", value_parser = coefficients)]
    candidate: Vec<Compound>,
    /// Train the K best candidates with more seeds. Candidates that scale one axis alone are trained with them too.
    #[arg(long, value_name = "K", default_value_t = 3, value_parser = count)]
    best: usize,
    /// The number of further seeds for the best candidates.
    #[arg(long, value_name = "K", default_value_t = 1)]
    more_seeds: usize,
    /// Training samples per epoch of the candidate with the fewest MACs; by default all (glyphs: 10,000). The others
    /// are trained on fewer, with the same FLOPs.
    #[arg(long, value_name = "N", value_parser = count)]
    samples: Option<usize>,
    /// FLOPs of each training, as an alternative to --samples.
    #[arg(long, value_name = "C", value_parser = positive, conflicts_with = "samples")]
    flops: Option<f64>,
    /// Passes over the training samples; by default 3.
    #[arg(long, value_name = "E", value_parser = count)]
    epochs: Option<usize>,
    #[command(flatten)]
    config: ConfigArgs,
    /// Seeds with which every candidate is trained. By default the seed of --config, or 0.
    #[arg(long, value_delimiter = ',', value_parser = seed)]
    seeds: Vec<u64>,
    /// Validation samples; by default all.
    #[arg(long, value_parser = count)]
    validation_samples: Option<usize>,
    /// Skip models whose predicted peak memory is more than this many bytes.
    #[arg(long, value_name = "BYTES")]
    memory_limit: Option<u64>,
    #[command(flatten)]
    checkpoints: CheckpointArgs,
    /// The directory of the search.
    #[arg(long, value_name = "DIR", default_value = "compound-search")]
    out: PathBuf,
    #[command(flatten)]
    common: Common,
}

pub fn run(args: &SearchArgs, matches: &ArgMatches) -> Result<()> {
    args.data.check_apart(&args.data.dataset, &args.out)?;
    let search = search(args, matches)?;
    let mut store = SearchStore::open(&args.out, &search)?;
    let device = args.common.open()?;
    let first = search.first_round()?.len();
    note!(
        "{first} candidates of {} on {} with {}, then the best {} with {}; {} done; results in {}",
        search.plan.architecture.name,
        search.plan.dataset,
        device.name(),
        search.best,
        plural(search.more_seeds, "more seed"),
        plural(store.log().records().len(), "training"),
        args.out.display()
    );
    let options = SweepOptions {
        device,
        data: args.data.data.clone(),
        memory_limit: args.memory_limit,
        interrupted: interrupt::flag(),
        checkpoint: Some((store.checkpoint_file(), args.checkpoints.every())),
    };
    let json = args.common.output.json;
    let mut terminal = Terminal::new(json);
    let outcome = run::run(&mut store, &options, &mut terminal);
    if matches!(outcome, Err(Error::Interrupted)) {
        note!("run the same command again to resume");
    }
    outcome?;
    store.log().check_completed()?;
    let ranking = Ranking::of(&search, store.log().records())?.ok_or_else(|| no_ranking(&store))?;
    let answer = Answer::new(&search, ranking);
    let file = store.answer_file();
    // The answer is printed even if it can't be written.
    let written = answer.write(&file);
    if json {
        print_json(&answer)?;
    } else {
        print(&answer)?;
    }
    terminal.printed?;
    written?;
    if !json {
        print_line!(
            "Next: allometry sweep --axis compound --compound-from {} --model {}{}{}",
            quoted(&file.display().to_string()),
            quoted(&args.model),
            args.data.flags()?,
            args.common.device_flag()
        )?;
    }
    Ok(())
}

/// The search that the arguments describe.
fn search(args: &SearchArgs, matches: &ArgMatches) -> Result<CompoundSearch> {
    let config = args.config.resolve(matches)?;
    if let (Some(_), Some(file)) = (args.flops, args.config.file_with("samples")?) {
        let problem = "samples is set, but --flops determines the number of samples; remove samples from the file, \
                       or leave --flops out";
        return Err(Error::Config { what: file.display().to_string(), problem: problem.into() });
    }
    let seeds = if args.seeds.is_empty() { vec![config.seed] } else { args.seeds.clone() };
    let samples = args.samples.or(config.samples);
    let (architecture, splits) = args.data.open(&args.model, config.normalize, seeds[0], samples)?;
    let data = args.data.options()?;
    let plan = Plan {
        target_columns: data.target_columns,
        table: data.table,
        axes: vec![Axis::Compound],
        factors: vec![args.flops_factor],
        seeds,
        flops: args.flops.into_iter().collect(),
        config: TrainConfig {
            epochs: args.epochs.unwrap_or(config.epochs),
            // Each run has one of the seeds.
            seed: 0,
            samples: None,
            validation_samples: args.validation_samples.or(config.validation_samples),
            ..config
        },
        data: args.data.fingerprint()?,
        ..Plan::new(&args.data.dataset, architecture)
    };
    let mut search = CompoundSearch {
        divisions: args.divisions,
        further: args.candidate.clone(),
        best: args.best,
        more_seeds: args.more_seeds,
        plan,
    };
    if search.plan.flops.is_empty() {
        search.plan.flops = vec![search.budget_for(samples.unwrap_or(splits.train.len()))?];
    }
    search.validate()?;
    // Checked before the directory is created, so that it never has a search that can't be run.
    search.check_samples(splits.train.as_ref())?;
    Ok(search)
}

/// The reason why there is no ranking although a run completed.
fn no_ranking(store: &SearchStore) -> Error {
    let seeds = store.search().plan.seeds.len();
    Error::Config {
        what: store.log().path().display().to_string(),
        problem: format!(
            "no candidate has a loss above zero for each of {seeds} seeds; use a smaller learning rate, or longer trainings"
        ),
    }
}

fn print(answer: &Answer) -> Result<()> {
    print_line!(
        "{} on {}, candidates of ×{} the FLOPs, each trained with {}",
        answer.architecture.name,
        answer.dataset,
        trim(significant(answer.flops_factor, 3)),
        flops(answer.training_flops)
    )?;
    print_line!("{}", table(answer))?;
    if !answer.failed.is_empty() {
        print_line!("Trainings that did not complete: {}.", answer.failed.join(", "))?;
    }
    let factors = || answer.candidates.iter().map(|candidate| candidate.macs_factor);
    let [least, most] =
        [factors().fold(f64::INFINITY, f64::min), factors().fold(f64::NEG_INFINITY, f64::max)];
    if most > 1.25 * least {
        print_line!(
            "Rounding makes the models {} to {} as large as the base model; a larger --flops-factor makes rounding matter less.",
            times(least),
            times(most)
        )?;
    }
    for sentence in answer.sentences() {
        print_line!("{sentence}")?;
    }
    Ok(())
}

/// A row for each candidate, the best first.
fn table(answer: &Answer) -> Table {
    let mut table = Table::new([
        "",
        "alpha",
        "beta",
        "gamma",
        "MACs",
        "parameters",
        "samples seen",
        "seeds",
        "validation loss",
        "above best",
        "at least",
    ]);
    let percent = |share: f64| format!("{:+.1} %", 100.0 * share);
    for (rank, candidate) in answer.candidates.iter().enumerate() {
        table.add_row([
            word(rank, candidate).to_string(),
            format!("{:.3}", candidate.alpha),
            format!("{:.3}", candidate.beta),
            format!("{:.3}", candidate.gamma),
            times(candidate.macs_factor),
            grouped(candidate.parameters),
            grouped(candidate.samples_seen),
            candidate.seeds.to_string(),
            significant(candidate.loss, 4),
            if rank == 0 { "–".to_string() } else { percent(candidate.excess) },
            candidate.excess_at_least.map_or("–".to_string(), percent),
        ]);
    }
    table
}

/// How a candidate compares with the best.
fn word(rank: usize, candidate: &Ranked) -> &'static str {
    match candidate.excess_at_least {
        _ if rank == 0 => "best",
        None => "unknown",
        Some(_) if candidate.is_worse() => "worse",
        Some(_) => "like best",
    }
}
