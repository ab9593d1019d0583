//! Which training to run: budgets as text, the search over synthetic sweeps whose best is known, trainings as files,
//! and the driver from a sweep to the training that it recommends.

use allometry::nn::Precision;
use allometry::scaling::cost::{Cost, predicted_peak};
use allometry::scaling::law::allocation::optimum;
use allometry::scaling::recommend::candidate::{Candidate, Field};
use allometry::scaling::recommend::evidence::gather;
use allometry::scaling::recommend::pace::{Pace, Tempo};
use allometry::scaling::recommend::rehearsal::Rehearsal;
use allometry::scaling::recommend::search::{Choice, FURTHEST, Found, Rules, search};
use allometry::scaling::recommend::{Budget, Expected, Limit, Training};
use allometry::scaling::{
    Architecture, Axis, Bytes, Compound, Plan, Record, Schedule, Status, Throughput, Variant,
};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

// ---------------------------------------------------------------------------------------------------------------
// budgets

#[test]
fn budgets_are_read_in_the_units_that_people_write() {
    let read = |text: &str| text.parse::<Budget>().unwrap();
    for (text, seconds) in [
        ("90s", 90.0),
        ("30m", 1800.0),
        ("30min", 1800.0),
        ("2h", 7200.0),
        ("1.5 h", 5400.0),
        ("1d", 86_400.0),
    ] {
        assert_eq!(read(text), Budget { seconds: Some(seconds), ..Budget::default() }, "{text}");
    }
    for text in ["1e15flops", "1E15 FLOPs", "1000000000000000flop"] {
        assert_eq!(read(text), Budget { flops: Some(1e15), ..Budget::default() }, "{text}");
    }
    for (text, bytes) in [("500MiB", 500 << 20), ("8GiB", 8 << 30), ("8gb", 8_000_000_000), ("512b", 512)] {
        assert_eq!(read(text), Budget { bytes: Some(bytes), ..Budget::default() }, "{text}");
    }
    let all = Budget { seconds: Some(7200.0), flops: Some(1e15), bytes: Some(8 << 30) };
    assert_eq!(read("2h, 1e15flops,8GiB"), all);
    assert_eq!(all.to_string(), "2 h 00 min, 1.000e15 FLOPs, 8 GiB");
}

#[test]
fn budgets_that_make_no_sense_are_refused_with_the_reason() {
    for (text, word) in [
        ("", "a number and a unit"),
        ("2", "a number and a unit"),
        ("h", "a number and a unit"),
        ("two h", "1e15flops"),
        ("-2h", "a number and a unit"),
        ("0s", "a number and a unit"),
        ("infs", "a number and a unit"),
        ("2h,", "a number and a unit"),
        ("2h,30m", "at most one time"),
        ("8GiB,1MiB", "at most one time"),
    ] {
        let error = text.parse::<Budget>().unwrap_err().to_string();
        assert!(error.contains(word), "{text:?}: {error}");
    }
}

// ---------------------------------------------------------------------------------------------------------------
// the search, on sweeps that follow a law

/// E, A, α, B, β of the loss in M MACs and D samples.
const LAW: [f64; 5] = [0.2, 60.0, 0.35, 90.0, 0.42];

fn law(macs: f64, samples: f64) -> f64 {
    let [e, a, alpha, b, beta] = LAW;
    e + a * macs.powf(-alpha) + b * samples.powf(-beta)
}

/// θ of the same, as optimisers see it.
fn theta() -> Vec<f64> {
    let [e, a, alpha, b, beta] = LAW;
    vec![a.ln(), alpha, b.ln(), beta, e.ln()]
}

/// A sweep over the width of a network of two layers, one epoch each.
fn plan(samples: &[usize]) -> Plan {
    Plan {
        dataset: "glyphs".into(),
        target_columns: Vec::new(),
        axes: vec![Axis::Width],
        factors: vec![0.25, 0.5, 1.0, 2.0],
        seeds: vec![0],
        samples: samples.to_vec(),
        flops: Vec::new(),
        predict: 0,
        schedule: Schedule { epochs: 1, batch: 16, ..Schedule::default() },
        compound: Compound::default(),
        architecture: Architecture::preset("mlp").unwrap(),
    }
}

