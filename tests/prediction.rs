//! Predictions of the largest models of a sweep, on records that follow known laws.

use allometry::laws::Form;
use allometry::models::cost::Cost;
use allometry::models::{Architecture, Axis};
use allometry::sweep::prediction::Size;
use allometry::sweep::{Outcome, Plan, Prediction, Record, Store, Variant};
use allometry::train::TrainConfig;

const RECORD: &str = r#"{"key":"","axis":"width","factor":1.0,"scale":{"depth":1.0,"width":1.0,"resolution":1.0},
    "architecture":"mlp","resolution":8,"seed":0,"device":"CPU","epochs":3,"batch":16,"learning_rate":0.002,
    "parameters":1,"macs":1,"training_flops":0,"samples_seen":0,"train_loss":null,"validation_loss":null,
    "validation_accuracy":null,"samples_per_second":null,"inference_samples_per_second":null,
    "flops_per_second":null,"peak_bytes":null,
    "predicted_peak_bytes":{"parameters":1,"gradients":2,"optimizer":3,"activations":4,"workspace":5},
    "wall_seconds":0.1,"status":"completed"}"#;

/// Six widths of a convolutional model, the two largest held back.
fn plan(seeds: u64) -> Plan {
    Plan {
        factors: vec![0.5, 1.0, 2.0, 4.0, 8.0, 16.0],
        seeds: (0..seeds).collect(),
        predict: 2,
        config: TrainConfig { batch: 16, ..TrainConfig::default() },
        ..Plan::new("glyphs", Architecture::preset("convnet").unwrap())
    }
}

/// A run of a set that draws new samples in every epoch, with the loss that `law` says for parameters, MACs and
/// samples, and a scatter of a few thousandths over models and seeds.
fn record(plan: &Plan, variant: &Variant, law: impl Fn(f64, f64, f64) -> f64) -> Record {
    let cost = Cost::of(&variant.architecture).unwrap();
    let samples = (plan.config.epochs * variant.train_samples.unwrap_or(1600)) as u64;
    let scatter = 1.0 + 0.002 * (cost.macs as f64 + samples as f64 + 7.0 * variant.seed as f64).sin();
    let mut edited: Record = serde_json::from_str(RECORD).unwrap();
    edited.variant.key = variant.key.clone();
    edited.variant.axis = variant.axis;
    edited.variant.factor = variant.factor;
    edited.config.seed = variant.seed;
    edited.cost.parameters = cost.parameters;
    edited.cost.macs = cost.macs;
    edited.cost.train_samples = samples;
    edited.quality_mut().unwrap().validation_loss =
        Some(law(cost.parameters as f64, cost.macs as f64, samples as f64) * scatter);
    edited
}

fn records(plan: &Plan, law: impl Fn(f64, f64, f64) -> f64 + Copy) -> Vec<Record> {
    plan.variants().unwrap().iter().map(|variant| record(plan, variant, law)).collect()
}

fn floor(parameters: f64, _macs: f64, _samples: f64) -> f64 {
    0.5 + 300.0 * parameters.powf(-0.6)
}

fn refusal(plan: &Plan) -> String {
    plan.validate().unwrap_err().to_string()
}

#[test]
fn the_largest_models_are_trained_last() {
    let plan = plan(2);
    let keys = |plan: &Plan| -> Vec<String> {
        plan.variants().unwrap().into_iter().map(|variant| variant.key).collect()
    };
    let ordered = [
        "base-s0",
        "width-0.5-s0",
        "width-2-s0",
        "width-4-s0",
        "base-s1",
        "width-0.5-s1",
        "width-2-s1",
        "width-4-s1",
        "width-8-s0",
        "width-16-s0",
        "width-8-s1",
        "width-16-s1",
    ];
    assert_eq!(keys(&plan), ordered);
    let mut unordered = keys(&Plan { predict: 0, ..plan.clone() });
    let mut sorted = ordered.map(str::to_string);
    unordered.sort();
    sorted.sort();
    assert_eq!(unordered, sorted, "holding back trains the same runs");
    assert_eq!(Plan::from_toml(&plan.to_toml().unwrap()).unwrap(), plan);
    assert_eq!(plan.differences(&Plan { predict: 1, ..plan.clone() }), ["predict"]);
    assert!(!Plan { predict: 0, ..plan }.to_toml().unwrap().contains("predict"));
}

