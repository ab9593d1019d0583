//! Normalization: running statistics, and convolutions with a norm.

use crate::adapter::adapter;
use crate::exclusive_adapter::exclusive_adapter;
use crate::varied::{noise, same_bits};
use allometry::nn::{
    Activation, BatchNorm, Conv2d, ConvNorm, DepthwiseConv2d, GroupNorm, LayerNorm, Model, Module, Norm,
    Padding, Precision, RmsNorm, Sequential,
};
use allometry::optim::Algorithm;
use allometry::{Device, Error, Result, Tensor};

fn buffer(model: &Model, name: &str) -> Vec<f32> {
    let found = model.buffers().iter().find(|(own, _)| *own == name);
    found.expect("a buffer of this name").1.to_vec().unwrap()
}

fn values(tensor: Result<Tensor>) -> Vec<f32> {
    tensor.unwrap().to_vec().unwrap()
}

/// Compares numbers with a bound on the difference, relative to those above 1.
fn close(found: &[f32], wanted: &[f32], bound: f32) {
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((found - wanted).abs() <= bound * wanted.abs().max(1.0), "{found}, {wanted} expected");
    }
}

/// What rounding may change.
fn rounding(precision: Precision) -> f32 {
    if precision == Precision::F32 { 1e-5 } else { 4e-3 }
}

#[test]
fn a_batch_norm_follows_its_batches_in_training_and_uses_that_in_evaluation() {
    // Two channels of six pixels in all, with the means 2 and 10 and the variances 4 and 0.
    let pixels = [0.0, 10.0, 4.0, 10.0, 0.0, 10.0, 4.0, 10.0, 0.0, 10.0, 4.0, 10.0];
    let mean = [2.0, 10.0];
    let unbiased = [4.0 * 6.0 / 5.0, 0.0];
    let layers = Sequential::new().add(BatchNorm::new().momentum(0.75).epsilon(1e-3));
    let report = layers.describe(&[3, 1, 2]).unwrap();
    assert_eq!((report.parameters, report.buffers, report.macs, report.activations), (4, 4, 0, 6));
    assert_eq!(report.modules[0].kind, "BatchNormalization");
    for device in [Device::cpu(), adapter()] {
        for precision in Precision::ALL {
            let model = layers.build_in(precision, &device, &[3, 1, 2], 0).unwrap();
            let names: Vec<_> = model.parameters().iter().map(|(name, _)| name.to_string()).collect();
            assert_eq!(names, ["layers.0.gamma", "layers.0.beta"]);
            model.parameters().set("layers.0.gamma", &[3.0, 0.5]).unwrap();
            model.parameters().set("layers.0.beta", &[-1.0, 2.0]).unwrap();
            let x = model.batch(&pixels).unwrap();
            let close = |found: &[f32], wanted: &[f32], bound: f32| {
                assert_eq!(found.len(), wanted.len());
                for (found, wanted) in found.iter().zip(wanted) {
                    let size = wanted.abs().max(1.0);
                    assert!(
                        (found - wanted).abs() <= bound * size,
                        "{found}, {wanted} expected, {precision}"
                    );
                }
            };
            let rounding = if precision == Precision::F32 { 1e-5 } else { 1e-3 };
            let trained = values(model.train(&x, 0));
            let spread = 3.0 * 2.0 / 4.001f32.sqrt();
            close(&trained[..4], &[-1.0 - spread, 2.0, -1.0 + spread, 2.0], rounding);
            let (once_mean, once_variance) =
                (mean.map(|mean| 0.25 * mean), unbiased.map(|variance| 0.75 + 0.25 * variance));
            close(&buffer(&model, "layers.0.moving_mean"), &once_mean, 1e-6);
            close(&buffer(&model, "layers.0.moving_variance"), &once_variance, 1e-6);
            model.train(&x, 1).unwrap();
            let running = [0, 1].map(|i| 0.75 * once_mean[i] + 0.25 * mean[i]);
            let variance = [0, 1].map(|i| 0.75 * once_variance[i] + 0.25 * unbiased[i]);
            close(&buffer(&model, "layers.0.moving_mean"), &running, 1e-6);
            close(&buffer(&model, "layers.0.moving_variance"), &variance, 1e-6);
            let scale = [3.0 / (variance[0] + 1e-3f32).sqrt(), 0.5 / (variance[1] + 1e-3f32).sqrt()];
            let expected = [
                (0.0 - running[0]) * scale[0] - 1.0,
                (10.0 - running[1]) * scale[1] + 2.0,
                (4.0 - running[0]) * scale[0] - 1.0,
            ];
            close(&values(model.predict(&x))[..3], &expected, rounding);
            close(&buffer(&model, "layers.0.moving_mean"), &running, 1e-6);
        }
    }
    let refused = |layer: BatchNorm, argument: &str| {
        let error = layer.describe(&[3]).unwrap_err();
        assert!(matches!(error, Error::Argument { argument: found, .. } if found == argument), "{error}");
    };
    refused(BatchNorm::new().epsilon(0.0), "epsilon");
    refused(BatchNorm::new().momentum(1.0), "momentum");
    assert!(matches!(BatchNorm::new().describe(&[]), Err(Error::Shape { op: "BatchNormalization", .. })));
}

