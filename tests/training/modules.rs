//! Modules: nested names, buffers, modes, random keys, and what is refused.

use crate::adapter::adapter;
use crate::varied::{noise, same_bits};
use allometry::nn::weights::LoadOptions;
use allometry::nn::{
    Activation, Concat, Conv2d, Definition, Dense, DepthwiseConv2d, Dropout, Flatten, Initializer, Lambda,
    Mode, Model, Module, Padding, Precision, Residual, Scale, Scope, SeparableConv2d, Sequential, Upsample2d,
};
use allometry::optim::Algorithm;
use allometry::{DType, Device, Error, Result, Tensor};
use std::collections::HashMap;
use std::sync::Arc;

/// Subtracts the mean of the batch in training and a running mean in evaluation, and shifts by a parameter.
#[derive(Clone, Debug)]
struct Centre;

const MOMENTUM: f32 = 0.75;

impl Module for Centre {
    fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
        definition.parameter("shift", &input[input.len() - 1..], Initializer::Zeros);
        definition.buffer("mean", &input[input.len() - 1..], Initializer::Zeros);
        Ok(input.to_vec())
    }

    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
        let running = scope.buffer("mean")?;
        let mean = match scope.mode() {
            Mode::Eval => running.cast(x.dtype())?,
            Mode::Train(_) => {
                let axes: Vec<usize> = (0..x.shape().rank() - 1).collect();
                let mean = x.mean(&axes, false)?;
                let part = |value: f32| Tensor::full(x.device(), running.dtype(), [], value);
                let old = running.mul(&part(MOMENTUM)?)?;
                let new = mean.detach().cast(running.dtype())?.mul(&part(1.0 - MOMENTUM)?)?;
                scope.set_buffer("mean", &old.add(&new)?)?;
                mean
            }
        };
        x.sub(&mean)?.add(scope.parameter("shift")?)
    }
}

fn means(model: &Model, name: &str) -> Vec<f32> {
    let found = model.buffers().iter().find(|(own, _)| *own == name);
    found.expect("a buffer of this name").1.to_vec().unwrap()
}

fn values(tensor: Result<Tensor>) -> Vec<f32> {
    tensor.unwrap().to_vec().unwrap()
}

/// A network of residual blocks with state inside.
fn nested() -> Sequential {
    let conv = |filters| Conv2d::new(filters, [3, 3]).padding(Padding::Same);
    let body =
        |filters| Sequential::new().add(conv(filters)).add(Centre).add(Activation::Tanh).add(conv(filters));
    let stage = Sequential::new()
        .add(Residual::new(body(4)).drop_path(0.25))
        .add(Residual::new(body(6)).shortcut(Conv2d::new(6, [1, 1])));
    Sequential::new()
        .add(conv(4))
        .add_named("stage", stage)
        .add(Dropout::new(0.2))
        .add(Flatten::new())
        .add(Dense::new(3))
}

const IMAGE: [usize; 3] = [5, 4, 2];

#[test]
fn names_are_dotted_and_the_same_everywhere() {
    let model = nested().build(&Device::cpu(), &IMAGE, 0).unwrap();
    let names: Vec<&str> = model.parameters().iter().map(|(name, _)| name).collect();
    let body = |block: usize| {
        ["0.kernel", "0.bias", "1.shift", "3.kernel", "3.bias"].map(|own| format!("stage.{block}.body.{own}"))
    };
    let expected: Vec<String> = (["layers.0.kernel", "layers.0.bias"].map(String::from).into_iter())
        .chain(body(0))
        .chain(body(1))
        .chain(
            ["stage.1.shortcut.kernel", "stage.1.shortcut.bias", "layers.4.kernel", "layers.4.bias"]
                .map(String::from),
        )
        .collect();
    assert_eq!(names, expected);
    let buffers: Vec<String> = model.buffers().iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(buffers, ["stage.0.body.1.mean", "stage.1.body.1.mean"]);

    let report = nested().describe(&IMAGE).unwrap();
    assert_eq!((report.parameters, report.buffers), (model.parameters().count() as u64, 4 + 6));
    let convolutions = 9 * 2 * 4 + 9 * 4 * 4 * 2 + 9 * 4 * 6 + 9 * 6 * 6 + 4 * 6;
    assert_eq!(report.macs, 20 * convolutions + 120 * 3);
    let block = &report.modules[1].modules[1];
    assert_eq!((block.name.as_str(), block.kind.as_str()), ("stage.1", "Residual"));
    assert_eq!(block.output_shape, [5, 4, 6]);
    let inside: Vec<_> =
        block.modules.iter().map(|inner| (inner.name.as_str(), inner.kind.as_str())).collect();
    assert_eq!(inside, [("stage.1.body", "Sequential"), ("stage.1.shortcut", "Conv2D")]);
    // Four layers, the shortcut and the sum.
    assert_eq!(block.activations, 6 * 20 * 6);
    assert_eq!(block.modules[0].modules[1].kind, "Centre");
}

