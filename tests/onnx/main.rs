//! ONNX's tests of its operators, run through the ops of tensors. `tests/fixtures/record_onnx_cases.py` recorded them,
//! and `tests/fixtures/onnx/left_out.json` names those that are left out, with the reason.

mod call;
mod case;
mod graph;
mod images;
mod norms;
mod shapes;

use allometry::device::GpuOptions;
use allometry::{DType, Device};
use case::{Case, Value, cases, fixture, recorded, value};
use safetensors::SafeTensors;
use std::collections::{BTreeMap, BTreeSet};

/// The relative and the absolute tolerance of ONNX's own runner.
const RELATIVE: f64 = 1e-3;
const ABSOLUTE: f64 = 1e-7;

/// The cases of the three folders in the wheel of onnx 1.17.0.
const ALL: usize = 1405;

/// Cases that run on an adapter as well. Each op is tested there by `tests/conformance.rs`, so that a few with several
/// ops suffice here.
const ON_THE_ADAPTER: [&str; 8] = [
    "conv_with_strides_and_asymmetric_padding",
    "Conv2d_depthwise_strided",
    "maxpool_2d_same_lower",
    "softmax_axis_1_expanded",
    "layer_normalization_3d_axis1_epsilon_expanded",
    "gemm_all_attributes",
    "where_example",
    "operator_basic",
];

/// What is wrong with the outputs of a case, if anything is.
fn fault(case: &Case, arrays: &SafeTensors, device: &Device) -> Option<String> {
    let computed = match graph::run(case, arrays, device) {
        Ok(computed) => computed,
        Err(error) => return Some(error.to_string()),
    };
    for (name, array) in &case.outputs {
        let found = &computed[name];
        let view = arrays.tensor(array).expect("an array of the record");
        let expected = match value(&view, &Device::cpu()) {
            Value::Floats(tensor) if tensor.dtype() != DType::F32 && tensor.dtype() != found.dtype() => {
                return Some(format!("{name} is of type {}, not {}", found.dtype(), tensor.dtype()));
            }
            Value::Floats(tensor) => tensor.to_f64().unwrap(),
            Value::Integers(values, _) => values.into_iter().map(|value| value as f64).collect(),
        };
        if found.shape()[..] != *view.shape() {
            return Some(format!("{name} has the shape {}, not {:?}", found.shape(), view.shape()));
        }
        for (at, (found, expected)) in found.to_f64().unwrap().into_iter().zip(expected).enumerate() {
            let agree = (found - expected).abs() <= ABSOLUTE + RELATIVE * expected.abs();
            if !agree && found != expected && !(found.is_nan() && expected.is_nan()) {
                return Some(format!("element {at} of {name} is {found}, not {expected}"));
            }
        }
    }
    None
}

fn check(cases: &[&Case], arrays: &SafeTensors, device: &Device) {
    let fault = |case: &&Case| fault(case, arrays, device).map(|fault| format!("{}: {fault}", case.name));
    let faults: Vec<String> = cases.iter().filter_map(fault).collect();
    assert!(faults.is_empty(), "{} of {} cases:\n{}", faults.len(), cases.len(), faults.join("\n"));
}

#[test]
fn the_cpu_device_agrees_with_onnx() {
    let bytes = recorded();
    let (cases, arrays) = (cases(&bytes), SafeTensors::deserialize(&bytes).unwrap());
    assert!(cases.len() >= 250, "{} cases", cases.len());
    check(&cases.iter().collect::<Vec<_>>(), &arrays, &Device::cpu());
}

#[test]
fn the_adapter_agrees_with_onnx() {
    let device = Device::gpu(GpuOptions::default()).expect("this test needs an adapter");
    let bytes = recorded();
    let (cases, arrays) = (cases(&bytes), SafeTensors::deserialize(&bytes).unwrap());
    let named = |name| cases.iter().find(|case| case.name == name).expect("a case of the record");
    check(&ON_THE_ADAPTER.map(named), &arrays, &device);
}

#[test]
fn every_case_runs_or_has_a_reason() {
    let left_out: BTreeMap<String, Vec<String>> = serde_json::from_slice(&fixture("left_out.json")).unwrap();
    let cases = cases(&recorded());
    let names = left_out.values().flatten().chain(cases.iter().map(|case| &case.name));
    let different: BTreeSet<&String> = names.clone().collect();
    assert_eq!((names.count(), different.len()), (ALL, ALL));
}

/// A case has to be able to fail: an output that is half a percent off does.
#[test]
fn another_result_is_found() {
    let bytes = recorded();
    let (cases, arrays) = (cases(&bytes), SafeTensors::deserialize(&bytes).unwrap());
    let case = |name: &str| cases.iter().find(|case| case.name == name).expect("a case of the record");
    let (exp, tanh) = (case("exp"), case("tanh"));
    let (exp_out, tanh_out) = (exp.outputs.values().next().unwrap(), tanh.outputs.values().next().unwrap());
    let name = exp.outputs.keys().next().unwrap().clone();
    assert_ne!(exp_out, tanh_out);
    let nodes = serde_json::json!([{"op": "Exp", "inputs": exp.nodes[0].inputs, "outputs": [name], "attributes": {}}]);
    let wrong = Case {
        name: "exp, compared with tanh".to_string(),
        nodes: serde_json::from_value(nodes).unwrap(),
        outputs: [(name, tanh_out.clone())].into(),
    };
    assert!(fault(exp, &arrays, &Device::cpu()).is_none());
    assert!(fault(&wrong, &arrays, &Device::cpu()).is_some_and(|fault| fault.contains("element")));
}
