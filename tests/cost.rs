//! The predicted cost of models, compared with numbers counted by hand, with the built model, and with the memory
//! ledger after training.

mod exclusive_adapter;
mod precisions;

use allometry::data::{Batch, BatchTargets};
use allometry::models::architecture::{Input, Output};
use allometry::models::blocks::{Conv, Dense, Downsample, Separable};
use allometry::models::cost::{Cost, predicted_peak};
use allometry::models::head::Head;
use allometry::models::stage::Stage;
use allometry::models::{Architecture, Bytes, Scale};
use allometry::nn::{Activation, Module, ModuleReport, Precision};
use allometry::train::{OptimizerName, TrainConfig};
use allometry::{Device, Error};
use exclusive_adapter::exclusive_adapter;

fn preset(name: &str) -> Architecture {
    Architecture::preset(name).expect("a preset")
}

/// Presets that are trained in seconds.
const SMALL: [&str; 6] = ["keras-dense", "mlp", "resmlp", "convnet", "residual", "mobilenet"];

/// The preset, and half and twice of it along each axis that it has.
fn sizes(base: &Architecture) -> Vec<(String, Architecture)> {
    let mut scales = vec![Scale::BASE];
    for factor in [0.5, 2.0] {
        scales.push(Scale { depth: factor, ..Scale::BASE });
        scales.push(Scale { width: factor, ..Scale::BASE });
        if base.resolution().is_some() {
            scales.push(Scale { resolution: factor, ..Scale::BASE });
        }
    }
    let named = |scale: &Scale| (format!("{}, {scale}", base.name), scale.apply(base).unwrap());
    scales.iter().map(named).collect()
}

/// Models that the presets do not show: strided convolutions, average pooling, dropout, several outputs.
fn others() -> Vec<Architecture> {
    let strided = Conv { downsample: Downsample::Convolution, kernel: 5, stride: 2, ..Conv::default() };
    let averaged = Conv {
        downsample: Downsample::AveragePool,
        activation: Activation::Gelu,
        stride: 3,
        ..Conv::default()
    };
    let smooth = Dense { activation: Activation::Silu, ..Dense::default() };
    let image = Architecture {
        name: "other-image".into(),
        head: Head::default(),
        dropout: 0.3,
        input: Input::Image { resolution: 19, channels: 3 },
        output: Output::Classes(7),
        stages: vec![Stage::new(12, 2, strided), Stage::new(20, 1, averaged), Stage::dense(33, 1)],
        ..preset("mlp")
    };
    let features = Architecture {
        name: "other-features".into(),
        input: Input::Features(13),
        output: Output::Values(3),
        stages: vec![Stage::new(100, 3, smooth)],
        ..image.clone()
    };
    vec![image, features]
}

// ---------------------------------------------------------------------------------------------------------------
// counted by hand

fn counts(architecture: &Architecture) -> (u64, u64, u64) {
    let cost = Cost::of(architecture).unwrap();
    (cost.parameters, cost.macs, cost.activations)
}

#[test]
fn keras_dense_is_counted_as_by_hand() {
    let parameters = (20 * 64 + 64) + (64 * 128 + 128) + (128 * 64 + 64) + (64 + 1);
    assert_eq!(parameters, 17_985);
    let macs = 20 * 64 + 64 * 128 + 128 * 64 + 64;
    assert_eq!(counts(&preset("keras-dense")), (parameters, macs, 64 + 128 + 64 + 1));
}

#[test]
fn mlp_is_counted_as_by_hand() {
    let parameters = (784 * 512 + 512) + (512 * 512 + 512) + (512 * 10 + 10);
    assert_eq!(parameters, 669_706);
    let macs = 784 * 512 + 512 * 512 + 512 * 10;
    // The pixels rescaled and flattened, then three dense layers.
    assert_eq!(counts(&preset("mlp")), (parameters, macs, 784 + 784 + 512 + 512 + 10));
}