#[test]
fn the_summary_has_as_many_levels_as_asked_for() {
    let rows = |levels| {
        let table = nested().summary_to(levels, &IMAGE).unwrap();
        table.lines().filter(|line| line.contains("(None, ")).count()
    };
    assert_eq!([rows(1), rows(2), rows(3), rows(4)], [5, 7, 11, 19]);
    let all = nested().summary(&IMAGE).unwrap();
    assert_eq!(all.lines().filter(|line| line.contains("(None, ")).count(), 19);
    assert!(all.contains("    stage.1.body (Sequential)"), "{all}");
    assert!(all.contains("Non-trainable params: 10 (40 B)"), "{all}");
    let alone = Dense::new(3).summary(&[4]).unwrap();
    assert!(alone.contains("Dense") && alone.contains("(None, 3)"), "{alone}");
}

#[test]
fn branches_and_functions_compute_count_and_are_saved_in_every_precision() {
    let row = || {
        let separable = SeparableConv2d::new(3, [2, 2]).depth_multiplier(2);
        Sequential::new()
            .add(Concat::new().add(Scale::new()).add(Sequential::new()))
            .add(Upsample2d::new([2, 3]))
            .add(separable)
            .add(
                Lambda::new("lower half", |x| x.slice(1, 1..3))
                    .with_shape(|shape| Ok(vec![2, shape[1], shape[2]])),
            )
    };
    let report = row().describe(&[2, 2, 1]).unwrap();
    let shapes: Vec<&[usize]> = report.modules.iter().map(|module| &module.output_shape[..]).collect();
    assert_eq!(shapes, [&[2, 2, 2][..], &[4, 6, 2], &[3, 5, 3], &[2, 5, 3]]);
    let kinds: Vec<&str> = report.modules.iter().map(|module| module.kind.as_str()).collect();
    assert_eq!(kinds, ["Concat", "UpSampling2D", "SeparableConv2D", "lower half"]);
    // Two kernels for each of two channels, four channels to three, a bias; the branch has a factor.
    assert_eq!((report.parameters, report.macs), (1 + 2 * 2 * 2 * 2 + 4 * 3 + 3, 15 * (16 + 12)));
    // The branch and the join; the layers; the depthwise convolution beside the pointwise.
    assert_eq!(report.activations, 4 + 8 + 48 + 15 * (4 + 3) + 30);

    for precision in Precision::ALL {
        let model = row().build_in(precision, &adapter(), &[2, 2, 1], 0).unwrap();
        model.parameters().set("layers.0.branches.0.scale", &[10.0]).unwrap();
        model.parameters().set("layers.2.depthwise_kernel", &[1.0; 16]).unwrap();
        let pointwise = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
        model.parameters().set("layers.2.pointwise_kernel", &pointwise).unwrap();
        model.parameters().set("layers.2.bias", &[0.0, 0.5, 1.0]).unwrap();
        let y = model.predict(&model.batch(&[1.0, 2.0, 3.0, 4.0]).unwrap()).unwrap();
        // Pixels are 2 rows × 3 columns each, and every window sums four of them, times ten in the first channel; the
        // kernels of a channel are equal, so the third output is the second channel.
        let sums = [[8.0, 8.0, 10.0, 12.0, 12.0], [12.0, 12.0, 14.0, 16.0, 16.0]];
        let expected: Vec<f64> =
            sums.concat().iter().flat_map(|sum| [10.0 * sum, 10.0 * sum + 0.5, sum + 1.0]).collect();
        assert_eq!(y.to_f64().unwrap(), expected, "{precision:?}");
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("weights.safetensors");
        model.save(&path, HashMap::new()).unwrap();
        let other = row().build_in(precision, &adapter(), &[2, 2, 1], 1).unwrap();
        other.load(&path).unwrap();
        let again = other.predict(&other.batch(&[1.0, 2.0, 3.0, 4.0]).unwrap()).unwrap();
        assert_eq!(again.to_f64().unwrap(), expected, "{precision:?}, loaded");
    }
}

