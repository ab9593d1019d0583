//! The recorded cases. `tests/fixtures/record_onnx_cases.py` describes the file.

use allometry::{Device, Shape, Tensor};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A graph of ONNX operators, and which arrays its outputs are expected to be.
#[derive(Deserialize)]
pub struct Case {
    pub name: String,
    pub nodes: Vec<Node>,
    pub outputs: BTreeMap<String, String>,
}

#[derive(Deserialize)]
pub struct Node {
    pub op: String,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub attributes: HashMap<String, Json>,
}

/// A file of the folder of fixtures.
pub fn fixture(name: &str) -> Vec<u8> {
    // Where these tests run without their sources, as on a machine that has only the binaries, this says where they
    // lie.
    let folder = std::env::var_os("ALLOMETRY_FIXTURES").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"));
    fs::read(folder.join("onnx").join(name)).expect("the fixture")
}

/// The recorded file, unpacked.
pub fn recorded() -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&fixture("cases.safetensors.gz")[..]).read_to_end(&mut bytes).unwrap();
    bytes
}

pub fn cases(recorded: &[u8]) -> Vec<Case> {
    let (_, about) = SafeTensors::read_metadata(recorded).unwrap();
    let metadata = about.metadata().as_ref().expect("the cases");
    println!("recorded with onnx {}", metadata["onnx"]);
    serde_json::from_str(&metadata["cases"]).expect("cases as the script writes them")
}

/// What goes into operators.
#[derive(Clone)]
pub enum Value {
    Floats(Tensor),
    /// Shapes, axes, indices.
    Integers(Vec<i64>, Vec<usize>),
}

pub fn value(view: &TensorView, device: &Device) -> Value {
    let (data, shape) = (view.data(), view.shape());
    let extents = Shape::new(shape).unwrap();
    let tensor = match view.dtype() {
        Dtype::I64 => return Value::Integers(numbers(data, i64::from_le_bytes), shape.to_vec()),
        Dtype::F16 => Tensor::new(device, &numbers(data, half::f16::from_le_bytes), extents),
        Dtype::F32 => Tensor::new(device, &numbers(data, f32::from_le_bytes), extents),
        Dtype::F64 => Tensor::new(device, &numbers(data, f64::from_le_bytes), extents),
        other => panic!("the record holds an array of {other:?}"),
    };
    Value::Floats(tensor.unwrap())
}

fn numbers<T, const N: usize>(data: &[u8], number: fn([u8; N]) -> T) -> Vec<T> {
    data.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)).collect()
}
