//! Runs the nodes of a case through the ops of tensors.

use crate::call::Call;
use crate::case::{Case, Value, value};
use crate::{images, norms, shapes};
use allometry::{DType, Device, Result, Shape, Tensor};
use safetensors::SafeTensors;
use std::collections::HashMap;

/// The values that the nodes compute, by their names.
pub fn run(case: &Case, arrays: &SafeTensors, device: &Device) -> Result<HashMap<String, Tensor>> {
    let mut computed: HashMap<String, Tensor> = HashMap::new();
    for node in &case.nodes {
        let input = |name: &String| match (name.as_str(), computed.get(name)) {
            ("", _) => None,
            (_, Some(tensor)) => Some(Value::Floats(tensor.clone())),
            _ => Some(value(&arrays.tensor(name).expect("an array of the record"), device)),
        };
        let call = Call { node, inputs: node.inputs.iter().map(input).collect() };
        let outputs = operator(&call)?;
        assert_eq!(outputs.len(), node.outputs.len(), "outputs of {}", node.op);
        computed.extend(node.outputs.iter().cloned().zip(outputs));
    }
    Ok(computed)
}

fn operator(call: &Call) -> Result<Vec<Tensor>> {
    let x = || call.x(0);
    let y = match call.node.op.as_str() {
        "Abs" => x().abs(),
        "Clip" => clip(call),
        "Cos" => x().cos(),
        "Elu" => x().elu_with(call.float("alpha", 1.0) as f32),
        "Erf" => x().erf(),
        "Exp" => x().exp(),
        "Gelu" if call.text("approximate", "none") == "tanh" => x().gelu_tanh(),
        "Gelu" => x().gelu(),
        "HardSigmoid" => x().hard_sigmoid(),
        "HardSwish" => x().hard_swish(),
        "LeakyRelu" => x().leaky_relu_with(call.float("alpha", 0.01) as f32),
        "Log" => x().log(),
        "Neg" => x().neg(),
        "Reciprocal" => x().reciprocal(),
        "Relu" => x().relu(),
        "Sigmoid" => x().sigmoid(),
        "Sin" => x().sin(),
        "Softplus" => x().softplus(),
        "Sqrt" => x().sqrt(),
        "Tanh" => x().tanh(),

        "Add" => x().add(call.x(1)),
        "Sub" => x().sub(call.x(1)),
        "Mul" => x().mul(call.x(1)),
        "Div" => x().div(call.x(1)),
        "Pow" => x().pow(call.x(1)),
        "Equal" => x().equal(call.x(1)),
        "Greater" => x().greater(call.x(1)),
        "GreaterOrEqual" => x().greater_equal(call.x(1)),
        "Less" => x().less(call.x(1)),
        "LessOrEqual" => x().less_equal(call.x(1)),
        "Where" => x().select(call.x(1), call.x(2)),
        "Max" => fold(call, Tensor::maximum),
        "Min" => fold(call, Tensor::minimum),
        "Sum" => fold(call, Tensor::add),
        "Mean" => fold(call, Tensor::add).and_then(|sum| sum.div(&number(x(), call.inputs.len() as f64)?)),

        "ReduceSum" => reduce(call, Tensor::sum),
        "ReduceLogSumExp" => reduce(call, Tensor::logsumexp),
        "ReduceMean" => reduce(call, Tensor::mean),
        "ReduceMax" => reduce(call, Tensor::max),
        "ArgMax" => argmax(call),
        "Softmax" => x().softmax(call.axis(-1)),
        "LogSoftmax" => x().log_softmax(call.axis(-1)),
        "SoftmaxCrossEntropyLoss" => cross_entropy(call),
        "MatMul" => x().matmul(call.x(1)),
        "Gemm" => gemm(call),
        "Dropout" => x().dropout(call.x(1).item()? as f32, Default::default()),
        "Cast" => x().cast(match call.integer("to", 0) {
            1 => DType::F32,
            10 => DType::F16,
            11 => DType::F64,
            other => panic!("the record has a cast to ONNX's type {other}"),
        }),

        "Concat" => Tensor::concat(&call.all(), call.axis(0)),
        "Expand" => shapes::expand(call),
        "Flatten" => shapes::flatten(call),
        "Gather" => shapes::gather(call),
        "OneHot" => shapes::one_hot(call),
        "Pad" => shapes::pad(call),
        "Reshape" => shapes::reshape(call),
        "Slice" => shapes::slice(call),
        "Split" => return shapes::split(call),
        "Squeeze" => shapes::squeeze(call),
        "Transpose" => shapes::transpose(call),
        "Unsqueeze" => shapes::unsqueeze(call),

        "BatchNormalization" => return norms::batch(call),
        "GroupNormalization" => norms::group(call, call.integer("num_groups", 1) as usize),
        "InstanceNormalization" => norms::group(call, x().shape()[1]),
        "LayerNormalization" => norms::layer(call),

        "AveragePool" => images::pool(call, Tensor::average_pool2d),
        "Conv" => images::conv(call),
        "GlobalAveragePool" => images::global(call, Tensor::global_average_pool2d),
        "GlobalMaxPool" => images::global(call, Tensor::global_max_pool2d),
        "Resize" | "Upsample" => images::resize(call),
        "MaxPool" => images::pool(call, Tensor::max_pool2d),
        other => panic!("the record has an operator {other}, which this test does not know"),
    };
    Ok(vec![y?])
}

