//! Gradients of whole models, and double precision.

use crate::adapter::adapter;
use crate::varied::{CLASSES, IMAGE, images, noise, varied};
use allometry::data::BatchTargets;
use allometry::gradcheck::{GradCheckOptions, gradcheck};
use allometry::models::Architecture;
use allometry::nn::{
    Activation, BatchNorm, Concat, Conv2d, ConvNorm, Dense, DepthwiseConv2d, Dropout, GlobalAveragePool2d,
    GroupNorm, Interpolation, Lambda, LayerNorm, Model, Module, Norm, Padding, Residual, RmsNorm, Scale,
    SeparableConv2d, Sequential, Upsample2d,
};
use allometry::optim::Algorithm;
use allometry::{DType, Device, Error, Result, Tensor};

/// Compares the gradients of a model's loss, by its input and every parameter, with central differences.
fn check_gradients(
    layers: &(impl Module + Clone + 'static),
    input: &[usize],
    loss: impl Fn(&Tensor) -> Result<Tensor>,
) {
    let device = Device::cpu();
    let model = layers.build_as(&device, DType::F64, input, 4).unwrap();
    let batch = 3;
    let features: usize = input.iter().product();
    let values: Vec<f64> = noise(batch * features, 9).into_iter().map(f64::from).collect();
    let x =
        Tensor::new(&device, &values, allometry::Shape::new(&[&[batch], input].concat()).unwrap()).unwrap();
    // Biases that are not zero and scales that are not one, so that nothing is hidden by symmetry.
    for (seed, (name, value)) in (20..).zip(model.parameters().iter()) {
        if name.ends_with("bias") || name.ends_with("beta") {
            let values: Vec<f32> = noise(value.shape().elements(), seed).iter().map(|v| 0.3 * v).collect();
            model.parameters().set(name, &values).unwrap();
        } else if name.ends_with("scale") || name.ends_with("gamma") {
            let values: Vec<f32> =
                noise(value.shape().elements(), seed).iter().map(|v| 1.0 + 0.3 * v).collect();
            model.parameters().set(name, &values).unwrap();
        }
    }
    let inputs: Vec<Tensor> = std::iter::once(x).chain(model.parameters().tensors()).collect();
    let report =
        gradcheck(|t| loss(&model.train_at(&t[1..], &t[0], 5)?), &inputs, GradCheckOptions::default())
            .unwrap();
    assert!(report.passed(), "{report}");
    assert!(report.compared > 100, "{report}");
}

fn labelled(output: &Tensor) -> Result<Tensor> {
    let labels = Tensor::new(output.device(), &[2u32, 0, 3], [3])?;
    output.cross_entropy(&labels, 0.1)
}

#[test]
fn gradients_of_a_multilayer_perceptron_are_right() {
    let layers = Sequential::new()
        .add(Dense::new(7).activation(Activation::Relu))
        .add(Dense::new(6).activation(Activation::Tanh))
        .add(Dropout::new(0.3))
        .add(Dense::new(5).activation(Activation::Gelu))
        .add(Dense::new(CLASSES));
    check_gradients(&layers, &[6], labelled);
}

#[test]
fn gradients_of_a_convolutional_network_are_right() {
    check_gradients(&varied(), &IMAGE, labelled);
    let averaging = Sequential::new()
        .add(Conv2d::new(3, [3, 2]).strides([1, 2]).activation(Activation::Silu))
        .add(
            Conv2d::new(4, [2, 3])
                .padding(Padding::Explicit([[1, 0], [0, 2]]))
                .activation(Activation::Sigmoid),
        )
        .add(GlobalAveragePool2d::new())
        .add(Dense::new(2));
    check_gradients(&averaging, &[6, 7, 2], |output| {
        let target: Vec<f64> = noise(6, 1).into_iter().map(f64::from).collect();
        output.mse(&Tensor::new(output.device(), &target, [3, 2])?)
    });
}

#[test]
fn gradients_of_residual_architectures_are_right() {
    let image = r#"
        name = "blocks"
        head = { pooling = "global_average", norm = "batch", activation = "tanh" }
        drop_path = 0.4
        input.image = { resolution = 5, channels = 2 }
        output.classes = 4
        stem = { width = 4, activation = "silu" }
        stages = [
            { block = "mbconv", width = 4, expansion = 2.0, activation = "silu", squeeze_excite = { ratio = 0.5, activation = "silu", gate = "sigmoid" } },
            { block = "basic", width = 6, stride = 2, shortcut = "padded", activation = "gelu" },
            { block = "bottleneck", width = 8, reduction = 2.0, groups = 2, norm = "group", activation = "tanh" },
            { block = "basic", width = 8, depth = 2, pre_activation = true, activation = "silu" },
        ]
    "#;
    let features = r#"
        name = "features"
        head = { norm = "layer" }
        input.features = 5
        output.classes = 4
        stages = [{ block = "residual_dense", width = 6, depth = 2, activation = "silu" }]
    "#;
    for text in [image, features] {
        let model = Architecture::from_toml(text).unwrap();
        check_gradients(&model.layers(), &model.input_shape(), labelled);
    }
}

#[test]
fn gradients_of_nested_modules_are_right() {
    let conv = || Conv2d::new(3, [2, 3]).padding(Padding::Same);
    let body = Sequential::new().add(conv().activation(Activation::Tanh)).add(Dropout::new(0.2)).add(conv());
    let layers = Sequential::new()
        .add(Residual::new(body).shortcut(Conv2d::new(3, [1, 1])).drop_path(0.3))
        .add(Scale::new())
        .add(GlobalAveragePool2d::new())
        .add(Scale::new())
        .add(Residual::new(Dense::new(3).activation(Activation::Silu)))
        .add(Dense::new(4).activation(Activation::Softplus))
        .add(Dense::new(4).activation(Activation::GeluTanh))
        .add(Dense::new(4).activation(Activation::LeakyRelu))
        .add(Dense::new(4).activation(Activation::Elu))
        .add(Dense::new(CLASSES));
    check_gradients(&layers, &[4, 5, 2], labelled);
}

#[test]
fn gradients_of_normalized_networks_are_right() {
    let conv = || Conv2d::new(3, [2, 3]).padding(Padding::Same).use_bias(false);
    let layers = Sequential::new()
        .add(conv())
        .add(BatchNorm::new().activation(Activation::Silu))
        .add(conv())
        .add(BatchNorm::new().epsilon(0.1).activation(Activation::Tanh))
        .add(ConvNorm::new(conv(), BatchNorm::new(), Activation::HardSigmoid))
        .add(ConvNorm::new(conv(), Norm::None, Activation::Tanh))
        .add(ConvNorm::new(conv(), LayerNorm::new(), Activation::Silu))
        .add(GroupNorm::new(3).activation(Activation::Tanh))
        .add(RmsNorm::new().activation(Activation::Softplus))
        .add(GlobalAveragePool2d::new())
        .add(BatchNorm::new())
        .add(Dense::new(CLASSES));
    check_gradients(&layers, &[4, 5, 2], labelled);
}

#[test]
fn gradients_of_branches_and_of_separable_and_dilated_convolutions_are_right() {
    let dilated = Conv2d::new(3, [3, 2]).dilation([2, 3]).padding(Padding::Same).activation(Activation::Tanh);
    let channels = DepthwiseConv2d::new([2, 3]).dilation([2, 1]).padding(Padding::Same);
    let separable =
        SeparableConv2d::new(4, [3, 3]).depth_multiplier(2).strides([2, 1]).padding(Padding::Same);
    let layers = Sequential::new()
        .add(Concat::new().add(dilated).add(channels).add(Sequential::new()))
        .add(separable.activation(Activation::Elu))
        .add(Upsample2d::new([2, 1]).interpolation(Interpolation::Bilinear))
        .add(Lambda::new("sine", |x| x.sin()))
        .add(GlobalAveragePool2d::new())
        .add(Dense::new(CLASSES));
    check_gradients(&layers, &[5, 6, 2], labelled);
}

#[test]
fn gradients_lie_where_the_optimiser_reads_them() {
    // Written into flat slices or collected from the graph: the same gradients.
    let device = Device::cpu();
    let model = varied().build_as(&device, DType::F64, &IMAGE, 0).unwrap();
    let values: Vec<f64> = noise(2 * 162, 3).into_iter().map(f64::from).collect();
    let x = Tensor::new(&device, &values, [2, 9, 9, 2]).unwrap();
    let labels = Tensor::new(&device, &[1u32, 3], [2]).unwrap();
    let loss = || model.train(&x, 11).unwrap().cross_entropy(&labels, 0.0).unwrap();
    let mut optimizer = Algorithm::adam().build(model.parameters()).unwrap();
    optimizer.backward(&loss()).unwrap();
    let collected = loss().backward().unwrap();
    for (name, parameter) in model.parameters().iter() {
        let (a, b) = (optimizer.gradient(name).unwrap(), collected.get(parameter).unwrap());
        assert_eq!(a.to_vec::<f64>().unwrap(), b.to_vec::<f64>().unwrap(), "{name}");
    }
}

#[test]
fn a_model_in_double_precision_learns_on_the_cpu_and_is_refused_elsewhere() {
    let device = Device::cpu();
    let model = varied().build_as(&device, DType::F64, &IMAGE, 0).unwrap();
    let batch = images(0, 8);
    let inputs: Vec<f64> = batch.inputs.iter().map(|&v| v.into()).collect();
    let x = Tensor::new(&device, &inputs, [8, 9, 9, 2]).unwrap();
    let BatchTargets::Classes(labels) = &batch.targets else { unreachable!("images have labels") };
    let labels = Tensor::new(&device, labels, [8]).unwrap();
    let loss = |model: &Model| {
        let output = model.predict(&x).unwrap();
        assert_eq!(output.dtype(), DType::F64);
        output.cross_entropy(&labels, 0.0).unwrap().item().unwrap()
    };
    let before = loss(&model);
    let mut optimizer = Algorithm::sgd(0.9).build(model.parameters()).unwrap();
    for step in 0..120 {
        let loss = model.train(&x, step).unwrap().cross_entropy(&labels, 0.0).unwrap();
        optimizer.backward_step(&loss, 0.05).unwrap();
    }
    let after = loss(&model);
    assert!(after < 0.5 * before, "{before} to {after}");
    let refused = varied().build_as(&adapter(), DType::F64, &IMAGE, 0);
    assert!(matches!(refused, Err(Error::DType { .. })), "{:?}", refused.err());
}