/// What a run of `variant` leaves if its loss follows the law.
fn record(variant: &Variant, plan: &Plan) -> Record {
    let Cost { parameters, macs, .. } = Cost::of(&variant.architecture).unwrap();
    let samples = variant.train_samples.unwrap_or(10_000) as u64;
    let loss = law(macs as f64, samples as f64);
    Record {
        key: variant.key.clone(),
        axis: variant.axis,
        factor: variant.factor,
        also: variant.also.clone(),
        scale: variant.scale,
        architecture: variant.architecture.name.clone(),
        resolution: variant.architecture.resolution(),
        seed: variant.seed,
        device: "a device of synthetic records".into(),
        epochs: plan.schedule.epochs,
        batch: plan.schedule.batch,
        learning_rate: plan.schedule.learning_rate,
        precision: Precision::F32,
        recompute: false,
        clip_norm: None,
        parameters,
        macs,
        training_flops: 6.0 * macs as f64 * samples as f64,
        samples_seen: samples,
        train_samples: samples,
        flops_budget: None,
        skipped_steps: None,
        train_loss: Some(loss),
        validation_loss: Some(loss),
        validation_accuracy: None,
        curve: Vec::new(),
        samples_per_second: Some(Throughput { median: 1e9 / macs as f64, iqr: 0.0 }),
        inference_samples_per_second: None,
        flops_per_second: None,
        peak_bytes: None,
        predicted_peak_bytes: Bytes::default(),
        wall_seconds: 1.0,
        status: Status::Completed,
        reason: None,
    }
}

/// A sweep's plan with its models, and a search in them.
struct Synthetic {
    plan: Plan,
    fields: Vec<Field>,
}

impl Synthetic {
    fn new(samples: &[usize]) -> Synthetic {
        let plan = plan(samples);
        let variants = plan.variants().unwrap();
        let records: Vec<Record> = variants.iter().map(|variant| record(variant, &plan)).collect();
        let (evidence, left_out) = gather(&plan, &records, 10_000, 40, 0).unwrap();
        assert!(left_out.is_empty(), "{left_out:?}");
        let fields = evidence.into_iter().map(|evidence| Field::new(&plan, evidence, None).unwrap());
        Synthetic { fields: fields.collect(), plan }
    }

    /// The sweep that varies width and samples; its law takes a while to fit.
    fn joint() -> &'static Synthetic {
        static JOINT: OnceLock<Synthetic> = OnceLock::new();
        JOINT.get_or_init(|| Synthetic::new(&SAMPLES))
    }

    fn with_memory(&self, memory: u64) -> Synthetic {
        let fields = self.fields.iter();
        let fields =
            fields.map(|field| Field::new(&self.plan, field.evidence.clone(), Some(memory)).unwrap());
        Synthetic { fields: fields.collect(), plan: self.plan.clone() }
    }

    fn rules(&self, budget: &str) -> Rules<'_> {
        Rules {
            budget: budget.parse().unwrap(),
            target_loss: None,
            far: false,
            schedule: &self.plan.schedule,
            available: None,
            validation: 1000,
        }
    }

    fn search(&self, rules: &Rules) -> Found {
        search(&self.fields, rules, &tempo).expect("something fits")
    }

    fn model(&self, choice: &Choice) -> &Candidate {
        &self.fields[choice.field].candidates[choice.candidate]
    }
}

/// A thousand million MACs a second, and a second to begin with.
fn tempo(candidate: &Candidate) -> Tempo {
    let sample = candidate.macs as f64 / 1e9;
    Tempo { start: 1.0, sample, validation_sample: sample / 3.0 }
}

const SAMPLES: [usize; 4] = [1600, 4800, 16_000, 48_000];

#[test]
fn within_a_compute_budget_the_best_is_the_law_s_optimum() {
    let sweep = Synthetic::joint();
    for budget in [1e11, 1e12, 4e12] {
        let rules = sweep.rules(&format!("{budget}flops"));
        let found = sweep.search(&rules);
        let best = &found.choices[0];
        let [macs, samples] = optimum(&theta(), budget);
        let model = sweep.model(best);
        // Widths come in multiples of 8, which is a part of a step in MACs; the loss is flat there.
        assert!((model.macs as f64 / macs - 1.0).abs() < 0.15, "{} for {macs}", model.macs);
        assert!((best.distinct / samples - 1.0).abs() < 0.15, "{} for {samples}", best.distinct);
        assert!((best.loss / law(macs, samples) - 1.0).abs() < 1e-3, "{best:?}");
        assert!(best.flops <= budget && best.flops > 0.99 * budget, "{best:?} of {budget}");
        assert_eq!(best.samples % 16, 0);
        assert_eq!(found.limits, [Limit::Compute]);
        assert!(found.beyond.is_none());
    }
}

