//! The laboratory without a device: models as data, scaling, plans, the store, laws, reports.

use allometry::data::{self, DataOptions};
use allometry::error::Error;
use allometry::nn::Precision;
use allometry::scaling::architecture::{Downsample, Head, Input, Output, Stage};
use allometry::scaling::axis::{round_depth, round_width};
use allometry::scaling::cost::Cost;
use allometry::scaling::law::{PowerLaw, error_rate};
use allometry::scaling::report;
use allometry::scaling::{
    Architecture, Axis, Bytes, Compound, CurvePoint, Plan, Record, Scale, Schedule, Status, Store,
    Throughput, Variant,
};
use proptest::prelude::*;
use std::collections::HashSet;
use std::fs;

fn preset(name: &str) -> Architecture {
    Architecture::preset(name).expect("a preset")
}

fn plan(base: Architecture, axes: &[Axis]) -> Plan {
    Plan {
        dataset: "glyphs".into(),
        target_columns: Vec::new(),
        axes: axes.to_vec(),
        factors: vec![0.5, 1.0, 2.0],
        seeds: vec![0, 7],
        samples: Vec::new(),
        flops: Vec::new(),
        predict: 0,
        schedule: Schedule::default(),
        compound: Compound::default(),
        architecture: base,
    }
}

/// A record as a run of `variant` might leave it; its numbers follow simple laws of the scale.
fn record(variant: &Variant) -> Record {
    let Scale { depth, width, resolution } = variant.scale;
    let parameters = (70_000.0 * depth * width * width) as u64;
    let macs = (5_500_000.0 * depth * (width * resolution).powi(2)) as u64;
    let wobble = 1.0 + 0.01 * variant.seed as f64;
    let loss = 0.5 * (macs as f64 / 5.5e6).powf(-0.2) * wobble;
    let rate = 2000.0 * 5.5e6 / macs as f64 * wobble;
    let memory = Bytes {
        parameters: 4 * parameters,
        gradients: 4 * parameters,
        optimizer: 8 * parameters,
        activations: macs,
        workspace: 65_536,
    };
    Record {
        key: variant.key.clone(),
        axis: variant.axis,
        factor: variant.factor,
        also: variant.also.clone(),
        scale: variant.scale,
        architecture: variant.architecture.name.clone(),
        resolution: variant.architecture.resolution(),
        seed: variant.seed,
        device: "<script>alert('cpu')</script>".into(),
        epochs: 3,
        batch: 64,
        learning_rate: 1e-3,
        precision: Precision::F32,
        recompute: false,
        clip_norm: None,
        parameters,
        macs,
        training_flops: 6.0 * macs as f64 * 30_000.0,
        samples_seen: 30_000,
        train_samples: 10_000,
        flops_budget: variant.flops,
        skipped_steps: None,
        train_loss: Some(0.9 * loss),
        validation_loss: Some(loss),
        validation_accuracy: Some(1.0 - 0.3 * loss),
        curve: vec![CurvePoint {
            samples_seen: 30_000,
            validation_loss: loss,
            validation_accuracy: Some(1.0 - 0.3 * loss),
            seconds: 30_000.0 / rate,
        }],
        samples_per_second: Some(Throughput { median: rate, iqr: 0.02 * rate }),
        inference_samples_per_second: Some(Throughput { median: 3.0 * rate, iqr: 0.05 * rate }),
        flops_per_second: Some(6.0 * macs as f64 * rate),
        peak_bytes: Some(memory),
        predicted_peak_bytes: memory,
        wall_seconds: 30_000.0 / rate,
        status: Status::Completed,
        reason: None,
    }
}

fn records(plan: &Plan) -> Vec<Record> {
    plan.variants().unwrap().iter().map(record).collect()
}

#[test]
fn presets_survive_toml() {
    for name in Architecture::PRESETS {
        let base = preset(name);
        base.validate().unwrap();
        assert_eq!(Architecture::from_toml(&base.to_toml().unwrap()).unwrap(), base);
        assert_eq!(Architecture::load(name).unwrap(), base);
    }
}

#[test]
fn a_model_is_read_from_short_toml() {
    let text = r#"
        name = "mine"
        input = { features = 20 }
        output = { values = 1 }
        stages = [{ block = "dense", width = 64, depth = 2 }]
    "#;
    let model = Architecture::from_toml(text).unwrap();
    assert_eq!(model.stages, vec![Stage::dense(64, 2)]);
    assert_eq!((model.input_shape(), model.output), (vec![20], Output::Values(1)));
}

