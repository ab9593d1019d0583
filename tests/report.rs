//! The report of a sweep: it shows what the runs support, names what they do not support, and has a tooltip for every
//! run.

mod blank;

use allometry::models::cost::Cost;
use allometry::models::{Architecture, Bytes};
use allometry::report;
use allometry::sweep::prediction::Estimate;
use allometry::sweep::record::CurvePoint;
use allometry::sweep::{Outcome, Plan, Prediction, Record, Store, Throughput, Variant};
use allometry::train::TrainConfig;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const EPOCHS: usize = 2;

fn plan() -> Plan {
    Plan {
        factors: vec![0.5, 0.7, 1.0, 1.4, 2.0],
        seeds: vec![0, 1],
        config: TrainConfig { epochs: EPOCHS, ..TrainConfig::default() },
        ..Plan::new("glyphs", Architecture::preset("convnet").expect("a preset"))
    }
}

/// A loss of MACs and different samples that a joint law describes, and what a seed adds to it.
fn loss(macs: f64, samples: f64, seed: u64) -> f64 {
    let luck = [1.0, 1.01, 0.992][seed as usize % 3];
    (0.3 + 40.0 * macs.powf(-0.35) + 20.0 * samples.powf(-0.5)) * luck
}

/// A record as a run might leave it.
fn record(variant: &Variant) -> Record {
    let macs = (2e6 * variant.scale.width.powi(2) * variant.scale.depth) as u64;
    let parameters = macs / 40;
    let samples = variant.train_samples.unwrap_or(5000) as u64;
    let seen = samples * EPOCHS as u64;
    let end = loss(macs as f64, samples as f64, variant.seed);
    let memory = Bytes { parameters: 4 * parameters, activations: macs, ..Bytes::default() };
    let curve = |epoch: u64| CurvePoint {
        samples_seen: samples * epoch,
        validation_loss: end * (1.0 + 0.2 * (EPOCHS as u64 - epoch) as f64),
        validation_accuracy: None,
        seconds: epoch as f64,
    };
    let mut edited = blank::record(variant);
    edited.cost.device = "CPU".into();
    edited.config.epochs = EPOCHS;
    edited.cost.parameters = parameters;
    edited.cost.macs = macs;
    edited.cost.training_flops = 6.0 * macs as f64 * seen as f64;
    edited.cost.samples_seen = seen;
    edited.cost.train_samples = samples;
    edited.quality_mut().unwrap().train_loss = Some(0.9 * end);
    edited.quality_mut().unwrap().validation_loss = Some(end);
    edited.quality_mut().unwrap().validation_accuracy = Some((-end).exp());
    edited.quality_mut().unwrap().curve = (1..=EPOCHS as u64).map(curve).collect();
    edited.cost.samples_per_second = Some(Throughput { median: 2e9 / macs as f64, iqr: 1.0 });
    edited.cost.inference_samples_per_second = Some(Throughput { median: 6e9 / macs as f64, iqr: 1.0 });
    edited.cost.flops_per_second = Some(1.2e10);
    edited.cost.peak_bytes = Some(memory);
    edited.cost.predicted_peak_bytes = Some(memory);
    edited.cost.wall_seconds = seen as f64 * macs as f64 / 2e9;
    edited
}

fn records(plan: &Plan) -> Vec<Record> {
    plan.variants().unwrap().iter().map(record).collect()
}

/// What was written: the page, and the plots by name.
struct Written {
    page: String,
    plots: BTreeMap<String, String>,
}

impl Written {
    /// Writes a report and checks what holds for every one.
    fn new(plan: &Plan, records: &[Record]) -> Written {
        let directory = tempfile::tempdir().unwrap();
        Written::into(directory.path(), plan, records)
    }

