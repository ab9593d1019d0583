//! Weights: on disk and back, and by name.

use crate::adapter::adapter;
use crate::varied::{CLASSES, IMAGE, images, same_bits, varied, weights};
use allometry::data::Batch;
use allometry::nn::weights::LoadOptions;
use allometry::nn::{Dense, Model, Module, Sequential};
use allometry::{DType, Device};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;
use std::path::Path;

fn predict(model: &Model, batch: &Batch) -> Vec<f32> {
    model.predict(&model.batch(&batch.inputs).unwrap()).unwrap().to_vec().unwrap()
}

#[test]
fn saved_weights_give_the_same_outputs() {
    let (place, batch) = (tempfile::tempdir().unwrap(), images(0, 5));
    let path = place.path().join("new folder/weights.safetensors");
    let cpu = Device::cpu();
    let saved = varied().build(&cpu, &IMAGE, 1).unwrap();
    let notes = HashMap::from([("trained".to_string(), "not at all".to_string())]);
    saved.save(&path, notes).unwrap();
    let expected = predict(&saved, &batch);
    let loaded = varied().build(&cpu, &IMAGE, 2).unwrap();
    assert!(!same_bits(&predict(&loaded, &batch), &expected));
    loaded.load(&path).unwrap();
    assert!(same_bits(&predict(&loaded, &batch), &expected));
    assert!(same_bits(&weights(&loaded), &weights(&saved)));

    // On the adapter the weights are the same bits, and the outputs those of another order of sums.
    let elsewhere = varied().build(&adapter(), &IMAGE, 3).unwrap();
    elsewhere.load(&path).unwrap();
    assert!(same_bits(&weights(&elsewhere), &weights(&saved)));
    for (a, b) in predict(&elsewhere, &batch).iter().zip(&expected) {
        assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{a} and {b}");
    }

    let bytes = std::fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut names = file.names();
    names.sort_unstable();
    let layers = ["layers.0", "layers.2", "layers.6", "layers.8"];
    let expected: Vec<String> =
        layers.iter().flat_map(|layer| [format!("{layer}.bias"), format!("{layer}.kernel")]).collect();
    assert_eq!(names, expected);
    assert_eq!(file.tensor("layers.0.kernel").unwrap().shape(), [3, 3, 2, 4]);
    assert_eq!(file.tensor("layers.8.kernel").unwrap().shape(), [8, CLASSES]);
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(header.metadata().as_ref().unwrap()["trained"], "not at all");
}

/// Loads into `model` what has to be refused with these words, and checks that nothing changed.
fn refused(model: &Model, path: &Path, words: &[&str]) {
    let before = weights(model);
    let message = model.load(path).unwrap_err().to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} in {message:?}");
    }
    assert!(same_bits(&weights(model), &before), "a refused file changed the model");
}

#[test]
fn weights_that_do_not_fit_are_refused_by_name() {
    let (place, cpu) = (tempfile::tempdir().unwrap(), Device::cpu());
    let file = |name: &str, layers: Sequential| {
        let path = place.path().join(name);
        layers.build(&cpu, &[3], 7).unwrap().save(&path, HashMap::new()).unwrap();
        path
    };
    let dense = |units: &[usize]| units.iter().fold(Sequential::new(), |model, &n| model.add(Dense::new(n)));
    let model = dense(&[4, 2]).build(&cpu, &[3], 0).unwrap();
    let other = file("other.safetensors", dense(&[4, 5]));
    refused(&model, &other, &["other.safetensors", "layers.1.kernel", "[4, 2]", "[4, 5]"]);
    refused(
        &model,
        &file("short.safetensors", dense(&[4])),
        &["missing: \"layers.1.bias\", \"layers.1.kernel\""],
    );
    let long = file("long.safetensors", dense(&[4, 2, 6]));
    refused(&model, &long, &["unexpected: \"layers.2.bias\", \"layers.2.kernel\""]);
    let text = place.path().join("text");
    std::fs::write(&text, "weights").unwrap();
    refused(&model, &text, &["text", "safetensors"]);
    refused(&model, &place.path().join("nowhere"), &["nowhere"]);
    model.load(&file("right.safetensors", dense(&[4, 2]))).unwrap();
}

#[test]
fn parameters_are_set_by_name() {
    let model = Sequential::new().add(Dense::new(1)).build(&Device::cpu(), &[2], 0).unwrap();
    let parameters = model.parameters();
    parameters.set("layers.0.kernel", &[2.0, 3.0]).unwrap();
    parameters.set("layers.0.bias", &[0.5]).unwrap();
    let x = model.batch(&[10.0, 100.0]).unwrap();
    assert_eq!(model.predict(&x).unwrap().to_vec::<f32>().unwrap(), [320.5]);
    let unknown = parameters.set("layers.1.kernel", &[1.0]).unwrap_err().to_string();
    assert!(unknown.contains("layers.1.kernel") && unknown.contains("layers.0.bias"), "{unknown}");
    let short = parameters.set("layers.0.kernel", &[1.0]).unwrap_err().to_string();
    assert!(short.contains("layers.0.kernel") && short.contains("2 needed"), "{short}");
}