#[test]
fn layers_follow_from_the_data() {
    let count = |model: Architecture| model.layers().layers().len();
    assert_eq!(count(preset("keras-dense")), 4);
    assert_eq!(count(preset("mlp")), 1 + 1 + 2 + 1, "rescaling, flatten, two dense, output");
    assert_eq!(count(preset("convnet")), 1 + 5 + 3 + 1 + 1, "rescaling, convolutions, pools, mean, output");
    let blocks = 1 + 2 + 2;
    assert_eq!(
        count(preset("mobilenet")),
        1 + 1 + 2 * blocks + 1 + 1,
        "rescaling, convolution, pairs, mean, output"
    );
    let strided = Stage { downsample: Downsample::Convolution, ..Stage::conv(8, 2).stride(2) };
    let model = Architecture { stages: vec![strided, Stage::dense(8, 1)], dropout: 0.5, ..preset("convnet") };
    assert_eq!(count(model), 1 + 2 + 1 + 1 + 1 + 1, "rescaling, convolutions, mean, dense, dropout, output");
}

#[test]
fn senseless_models_are_refused_with_the_reason() {
    let refused = |model: Architecture, reason: &str| {
        let message = model.validate().unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    };
    refused(preset("convnet").with_input(3, 1), "resolution of at least 8");
    refused(preset("convnet").with_features(20), "convolutions need an image");
    refused(preset("mobilenet").with_features(20), "convolutions need an image");
    refused(preset("mlp").with_outputs(0), "0 outputs");
    refused(Architecture { head: Head::GlobalAverage, ..preset("mlp") }, "no convolution");
    refused(Architecture { dropout: 1.0, ..preset("mlp") }, "dropout is 1");
    refused(Architecture { stages: vec![Stage::dense(0, 1)], ..preset("mlp") }, "stage 1: width is 0");
    refused(
        Architecture { stages: vec![Stage::dense(8, 1).stride(2)], ..preset("mlp") },
        "belong to convolutions",
    );
    refused(Architecture { name: " ".into(), ..preset("mlp") }, "name is empty");
    let typo = preset("mlp").to_toml().unwrap().replace("depth", "dpeth");
    assert!(Architecture::from_toml(&typo).unwrap_err().to_string().contains("dpeth"));
    assert!(
        Architecture::load("no-such-model").unwrap_err().to_string().contains("keras-dense, mlp, convnet")
    );
}