    fn into(directory: &Path, plan: &Plan, records: &[Record]) -> Written {
        report::write(directory, plan, records).unwrap();
        let page = fs::read_to_string(directory.join("report.html")).unwrap();
        let mut plots = BTreeMap::new();
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "svg") {
                let name = path.file_stem().unwrap().to_str().unwrap().to_string();
                let text = fs::read_to_string(path).unwrap();
                assert_well_formed(&name, &text);
                plots.insert(name, text);
            }
        }
        assert_eq!(page.matches("<svg ").count(), plots.len());
        let shown = page.split("<script>").next().unwrap();
        for wrong in ["NaN", ">inf<", "\"inf\"", " inf ", "inf %", "-0 "] {
            assert!(!shown.contains(wrong), "{wrong:?} in {}", around(shown, wrong));
        }
        for address in [" src=", " href=", "url(", "@import", "fetch("] {
            assert!(!page.contains(address), "{address}");
        }
        Written { page, plots }
    }

    fn has(&self, names: &[&str]) {
        for name in names {
            assert!(self.plots.contains_key(*name), "{name} in {:?}", self.plots.keys());
        }
    }

    fn lacks(&self, stems: &[&str]) {
        for stem in stems {
            let found = self.plots.keys().find(|name| name.starts_with(stem));
            assert!(found.is_none(), "{found:?}");
        }
    }

    fn says(&self, text: &str) {
        assert!(self.page.contains(text), "{text:?} is not on the page");
    }
}

/// What stands before and after a text.
fn around<'t>(text: &'t str, wanted: &str) -> &'t str {
    let at = text.find(wanted).unwrap_or(0);
    let mut ends = [at.saturating_sub(120), (at + 120).min(text.len())];
    while !text.is_char_boundary(ends[0]) {
        ends[0] -= 1;
    }
    while !text.is_char_boundary(ends[1]) {
        ends[1] += 1;
    }
    &text[ends[0]..ends[1]]
}

/// Every element is closed in order, every attribute is quoted, and no ampersand stands for itself.
fn assert_well_formed(name: &str, text: &str) {
    let mut open = Vec::new();
    for piece in text.split('<').skip(1) {
        let (tag, after) = piece.split_once('>').unwrap_or_else(|| panic!("{name}: <{piece} has no end"));
        assert_eq!(tag.matches('"').count() % 2, 0, "{name}: quotes in <{tag}>");
        assert!(!after.contains('>'), "{name}: a bare > in {after:?}");
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed.to_string()), "{name}");
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap_or_default().to_string());
        }
    }
    assert!(open.is_empty(), "{name}: {open:?} are not closed");
    for piece in text.split('&').skip(1) {
        let entity = piece.split(';').next().unwrap_or_default();
        assert!(["amp", "lt", "gt", "quot", "apos", "#39"].contains(&entity), "{name}: &{entity}");
    }
}

#[test]
fn one_amount_of_data_gives_laws_of_size() {
    let written = Written::new(&plan(), &records(&plan()));
    written.has(&["loss-parameters", "loss-flops", "residuals", "frontier", "accuracy-macs", "memory-macs"]);
    written.lacks(&["loss-samples", "loss-macs", "isoflop", "prediction"]);
    written.says("how big should the model be?");
    written.says("Twice the parameters of the largest model");
    written.says("Trained again from another seed, the same model typically ends with a loss");
    assert!(written.plots["loss-flops"].contains("95 % interval"));
    // A band is a filled polygon of the axis's colour, which width has no other of.
    assert!(
        written.plots["loss-flops"].contains("<polygon") && !written.plots["loss-time"].contains("<polygon")
    );
}

#[test]
fn several_numbers_of_samples_give_a_joint_law() {
    let plan = Plan { samples: vec![1000, 4000, 16000], ..plan() };
    let written = Written::new(&plan, &records(&plan));
    written.has(&["loss-parameters", "loss-samples", "loss-macs-width", "residuals", "frontier"]);
    written.lacks(&["loss-flops", "isoflop", "prediction"]);
    written.says("on 1 k samples, 4 k samples and 16 k samples");
    written.says("along width twice the data lowers the loss more than a model of twice the size");
    written.says("Twice the training samples lowers the loss by");
    written.says("The best use of ten times the compute is a model");
    // Sizes are compared on the most samples alone: five models of two seeds.
    assert_eq!(written.plots["accuracy-macs"].matches("data-run=").count(), 10);
    assert_eq!(written.plots["loss-macs-width"].matches("data-run=").count(), 30);
}