#[test]
fn convnet_is_counted_as_by_hand() {
    // Kernels of 3×3 from so many channels to so many, and a bias for each of the latter.
    let convolutions = [(1, 16), (16, 32), (32, 32), (32, 32), (32, 64)];
    // The pixels that each of them has.
    let pixels = [28 * 28, 14 * 14, 7 * 7, 7 * 7, 3 * 3];
    let parameters: u64 = convolutions.iter().map(|(ci, co)| 9 * ci * co + co).sum::<u64>() + 64 * 10 + 10;
    assert_eq!(parameters, 42_442);
    let macs: u64 = convolutions.iter().zip(pixels).map(|((ci, co), p)| p * 9 * ci * co).sum::<u64>() + 640;
    assert_eq!(macs, 2_085_760);
    let outputs: u64 = convolutions.iter().zip(pixels).map(|((_, co), p)| p * co).sum();
    let pooled = 14 * 14 * 16 + 7 * 7 * 32 + 3 * 3 * 32;
    let activations = 28 * 28 + outputs + pooled + 64 + 10;
    assert_eq!(counts(&preset("convnet")), (parameters, macs, activations));
    // Neither doubling the resolution nor the mean over the last image brings parameters.
    let sharper = Scale { resolution: 2.0, ..Scale::BASE }.apply(&preset("convnet")).unwrap();
    assert_eq!(counts(&sharper).0, parameters);
    let pixels = [56 * 56, 28 * 28, 14 * 14, 14 * 14, 7 * 7];
    let macs: u64 = convolutions.iter().zip(pixels).map(|((ci, co), p)| p * 9 * ci * co).sum::<u64>() + 640;
    assert_eq!(counts(&sharper).1, macs);
}

#[test]
fn mobilenet_is_counted_as_by_hand() {
    // From so many channels to so many, and the pixels behind the stride.
    let blocks = [(16, 32, 14 * 14), (32, 64, 7 * 7), (64, 64, 7 * 7), (64, 128, 4 * 4), (128, 128, 4 * 4)];
    let stem = 9 * 16 + 16;
    let pairs: u64 = blocks.iter().map(|(ci, co, _)| 9 * ci + ci + ci * co + co).sum();
    let parameters = stem + pairs + 128 * 10 + 10;
    assert_eq!(parameters, 36_138);
    let macs: u64 = blocks.iter().map(|(ci, co, pixels)| pixels * (9 * ci + ci * co)).sum();
    let macs = 28 * 28 * 9 * 16 + macs + 1280;
    assert_eq!(macs, 1_007_008);
    let outputs: u64 = blocks.iter().map(|(ci, co, pixels)| pixels * (ci + co)).sum();
    let activations = 28 * 28 * (1 + 16) + outputs + 128 + 10;
    assert_eq!(counts(&preset("mobilenet")), (parameters, macs, activations));
    // Twice the width: depthwise kernels double, pointwise ones quadruple.
    let wider = Scale { width: 2.0, ..Scale::BASE }.apply(&preset("mobilenet")).unwrap();
    let pairs: u64 = blocks.iter().map(|(ci, co, _)| 2 * (9 * ci + ci) + 4 * ci * co + 2 * co).sum();
    assert_eq!(counts(&wider).0, 2 * stem + pairs + 256 * 10 + 10);
}

#[test]
fn residual_presets_are_counted_as_by_hand() {
    // Channels of the first block's input and of both blocks' outputs, and the pixels behind the stride.
    let stages = [(8, 16, 14 * 14), (16, 24, 7 * 7), (24, 32, 4 * 4)];
    // Three convolutions of 3×3 between equal widths, the first one, the projection, and five norms.
    let kernels = |ci: u64, co: u64| 9 * ci * co + 3 * 9 * co * co + ci * co;
    let parameters: u64 = stages.iter().map(|(ci, co, _)| kernels(*ci, *co) + 5 * 2 * co).sum();
    let parameters = (9 * 8 + 2 * 8) + parameters + (32 * 10 + 10);
    let macs: u64 = stages.iter().map(|(ci, co, pixels)| pixels * kernels(*ci, *co)).sum();
    let counted = counts(&preset("residual"));
    assert_eq!((counted.0, counted.1), (parameters, 28 * 28 * 9 * 8 + macs + 320));
    assert_eq!(parameters, 64_050);

    let blocks = 4 * (2 * 128 + (128 * 256 + 256) + (256 * 128 + 128));
    let parameters = (784 * 128 + 128) + blocks + 2 * 128 + (128 * 10 + 10);
    let macs = 784 * 128 + 4 * 2 * 128 * 256 + 1280;
    let counted = counts(&preset("resmlp"));
    assert_eq!((counted.0, counted.1), (parameters, macs));
}