proptest! {
    #[test]
    fn widths_are_rounded_to_eight_but_keep_ninety_percent(width in 1usize..4096, factor in 0.05f64..16.0) {
        let exact = width as f64 * factor;
        let rounded = round_width(width, factor);
        prop_assert_eq!(rounded % 8, 0);
        prop_assert!(rounded as f64 >= 0.9 * exact);
        prop_assert!(rounded as f64 <= exact.max(0.0) + 8.0);
    }

    #[test]
    fn rounding_keeps_order(size in 1usize..2048, low in 0.05f64..8.0, more in 0.0f64..8.0) {
        prop_assert!(round_width(size, low) <= round_width(size, low + more));
        prop_assert!(round_depth(size, low) <= round_depth(size, low + more));
    }

    #[test]
    fn depths_are_rounded_up_by_less_than_one(depth in 1usize..512, factor in 0.05f64..16.0) {
        let exact = depth as f64 * factor;
        let rounded = round_depth(depth, factor) as f64;
        prop_assert!(rounded >= exact - 1e-9 && rounded < exact + 1.0);
    }

    #[test]
    fn scaled_models_are_valid_and_keep_their_output(
        depth in 0.1f64..4.0, width in 0.1f64..4.0, resolution in 0.1f64..4.0, pixels in 8usize..128,
    ) {
        let base = preset("convnet").with_input(pixels, 3);
        let scaled = Scale { depth, width, resolution }.apply(&base).unwrap();
        prop_assert_eq!(scaled.output, base.output);
        let found = scaled.resolution().unwrap();
        prop_assert!(found.is_multiple_of(2) && found >= 8);
        prop_assert!((found as f64 - pixels as f64 * resolution).abs() <= 8.0);
    }

    #[test]
    fn a_compound_factor_is_a_multiple_of_flops(factor in 0.1f64..32.0) {
        let compound = Compound::default();
        let Scale { depth, width, resolution } = compound.scale(compound.phi(factor));
        prop_assert!((depth * width.powi(2) * resolution.powi(2) / factor - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_law_without_noise_is_found(k in 1e-6f64..1e6, alpha in -3.0f64..3.0) {
        let points: Vec<(f64, f64)> = [1e3, 3e4, 5e5, 7e8].map(|n: f64| (n, k * n.powf(alpha))).to_vec();
        let law = PowerLaw::fit(&points).unwrap();
        prop_assert!((law.alpha - alpha).abs() < 1e-9);
        prop_assert!((law.k / k - 1.0).abs() < 1e-7);
        prop_assert!((law.predict(1e5) / (k * 1e5f64.powf(alpha)) - 1.0).abs() < 1e-7);
    }
}

#[test]
fn rounding_is_that_of_the_reference() {
    // round_filters(f · coefficient) with divisor 8, worked by hand from the published rule.
    for (width, factor, expected) in [
        (32, 1.1, 32),
        (16, 1.1, 16),
        (24, 1.1, 24),
        (40, 1.1, 48),
        (112, 1.1, 120),
        (320, 1.4, 448),
        (89, 0.1, 16),
        (7, 1.0, 7),
    ] {
        assert_eq!(round_width(width, factor), expected, "{width} × {factor}");
    }
    assert_eq!(round_depth(10, 1.1), 11);
    assert_eq!(round_depth(1, 0.1), 1);
    assert_eq!(round_depth(3, 1.2), 4);
}

#[test]
fn the_paper_s_coefficients_come_out_at_phi_one() {
    let compound = Compound::default();
    assert!((compound.phi(compound.flops_base()) - 1.0).abs() < 1e-12);
    assert_eq!(compound.scale(1.0), Scale { depth: 1.2, width: 1.1, resolution: 1.15 });
    assert_eq!(compound.scale(compound.phi(1.0)), Scale::BASE);
}

#[test]
fn an_axis_moves_what_it_names() {
    let base = preset("convnet");
    let scaled =
        |axis: Axis, factor| axis.scale(factor, &Compound::default(), &base).unwrap().apply(&base).unwrap();
    let depths = |a: Architecture| a.stages.iter().map(|s| s.depth).collect::<Vec<_>>();
    let widths = |a: Architecture| a.stages.iter().map(|s| s.width).collect::<Vec<_>>();
    assert_eq!(depths(scaled(Axis::Depth, 2.0)), [2, 2, 4, 2]);
    assert_eq!(depths(scaled(Axis::Depth, 0.5)), [1, 1, 1, 1]);
    assert_eq!(widths(scaled(Axis::Width, 0.5)), [8, 16, 16, 32]);
    assert_eq!(scaled(Axis::Resolution, 0.5).resolution(), Some(14));
    assert_eq!(scaled(Axis::Resolution, 2.0).resolution(), Some(56));
    assert_eq!(scaled(Axis::Resolution, 0.01).resolution(), Some(8));
    assert_eq!(scaled(Axis::Compound, 1.0), base);
}

#[test]
fn features_have_no_resolution_but_can_be_compounded() {
    let base = preset("keras-dense");
    let compound = Compound::default();
    let scale = Axis::Compound.scale(4.0, &compound, &base).unwrap();
    assert_eq!(scale.resolution, 1.0);
    assert!((scale.depth * scale.width.powi(2) - 4.0).abs() < 1e-9);
    let sharper = Axis::Resolution.scale(2.0, &compound, &base).unwrap();
    assert!(sharper.apply(&base).unwrap_err().to_string().contains("no resolution"));
}

#[test]
fn factors_out_of_range_are_refused() {
    for factor in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        assert!(Axis::Width.scale(factor, &Compound::default(), &preset("mlp")).is_err(), "{factor}");
    }
    let flat = Compound { alpha: 1.0, beta: 1.0, gamma: 1.0 };
    assert!(Axis::Compound.scale(2.0, &flat, &preset("mlp")).is_err());
}

#[test]
fn axes_have_names() {
    for axis in Axis::ALL {
        assert_eq!(axis.to_string().parse::<Axis>().unwrap(), axis);
    }
    assert!("height".parse::<Axis>().is_err());
}

#[test]
fn laws_refuse_what_they_cannot_fit() {
    let refused = |points: &[(f64, f64)], reason: &str| {
        let message = PowerLaw::fit(points).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    };
    refused(&[], "at least 2");
    refused(&[(1.0, 1.0)], "at least 2");
    refused(&[(1.0, 1.0), (2.0, 0.0), (3.0, 1.0)], "P is 0");
    refused(&[(-1.0, 1.0), (2.0, 1.0), (3.0, 1.0)], "N is -1");
    refused(&[(1.0, f64::NAN), (2.0, 1.0), (3.0, 1.0)], "P is NaN");
    refused(&[(5.0, 1.0), (5.0, 2.0), (5.0, 3.0)], "different");
}

#[test]
fn two_points_have_a_law_but_no_interval() {
    let law = PowerLaw::fit(&[(10.0, 3.0), (1000.0, 30.0)]).unwrap();
    assert!((law.alpha - 0.5).abs() < 1e-12);
    assert_eq!((law.alpha_interval, law.n), (None, 2));
}

#[test]
fn an_interval_is_that_of_the_textbook() {
    // ln N = 0, 1, 2, 3 and ln P = 0, 1, 1, 2: slope 0.6, residual 0.2, standard error √(0.1/5), t(2) =
    // 4.302653.
    let e = std::f64::consts::E;
    let law = PowerLaw::fit(&[(1.0, 1.0), (e, e), (e.powi(2), e), (e.powi(3), e.powi(2))]).unwrap();
    let interval = law.alpha_interval.unwrap();
    assert!((law.alpha - 0.6).abs() < 1e-12);
    assert!((interval.high - 0.6 - 4.302653 * 0.02f64.sqrt()).abs() < 1e-6);
    assert!((interval.high + interval.low - 1.2).abs() < 1e-12);
    assert!((law.r2 - 0.9).abs() < 1e-12);
    assert_eq!(error_rate(0.75), 0.25);
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    // Noise: twelve uniform numbers from a linear congruential generator, centred, are nearly normal.
    let mut state = 1u64;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut normal = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
    let held = (0..2000)
        .filter(|_| {
            let points: Vec<(f64, f64)> = (1..=5)
                .map(|i| (2f64.powi(i), 3.0 * 2f64.powf(-0.3 * f64::from(i)) * (0.05 * normal()).exp()))
                .collect();
            PowerLaw::fit(&points).unwrap().alpha_interval.unwrap().contains(-0.3)
        })
        .count();
    assert!((1870..=1930).contains(&held), "{held} of 2000");
}

#[test]
fn quartiles_are_interpolated() {
    let found = Throughput::of(&[4.0, 1.0, f64::NAN, 2.0, 3.0]).unwrap();
    assert_eq!(found, Throughput { median: 2.5, iqr: 1.5 });
    assert_eq!(Throughput::of(&[]), None);
    assert_eq!(Throughput::of(&[7.0]), Some(Throughput { median: 7.0, iqr: 0.0 }));
}

#[test]
fn a_plan_trains_each_model_once_and_shows_it_on_every_axis() {
    let plan = plan(preset("convnet"), &Axis::ALL);
    let variants = plan.variants().unwrap();
    assert_eq!(variants.len(), 2 * 9);
    let keys: HashSet<&str> = variants.iter().map(|v| v.key.as_str()).collect();
    assert_eq!(keys.len(), variants.len());
    for key in ["base-s0", "base-s7", "depth-0.5-s0", "compound-2-s7"] {
        assert!(keys.contains(key), "{key}");
    }
    let base = variants.iter().find(|v| v.key == "base-s0").unwrap();
    assert_eq!(base.also.iter().map(|place| place.axis).collect::<Vec<_>>(), Axis::ALL[1..]);
    assert!(variants[..9].iter().all(|v| v.seed == 0), "the first seed comes first");
    let on_width = records(&plan).into_iter().filter(|r| r.factor_on(Axis::Width).is_some()).count();
    assert_eq!(on_width, 2 * 3);
}

#[test]
fn models_that_rounding_makes_equal_are_trained_once() {
    // One dense layer a stage cannot be halved: depth 0.5 is the base model.
    let variants = plan(preset("keras-dense"), &[Axis::Depth]).variants().unwrap();
    assert_eq!(
        variants.iter().map(|v| v.key.as_str()).collect::<Vec<_>>(),
        ["base-s0", "depth-2-s0", "base-s7", "depth-2-s7"]
    );
    assert_eq!(variants[0].also[0].factor, 0.5);
}

#[test]
fn plans_survive_toml_and_are_checked() {
    let good = plan(preset("convnet"), &Axis::ALL);
    assert_eq!(Plan::from_toml(&good.to_toml().unwrap()).unwrap(), good);
    let refused = |plan: Plan, reason: &str| {
        let message = plan.validate().unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    };
    refused(Plan { factors: vec![1.0, 1.0], ..good.clone() }, "factor 1 stands twice");
    refused(Plan { seeds: vec![], ..good.clone() }, "no seed");
    refused(Plan { factors: vec![-2.0], ..good.clone() }, "factor is -2");
    refused(Plan { schedule: Schedule { batch: 0, ..Schedule::default() }, ..good.clone() }, "at least 1");
    refused(plan(preset("keras-dense"), &[Axis::Resolution]), "no resolution");
}

/// The plan's runs as `key: samples`.
fn amounts(plan: &Plan) -> Vec<String> {
    let variants = plan.variants().unwrap();
    variants.iter().map(|v| format!("{}: {}", v.key, v.train_samples.unwrap_or_default())).collect()
}

#[test]
fn each_model_is_trained_on_each_number_of_samples() {
    let plan = Plan { samples: vec![4000, 1000], ..plan(preset("mlp"), &[Axis::Width]) };
    let coarse = [
        "base-n4000-s0: 4000",
        "width-0.5-n4000-s0: 4000",
        "width-2-n4000-s0: 4000",
        "base-n1000-s0: 1000",
        "width-0.5-n1000-s0: 1000",
        "width-2-n1000-s0: 1000",
    ];
    assert_eq!(amounts(&plan)[..6], coarse, "all models with one amount before any with the next");
    assert_eq!(amounts(&plan)[6..], coarse.map(|run| run.replace("s0", "s7")));
    assert_eq!(plan.most_samples().unwrap(), Some(4000));
    assert!(plan.variants().unwrap().iter().all(|variant| variant.flops.is_none()));
    let scheduled = Plan { samples: Vec::new(), ..plan.clone() };
    assert_eq!((amounts(&scheduled)[0].as_str(), scheduled.most_samples().unwrap()), ("base-s0: 0", None));
    assert_eq!(Plan::from_toml(&plan.to_toml().unwrap()).unwrap(), plan);
    assert_eq!(plan.differences(&scheduled), ["samples"]);
    assert!(!scheduled.to_toml().unwrap().contains("samples"), "older plan files say nothing of it");
}

#[test]
fn a_compute_budget_buys_whole_batches() {
    let schedule = Schedule { epochs: 3, batch: 64, ..Schedule::default() };
    let axes = plan(preset("mlp"), &[Axis::Width]);
    let plan = Plan { flops: vec![1.5e11, 1e3], schedule, ..axes };
    let variants = plan.variants().unwrap();
    assert_eq!(
        variants[..6].iter().map(|v| v.key.as_str()).collect::<Vec<_>>(),
        [
            "base-c1.5e11-s0",
            "width-0.5-c1.5e11-s0",
            "width-2-c1.5e11-s0",
            "base-c1e3-s0",
            "width-0.5-c1e3-s0",
            "width-2-c1e3-s0"
        ]
    );
    for variant in &variants {
        let (budget, samples) = (variant.flops.unwrap(), variant.train_samples.unwrap());
        let macs = Cost::of(&variant.architecture).unwrap().macs;
        let spent = |samples: usize| 6.0 * macs as f64 * (3 * samples) as f64;
        assert_eq!(samples % 64, 0);
        assert!(samples == 64 || spent(samples) <= budget, "{samples} of {}", variant.key);
        assert!(spent(samples + 64) > budget, "{samples} of {}: another batch could be paid", variant.key);
    }
    assert_eq!(variants[3].train_samples, Some(64), "one batch at least");
    assert_eq!(Plan::from_toml(&plan.to_toml().unwrap()).unwrap(), plan);
    assert_eq!(plan.differences(&Plan { flops: vec![1.5e11], ..plan.clone() }), ["flops"]);
}

#[test]
fn amounts_of_data_are_checked() {
    let good = plan(preset("mlp"), &[Axis::Width]);
    let refused = |plan: Plan, reason: &str| {
        let message = plan.validate().unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    };
    let both = Plan { samples: vec![10], flops: vec![1e9], ..good.clone() };
    refused(both, "more than one of");
    let schedule = Schedule { train_samples: Some(10), ..Schedule::default() };
    refused(Plan { schedule, samples: vec![10], ..good.clone() }, "more than one of");
    refused(Plan { samples: vec![10, 0], ..good.clone() }, "at least 1");
    refused(Plan { samples: vec![10, 20, 10], ..good.clone() }, "10 samples stand twice");
    refused(Plan { flops: vec![1e9, 1e9], ..good.clone() }, "1e9 FLOPs stands twice");
    refused(Plan { flops: vec![0.0], ..good.clone() }, "above zero");
    refused(Plan { flops: vec![f64::NAN], ..good.clone() }, "above zero");

    let place = tempfile::tempdir().unwrap();
    let table: String = (0..20).map(|row| format!("{row},{}\n", 2 * row)).collect();
    fs::write(place.path().join("table.csv"), format!("x,y\n{table}")).unwrap();
    let directory = Some(place.path().to_path_buf());
    let options = DataOptions { dataset: "csv".into(), directory, ..DataOptions::default() };
    // A fifth of the rows is held out.
    let rows = data::open(&options).unwrap().train;
    let check = |plan: &Plan| plan.check_samples(rows.as_ref()).map_err(|error| error.to_string());
    check(&Plan { samples: vec![16, 3], ..good.clone() }).unwrap();
    let message = check(&Plan { samples: vec![17, 3], ..good.clone() }).unwrap_err();
    assert!(message.contains("base-n17-s0 asks for 17") && message.contains("csv has 16"), "{message}");
    let message = check(&Plan { flops: vec![1e11], ..good.clone() }).unwrap_err();
    assert!(message.contains("width-0.5-c1e11-s0") && message.contains("more epochs"), "{message}");
    // New characters are drawn without end.
    let drawn = data::open(&DataOptions { samples: Some(3), ..DataOptions::default() }).unwrap();
    Plan { samples: vec![17], ..good }.check_samples(drawn.train.as_ref()).unwrap();
}

#[test]
fn what_was_written_before_amounts_of_data_is_read() {
    let old = plan(preset("mlp"), &[Axis::Width]);
    let text = old.to_toml().unwrap();
    assert!(!text.contains("flops") && !text.contains("samples"));
    assert_eq!(Plan::from_toml(&text).unwrap(), old);

    let line = r#"{"key":"base-s0","axis":"width","factor":1.0,"scale":{"depth":1.0,"width":1.0,"resolution":1.0},
        "architecture":"mlp","resolution":8,"seed":0,"device":"CPU (2 threads)","epochs":1,"batch":16,
        "learning_rate":0.002,"precision":"f32","recompute":false,"parameters":28,"macs":24,
        "training_flops":2304.0,"samples_seen":16,"train_loss":4.1,"validation_loss":4.0,
        "validation_accuracy":0.02,"samples_per_second":{"median":900.0,"iqr":0.0},
        "inference_samples_per_second":{"median":9000.0,"iqr":1.0},"flops_per_second":129600.0,
        "peak_bytes":{"parameters":1,"gradients":2,"optimizer":3,"activations":4,"workspace":5},
        "predicted_peak_bytes":{"parameters":1,"gradients":2,"optimizer":3,"activations":4,"workspace":5},
        "wall_seconds":0.1,"status":"completed"}"#;
    let record: Record = serde_json::from_str(line).unwrap();
    assert_eq!((record.train_samples, record.flops_budget, record.curve.len()), (0, None, 0));
    assert_eq!(record.validation_loss, Some(4.0));
}

#[test]
fn a_record_survives_json_however_the_run_ended() {
    let plan = plan(preset("keras-dense"), &[Axis::Width]);
    let completed = record(&plan.variants().unwrap()[0]);
    let failed = Record {
        status: Status::OutOfMemory,
        reason: Some("11 GiB predicted, 8 GiB there".into()),
        validation_loss: None,
        validation_accuracy: None,
        samples_per_second: None,
        peak_bytes: None,
        ..completed.clone()
    };
    for record in [completed, failed] {
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }
}

#[test]
fn numbers_survive_json_to_the_last_bit() {
    // What is read back makes the same report as what was measured; a parser in a hurry is off by one bit for
    // about one of these numbers in six.
    for i in 1..1000 {
        let number = f64::from(i).sqrt() * 1e-3;
        let text = serde_json::to_string(&number).unwrap();
        assert_eq!(serde_json::from_str::<f64>(&text).unwrap(), number);
    }
}

#[test]
fn a_torn_last_record_is_cut_off_at_any_byte() {
    let plan = plan(preset("convnet"), &[Axis::Width]);
    let runs = records(&plan);
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path(), &plan).unwrap();
    store.append(runs[0].clone()).unwrap();
    let path = directory.path().join("runs.jsonl");
    let first = fs::read(&path).unwrap();
    store.append(runs[1].clone()).unwrap();
    drop(store);
    let both = fs::read(&path).unwrap();
    for length in 0..both.len() {
        fs::write(&path, &both[..length]).unwrap();
        let whole = usize::from(length >= first.len());
        assert_eq!(Store::load(directory.path()).unwrap().1.len(), whole);
        assert_eq!(fs::read(&path).unwrap().len(), length, "loading must not change the file");
        let mut store = Store::open(directory.path(), &plan).unwrap();
        assert_eq!(store.records(), &runs[..whole]);
        assert_eq!(fs::read(&path).unwrap(), &first[..whole * first.len()]);
        // Appending goes on where the whole records end.
        if length % 97 == 0 {
            store.append(runs[2].clone()).unwrap();
            assert_eq!(Store::load(directory.path()).unwrap().1.last(), Some(&runs[2]));
        }
    }
}