#[test]
fn laws_of_budgets_on_the_whole_set_are_in_samples_seen() {
    let config = TrainConfig { epochs: 1, ..TrainConfig::default() };
    let base = Plan { config, ..plan() };
    let macs = Cost::of(&base.architecture).unwrap().macs as f64;
    let flops = [1.0, 4.0, 16.0].map(|epochs| 6.0 * macs * 8000.0 * epochs).to_vec();
    let plan = Plan { flops, whole_set: Some(8000), ..base };
    let of = |run: &Variant| {
        let samples = run.train_samples.unwrap() as u64;
        let seen = samples * run.epochs as u64;
        let of_size = record(run);
        let loss = of_size.validation_loss().map(|loss| loss * (seen as f64 / 8000.0).powf(-0.2));
        let flops = 6.0 * of_size.cost.macs as f64 * seen as f64;
        let mut edited = of_size;
        edited.config.epochs = run.epochs;
        edited.cost.train_samples = samples;
        edited.cost.samples_seen = seen;
        edited.variant.flops_budget = run.flops;
        edited.cost.training_flops = flops;
        edited.quality_mut().unwrap().validation_loss = loss;
        edited
    };
    let runs: Vec<Record> = plan.variants().unwrap().iter().map(of).collect();
    assert!(
        runs.iter().any(|run| run.config.epochs > 16) && runs.iter().any(|run| run.cost.train_samples < 8000)
    );
    let written = Written::new(&plan, &runs);
    written.says("as many epochs as each budget pays for, batch");
    written.says("D: training samples seen, with repetitions");
    // Every run is in the law.
    assert_eq!(written.plots["loss-macs-width"].matches("data-run=").count(), runs.len());
    assert!(!written.page.contains("The laws cover the runs of"), "no runs are left out for their epochs");
}

#[test]
fn laws_of_several_epochs_are_those_of_the_fewest() {
    let config = TrainConfig { epochs: 1, ..TrainConfig::default() };
    let once = Plan { samples: vec![1000, 4000, 16000], config, ..plan() };
    let plan = Plan { epochs: vec![1, 2, 4], most_seen: Some(16_000), ..once.clone() };
    let runs: Vec<Record> = plan.variants().unwrap().iter().map(|run| repeated(record(run), run)).collect();
    let written = Written::new(&plan, &runs);
    written.says("on 1 k samples, 4 k samples and 16 k samples; 2 seeds, 1, 2 and 4 epochs of batch");
    written.says("The laws cover the runs of 1 epoch");
    // Five models of two seeds on three amounts, and of those with the most data every one.
    assert_eq!(written.plots["loss-macs-width"].matches("data-run=").count(), 30);
    assert_eq!(written.plots["accuracy-macs"].matches("data-run=").count(), 10);
    let table = report::table(&runs);
    let header = table.lines().nth(1).unwrap();
    assert!(header.contains("epochs"), "{header}");
    assert_eq!(table.lines().filter(|line| line.starts_with("│ base")).count(), 7, "{table}");
    let runs: Vec<Record> = once.variants().unwrap().iter().map(|run| repeated(record(run), run)).collect();
    assert!(!report::table(&runs).contains("epochs"));
}

/// The record with its variant's number of epochs, and a loss that falls with them.
fn repeated(record: Record, variant: &Variant) -> Record {
    let loss = record.validation_loss().map(|loss| loss * (variant.epochs as f64).powf(-0.1));
    let mut edited = record.clone();
    edited.config.epochs = variant.epochs;
    edited.quality_mut().unwrap().validation_loss = loss;
    edited
}

#[test]
fn budgets_give_isoflop_profiles() {
    let plan = Plan { flops: vec![2e11, 8e11], factors: vec![0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8], ..plan() };
    let written = Written::new(&plan, &records(&plan));
    written.has(&["isoflop-width", "loss-macs-width", "residuals", "frontier"]);
    written.lacks(&["loss-parameters", "loss-samples", "prediction"]);
    written.says("With 200 GFLOP the best model has about");
}

#[test]
fn few_runs_are_told_what_is_missing() {
    // Seeds are advised only where they help: of one size no number of seeds makes two.
    let factors = "More factors (--factors) give it.";
    let seeds = "More factors (--factors) or more seeds (--seeds) give it.";
    for (runs, sentence, advice) in
        [(1, "width with 1 run of 1 size", factors), (3, "width with 3 runs of 3 sizes", seeds)]
    {
        let plan = Plan { seeds: vec![0], ..plan() };
        let written = Written::new(&plan, &records(&plan)[..runs]);
        written.says("Too few runs to say how big the model should be");
        written.says(sentence);
        written.says(advice);
        written.has(&["loss-parameters"]);
        written.lacks(&["residuals"]);
    }
    let written = Written::new(&plan(), &[]);
    assert!(!written.page.contains("how big should the model be"));
}