#[test]
fn suggestions_are_different_models_the_best_first() {
    let sweep = Synthetic::joint();
    let found = sweep.search(&sweep.rules("1e12flops"));
    assert_eq!(found.choices.len(), 4);
    assert!(found.choices.is_sorted_by(|a, b| a.loss <= b.loss), "{:?}", found.choices);
    for (place, choice) in found.choices.iter().enumerate() {
        for other in &found.choices[..place] {
            let ratio = sweep.model(choice).scale.width / sweep.model(other).scale.width;
            assert!(ratio.ln().abs() > 1.19f64.ln(), "{ratio}");
        }
    }
}

#[test]
fn time_counts_the_start_and_every_validation() {
    let sweep = Synthetic::joint();
    let found = sweep.search(&sweep.rules("60s"));
    let best = &found.choices[0];
    let macs = sweep.model(best).macs as f64;
    let seconds = 1.0 + best.samples as f64 * macs / 1e9 + 1000.0 * macs / 3e9;
    assert!((best.seconds / seconds - 1.0).abs() < 1e-12, "{} for {seconds}", best.seconds);
    // One batch more would not fit.
    assert!(best.seconds <= 60.0 && best.seconds + 16.0 * macs / 1e9 > 60.0, "{best:?}");
    assert_eq!(found.limits, [Limit::Time]);
    // Of two limits the one that binds is named.
    assert_eq!(sweep.search(&sweep.rules("60s,1e10flops")).limits, [Limit::Compute]);
    assert!(search(&sweep.fields, &sweep.rules("1s"), &tempo).is_none(), "the start alone takes as long");
}

#[test]
fn a_memory_budget_binds_where_the_best_is_larger() {
    let free = Synthetic::joint();
    let step = free.plan.schedule.step();
    let peak = |model: &Candidate| predicted_peak(&model.architecture, &step).unwrap().total();
    let unbounded = free.search(&free.rules("4e12flops"));
    let memory = peak(free.model(&unbounded.choices[0])) / 2;

    let sweep = free.with_memory(memory);
    let found = sweep.search(&sweep.rules("4e12flops"));
    let model = sweep.model(&found.choices[0]);
    assert!(peak(model) <= memory, "{} of {memory}", peak(model));
    // It is the largest that fits: the next model has no place.
    let next = &sweep.fields[0].candidates[found.choices[0].candidate + 1];
    assert!(peak(next) > memory, "{} of {memory}", peak(next));
    assert_eq!(found.limits, [Limit::Compute, Limit::Memory]);
}

#[test]
fn a_finite_set_of_samples_binds() {
    let sweep = Synthetic::joint();
    let free = sweep.search(&sweep.rules("1e12flops"));
    let available = free.choices[0].samples / 3;
    let rules = Rules { available: Some(available), ..sweep.rules("1e12flops") };
    let found = sweep.search(&rules);
    let best = &found.choices[0];
    // All of them, up to what rounding to one of the models leaves.
    assert!(best.samples <= available && best.samples as f64 > 0.97 * available as f64, "{best:?}");
    assert!(found.limits.contains(&Limit::Data), "{:?}", found.limits);
    let [smaller, larger] = [&free.choices[0], best].map(|choice| sweep.model(choice).macs);
    assert!(larger > 2 * smaller, "what samples can't take goes into the model: {larger}, {smaller}");
}

#[test]
fn samples_that_were_not_varied_stay() {
    let sweep = Synthetic::new(&[]);
    let evidence = &sweep.fields[0].evidence;
    assert_eq!(evidence.fixed_samples, Some(10_000));
    let found = sweep.search(&sweep.rules("1e11flops"));
    assert_eq!(found.choices[0].samples, 10_000);
    assert!(found.choices[0].flops <= 1e11);
    let next = &sweep.fields[0].candidates[found.choices[0].candidate + 1];
    assert!(6.0 * next.macs as f64 * 10_000.0 > 1e11, "a larger model is better, and too dear");
    assert_eq!(found.limits, [Limit::Compute, Limit::Data]);
    assert!(search(&sweep.fields, &sweep.rules("1e6flops"), &tempo).is_none());
}