/// A file of these tensors.
fn file_of(path: &Path, tensors: &[(&str, Dtype, &[usize], Vec<u8>)]) {
    let views = tensors.iter().map(|(name, dtype, shape, data)| {
        (*name, TensorView::new(*dtype, shape.to_vec(), data).expect("data of this shape"))
    });
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

fn single(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn set(model: &Model, name: &str) -> Vec<f32> {
    let found = model.parameters().iter().find(|(own, _)| *own == name);
    found.expect("a parameter of this name").1.to_vec().unwrap()
}

#[test]
fn every_float_type_is_converted() {
    let (place, cpu) = (tempfile::tempdir().unwrap(), Device::cpu());
    let path = place.path().join("weights.safetensors");
    let values = [0.5f64, -1.25, 3.0, 1.0 / 3.0];
    let of = |dtype| -> Vec<u8> {
        match dtype {
            Dtype::F16 => values.iter().flat_map(|&v| half::f16::from_f64(v).to_le_bytes()).collect(),
            Dtype::BF16 => values.iter().flat_map(|&v| half::bf16::from_f64(v).to_le_bytes()).collect(),
            Dtype::F32 => values.iter().flat_map(|&v| (v as f32).to_le_bytes()).collect(),
            _ => values.iter().flat_map(|&v| v.to_le_bytes()).collect(),
        }
    };
    let layer = Dense::new(2).use_bias(false);
    for (dtype, third) in [
        (Dtype::F16, half::f16::from_f64(values[3]).to_f64()),
        (Dtype::BF16, half::bf16::from_f64(values[3]).to_f64()),
        (Dtype::F32, f64::from(values[3] as f32)),
        (Dtype::F64, values[3]),
    ] {
        file_of(&path, &[("kernel", dtype, &[2, 2], of(dtype))]);
        let model = layer.build(&cpu, &[2], 0).unwrap();
        model.load(&path).unwrap();
        assert_eq!(set(&model, "kernel"), [0.5, -1.25, 3.0, third as f32], "{dtype:?}");
        let exact = layer.build_as(&cpu, DType::F64, &[2], 0).unwrap();
        exact.load(&path).unwrap();
        let kernel = exact.parameters().tensors()[0].to_vec::<f64>().unwrap();
        assert_eq!(kernel, [0.5, -1.25, 3.0, third], "{dtype:?}");
        // A model in f64 is saved with all digits.
        exact.save(&path, HashMap::new()).unwrap();
        let again = layer.build_as(&cpu, DType::F64, &[2], 1).unwrap();
        again.load(&path).unwrap();
        assert_eq!(again.parameters().tensors()[0].to_vec::<f64>().unwrap(), kernel);
    }
    let model = layer.build(&cpu, &[2], 0).unwrap();
    file_of(&path, &[("kernel", Dtype::I32, &[2, 2], vec![0; 16])]);
    refused(&model, &path, &["kernel is I32 [2, 2], not [2, 2]"]);
}

#[test]
fn files_of_other_names_are_loaded_by_prefix_and_renaming() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("torch.safetensors");
    let model = Sequential::new().add(Dense::new(1)).build(&Device::cpu(), &[2], 0).unwrap();
    file_of(
        &path,
        &[
            ("net.fc.weight", Dtype::F32, &[2, 1], single(&[2.0, 3.0])),
            ("net.fc.bias", Dtype::F32, &[1], single(&[0.5])),
            ("net.fc.steps", Dtype::I64, &[1], vec![0; 8]),
            ("other.fc.weight", Dtype::F32, &[1], single(&[7.0])),
        ],
    );
    let rename = |name: &str| match name {
        "fc.steps" => None,
        _ => Some(name.replace("fc.weight", "layers.0.kernel").replace("fc.bias", "layers.0.bias")),
    };
    let loaded = model.load_with(&path, &LoadOptions::new().prefix("net.").rename(rename)).unwrap();
    assert_eq!(loaded.loaded, ["layers.0.bias", "layers.0.kernel"]);
    assert!(loaded.missing.is_empty() && loaded.unexpected.is_empty());
    assert_eq!((set(&model, "layers.0.kernel"), set(&model, "layers.0.bias")), (vec![2.0, 3.0], vec![0.5]));
    refused(&model, &path, &["missing", "layers.0.kernel", "unexpected", "net.fc.steps"]);
    let one = |_: &str| Some("layers.0.bias".to_string());
    let twice = model.load_with(&path, &LoadOptions::new().rename(one)).unwrap_err().to_string();
    assert!(twice.contains("both renamed to layers.0.bias"), "{twice}");
}

#[test]
fn a_part_is_loaded_when_asked_for_and_nothing_of_another_shape() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("part.safetensors");
    let model = Sequential::new().add(Dense::new(1)).build(&Device::cpu(), &[2], 0).unwrap();
    let bias = ("layers.0.bias", Dtype::F32, &[1usize][..], single(&[4.0]));
    file_of(&path, &[bias.clone(), ("head.kernel", Dtype::F32, &[1], single(&[1.0]))]);
    let kernel = set(&model, "layers.0.kernel");
    let part = model.load_with(&path, &LoadOptions::new().partial()).unwrap();
    assert_eq!(part.loaded, ["layers.0.bias"]);
    assert_eq!((part.missing, part.unexpected), (vec!["layers.0.kernel".into()], vec!["head.kernel".into()]));
    assert_eq!((set(&model, "layers.0.bias"), set(&model, "layers.0.kernel")), (vec![4.0], kernel));

    let refused = |path: &Path, words: &[&str]| {
        let message = model.load_with(path, &LoadOptions::new().partial()).unwrap_err().to_string();
        words.iter().for_each(|word| assert!(message.contains(word), "{word:?} in {message:?}"));
    };
    file_of(&path, &[bias, ("layers.0.kernel", Dtype::F32, &[1, 2], single(&[1.0, 2.0]))]);
    refused(&path, &["layers.0.kernel is F32 [1, 2], not [2, 1]"]);
    file_of(&path, &[("head.kernel", Dtype::F32, &[1], single(&[1.0]))]);
    refused(&path, &["head.kernel", "layers.0.kernel"]);
}