#[test]
fn branches_and_functions_that_cannot_be_are_refused() {
    let refused = |module: &dyn Module, input: &[usize], part: &str| {
        let error = module.describe(input).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    refused(&Concat::new(), &[4], "at least one");
    refused(&Concat::new().add(Scale::new()).add(Flatten::new()), &[3, 4], "equal extents");
    refused(&Upsample2d::new([0, 2]), &[3, 4, 1], "at least 1");
    refused(&Upsample2d::new([1, 2]), &[3], "an image");
    refused(&SeparableConv2d::new(0, [3, 3]), &[3, 3, 1], "filters");
    refused(&SeparableConv2d::new(2, [3, 3]).depth_multiplier(0), &[3, 3, 1], "depth_multiplier");
    refused(&SeparableConv2d::new(2, [3, 3]).dilation([2, 0]), &[9, 9, 1], "dilation");
    refused(&Conv2d::new(2, [3, 3]).dilation([4, 1]), &[8, 8, 1], "at most the padded input");
    refused(&DepthwiseConv2d::new([3, 3]).dilation([1, 0]), &[9, 9, 1], "dilation");
    let unlike = Lambda::new("sum", |x| x.sum(&[1], false));
    let model = Sequential::new().add(unlike).build(&Device::cpu(), &[3], 0).unwrap();
    let error = model.predict(&model.batch(&[1.0; 6]).unwrap()).unwrap_err().to_string();
    assert!(error.contains("sum declares the shape [2, 3]") && error.contains("layers.0"), "{error}");
}

#[test]
fn buffers_follow_in_training_and_stay_in_evaluation() {
    let model = Sequential::new().add(Centre).build(&Device::cpu(), &[2], 0).unwrap();
    let x = model.batch(&[1.0, 10.0, 3.0, 30.0]).unwrap();
    let batch = [2.0, 20.0];
    assert_eq!(values(model.train(&x, 0)), [-1.0, -10.0, 1.0, 10.0]);
    let once = batch.map(|mean| (1.0 - MOMENTUM) * mean);
    assert_eq!(means(&model, "layers.0.mean"), once);
    model.train(&x, 1).unwrap();
    let twice: Vec<f32> = (0..2).map(|i| MOMENTUM * once[i] + (1.0 - MOMENTUM) * batch[i]).collect();
    assert_eq!(means(&model, "layers.0.mean"), twice);
    let expected = [1.0 - twice[0], 10.0 - twice[1], 3.0 - twice[0], 30.0 - twice[1]];
    assert_eq!(values(model.predict(&x)), expected);
    assert_eq!(values(model.forward(&x)), expected);
    model.train_at(&model.parameters().tensors(), &x, 2).unwrap();
    assert_eq!(means(&model, "layers.0.mean"), twice, "evaluation and train_at change no buffers");

    model.buffers().set("layers.0.mean", &[1.0, 2.0]).unwrap();
    assert_eq!(values(model.predict(&x)), [0.0, 8.0, 2.0, 28.0]);
    let refused = model.buffers().set("layers.0.shift", &[1.0, 2.0]).unwrap_err().to_string();
    assert!(refused.contains("layers.0.shift") && refused.contains("layers.0.mean"), "{refused}");
    assert!(model.buffers().set("layers.0.mean", &[1.0]).is_err());
}

#[test]
fn buffers_are_of_the_type_of_updates_on_every_device() {
    for device in [Device::cpu(), adapter()] {
        for precision in Precision::ALL {
            for recompute in [false, true] {
                let model =
                    nested().build_in(precision, &device, &IMAGE, 2).unwrap().with_recompute(recompute);
                let mut optimizer = Algorithm::adam().build(model.parameters()).unwrap();
                let x = model.batch(&noise(3 * 40, 2)).unwrap();
                for step in 0..3 {
                    let loss = model.train(&x, step).unwrap().square().unwrap().mean(&[], false).unwrap();
                    optimizer.backward_step(&loss, 1e-3).unwrap();
                }
                let mean = means(&model, "stage.1.body.1.mean");
                assert!(mean.iter().all(|mean| mean.is_finite() && *mean != 0.0), "{precision}: {mean:?}");
                let predicted = values(model.predict(&x));
                assert!(predicted.iter().all(|value| value.is_finite()), "{precision}: {predicted:?}");
            }
        }
    }
}

#[test]
fn buffers_are_saved_and_loaded_with_the_parameters() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("weights.safetensors");
    let device = Device::cpu();
    let build = |seed| nested().build(&device, &IMAGE, seed).unwrap();
    let (saved, loaded) = (build(0), build(1));
    let x = saved.batch(&noise(3 * 40, 2)).unwrap();
    saved.train(&x, 0).unwrap();
    saved.save(&path, HashMap::new()).unwrap();
    assert!(!same_bits(&values(saved.predict(&x)), &values(loaded.predict(&x))));
    loaded.load(&path).unwrap();
    assert!(same_bits(&values(saved.predict(&x)), &values(loaded.predict(&x))));
    assert!(means(&loaded, "stage.1.body.1.mean").iter().any(|&mean| mean != 0.0));
    let without = build(2);
    let partial =
        LoadOptions::new().partial().rename(|name| (!name.ends_with("mean")).then(|| name.to_string()));
    let report = without.load_with(&path, &partial).unwrap();
    assert_eq!(report.missing, ["stage.0.body.1.mean", "stage.1.body.1.mean"]);
    assert_eq!(means(&without, "stage.1.body.1.mean"), [0.0; 6]);
}