#[test]
fn strides_and_paddings_are_counted_as_by_hand() {
    let [image, features] = &others()[..] else { unreachable!("there are two") };
    // 19 rows, 10 behind the strided convolution, 3 behind the pool; its border of one row is dropped.
    let parameters =
        (25 * 3 * 12 + 12) + (25 * 12 * 12 + 12) + (9 * 12 * 20 + 20) + (180 * 33 + 33) + (33 * 7 + 7);
    let macs = 100 * (25 * 3 * 12 + 25 * 12 * 12) + 9 * (9 * 12 * 20) + 180 * 33 + 33 * 7;
    assert_eq!((counts(image).0, counts(image).1), (parameters, macs));
    let hidden = 100 * 100 + 100;
    let parameters = (13 * 100 + 100) + hidden + hidden + (100 * 3 + 3);
    assert_eq!((counts(features).0, counts(features).1), (parameters, 13 * 100 + 2 * 10_000 + 300));
}

#[test]
fn layers_add_up_to_the_whole() {
    for (name, architecture) in Architecture::presets().iter().flat_map(|name| sizes(&preset(name))) {
        let cost = Cost::of(&architecture).unwrap();
        let sum = |of: fn(&ModuleReport) -> u64| cost.modules.iter().map(of).sum::<u64>();
        assert_eq!(sum(|layer| layer.parameters), cost.parameters, "{name}");
        assert_eq!(sum(|layer| layer.macs), cost.macs, "{name}");
        assert_eq!(sum(|layer| layer.activations), cost.activations, "{name}");
        let last = cost.modules.last().unwrap();
        assert_eq!(last.output_shape, [architecture.output.units()], "{name}");
    }
}

#[test]
fn the_built_model_holds_what_was_counted() {
    let device = Device::dry();
    let presets = Architecture::presets().into_iter().flat_map(|name| sizes(&preset(&name)));
    for (name, architecture) in presets.chain(others().into_iter().map(|a| (a.name.clone(), a))) {
        let model = architecture.layers().build(&device, &architecture.input_shape(), 0).unwrap();
        assert_eq!(model.parameters().count() as u64, Cost::of(&architecture).unwrap().parameters, "{name}");
        assert_eq!(model.output_shape(), [architecture.output.units()], "{name}");
    }
}

// ---------------------------------------------------------------------------------------------------------------
// measured

/// What the ledger saw at the peak of three training steps and an evaluation.
fn measured_peak(device: &Device, architecture: &Architecture, step: &TrainConfig) -> Bytes {
    device.trim();
    device.reset_peak();
    let model = architecture.build(step, device).unwrap();
    let features: usize = architecture.input_shape().iter().product();
    let batch = step.batch;
    let inputs = (0..batch * features).map(|i| (i % 17) as f32 / 17.0).collect();
    let targets = match architecture.output {
        Output::Classes(classes) => BatchTargets::Classes((0..batch).map(|i| (i % classes) as u32).collect()),
        Output::Values(values) => BatchTargets::Values(vec![0.5; batch * values]),
    };
    let batch = Batch { size: batch, inputs, targets };
    let mut trainer = step.trainer(&model, architecture.targets()).unwrap();
    for _ in 0..3 {
        trainer.step(&batch, 1e-3).unwrap();
        trainer.take_metrics().unwrap();
    }
    let part = batch.range(0..step.samples_at_a_time());
    trainer.evaluate(std::iter::once(Ok(part))).unwrap();
    Bytes::at_peak(&device.usage())
}