#[test]
fn a_target_is_reached_at_the_least_cost() {
    let sweep = Synthetic::joint();
    // The least compute that comes to the loss of an optimum is that optimum's.
    let compute = 1e12;
    let [macs, samples] = optimum(&theta(), compute);
    let target = law(macs, samples);
    let rules = Rules { target_loss: Some(target), ..sweep.rules("5e12flops") };
    let best = sweep.search(&rules).choices[0];
    assert!(best.loss <= target, "{best:?}");
    assert!((best.flops / compute - 1.0).abs() < 0.05, "{}", best.flops);

    // With a budget of time, time is what is saved; here it goes with compute, up to validation.
    let timed = Rules { target_loss: Some(target), ..sweep.rules("1h") };
    let best = sweep.search(&timed).choices[0];
    assert!(best.loss <= target && best.flops < 1.2 * compute, "{best:?}");
    let impossible = Rules { target_loss: Some(0.2), ..sweep.rules("1h") };
    assert!(search(&sweep.fields, &impossible, &tempo).is_none(), "0.2 is irreducible");
}

#[test]
fn the_law_is_trusted_up_to_thirty_times_the_compute() {
    let sweep = Synthetic::joint();
    let largest = sweep.fields[0].evidence.flops;
    let within = sweep.search(&sweep.rules(&format!("{}flops", 0.99 * FURTHEST * largest)));
    assert!(within.beyond.is_none());

    let budget = format!("{}flops", 100.0 * largest);
    let found = sweep.search(&sweep.rules(&budget));
    assert!(found.choices[0].flops <= FURTHEST * largest);
    assert_eq!(found.limits, [Limit::Extrapolation]);
    let beyond = found.beyond.expect("more compute is better");
    assert!((beyond.flops / largest - 100.0).abs() < 1.0, "{}", beyond.flops / largest);

    let far = Rules { far: true, ..sweep.rules(&budget) };
    let found = sweep.search(&far);
    assert!((found.choices[0].flops / largest - 100.0).abs() < 1.0);
    assert_eq!((found.limits, found.beyond.is_none()), (vec![Limit::Compute], true));
}

#[test]
fn a_rehearsal_corrects_the_pace_of_its_neighbours() {
    let sweep = Synthetic::joint();
    let candidates = &sweep.fields[0].candidates;
    let mut pace = Pace::new(0.25);
    let seconds: Vec<(f64, f64)> = candidates.iter().map(|c| (c.macs as f64, c.macs as f64 / 1e9)).collect();
    pace.learn(Axis::Width, &seconds).unwrap();
    let by_law = |place: usize| candidates[place].macs as f64 / 1e9;
    let close =
        |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-6, "{found}, {expected}");
    close(pace.tempo(&candidates[30]).sample, by_law(30));

    let rehearsal = |place: usize, slower: f64| Rehearsal {
        opening: 0.5,
        first_step: 0.125,
        sample: by_law(place) * slower,
        validation_sample: by_law(place) * slower * 0.5,
        seconds: 1.0,
    };
    pace.add(candidates[10].clone(), rehearsal(10, 2.0));
    pace.add(candidates[40].clone(), rehearsal(40, 1.0));
    let measured = pace.tempo(&candidates[10]);
    assert_eq!(measured.sample, by_law(10) * 2.0);
    assert_eq!(measured.start, 0.25 + 0.5 + 0.125);
    close(pace.tempo(&candidates[0]).sample, by_law(0) * 2.0);
    close(pace.tempo(&candidates[41]).sample, by_law(41));
    let between = pace.tempo(&candidates[25]);
    assert!(between.sample > by_law(25) && between.sample < 2.0 * by_law(25));
    close(between.validation_sample, 0.5 * between.sample);
    // A second rehearsal of as long, at half the speed: in twice the time three halves of the samples.
    pace.add(candidates[40].clone(), rehearsal(40, 2.0));
    close(pace.tempo(&candidates[40]).sample, by_law(40) * 2.0 / 1.5);
    // Both ways of counting agree.
    let samples = between.samples(100.0, 3, 500);
    let seconds = between.seconds(3, samples as usize, 500);
    assert!(seconds <= 100.0 && seconds > 100.0 - 3.0 * between.sample, "{seconds}");
}

// ---------------------------------------------------------------------------------------------------------------
// a training as a file

fn training() -> Training {
    Training {
        dataset: "glyphs".into(),
        target_columns: Vec::new(),
        seed: 3,
        schedule: Schedule {
            epochs: 2,
            batch: 16,
            clip_norm: Some(1.0),
            train_samples: Some(64),
            validation_samples: Some(32),
            ..Schedule::default()
        },
        expected: Expected {
            loss: 1.0,
            loss_low: 0.9,
            loss_high: 1.2,
            seconds: 20.0,
            peak_bytes: 1000,
            flops: 1e12,
            device: "CPU".into(),
        },
        architecture: Architecture::preset("convnet").unwrap().with_outputs(62),
    }
}