#[test]
fn a_store_resumes_and_keeps_to_its_plan() {
    let plan = plan(preset("convnet"), &[Axis::Width, Axis::Depth]);
    let runs = records(&plan);
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path().join("new"), &plan).unwrap();
    assert_eq!(store.pending(&plan).unwrap().len(), runs.len());
    store.append(Record { status: Status::Failed, reason: Some("why".into()), ..runs[0].clone() }).unwrap();
    assert!(matches!(store.append(runs[0].clone()), Err(Error::Argument { .. })));
    drop(store);

    let store = Store::open(directory.path().join("new"), &plan).unwrap();
    let pending = store.pending(&plan).unwrap();
    assert_eq!(pending.len(), runs.len() - 1);
    assert!(pending.iter().all(|variant| variant.key != runs[0].key));

    let other = Plan { seeds: vec![1], factors: vec![1.0, 3.0], ..plan.clone() };
    let message = Store::open(directory.path().join("new"), &other).unwrap_err().to_string();
    assert!(message.contains("different: factors, seeds"), "{message}");
    assert!(Store::load(directory.path()).unwrap_err().to_string().contains("plan.toml"));
}

#[test]
fn a_foreign_line_is_an_error_that_names_it() {
    let plan = plan(preset("mlp"), &[Axis::Width]);
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path(), &plan).unwrap();
    store.append(records(&plan)[0].clone()).unwrap();
    let path = directory.path().join("runs.jsonl");
    let good = fs::read(&path).unwrap();
    for (extra, reason) in
        [(&b"{\"key\": 3}\n"[..], "line 2"), (&b"\0\0\0\n"[..], "line 2"), (&good[..], "second record")]
    {
        fs::write(&path, [&good[..], extra].concat()).unwrap();
        let message = Store::open(directory.path(), &plan).unwrap_err().to_string();
        assert!(message.contains("runs.jsonl") && message.contains(reason), "{message}");
    }
}

