//! Weights: on disk and back, and by name.

use crate::varied::{CLASSES, IMAGE, adapter, images, same_bits, varied, weights};
use allometry::Device;
use allometry::data::Batch;
use allometry::nn::{Dense, Model, Sequential};
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
    refused(&model, &file("short.safetensors", dense(&[4])), &["layers.1.kernel", "layers.0.kernel"]);
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