#[test]
fn a_training_survives_toml() {
    let training = training();
    let text = training.to_toml().unwrap();
    assert!(text.starts_with("# Written by `allometry plan`"), "{text}");
    assert_eq!(Training::from_toml(&text).unwrap(), training);
    let splits = training.open(None).unwrap();
    assert_eq!((splits.train.len(), splits.validation.len()), (64, 32));

    for (from, to, word) in [
        ("train_samples = 64\n", "", "train_samples"),
        ("epochs = 2", "epochs = 0", "at least 1"),
        ("dataset = \"glyphs\"", "dateset = \"glyphs\"", "dateset"),
        ("width = 32", "width = 0", "width is 0"),
    ] {
        let broken = text.replacen(from, to, 1);
        assert_ne!(broken, text, "{from}");
        let error = Training::from_toml(&broken).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    let other = Training { architecture: Architecture::preset("convnet").unwrap(), ..training };
    let error = other.open(None).err().expect("glyphs have 62 classes, and the model 10").to_string();
    assert!(error.contains("not what the model is for"), "{error}");
}

#[test]
fn a_training_is_told_from_a_model_and_from_a_sweep() {
    let place = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = place.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_string()
    };
    let found = |name: &str| Training::find(name);
    assert_eq!(found("convnet").unwrap(), None);
    assert_eq!(found("no-such-file.toml").unwrap(), None);
    let model = file("model.toml", &training().architecture.to_toml().unwrap());
    assert_eq!(found(&model).unwrap(), None);
    let right = file("training.toml", &training().to_toml().unwrap());
    assert_eq!(found(&right).unwrap(), Some(training()));

    let sweep = file("plan.toml", &plan(&SAMPLES).to_toml().unwrap());
    let error = found(&sweep).unwrap_err().to_string();
    assert!(error.contains("plan.toml") && error.contains("allometry plan"), "{error}");
    let text = training().to_toml().unwrap().replace("batch = 16", "batch = 0");
    let error = found(&file("broken.toml", &text)).unwrap_err().to_string();
    assert!(error.contains("broken.toml") && error.contains("at least 1"), "{error}");
}

#[test]
fn what_came_is_compared_with_what_was_expected() {
    let compared = training().expected.beside(1.1, 19.0, 1010);
    assert!(compared.inside);
    assert!((compared.loss_error - 0.1).abs() < 1e-12);
    assert!((compared.seconds_error + 0.05).abs() < 1e-12);
    assert!((compared.peak_error - 0.01).abs() < 1e-12);
    assert!(!training().expected.beside(1.3, 19.0, 1010).inside);
}

// ---------------------------------------------------------------------------------------------------------------
// the driver

/// Runs the driver on the CPU device: exit code, standard output, standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_allometry"));
    let output = command.args(arguments).args(["--device", "cpu"]).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

fn succeed(arguments: &[&str]) -> String {
    let (code, out, err) = run(arguments);
    assert_eq!(code, 0, "{arguments:?}: {err}");
    out
}

fn json(arguments: &[&str]) -> Value {
    let out = succeed(&[arguments, &["--json"]].concat());
    serde_json::from_str(out.lines().last().unwrap()).unwrap()
}

/// Fails with a sentence that has these words in it.
fn refuse(arguments: &[&str], words: &[&str]) {
    let (code, _, err) = run(arguments);
    assert_eq!(code, 1, "{arguments:?}: {err}");
    for word in words {
        assert!(err.contains(word), "{word:?} in {err:?}");
    }
}

/// A swept directory: one axis, three widths, three numbers of samples, images of 8 × 8.
fn swept(place: &Path) -> String {
    let model = place.join("small.toml");
    let toml = r#"
        name = "small"
        head = "global_average"
        input = { image = { resolution = 8, channels = 1 } }
        output = { classes = 62 }
        stages = [{ block = "conv", width = 16 }, { block = "conv", width = 32, stride = 2 }]
    "#;
    fs::write(&model, toml).unwrap();
    let directory = place.join("sweep").to_str().unwrap().to_string();
    let of = ["sweep", "--model", model.to_str().unwrap(), "--axis", "width", "--factors", "0.5,1,2"];
    let how = ["--samples", "64,128,256", "--epochs", "2", "--batch", "16", "--out", &directory];
    succeed(&[&of[..], &how].concat());
    directory
}