/// Compares prediction and ledger on all of these, and fails with the largest deviation if it is above a tenth.
fn assert_predicted(device: &Device, cases: impl Iterator<Item = (String, Architecture, usize)>) {
    assert_predicted_with(TrainConfig::default(), device, cases);
}

fn assert_predicted_with(
    options: TrainConfig,
    device: &Device,
    cases: impl Iterator<Item = (String, Architecture, usize)>,
) {
    let mut worst = (0.0, "nothing".to_string());
    let mut compared = 0;
    for (name, architecture, batch) in cases {
        let step = TrainConfig { batch, ..options };
        let predicted = predicted_peak(&architecture, &step).unwrap();
        let measured = measured_peak(device, &architecture, &step);
        let deviation = predicted.total() as f64 / measured.total() as f64 - 1.0;
        if deviation.abs() >= f64::abs(worst.0) {
            let what = format!("{name}, batch {batch}: predicted {predicted:?}, measured {measured:?}");
            worst = (deviation, what);
        }
        // So many bytes a parameter, each on its own line of the ledger; the rest is what lies between them.
        let parameters = Cost::of(&architecture).unwrap().parameters;
        let bytes_each = match options.precision {
            Precision::F32 => [4, 4, 8],
            Precision::Mixed => [6, 2, 8],
        };
        for ((category, bytes), each) in [
            ("parameters", measured.parameters),
            ("gradients", measured.gradients),
            ("optimizer", measured.optimizer),
        ]
        .into_iter()
        .zip(bytes_each)
        {
            assert!(bytes >= each * parameters, "{name}: {bytes} bytes of {category} for {parameters}");
        }
        compared += 1;
    }
    let (deviation, what) = worst;
    let report = format!("the largest deviation of {compared} is {:+.3} %: {what}", 100.0 * deviation);
    println!("{report}");
    assert!(deviation.abs() <= 0.1, "{report}");
}

fn with_batches(
    architectures: Vec<(String, Architecture)>,
) -> impl Iterator<Item = (String, Architecture, usize)> {
    let batches = |(name, architecture): (String, Architecture)| {
        [1, 7, 64].map(|batch| (name.clone(), architecture.clone(), batch))
    };
    architectures.into_iter().flat_map(batches)
}

#[test]
fn memory_of_dense_models_is_as_predicted_on_the_cpu() {
    let all = ["keras-dense", "mlp"].iter().flat_map(|name| sizes(&preset(name))).collect();
    assert_predicted(&Device::cpu(), with_batches(all));
}

#[test]
fn memory_of_convolutional_models_is_as_predicted_on_the_cpu() {
    assert_predicted(&Device::cpu(), with_batches(sizes(&preset("convnet"))));
}

#[test]
fn memory_of_separable_models_is_as_predicted_on_the_cpu() {
    assert_predicted(&Device::cpu(), with_batches(sizes(&preset("mobilenet"))));
}

#[test]
fn memory_of_residual_models_is_as_predicted_on_the_cpu() {
    let small = ["residual", "resmlp"].iter().flat_map(|name| sizes(&preset(name)));
    let small = small.map(|(name, model)| (name, model, 7));
    // Every block of the large presets at a small resolution.
    let half = Scale { width: 0.5, ..Scale::BASE };
    let large = [
        "resnet20",
        "wide-resnet-10-1",
        "resnet18",
        "regnet-x-400mf",
        "mobilenet-v3-small",
        "efficientnet-b0",
    ];
    let large = large.map(|name| (name.to_string(), half.apply(&preset(name)).unwrap().with_input(32, 3), 2));
    assert_predicted(&Device::cpu(), small.chain(large));
}

#[test]
fn memory_of_other_models_is_as_predicted_on_the_cpu() {
    let all = others().into_iter().map(|architecture| (architecture.name.clone(), architecture)).collect();
    assert_predicted(&Device::cpu(), with_batches(all));
}