/// A scalar beside `like`.
pub fn number(like: &Tensor, value: f64) -> Result<Tensor> {
    Tensor::full(like.device(), like.dtype(), Shape::SCALAR, value as f32)
}

fn fold(call: &Call, op: impl Fn(&Tensor, &Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let inputs = call.all();
    inputs[1..].iter().try_fold(inputs[0].clone(), |so_far, next| op(&so_far, next))
}

fn reduce(call: &Call, op: impl Fn(&Tensor, &[usize], bool) -> Result<Tensor>) -> Result<Tensor> {
    let axes = call.axes(1, call.x(0).shape().rank()).unwrap_or_default();
    if axes.is_empty() && call.integer("noop_with_empty_axes", 0) == 1 {
        return Ok(call.x(0).clone());
    }
    op(call.x(0), &axes, call.integer("keepdims", 1) == 1)
}

/// Bounds are attributes in old versions; one that is not there has no effect.
fn clip(call: &Call) -> Result<Tensor> {
    let bound = |attribute: &str, at: usize, default: f64| match call.optional(at) {
        Some(bound) => bound.item(),
        None => Ok(call.float(attribute, default)),
    };
    let (low, high) = (bound("min", 1, f64::NEG_INFINITY)?, bound("max", 2, f64::INFINITY)?);
    call.x(0).clamp(low as f32, high as f32)
}

fn argmax(call: &Call) -> Result<Tensor> {
    let axis = call.axis(0);
    let index = call.x(0).argmax(axis)?;
    match call.integer("keepdims", 1) {
        1 => index.reshape(call.x(0).shape().with(axis, 1)),
        _ => Ok(index),
    }
}

/// Logits `[n, classes, …]` and labels `[n, …]`.
fn cross_entropy(call: &Call) -> Result<Tensor> {
    let logits = call.x(0);
    let (labels, shape) = call.indices(1).expect("labels");
    let rank = logits.shape().rank();
    let axes: Vec<usize> = (0..rank).filter(|&axis| axis != 1).chain([1]).collect();
    let rows = logits.permute(&axes)?.reshape([labels.len(), logits.shape()[1]])?;
    let labels: Vec<u32> = labels.iter().map(|&label| label as u32).collect();
    let labels = Tensor::new(logits.device(), &labels, [labels.len()])?;
    match call.text("reduction", "mean") {
        "none" => rows.cross_entropy_rows(&labels, 0.0)?.reshape(Shape::new(shape)?),
        "sum" => rows.cross_entropy_rows(&labels, 0.0)?.sum(&[], false),
        _ => rows.cross_entropy(&labels, 0.0),
    }
}

/// alpha·A·B + beta·C, where A and B may be transposed.
fn gemm(call: &Call) -> Result<Tensor> {
    let factor = |at: usize, attribute: &str| match call.integer(attribute, 0) {
        0 => Ok(call.x(at).clone()),
        _ => call.x(at).transpose(),
    };
    let product = factor(0, "transA")?.matmul(&factor(1, "transB")?)?;
    let product = product.mul(&number(&product, call.float("alpha", 1.0))?)?;
    match call.optional(2) {
        Some(bias) => product.add(&bias.mul(&number(bias, call.float("beta", 1.0))?)?),
        None => Ok(product),
    }
}