const IMAGE: [usize; 3] = [5, 6, 4];

/// Convolutions with batch norms: full, in groups, and depthwise.
fn convolutions() -> Vec<(ConvNorm, Sequential)> {
    let full = Conv2d::new(6, [3, 3]).padding(Padding::Same);
    let grouped = Conv2d::new(8, [3, 2]).strides([2, 1]).groups(2);
    let depthwise = DepthwiseConv2d::new([3, 3]).depth_multiplier(2).padding(Padding::Same);
    let norm = |activation| BatchNorm::new().epsilon(1e-2).activation(activation);
    let options = BatchNorm::new().epsilon(1e-2);
    let (relu, tanh, silu) = (Activation::Relu, Activation::Tanh, Activation::Silu);
    let apart = |layer: Sequential, activation| layer.add_named("norm", norm(activation));
    let row = Sequential::new;
    vec![
        (
            ConvNorm::new(full.clone(), options.clone(), relu),
            apart(row().add_named("conv", full.use_bias(false)), relu),
        ),
        (
            ConvNorm::new(grouped.clone(), options.clone(), tanh),
            apart(row().add_named("conv", grouped.use_bias(false)), tanh),
        ),
        (
            ConvNorm::new(depthwise.clone(), options, silu),
            apart(row().add_named("conv", depthwise.use_bias(false)), silu),
        ),
    ]
}

/// Draws all parameters and buffers; variances above 0.
fn draw(model: &Model) {
    for (seed, (name, value)) in (0..).zip(model.parameters().iter()) {
        model.parameters().set(name, &noise(value.shape().elements(), seed)).unwrap();
    }
    for (seed, (name, value)) in (50..).zip(model.buffers().iter()) {
        let drawn = noise(value.shape().elements(), seed);
        let positive = drawn.iter().map(|v| if name.ends_with("variance") { 1.2 + v } else { *v });
        model.buffers().set(name, &positive.collect::<Vec<_>>()).unwrap();
    }
}

#[test]
fn a_batch_norm_behind_a_convolution_is_folded_into_it_in_evaluation() {
    for device in [Device::cpu(), adapter()] {
        for precision in Precision::ALL {
            for (module, apart) in convolutions() {
                let model = module.build_in(precision, &device, &IMAGE, 0).unwrap();
                let apart = apart.build_in(precision, &device, &IMAGE, 0).unwrap();
                draw(&model);
                draw(&apart);
                let names: Vec<_> = model.parameters().iter().map(|(name, _)| name.to_string()).collect();
                let theirs: Vec<_> =
                    apart.parameters().iter().map(|(name, _)| name.replace("conv.", "")).collect();
                assert_eq!(names, theirs);
                let x = model.batch(&noise(3 * 120, 7)).unwrap();
                close(&values(model.predict(&x)), &values(apart.predict(&x)), rounding(precision));
                assert!(same_bits(&values(model.train(&x, 0)), &values(apart.train(&x, 0))));
                close(&values(model.predict(&x)), &values(apart.predict(&x)), rounding(precision));
            }
        }
    }
}

#[test]
fn gradients_of_evaluation_pass_through_the_folded_kernel() {
    let device = Device::cpu();
    for (module, apart) in convolutions() {
        let model = module.build(&device, &IMAGE, 0).unwrap();
        let apart = apart.build(&device, &IMAGE, 0).unwrap();
        let x = model.batch(&noise(2 * 120, 7)).unwrap();
        let gradients = |model: &Model| -> Vec<Vec<f32>> {
            draw(model);
            let x = x.requires_grad();
            let loss = model.forward(&x).unwrap().square().unwrap().mean(&[], false).unwrap();
            let found = loss.backward().unwrap();
            let leaves = std::iter::once(x).chain(model.parameters().tensors());
            leaves.map(|leaf| found.get(&leaf).unwrap().to_vec().unwrap()).collect()
        };
        for (found, wanted) in gradients(&model).iter().zip(gradients(&apart)) {
            close(found, &wanted, 1e-5);
        }
    }
}