#[test]
fn memory_of_mixed_precision_is_as_predicted() {
    let check = |device: &Device| {
        if !precisions::of(device).contains(&Precision::Mixed) {
            return;
        }
        let small = Scale { resolution: 0.5, width: 0.5, depth: 1.0 }.apply(&preset("convnet")).unwrap();
        let cases = [("keras-dense".to_string(), preset("keras-dense")), ("convnet".to_string(), small)];
        let mixed = TrainConfig { precision: Precision::Mixed, ..TrainConfig::default() };
        assert_predicted_with(mixed, device, with_batches(cases.into()));
    };
    check(&Device::cpu());
    check(&exclusive_adapter());
}

#[test]
fn memory_of_averages_and_of_batches_in_parts_is_as_predicted() {
    let device = Device::cpu();
    for precision in precisions::of(&device) {
        let averaged = TrainConfig { precision, average: Some(0.99), ..TrainConfig::default() };
        let parts = TrainConfig { precision, accumulate: 3, ..TrainConfig::default() };
        for config in [averaged, parts] {
            let cases = ["mlp", "convnet"].map(|name| (name.to_string(), preset(name))).into_iter();
            assert_predicted_with(config, &device, cases.map(|(name, model)| (name, model, 16)));
        }
    }
    let peak = |accumulate| {
        let config = TrainConfig { batch: 64, accumulate, ..TrainConfig::default() };
        predicted_peak(&preset("convnet"), &config).unwrap()
    };
    assert!(4 * peak(8).activations < peak(1).activations, "a part needs the activations of its samples");
}

#[test]
fn memory_with_clipped_gradients_is_as_predicted() {
    let check = |device: &Device| {
        for precision in precisions::of(device) {
            let clipped = TrainConfig { precision, clip_norm: Some(0.5), ..TrainConfig::default() };
            let cases =
                [("keras-dense".to_string(), preset("keras-dense")), ("mlp".to_string(), preset("mlp"))];
            assert_predicted_with(clipped, device, with_batches(cases.into()));
        }
    };
    check(&Device::cpu());
    check(&exclusive_adapter());
}

#[test]
fn activations_take_half_the_memory_in_mixed_precision() {
    let base = preset("convnet");
    let peak =
        |precision| predicted_peak(&base, &TrainConfig { precision, ..TrainConfig::default() }).unwrap();
    let (single, mixed) = (peak(Precision::F32), peak(Precision::Mixed));
    let share = mixed.activations as f64 / single.activations as f64;
    assert!((0.45..0.6).contains(&share), "{share}: {single:?}, {mixed:?}");
}

/// A model with so many convolutions that most of its memory is activations.
fn deep() -> Architecture {
    Scale { depth: 6.0, ..Scale::BASE }.apply(&preset("convnet")).unwrap()
}

#[test]
fn memory_with_recomputation_is_as_predicted() {
    let check = |device: &Device| {
        for precision in precisions::of(device) {
            let mut cases: Vec<_> =
                others().into_iter().map(|other| (other.name.clone(), other, 7)).collect();
            cases.push(("a deep convnet".to_string(), deep(), 2));
            cases.push(("mlp".to_string(), preset("mlp"), 7));
            assert_predicted_with(
                TrainConfig { precision, recompute: true, ..TrainConfig::default() },
                device,
                cases.into_iter(),
            );
        }
    };
    check(&Device::cpu());
    check(&exclusive_adapter());
}

#[test]
fn recomputation_saves_most_activations_of_a_deep_model() {
    for precision in Precision::ALL {
        let peak = |recompute| {
            predicted_peak(&deep(), &TrainConfig { precision, recompute, ..TrainConfig::default() }).unwrap()
        };
        let (kept, recomputed) = (peak(false), peak(true));
        assert!(recomputed.activations < kept.activations / 2, "{recomputed:?}, {kept:?}");
        assert!(recomputed.total() < kept.total() * 2 / 3, "{recomputed:?}, {kept:?}");
    }
}