#[test]
fn laws_are_found_along_each_axis() {
    let runs = records(&plan(preset("convnet"), &Axis::ALL));
    let laws = report::laws(&runs, report::Quantity::Macs, report::Quantity::ValidationLoss);
    assert_eq!(laws.iter().map(|law| law.axis).collect::<Vec<_>>(), Axis::ALL);
    for found in laws {
        assert!((found.law.alpha + 0.2).abs() < 1e-6, "{found:?}");
        assert_eq!(found.law.n, 2 * 3);
    }
    let constant = report::laws(&runs, report::Quantity::Parameters, report::Quantity::ValidationLoss);
    assert!(constant.iter().all(|law| law.axis != Axis::Resolution), "resolution moves no parameters");
}

#[test]
fn the_table_names_the_best() {
    let mut runs = records(&plan(preset("convnet"), &Axis::ALL));
    runs[3].status = Status::Diverged;
    let text = report::table(&runs);
    for wanted in ["base", "width ×2", "compound ×0.5", "1 completed, 1 diverged"] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
    for best in [
        "best by accuracy             width ×2",
        "best by accuracy per FLOP    resolution ×0.5",
        "best by accuracy per second  resolution ×0.5",
    ] {
        assert!(text.contains(best), "{best} in\n{text}");
    }
    assert!(report::table(&[]).contains("model"));
}