#[test]
fn a_folded_kernel_is_kept_until_something_changes() {
    let device = Device::cpu();
    let (module, _) = convolutions().swap_remove(0);
    let model = module.build(&device, &IMAGE, 0).unwrap();
    draw(&model);
    let at_rest = device.usage().live;
    // One image has fewer values than the kernel, which is not copied for it.
    let one = model.batch(&noise(120, 7)).unwrap();
    drop(model.predict(&one).unwrap());
    drop(one);
    assert_eq!(device.usage().live, at_rest);
    let x = model.batch(&noise(16 * 120, 7)).unwrap();
    let at_rest = device.usage().live;
    let dispatches = || {
        let (y, profile) = device.profile(|| model.predict(&x)).unwrap();
        (profile.dispatches.len(), y.to_vec::<f32>().unwrap())
    };
    let (first, y) = dispatches();
    let (second, again) = dispatches();
    assert!(first > 4 && second == 1, "{first} and {second} dispatches");
    assert!(same_bits(&y, &again) && device.usage().live > at_rest);

    let changed = |what: &str, before: &[f32]| {
        let (count, after) = dispatches();
        assert!(count > 1 && !same_bits(before, &after), "{what}");
        // A model that is built anew has kept nothing.
        let fresh = module.build(&device, &IMAGE, 0).unwrap();
        for (name, value) in model.parameters().iter() {
            fresh.parameters().set(name, &value.to_vec::<f32>().unwrap()).unwrap();
        }
        for (name, value) in model.buffers().iter() {
            fresh.buffers().set(name, &value.to_vec::<f32>().unwrap()).unwrap();
        }
        assert!(same_bits(&after, &values(fresh.predict(&x))), "{what}");
        after
    };
    model.parameters().set("norm.gamma", &[2.0; 6]).unwrap();
    let y = changed("a parameter is set", &y);
    model.buffers().set("norm.moving_mean", &[0.3; 6]).unwrap();
    let y = changed("a buffer is set", &y);
    let mut optimizer = Algorithm::sgd(0.0).build(model.parameters()).unwrap();
    // Training drops what was kept.
    let loss = model.train(&x, 0).unwrap().sum(&[], false).unwrap();
    optimizer.backward_step(&loss, 0.1).unwrap();
    drop((loss, optimizer));
    assert_eq!(device.usage().live, at_rest);
    changed("a training step", &y);
}

#[test]
fn without_a_norm_a_convolution_has_a_bias_and_its_activation() {
    let device = Device::cpu();
    let conv = Conv2d::new(6, [3, 3]).use_bias(false);
    let module = ConvNorm::new(conv.clone(), Norm::None, Activation::Relu);
    let plain = conv.use_bias(true).activation(Activation::Relu);
    let model = module.build(&device, &IMAGE, 3).unwrap();
    let plain_model = plain.build(&device, &IMAGE, 3).unwrap();
    draw(&model);
    draw(&plain_model);
    let x = model.batch(&noise(120, 7)).unwrap();
    assert!(same_bits(&values(model.predict(&x)), &values(plain_model.predict(&x))));
    let (report, expected) = (module.describe(&IMAGE).unwrap(), plain.describe(&IMAGE).unwrap());
    assert_eq!(format!("{report:?}"), format!("{expected:?}"));
    // With a norm, the values of the convolution and of the norm count.
    let normalized = ConvNorm::new(Conv2d::new(6, [3, 3]), BatchNorm::new(), Activation::Relu);
    let report = normalized.describe(&IMAGE).unwrap();
    assert_eq!((report.kind.as_str(), report.activations), ("Conv2D", 2 * 3 * 4 * 6));
    assert_eq!((report.macs, report.parameters), (expected.macs, expected.parameters + 6));
}