#[test]
fn each_axis_has_its_largest_by_what_grows_along_it() {
    let axes = vec![Axis::Width, Axis::Resolution];
    let plan = Plan { axes, factors: vec![0.5, 1.0, 1.5, 2.0, 3.0], predict: 1, ..plan(2) };
    let variants = plan.variants().unwrap();
    let held: Vec<(&str, &[Axis])> = variants
        .iter()
        .filter(|variant| !variant.held_back.is_empty())
        .map(|variant| (variant.key.as_str(), &variant.held_back[..]))
        .collect();
    let (width, resolution) = (&[Axis::Width][..], &[Axis::Resolution][..]);
    assert_eq!(
        held,
        [
            ("width-3-s0", width),
            ("resolution-3-s0", resolution),
            ("width-3-s1", width),
            ("resolution-3-s1", resolution)
        ]
    );
    let prediction = Prediction::new(&plan, &records(&plan, |_, macs, _| 3.0 * macs.powf(-0.1))).unwrap();
    let of = |prediction: &Prediction| -> Vec<_> {
        prediction.axes.iter().map(|axis| (axis.axis, axis.size, axis.runs, axis.rows.len())).collect()
    };
    assert_eq!(
        of(&prediction),
        [(Axis::Width, Size::Parameters, 8, 2), (Axis::Resolution, Size::Macs, 8, 2)],
        "the base model counts on both"
    );
    for axis in &prediction.axes {
        for row in &axis.rows {
            let variant = variants.iter().find(|variant| variant.key == row.key).unwrap();
            let cost = Cost::of(&variant.architecture).unwrap();
            let (size, truth) =
                (if axis.size == Size::Macs { cost.macs } else { cost.parameters }, cost.macs);
            assert_eq!(row.size, size as f64);
            let truth = 3.0 * (truth as f64).powf(-0.1);
            assert!((row.loss.value / truth - 1.0).abs() < 0.01, "{row:?}, really {truth}");
        }
    }
}

#[test]
fn a_known_law_is_predicted_without_a_look_at_what_is_held_back() {
    let plan = plan(3);
    let all = records(&plan, floor);
    let small: Vec<Record> = all.iter().take(12).cloned().collect();
    let prediction = Prediction::new(&plan, &small).unwrap();
    let [axis] = &prediction.axes[..] else { panic!("{prediction:?}") };
    assert_eq!((axis.law, axis.runs, axis.left_out), (None, 12, 0));
    let weights: f64 = axis.weights.iter().map(|(_, weight)| weight).sum();
    assert!((weights - 1.0).abs() < 1e-12, "{:?}", axis.weights);
    let keys: Vec<&str> = axis.rows.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(keys, all[12..].iter().map(|record| record.variant.key.as_str()).collect::<Vec<_>>());
    assert_eq!(axis.rows[0].model(), "width-8");

    let absurd = |record: &Record| {
        let mut edited: Record = record.clone();
        edited.quality_mut().unwrap().validation_loss = Some(1e9);
        edited
    };
    let with_large: Vec<Record> = small.iter().cloned().chain(all[12..].iter().map(absurd)).collect();
    assert_eq!(Prediction::new(&plan, &with_large).unwrap(), prediction);

    // What comes as the law has it is inside; what is a tenth worse is not, and both are counted.
    let score = prediction.score(&small);
    assert_eq!((score.rows.len(), score.relative_error, score.without_loss), (0, None, 6));
    let score = prediction.score(&all);
    assert_eq!((score.rows.len(), score.without_loss), (6, 0));
    // An average over several curves does not know that the floor is the right one.
    assert!(score.inside >= 4 && score.relative_error.unwrap() < 0.01, "{score:?}");
    let worse = |record: &Record| {
        let mut edited: Record = record.clone();
        edited.quality_mut().unwrap().validation_loss = Some(1.1 * axis.rows[0].loss.value);
        edited
    };
    let failed = {
        let mut edited: Record = all[13].clone();
        edited.outcome = Outcome::Diverged { reason: String::new() };
        edited
    };
    let score = prediction.score(&[worse(&all[12]), failed]);
    assert_eq!((score.rows.len(), score.inside, score.without_loss), (1, 0, 5));
    assert!((score.rows[0].relative_error.unwrap() - (1.0 / 1.1 - 1.0)).abs() < 1e-12);
    assert!((score.relative_error.unwrap() - (1.0 - 1.0 / 1.1)).abs() < 1e-12);
}

#[test]
fn runs_that_failed_are_left_out_and_counted() {
    let plan = plan(2);
    let mut runs = records(&plan, floor);
    runs[1] = {
        let mut edited: Record = runs[1].clone();
        edited.outcome = Outcome::Diverged { reason: String::new() };
        edited
    };
    let prediction = Prediction::new(&plan, &runs).unwrap();
    assert_eq!((prediction.axes[0].runs, prediction.axes[0].left_out), (7, 1));
    // With nearly all failed there is no law, and the sweep can go on without one.
    for run in &mut runs[..7] {
        run.outcome = Outcome::OutOfMemory { reason: String::new() };
    }
    let prediction = Prediction::new(&plan, &runs).unwrap();
    assert_eq!((prediction.axes.len(), prediction.without_law[0].axis), (0, Axis::Width));
    assert!(prediction.without_law[0].reason.contains("different sizes is 1"), "{prediction:?}");
    assert_eq!(prediction.score(&runs).without_loss, 0);
}