/// The page without its script, which speaks of NaN.
fn before_script(page: &str) -> &str {
    page.split("<script>").next().unwrap_or_default()
}

#[test]
fn a_report_is_whole_and_stands_alone() {
    let plan = plan(preset("convnet"), &Axis::ALL);
    let mut runs = records(&plan);
    runs[4] = Record {
        status: Status::Failed,
        reason: Some("\"quoted\" & <b>bold</b>".into()),
        validation_loss: None,
        validation_accuracy: Some(f64::NAN),
        peak_bytes: None,
        ..runs[4].clone()
    };
    let directory = tempfile::tempdir().unwrap();
    report::write(directory.path(), &plan, &runs).unwrap();

    let page = fs::read_to_string(directory.path().join("report.html")).unwrap();
    assert_eq!(page.matches("<svg ").count(), 10);
    // Laws in parameters on three axes, as resolution does not change them, and in FLOPs on four.
    assert_eq!(page.matches("<tr").count(), (1 + 3 + 4) + (1 + 4) + (1 + runs.len()));
    assert!(page.contains("&lt;script&gt;alert(") && !page.contains("<script>alert("));
    assert!(page.contains("&quot;quoted&quot; &amp; &lt;b&gt;bold&lt;/b&gt;"));
    for outside in [" src=", " href=", "url(", "@import", "fetch("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("prefers-color-scheme:dark"));
    assert!(!before_script(&page).contains("NaN"));

    let svgs = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let svgs: Vec<_> = svgs.filter(|path| path.extension().is_some_and(|e| e == "svg")).collect();
    assert_eq!(svgs.len(), 10);
    for svg in svgs {
        let text = fs::read_to_string(&svg).unwrap();
        assert!(text.starts_with("<svg ") && text.trim_end().ends_with("</svg>"), "{}", svg.display());
        assert_eq!(text.matches("<style>").count(), 1);
    }

    let mut table = csv::Reader::from_path(directory.path().join("runs.csv")).unwrap();
    let header = table.headers().unwrap().clone();
    for column in
        ["key", "axis", "factor", "parameters", "macs", "validation_loss", "peak_bytes_activations", "status"]
    {
        assert!(header.iter().any(|name| name == column), "{column}");
    }
    let rows: Result<Vec<_>, _> = table.records().collect();
    assert_eq!(rows.unwrap().len(), runs.len());
}