#[test]
fn memory_is_as_predicted_on_the_adapter() {
    let half = Scale { resolution: 0.5, width: 0.5, depth: 1.0 };
    let mut cases: Vec<_> = with_batches(sizes(&preset("keras-dense"))).collect();
    cases.extend([1, 7].map(|batch| ("mlp".to_string(), preset("mlp"), batch)));
    cases.extend([1, 7].map(|batch| ("convnet".to_string(), preset("convnet"), batch)));
    cases.extend([1, 7].map(|batch| ("mobilenet".to_string(), preset("mobilenet"), batch)));
    cases.extend(
        [1, 64].map(|batch| (format!("convnet, {half}"), half.apply(&preset("convnet")).unwrap(), batch)),
    );
    cases.extend(others().into_iter().map(|architecture| (architecture.name.clone(), architecture, 7)));
    assert_predicted(&exclusive_adapter(), cases.into_iter());
}

#[test]
fn memory_grows_as_it_should() {
    let total = |architecture: &Architecture, batch| {
        predicted_peak(architecture, &TrainConfig { batch, ..TrainConfig::default() }).unwrap().total()
    };
    for name in SMALL {
        let base = preset(name);
        let [one, two, three] = [64, 128, 192].map(|batch| total(&base, batch));
        assert!(one < two && two < three, "{name}: {one}, {two}, {three}");
        for factor in [2.0, 3.0] {
            let wider = Scale { width: factor, ..Scale::BASE }.apply(&base).unwrap();
            let deeper = Scale { depth: factor, ..Scale::BASE }.apply(&base).unwrap();
            assert!(total(&wider, 64) > one && total(&deeper, 64) > one, "{name} ×{factor}");
        }
        // Without moments the optimiser holds nothing.
        let plain =
            predicted_peak(&base, &TrainConfig { optimizer: OptimizerName::Sgd, ..TrainConfig::default() })
                .unwrap();
        assert_eq!(plain.optimizer, 0, "{name}");
        assert!(plain.total() < one, "{name}");
    }
}

/// Sizes around every limit: 32-bit counts of elements, 64-bit counts of a model's, and what a host has.
#[test]
fn predicting_what_is_far_too_large_takes_no_memory_and_ends_in_words() {
    for name in SMALL {
        let base = Architecture::load(name).unwrap();
        for precision in Precision::ALL {
            for power in (0..63).step_by(3) {
                let step = TrainConfig { batch: 1 << power, precision, ..TrainConfig::default() };
                match predicted_peak(&base, &step) {
                    Ok(bytes) => assert!(bytes.total() >> power > 0, "{name} in batches of 2^{power}"),
                    Err(error) => {
                        let text = error.to_string();
                        assert!(error.is_about_memory() && power > 20, "{name}, 2^{power}: {text}");
                        assert!(text.contains(&format!("a batch of {}", step.batch)), "{text}");
                        assert!(!text.contains("dry"), "{text}");
                    }
                }
            }
        }
    }
    // The largest batch that can be counted, and one sample more: nothing in between overflows.
    let [base, step] = [preset("convnet"), preset("mobilenet")].map(|base| {
        let fits =
            |batch: usize| predicted_peak(&base, &TrainConfig { batch, ..TrainConfig::default() }).is_ok();
        let (mut low, mut high) = (1, 1 << 32);
        while high - low > 1 {
            let middle = (low + high) / 2;
            *(if fits(middle) { &mut low } else { &mut high }) = middle;
        }
        low
    });
    assert_eq!([base, step], [(1 << 32) / (28 * 28 * 16); 2]);
    for width in (4..=20).step_by(2).map(|power| 1 << power) {
        for resolution in (4..=20).step_by(4).map(|power| 1 << power) {
            for stages in [
                vec![Stage::conv(width, 3), Stage::dense(width, 2)],
                vec![Stage::new(width, 2, Separable { stride: 2, ..Separable::default() })],
                vec![Stage::new(width, 1, Conv { kernel: width, ..Conv::default() })],
            ] {
                let model = Architecture { stages, ..Architecture::load("mlp").unwrap() };
                let model = model.with_input(resolution, 1 << 10);
                let predicted = predicted_peak(&model, &TrainConfig::default());
                assert!(predicted.as_ref().map_or_else(Error::is_about_memory, |_| true), "{predicted:?}");
                let cost = Cost::of(&model);
                assert!(cost.as_ref().map_or_else(Error::is_about_memory, |_| true), "{cost:?}");
            }
        }
    }
}