#[test]
fn a_scale_is_one_factor_a_channel() {
    const FACTORS: [f32; 3] = [0.5, -2.0, 3.0];
    let layers = Sequential::new().add(Scale::new());
    let report = layers.describe(&[4, 5, 3]).unwrap();
    assert_eq!(
        (report.parameters, report.macs, report.activations),
        (3, 0, 60),
        "no MACs: they are not products"
    );
    assert_eq!(report.modules[0].output_shape, [4, 5, 3]);
    assert!(layers.summary(&[4, 5, 3]).unwrap().contains("layers.0 (Scale)"));

    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("weights.safetensors");
    let device = Device::cpu();
    for precision in Precision::ALL {
        let build = || layers.build_in(precision, &device, &[4, 5, 3], 0).unwrap();
        let (saved, loaded) = (build(), build());
        let x = saved.batch(&noise(2 * 60, 3)).unwrap();
        let inputs = x.to_f64().unwrap();
        assert_eq!(loaded.predict(&x).unwrap().to_f64().unwrap(), inputs, "the identity at first");
        saved.parameters().set("layers.0.scale", &FACTORS).unwrap();
        saved.save(&path, HashMap::new()).unwrap();
        loaded.load(&path).unwrap();
        let outputs = loaded.predict(&x).unwrap().to_f64().unwrap();
        // f16 rounds the products.
        let rounding = if precision == Precision::Mixed { 1e-3 } else { 1e-6 };
        for (i, (x, y)) in inputs.iter().zip(&outputs).enumerate() {
            let expected = x * f64::from(FACTORS[i % 3]);
            assert!((y - expected).abs() <= rounding * expected.abs(), "{y}, {expected} expected");
        }

        // The loss is the mean of squares of y = x·s: its slope by s is the mean of 2·y·x over all, where s is.
        let mut optimizer = Algorithm::sgd(0.0).build(loaded.parameters()).unwrap();
        let target = Tensor::zeros(&device, DType::F32, [2, 4, 5, 3]).unwrap();
        let y = loaded.train(&x, 0).unwrap().cast(DType::F32).unwrap();
        optimizer.backward(&y.mse(&target).unwrap()).unwrap();
        let gradient = optimizer.gradient("layers.0.scale").unwrap().to_f64().unwrap();
        for (channel, found) in gradient.into_iter().enumerate() {
            let squares = inputs.iter().skip(channel).step_by(3).map(|x| x * x).sum::<f64>();
            let expected = 2.0 * f64::from(FACTORS[channel]) * squares / 120.0;
            assert!(
                (found - expected).abs() <= 10.0 * rounding * expected.abs(),
                "{found}, {expected} expected"
            );
        }
    }

    let refused = Scale::new().describe(&[]).unwrap_err();
    assert!(matches!(refused, Error::Shape { op: "Scale", .. }), "{refused}");
}