#[test]
fn reports_of_little_are_reports_too() {
    let images = plan(preset("convnet"), &[Axis::Resolution]);
    let features = plan(preset("keras-dense"), &[Axis::Width]);
    let regression: Vec<Record> =
        records(&features).into_iter().map(|run| Record { validation_accuracy: None, ..run }).collect();
    let perfect: Vec<Record> =
        records(&images).into_iter().map(|run| Record { validation_accuracy: Some(1.0), ..run }).collect();
    let broken: Vec<Record> =
        records(&images).into_iter().map(|run| Record { status: Status::Diverged, ..run }).collect();
    for (plan, runs, plots) in [
        (&images, &records(&images)[..0], 0),
        (&images, &records(&images)[..1], 9),
        (&images, &perfect[..], 10),
        (&images, &broken[..], 0),
        (&features, &regression[..], 7),
    ] {
        let directory = tempfile::tempdir().unwrap();
        report::write(directory.path(), plan, runs).unwrap();
        let page = fs::read_to_string(directory.path().join("report.html")).unwrap();
        assert_eq!(page.matches("<svg ").count(), plots);
        let shown = before_script(&page);
        assert!(!shown.contains("NaN") && !shown.contains(">inf<") && !shown.contains("\"inf\""), "{shown}");
        report::table(runs);
    }
}

#[test]
fn an_image_model_can_take_any_data_set() {
    let model = preset("convnet").with_input(105, 3).with_outputs(50);
    assert_eq!(model.input, Input::Image { resolution: 105, channels: 3 });
    assert_eq!(model.output, Output::Classes(50));
    assert_eq!((model.total_stride(), model.first_stride()), (8, 2));
    model.validate().unwrap();
}