#[test]
fn from_a_sweep_to_the_training_it_recommends() {
    let place = TempDir::new().unwrap();
    let sweep = swept(place.path());
    let quick = ["--seconds", "0.05", "--bootstrap", "40"];
    let plan = |more: &[&str]| json(&[&["plan", &sweep], &quick[..], more].concat());
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{value} is no number"));

    let planned = plan(&["--budget", "2e9flops"]);
    let best = &planned["best"];
    assert!(number(&best["flops"]) <= 2e9, "{planned}");
    let seen = 2.0 * number(&best["samples"]);
    assert!((number(&best["flops"]) / (6.0 * number(&best["macs"]) * seen) - 1.0).abs() < 1e-9, "{planned}");
    let loss = &best["loss"];
    assert!(number(&loss["low"]) <= number(&loss["high"]) && number(&loss["value"]) > 0.0, "{planned}");
    assert_eq!(best["measured"], true);
    assert_eq!(planned["limits"], serde_json::json!(["compute"]));

    let file = Path::new(&sweep).join("recommended.toml");
    let file = file.to_str().unwrap();
    let out = place.path().join("run");
    let trained = json(&["train", file, "--out", out.to_str().unwrap()]);
    let compared = &trained["planned"];
    assert_eq!(compared["expected"]["seconds"], best["seconds"]);
    assert_eq!(trained["peak_bytes"], best["peak_bytes"], "memory is predicted to the byte");
    assert_eq!(trained["epochs"], 2);
    assert!(number(&trained["wall_seconds"]) >= number(&trained["seconds"]), "{trained}");
    let history: Value = serde_json::from_slice(&fs::read(out.join("history.json")).unwrap()).unwrap();
    assert_eq!(number(&history["samples_seen"]), seen);
    // Twice the same training comes to the same loss; and it is what the table shows beside the expectation.
    let table = succeed(&["train", file]);
    for words in ["expected", "measured", "validation loss", "time", "peak memory"] {
        assert!(table.contains(words), "{words:?} in\n{table}");
    }
    let first = format!("validation loss {:.4}", number(&trained["validation_loss"]));
    assert!(table.contains(&first), "{first:?} in\n{table}");
    refuse(&["train", file, "--epochs", "3", "--learning-rate", "0.1"], &["--epochs, --learning-rate", file]);

    // The table, and where the training went.
    let chosen = place.path().join("other.toml");
    let of = ["plan", &sweep, "--budget", "1m,64MiB,2e9flops", "--out", chosen.to_str().unwrap()];
    let table = succeed(&[&of[..], &quick].concat());
    for words in ["best", "2nd", "Limited by compute.", "Next: allometry train", "other.toml"] {
        assert!(table.contains(words), "{words:?} in\n{table}");
    }
    assert!(Training::find(chosen.to_str().unwrap()).unwrap().is_some());

    // What can't be answered.
    let refused =
        |more: &[&str], words: &[&str]| refuse(&[&["plan", &sweep], &quick[..], more].concat(), words);
    refused(&["--budget", "1e15flops"], &["--far", "30", "a guess"]);
    refused(&["--budget", "1000flops"], &["nothing fits", "FLOPs"]);
    refused(&["--budget", "1KiB"], &["nothing fits", "KiB"]);
    refused(&["--target-loss", "0.000001"], &["no training", "0.000001"]);
    refused(&["--budget", "64MiB", "--far"], &["nothing limits", "time or FLOPs"]);
    // Memory alone says nothing about compute: how far the law is trusted is the limit.
    let limits = plan(&["--budget", "64MiB"])["limits"].clone();
    assert!(limits.as_array().unwrap().contains(&"extrapolation".into()), "{limits}");
}

#[test]
fn a_sweep_without_a_law_is_refused_with_the_reason() {
    let place = TempDir::new().unwrap();
    let directory = place.path().join("sweep");
    let directory = directory.to_str().unwrap();
    let of = ["sweep", "--model", "keras-dense", "--dataset", "glyphs", "--axis", "width", "--factors", "1"];
    succeed(&[&of[..], &["--samples", "32", "--epochs", "1", "--out", directory]].concat());
    refuse(&["plan", directory, "--budget", "1h"], &["width", "number of rows is 1", "sweep more factors"]);
    refuse(&["plan", "no-such-directory", "--budget", "1h"], &["not the directory of a sweep"]);
}
