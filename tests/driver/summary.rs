//! `summary`: what it counts, and that it follows the resolution, the batch and the file.

use crate::inputs::small_convnet;
use crate::process::{number, succeed};
use crate::reading::keys;
use tempfile::TempDir;

#[test]
fn summary_counts_the_model_everybody_knows() {
    let table = succeed(&["summary", "keras-dense"]).out;
    for row in ["(None, 64)", "(None, 128)", "(None, 1)", " 1,344 ", " 8,320 ", " 8,256 ", " 65 "] {
        assert!(table.contains(row), "{row:?} in\n{table}");
    }
    assert!(table.contains("Total params: 17,985 (70.3 KiB)"), "{table}");

    let json = succeed(&["summary", "keras-dense", "--json"]).json();
    let all = ["parameters", "macs", "activations", "predicted_peak_bytes", "layers", "modules"];
    assert_eq!(keys(&json), all.into());
    assert_eq!(json["parameters"], 17_985);
    assert_eq!(json["macs"], 20 * 64 + 64 * 128 + 128 * 64 + 64);
    assert_eq!(json["activations"], 64 + 128 + 64 + 1);
    // Weights, gradients and Adam's two moments are there at once, four bytes each.
    assert!(number(&json["predicted_peak_bytes"]) >= 4.0 * 4.0 * 17_985.0);
    let counts: Vec<_> =
        json["layers"].as_array().unwrap().iter().map(|l| number(&l["parameters"])).collect();
    assert_eq!(counts, [1344.0, 8320.0, 8256.0, 65.0]);
}

#[test]
fn summary_follows_resolution_batch_and_file() {
    let of = |arguments: &[&str]| succeed(&[&["summary", "--json"], arguments].concat()).json();
    let (small, large) = (of(&["convnet", "--resolution", "32"]), of(&["convnet", "--resolution", "64"]));
    assert_eq!(small["parameters"], large["parameters"]);
    // Every convolution has four times the pixels; the dense layer at the end stays.
    let dense = 64.0 * 10.0;
    assert_eq!(number(&large["macs"]) - dense, 4.0 * (number(&small["macs"]) - dense));
    assert_eq!(of(&["convnet"]), of(&["convnet", "--resolution", "28", "--batch", "64"]));
    let one = of(&["convnet", "--resolution", "32", "--batch", "1"]);
    assert!(number(&one["predicted_peak_bytes"]) < number(&small["predicted_peak_bytes"]));

    let place = TempDir::new().unwrap();
    let model = of(&[&small_convnet(place.path())]);
    assert_eq!(model["parameters"], 9 * 8 + 8 + 9 * 8 * 16 + 16 + 16 * 10 + 10);
    assert_eq!(model["macs"], 64 * 9 * 8 + 16 * 9 * 8 * 16 + 16 * 10);
}

#[test]
fn summary_names_layers_as_weights_files_do_and_shows_as_many_levels_as_asked_for() {
    let table = succeed(&["summary", "convnet"]).out;
    for row in ["rescaling (Rescaling)", "stages.0.0 (Conv2D)", "Non-trainable params: 0 (0 B)"] {
        assert!(table.contains(row), "{row:?} in\n{table}");
    }
    assert_eq!(succeed(&["summary", "convnet", "--levels", "1"]).out, table);
    let json = succeed(&["summary", "convnet", "--json"]).json();
    assert_eq!(json["layers"][1]["name"], "stages.0.0");
}

#[test]
fn summary_lists_the_layers_inside_nested_modules_in_one_list() {
    let json = succeed(&["summary", "mobilenet-v2", "--json"]).json();
    let layers = json["layers"].as_array().unwrap();
    assert!(layers.iter().all(|layer| layer.get("modules").is_none()));
    for count in ["parameters", "macs", "activations"] {
        assert_eq!(
            layers.iter().map(|layer| number(&layer[count])).sum::<f64>(),
            number(&json[count]),
            "{count}"
        );
    }
    // The first block is a module of several layers: a convolution, its norm, and so on.
    assert_eq!(json["modules"][1]["name"], "stages.0.0");
    let inside = layers.iter().filter(|layer| layer["name"].as_str().unwrap().starts_with("stages.0.0."));
    assert_eq!(inside.count(), 4);
}