#[test]
fn what_the_runs_cannot_tell_has_no_digits() {
    let plan = Plan { factors: vec![0.8, 0.9, 1.0, 1.1, 1.2], ..plan() };
    let mut runs = records(&plan);
    for (index, run) in runs.iter_mut().enumerate() {
        // A little larger each, but by less than tells an exponent.
        run.cost.macs = 2_000_000 + 50_000 * index as u64;
        run.cost.parameters = run.cost.macs / 40;
        run.cost.training_flops = 6.0 * run.cost.macs as f64 * run.cost.samples_seen as f64;
    }
    let written = Written::new(&plan, &runs);
    written.says("not identified");
    written.says("The runs can’t tell how the loss depends on parameters.");
    assert!(written.plots["loss-parameters"].contains("not identified"));
}

#[test]
fn a_step_is_no_law() {
    let plan = Plan { samples: vec![1000, 4000, 16000], ..plan() };
    let mut runs = records(&plan);
    for run in &mut runs {
        // Some learned something, and the others nothing.
        let learned = run.cost.train_samples > 1000 && run.cost.macs > 1_500_000;
        run.quality_mut().unwrap().validation_loss =
            Some(if learned { 1.0 } else { 4.1 } * (1.0 + 1e-3 * run.config.seed as f64));
    }
    let written = Written::new(&plan, &runs);
    written.says("The losses follow no law: they jump");
    written.lacks(&["loss-macs", "residuals"]);
}

#[test]
fn every_run_can_be_pointed_at() {
    let mut runs = records(&plan());
    runs[2].variant.key = "a \"key\" & <tag>".into();
    runs[5].outcome = Outcome::Diverged { reason: String::new() };
    let written = Written::new(&plan(), &runs);
    for (index, run) in runs.iter().enumerate() {
        let key = run
            .variant
            .key
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;");
        let place = format!("<circle class=\"run\" data-run=\"{key}\"");
        let title = format!("run: {key}\nseed: {}\n", run.config.seed);
        for name in ["loss-parameters", "loss-flops", "residuals", "accuracy-macs", "memory-macs"] {
            let svg = &written.plots[name];
            let expected = usize::from(index != 5);
            assert_eq!(svg.matches(&place).count(), expected, "{key} in {name}");
            assert_eq!(svg.matches(&title).count(), expected, "{key} in {name}");
        }
        assert_eq!(written.page.matches(&format!("data-run=\"{key}\"><td")).count(), 1, "{key} in the table");
    }
    for line in ["parameters: 50 k", "MACs per sample: 2 M", "training samples: 5 k", "training FLOPs: 120 G"]
    {
        assert!(written.plots["loss-flops"].contains(line), "{line}");
    }
    for line in ["validation loss: 0.", "accuracy: ", "training time: 10.0 s", "peak memory: "] {
        assert!(written.plots["loss-flops"].contains(line), "{line}");
    }
    assert!(!written.page.contains("<tag>"));
}

#[test]
fn a_prediction_stands_beside_what_was_measured() {
    let plan = Plan { predict: 1, ..plan() };
    let runs = records(&plan);
    let smaller: Vec<Record> = runs.iter().filter(|run| run.variant.factor < 2.0).cloned().collect();
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &plan).unwrap();
    store.write_prediction(1, &Prediction::new(&plan, &smaller).unwrap()).unwrap();

    let written = Written::into(directory.path(), &plan, &smaller);
    written.says("The largest models are predicted, but not trained yet.");
    assert_eq!(written.plots["prediction-width"].matches("data-run=").count(), 8);

    let written = Written::into(directory.path(), &plan, &runs);
    written.says("Predicted against measured");
    written.says("The losses of the 2 largest runs were predicted before they were trained");
    written.says("80 % interval");
    let svg = &written.plots["prediction-width"];
    assert_eq!(svg.matches("data-run=").count(), 10);
    assert!(svg.contains("by smaller models") && svg.contains(" of 2"));
}