#[test]
fn a_graph_keeps_the_buffer_that_it_read() {
    /// Multiplies by a buffer, and then doubles it.
    #[derive(Clone, Debug)]
    struct Doubling;
    impl Module for Doubling {
        fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
            definition.parameter("scale", input, Initializer::Ones);
            definition.buffer("factor", input, Initializer::Ones);
            Ok(input.to_vec())
        }
        fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
            let factor = scope.buffer("factor")?;
            if let Mode::Train(_) = scope.mode() {
                scope.set_buffer("factor", &factor.add(&factor)?)?;
            }
            x.mul(scope.parameter("scale")?)?.mul(&factor)
        }
    }
    for recompute in [false, true] {
        let layers = Sequential::new().add(Doubling).add(Doubling).add(Doubling).add(Doubling);
        let model = layers.build(&Device::cpu(), &[1], 0).unwrap().with_recompute(recompute);
        let x = model.batch(&[3.0]).unwrap();
        for step in 0..3 {
            let loss = model.train(&x, step).unwrap().sum(&[], false).unwrap();
            // The product of four factors and the input is the derivative by each scale.
            let expected = 3.0 * f64::from(1 << (4 * step));
            assert_eq!(loss.item().unwrap(), expected);
            let gradients = loss.backward().unwrap();
            for (name, parameter) in model.parameters().iter() {
                assert_eq!(
                    gradients.get(parameter).unwrap().item().unwrap(),
                    expected,
                    "{name}, step {step}"
                );
            }
        }
    }
}

#[test]
fn recomputation_changes_neither_gradients_nor_buffers() {
    let device = Device::cpu();
    let run = |recompute| {
        let model = nested().build(&device, &IMAGE, 5).unwrap().with_recompute(recompute);
        let x = model.batch(&noise(3 * 40, 2)).unwrap();
        let mut found = Vec::new();
        for step in 0..2 {
            let gradients =
                model.train(&x, step).unwrap().square().unwrap().sum(&[], false).unwrap().backward();
            let gradients = gradients.unwrap();
            for (_, parameter) in model.parameters().iter() {
                found.extend(gradients.get(parameter).unwrap().to_vec::<f32>().unwrap());
            }
        }
        found.extend(means(&model, "stage.0.body.1.mean"));
        found.extend(means(&model, "stage.1.body.1.mean"));
        found
    };
    let kept = run(false);
    assert!(kept.iter().filter(|&&value| value != 0.0).count() > kept.len() / 2);
    assert!(same_bits(&kept, &run(true)));
}

#[test]
fn random_numbers_follow_from_the_name_and_not_from_the_place() {
    let device = Device::cpu();
    let x = [1.0f32; 200];
    let drawn = |layers: Sequential| {
        let model = layers.build(&device, &[200], 3).unwrap();
        values(model.train(&model.batch(&x).unwrap(), 4))
    };
    let dropout = || Dropout::new(0.5);
    let alone = drawn(Sequential::new().add_named("drop", dropout()));
    let behind = drawn(Sequential::new().add(Activation::Linear).add_named("drop", dropout()));
    assert!(same_bits(&alone, &behind));
    let other = drawn(Sequential::new().add_named("other", dropout()));
    assert!(!same_bits(&alone, &other));
}

#[test]
fn a_residual_block_adds_its_input_or_its_shortcut() {
    let device = Device::cpu();
    let dense = |units| Dense::new(units).kernel_initializer(Initializer::Ones);
    let block = Residual::new(dense(2)).build(&device, &[2], 0).unwrap();
    assert_eq!(values(block.predict(&block.batch(&[1.0, 2.0]).unwrap())), [4.0, 5.0]);
    let block = Residual::new(dense(3)).shortcut(dense(3)).build(&device, &[2], 0).unwrap();
    block.parameters().set("shortcut.bias", &[0.0, 10.0, 0.0]).unwrap();
    assert_eq!(values(block.predict(&block.batch(&[1.0, 2.0]).unwrap())), [6.0, 16.0, 6.0]);
}