#[test]
fn sample_norms_compute_what_they_say() {
    // Two samples of two pixels with four channels.
    let x = [1.0, 3.0, 0.0, 8.0, 5.0, 7.0, 0.0, 0.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 6.0f32];
    // Mean and variance over some of its elements.
    fn over(x: &[f32], places: Vec<usize>) -> (f32, f32) {
        let count = places.len() as f32;
        let mean = places.iter().map(|&i| x[i]).sum::<f32>() / count;
        (mean, places.iter().map(|&i| (x[i] - mean).powi(2)).sum::<f32>() / count)
    }
    fn pixel(i: usize) -> Vec<usize> {
        (i / 4 * 4..i / 4 * 4 + 4).collect()
    }
    fn group(i: usize) -> Vec<usize> {
        (i / 8 * 8..i / 8 * 8 + 8).filter(|other| other % 4 / 2 == i % 4 / 2).collect()
    }
    type Definition = fn(&[f32], usize) -> (f32, f32);
    let row = Sequential::new;
    let cases: [(&str, Sequential, Definition); 3] = [
        ("LayerNormalization", row().add(LayerNorm::new().epsilon(0.5)), |x, i| over(x, pixel(i))),
        ("RMSNormalization", row().add(RmsNorm::new().epsilon(0.5)), |x, i| {
            (0.0, pixel(i).iter().map(|&i| x[i] * x[i]).sum::<f32>() / 4.0)
        }),
        ("GroupNormalization", row().add(GroupNorm::new(2).epsilon(0.5)), |x, i| over(x, group(i))),
    ];
    let (gamma, beta) = ([1.0, 2.0, 3.0, -1.0], [0.5, 0.0, 0.0, 1.0]);
    for (kind, layers, of) in cases {
        let has_beta = kind != "RMSNormalization";
        let report = layers.describe(&[2, 1, 4]).unwrap();
        assert_eq!(report.modules[0].kind, kind);
        assert_eq!((report.parameters, report.buffers, report.macs), (4 + 4 * u64::from(has_beta), 0, 0));
        let expected = |i: usize| {
            let (mean, variance) = of(&x, i);
            let shift = if has_beta { beta[i % 4] } else { 0.0 };
            gamma[i % 4] * (x[i] - mean) / (variance + 0.5).sqrt() + shift
        };
        let expected: Vec<f32> = (0..x.len()).map(expected).collect();
        for device in [Device::cpu(), adapter()] {
            for precision in Precision::ALL {
                let model = layers.build_in(precision, &device, &[2, 1, 4], 0).unwrap();
                model.parameters().set("layers.0.gamma", &gamma).unwrap();
                if has_beta {
                    model.parameters().set("layers.0.beta", &beta).unwrap();
                }
                let x = model.batch(&x).unwrap();
                close(&values(model.predict(&x)), &expected, rounding(precision));
                close(&values(model.train(&x, 0)), &expected, rounding(precision));
            }
        }
    }
    assert!(matches!(LayerNorm::new().describe(&[]), Err(Error::Shape { op: "LayerNormalization", .. })));
    let error = RmsNorm::new().epsilon(-1.0).describe(&[3]).unwrap_err();
    assert!(matches!(error, Error::Argument { op: "RMSNormalization", argument: "epsilon", .. }), "{error}");
    for groups in [0, 3] {
        let error = GroupNorm::new(groups).describe(&[5, 5, 4]).unwrap_err();
        assert!(
            matches!(error, Error::Argument { op: "GroupNormalization", argument: "groups", .. }),
            "{error}"
        );
    }
}

#[test]
fn every_norm_can_follow_a_convolution() {
    let device = Device::cpu();
    let conv = Conv2d::new(6, [3, 3]);
    let relu = Activation::Relu;
    let norms: [(Norm, Sequential); 2] = [
        (
            Norm::from(LayerNorm::new()),
            Sequential::new().add_named("norm", LayerNorm::new().activation(relu)),
        ),
        (GroupNorm::new(3).into(), Sequential::new().add_named("norm", GroupNorm::new(3).activation(relu))),
    ];
    for (norm, layers) in norms {
        let model = ConvNorm::new(conv.clone(), norm, relu).build(&device, &IMAGE, 0).unwrap();
        let plain = conv.clone().use_bias(false).build(&device, &IMAGE, 0).unwrap();
        let after = layers.build(&device, &[3, 4, 6], 0).unwrap();
        draw(&model);
        plain.parameters().set("kernel", &values(model.parameters().get("kernel").cloned())).unwrap();
        for name in ["norm.gamma", "norm.beta"] {
            after.parameters().set(name, &values(model.parameters().get(name).cloned())).unwrap();
        }
        let x = model.batch(&noise(2 * 120, 7)).unwrap();
        let expected = values(after.predict(&plain.predict(&x).unwrap()));
        assert!(same_bits(&values(model.predict(&x)), &expected));
        assert!(same_bits(&values(model.train(&x, 0)), &expected));
    }
}

#[test]
fn the_peak_memory_of_norms_is_the_same_on_every_device() {
    let layers = (convolutions().into_iter()).fold(Sequential::new(), |row, (module, _)| row.add(module));
    for precision in Precision::ALL {
        for recompute in [false, true] {
            let peak = |device: &Device| {
                device.reset_peak();
                let model = layers.build_in(precision, device, &[9, 8, 4], 0).unwrap();
                let model = model.with_recompute(recompute);
                let mut optimizer = Algorithm::adam().build(model.parameters()).unwrap();
                let x = model.batch(&noise(8 * 288, 2)).unwrap();
                for step in 0..2 {
                    let loss = model.train(&x, step).unwrap().square().unwrap().mean(&[], false).unwrap();
                    optimizer.backward_step(&loss, 1e-3).unwrap();
                    drop(loss);
                    model.predict(&x).unwrap();
                }
                device.usage().peak
            };
            let predicted = peak(&Device::dry());
            let adapter = exclusive_adapter();
            for device in [Device::cpu(), adapter.clone()] {
                assert_eq!(peak(&device), predicted, "{precision} on {}", device.name());
            }
        }
    }
}