#[test]
fn a_loss_of_zero_is_left_out_of_the_law_and_scored() {
    let plan = plan(2);
    let zero = |run: &Record| {
        let mut edited: Record = run.clone();
        edited.quality_mut().unwrap().validation_loss = Some(0.0);
        edited
    };
    let mut runs = records(&plan, floor);
    runs[1] = zero(&runs[1]);
    let prediction = Prediction::new(&plan, &runs).unwrap();
    let axis = &prediction.axes[0];
    assert_eq!((axis.runs, axis.left_out, axis.zeros), (7, 0, 1));
    // A large model that reaches 0 was trained: its loss lies outside, and has no relative error.
    let large = runs.len() - 1;
    runs[large] = zero(&runs[large]);
    let score = prediction.score(&runs);
    assert_eq!(score.without_loss, 0);
    let row = score.rows.last().unwrap();
    assert_eq!((row.measured, row.relative_error, row.inside), (0.0, None, false));
    assert!(score.relative_error.unwrap() < 0.05, "{score:?}");
    assert_eq!(prediction.score(&runs[large..]).relative_error, None);
}

#[test]
fn too_many_held_back_is_said_before_anything_is_trained() {
    let good = plan(1);
    assert!(refusal(&Plan { predict: 3, ..good.clone() }).contains("3 models of axis width held back"));
    assert!(refusal(&Plan { predict: 9, ..good.clone() }).contains("number of rows is 0"));
    // Seeds are rows, but a law needs sizes too.
    let message = refusal(&Plan { predict: 5, ..plan(6) });
    assert!(
        message.contains("different in at least two rows") && message.contains("predict fewer"),
        "{message}"
    );
    let message =
        refusal(&Plan { samples: vec![1000, 2000], factors: vec![1.0, 2.0, 4.0], predict: 1, ..good });
    assert!(message.contains("joint law"), "{message}");
}

#[test]
fn over_several_amounts_of_data_the_law_has_two_sizes() {
    let joint = |parameters: f64, _: f64, samples: f64| {
        0.4 + 200.0 * parameters.powf(-0.6) + 60.0 * samples.powf(-0.5)
    };
    let plan = Plan { samples: vec![800, 3200, 12_800], ..plan(2) };
    let prediction = Prediction::new(&plan, &records(&plan, joint)).unwrap();
    let axis = &prediction.axes[0];
    assert_eq!((axis.law, axis.runs, axis.rows.len()), (None, 4 * 3 * 2, 2 * 3 * 2));
    for row in &axis.rows {
        let truth = joint(row.size, 0.0, row.samples.unwrap());
        assert!((row.loss.value / truth - 1.0).abs() < 0.01, "{row:?}, really {truth}");
    }
    // New samples are drawn in each of three epochs.
    assert_eq!(axis.rows[0].samples, Some(2400.0));

    let plan = Plan { samples: Vec::new(), flops: vec![1e11, 1e12, 1e13], ..plan };
    let prediction = Prediction::new(&plan, &records(&plan, joint)).unwrap();
    for row in &prediction.axes[0].rows {
        let variants = plan.variants().unwrap();
        let variant = variants.iter().find(|variant| variant.key == row.key).unwrap();
        assert_eq!(row.samples, variant.train_samples.map(|samples| 3.0 * samples as f64));
    }
}

#[test]
fn a_prediction_is_kept_once() {
    let plan = plan(2);
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(place.path(), &plan).unwrap();
    assert_eq!(Store::load_prediction(place.path(), 1).unwrap(), None);
    let mut prediction = Prediction::new(&plan, &records(&plan, floor)).unwrap();
    store.write_prediction(1, &prediction).unwrap();
    assert_eq!(Store::load_prediction(place.path(), 1).unwrap().unwrap(), prediction);
    let before = std::fs::read(place.path().join("prediction.json")).unwrap();
    assert!(store.write_prediction(1, &prediction).unwrap_err().to_string().contains("prediction.json"));
    assert_eq!(std::fs::read(place.path().join("prediction.json")).unwrap(), before);

    // Earlier versions predicted by a single form.
    let mut earlier = serde_json::to_value(&prediction).unwrap();
    earlier["axes"][0].as_object_mut().unwrap().remove("weights");
    earlier["axes"][0]["law"] = "floor".into();
    earlier["axes"][0]["parameters"] = serde_json::json!([]);
    let read: Prediction = serde_json::from_value(earlier).unwrap();
    assert_eq!((read.axes[0].law, read.axes[0].weights.len()), (Some(Form::Floor), 0));

    // An end that is not finite comes back as one that holds nothing.
    prediction.axes[0].rows[0].loss.high = f64::INFINITY;
    let text = serde_json::to_string(&prediction).unwrap();
    let read: Prediction = serde_json::from_str(&text).unwrap();
    assert!(read.axes[0].rows[0].loss.high.is_nan());
    std::fs::write(place.path().join("prediction.json"), "{").unwrap();
    assert!(Store::load_prediction(place.path(), 1).unwrap_err().to_string().contains("prediction.json"));
}