#[test]
fn drop_path_leaves_out_whole_samples_and_keeps_the_mean() {
    let samples = 4000;
    let body = Dense::new(2).kernel_initializer(Initializer::Zeros);
    let model = Residual::new(body).drop_path(0.25).build(&Device::cpu(), &[2], 0).unwrap();
    model.parameters().set("body.bias", &[3.0, 6.0]).unwrap();
    let x = model.batch(&vec![1.0; 2 * samples]).unwrap();
    let rows = values(model.train(&x, 0));
    let dropped = rows.chunks(2).filter(|row| row[..] == [1.0, 1.0]).count();
    let kept = rows.chunks(2).filter(|row| row[..] == [5.0, 9.0]).count();
    assert_eq!(dropped + kept, samples);
    let share = dropped as f64 / samples as f64;
    // Four standard deviations of the share.
    assert!((share - 0.25).abs() < 4.0 * (0.25 * 0.75 / samples as f64).sqrt(), "{share}");
    assert!(same_bits(&rows, &values(model.train(&x, 0))) && !same_bits(&rows, &values(model.train(&x, 1))));
    assert!(values(model.predict(&x)).chunks(2).all(|row| row == [4.0, 7.0]));
}

#[test]
fn modules_that_do_not_fit_are_refused_by_their_dotted_name() {
    let refused = |module: Arc<dyn Module>, words: &[&str]| {
        let message = module.describe(&[4]).unwrap_err().to_string();
        for word in words {
            assert!(message.contains(word), "{word:?} in {message:?}");
        }
    };
    let inner = Sequential::new().add(Dense::new(4)).add(Conv2d::new(2, [1, 1]));
    let outer = Sequential::new().add(Dense::new(4)).add(Residual::new(inner));
    refused(Arc::new(outer), &["layers.1.body.1: Conv2D", "[4]"]);
    let narrowed = Sequential::new().add(Residual::new(Dense::new(3)));
    refused(Arc::new(narrowed), &["layers.0: Residual", "[3]", "[4]", "shortcut"]);
    let beside = Residual::new(Dense::new(3)).shortcut(Dense::new(2));
    refused(Arc::new(beside), &["Residual", "[3]", "[2]", "one shape"]);
    refused(Arc::new(Residual::new(Dense::new(4)).drop_path(1.0)), &["drop_path", "1"]);
    let twice = Sequential::new().add_named("a", Dense::new(4)).add_named("a", Dense::new(4));
    refused(Arc::new(twice), &["Sequential", "declares a twice"]);
    for name in ["", "a..b", ".a"] {
        let nameless = Sequential::new().add_named(name, Dense::new(4));
        refused(Arc::new(nameless), &["Sequential", &format!("{name:?}"), "not empty"]);
    }
}

#[test]
fn a_module_that_asks_for_what_it_did_not_declare_is_told_what_it_declared() {
    type Asking = fn(&Tensor, &Scope) -> Result<Tensor>;
    #[derive(Clone, Debug)]
    struct Asks(Asking);
    impl Module for Asks {
        fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
            definition.parameter("kernel", &[1], Initializer::Zeros);
            definition.buffer("mean", &[1], Initializer::Zeros);
            definition.module("inner", &Flatten, input)
        }
        fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
            (self.0)(x, scope)
        }
    }
    let message = |asks: Asking, train: bool| {
        let model = Sequential::new().add(Asks(asks)).build(&Device::cpu(), &[1], 0).unwrap();
        let x = model.batch(&[1.0]).unwrap();
        let refused: Error = if train { model.train(&x, 0) } else { model.predict(&x) }.unwrap_err();
        refused.to_string()
    };
    let cases: [(Asking, bool, [&str; 3]); 5] = [
        (|_, scope| scope.parameter("bias").cloned(), false, ["bias", "layers.0", "kernel"]),
        (|_, scope| scope.buffer("variance"), false, ["variance", "layers.0", "mean"]),
        (|x, scope| scope.forward("outer", &Flatten, x), false, ["outer", "layers.0", "inner"]),
        (
            |x, scope| scope.set_buffer("mean", x).map(|()| x.clone()),
            false,
            ["layers.0.mean", "evaluation", "Train"],
        ),
        (|x, scope| scope.set_buffer("mean", x).map(|()| x.clone()), true, ["layers.0", "[1, 1]", "[1]"]),
    ];
    for (asks, train, words) in cases {
        let message = message(asks, train);
        for word in words {
            assert!(message.contains(word), "{word:?} in {message:?}");
        }
    }
}