#[test]
fn a_run_that_failed_is_no_point_of_a_law() {
    let mut runs = records(&plan());
    let sound = Written::new(&plan(), &runs);
    let (diverged, unfit) =
        (Outcome::Diverged { reason: String::new() }, Outcome::OutOfMemory { reason: String::new() });
    for (run, outcome) in runs.iter_mut().zip([diverged, unfit]) {
        run.cost.train_samples = 0;
        run.outcome = outcome;
    }
    let written = Written::new(&plan(), &runs);
    assert_eq!(written.plots.keys().collect::<Vec<_>>(), sound.plots.keys().collect::<Vec<_>>());
    assert_eq!(written.plots["loss-flops"].matches("data-run=").count(), 8);
    // A run that did not come to training has no samples; that makes it no other amount of data.
    written.lacks(&["loss-samples"]);
}

#[test]
fn the_answer_of_a_plan_comes_first() {
    let plan = Plan { predict: 1, ..plan() };
    let runs = records(&plan);
    let smaller: Vec<Record> = runs.iter().filter(|run| run.variant.factor < 2.0).cloned().collect();
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &plan).unwrap();
    let prediction = Prediction::new(&plan, &smaller).unwrap();
    store.write_prediction(1, &prediction).unwrap();
    assert_eq!(report::Answer::load(directory.path()).unwrap(), None);
    Written::into(directory.path(), &plan, &runs).lacks(&["answer"]);

    let choice = |model: &str, flops: f64, loss: f64| report::ExpectedTraining {
        model: model.into(),
        parameters: 123_456,
        samples: 5000,
        epochs: 4,
        loss: Estimate { value: loss, low: 0.9 * loss, high: 1.1 * loss },
        seconds: 61.0,
        flops,
    };
    let answer = report::Answer {
        budget: "3 TFLOP".into(),
        device: "CPU".into(),
        best: choice("width ×1.7 <b>", 3e12, 0.5),
        base: Some(choice("base", 2.9e12, 0.6)),
        others: vec![choice("width ×1.2", 1.5e12, 0.55), choice("width ×2.4", 6e12, 0.45)],
        training: "sweep/recommended.toml".into(),
    };
    answer.write(directory.path()).unwrap();
    assert_eq!(report::Answer::load(directory.path()).unwrap().as_ref(), Some(&answer));
    let said = answer.sentences(&[prediction.score(&runs)]).join("\n");
    for sentence in [
        "Train the model at width ×1.7 <b> (123 k parameters) on 5,000 samples 4 times.",
        "takes 3 TFLOP of the budget of 3 TFLOP, about 61.0 s on CPU",
        "Expect a validation loss of 0.500 (four of five such trainings between 0.450 and 0.550)",
        "The base model (123 k parameters), trained for the same budget, is expected at 0.600",
        "With 2.0 times the compute, width ×2.4 would lower the loss by 10.0 %, to 0.450.",
        "predicted its 2 largest runs before it trained them",
        "Next: allometry train sweep/recommended.toml",
    ] {
        assert!(said.contains(sentence), "{sentence:?} in\n{said}");
    }
    let written = Written::into(directory.path(), &plan, &runs);
    written.says("Train the model at width ×1.7 &lt;b&gt;");
    let first = written.page.find("class=\"answer\"").unwrap();
    assert!(first < written.page.find("class=\"cards\"").unwrap(), "before the cards");
    assert!(written.plots["answer"].matches("data-run=").count() == runs.len());
    assert!(!said.contains("less certain"), "{said}");
    let uncertain = report::ExpectedTraining {
        loss: Estimate { value: 0.49, low: 0.3, high: 0.7 },
        ..choice("base", 2.9e12, 0.6)
    };
    // A target loss without a budget.
    let unlimited = report::Answer { budget: String::new(), ..answer.clone() }.sentences(&[]).join("\n");
    for sentence in
        ["That takes 3 TFLOP, about 61.0 s on CPU.", "trained for 2.9 TFLOP, is expected at 0.600"]
    {
        assert!(unlimited.contains(sentence), "{sentence:?} in\n{unlimited}");
    }
    let beside = report::Answer { base: Some(uncertain), ..answer.clone() }.sentences(&[]).join("\n");
    assert!(beside.contains("between 0.300 and 0.700): lower, but less certain."), "{beside}");
    // The base model as the best has no other beside it.
    let said = report::Answer { base: None, ..answer }.sentences(&[]).join("\n");
    assert!(said.contains("That is the base model itself") && !said.contains("before it trained"), "{said}");
    fs::write(directory.path().join("answer.json"), "{").unwrap();
    let refused = report::write(directory.path(), &plan, &runs).unwrap_err().to_string();
    assert!(refused.contains("answer.json"), "{refused}");
}
