//! `import` and `export`: files, and what is refused. `tests/torchvision.rs` compares the numbers.

use crate::process::{fail, run, succeed, text};
use allometry::nn::weights::{Stored, read, write};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

#[derive(Deserialize)]
struct Record {
    models: BTreeMap<String, Model>,
}

#[derive(Deserialize)]
struct Model {
    tensors: BTreeMap<String, Vec<usize>>,
}

/// Weights with torchvision's names and shapes for MobileNetV2. Element i is i mod 61.
fn mobilenet() -> BTreeMap<String, Stored> {
    let text = include_str!("../fixtures/torchvision.json");
    let mut record: Record = serde_json::from_str(text).unwrap();
    let tensors = record.models.remove("mobilenet_v2").unwrap().tensors;
    let stored = |shape: Vec<usize>| {
        let values = (0..shape.iter().product::<usize>()).map(|i| (i % 61) as f32).collect();
        Stored { shape, values }
    };
    tensors.into_iter().map(|(name, shape)| (name, stored(shape))).collect()
}

#[test]
fn what_was_imported_is_a_model_and_is_exported_again() {
    let place = TempDir::new().unwrap();
    let path = |name: &str| place.path().join(name);
    let (file, model, again) = (path("in.safetensors"), path("model"), path("out.safetensors"));
    let theirs = mobilenet();
    write(&file, &theirs, HashMap::new()).unwrap();
    let said = succeed(&[
        "import",
        "--from",
        "torchvision",
        text(&file),
        "--model",
        "mobilenet-v2",
        "--out",
        text(&model),
    ]);
    // The parameters, and the running means and variances of 17,056 channels.
    assert!(said.out.contains("mobilenet-v2: 262 tensors, 3,538,984 values"), "{}", said.out);
    let summary = succeed(&["summary", text(&model.join("model.toml")), "--json"]).json();
    assert_eq!(summary["parameters"], 3_504_872);
    succeed(&["export", text(&model), "--to", "torchvision", "--out", text(&again)]);
    assert!(read(&again, |_| true).unwrap() == theirs);
    // Weights of another model are not exported as this one's.
    fs::copy(&again, model.join("weights.safetensors")).unwrap();
    let export = ["export", text(&model), "--to", "torchvision", "--out", text(&again)];
    fail(&export, 1, &["weights.safetensors", "features.0.0.weight", "head.kernel"]);
}

#[test]
fn what_is_no_model_of_torchvisions_is_refused() {
    let place = TempDir::new().unwrap();
    let file = place.path().join("in.safetensors");
    let out = place.path().join("model");
    write(&file, &mobilenet(), HashMap::new()).unwrap();
    let import = |model, file: &Path| {
        let words = ["import", "--from", "torchvision", text(file), "--model", model, "--out", text(&out)];
        words.map(str::to_string)
    };
    let refused = |model, file: &Path, code, words: &[&str]| {
        fail(&import(model, file).each_ref().map(String::as_str), code, words);
        assert!(!out.exists(), "a folder is left behind");
    };
    refused("resnet18", &file, 1, &["in.safetensors", "conv1.weight"]);
    refused("mobilenet-v2", &place.path().join("missing"), 1, &["missing"]);
    assert_eq!(run(&import("resnet20", &file).each_ref().map(String::as_str)).code, 2);

    fs::create_dir(&out).unwrap();
    fs::write(out.join("model.toml"), include_str!("../../src/models/presets/convnet.toml")).unwrap();
    fs::copy(&file, out.join("weights.safetensors")).unwrap();
    let export = ["export", text(&out), "--to", "torchvision", "--out", text(&file)];
    fail(&export, 1, &["convnet", "resnet18, resnet34, resnet50", "efficientnet-b7"]);
}
