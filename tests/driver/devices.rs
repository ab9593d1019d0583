//! Devices: the list of them, and adapters that are not there or too small.

use crate::process::{Ended, driver, fail, succeed, text};
use std::fs;
use tempfile::TempDir;

#[test]
fn devices_are_listed() {
    let json = succeed(&["devices", "--device", "cpu", "--json"]).json();
    assert_eq!(json["chosen"], json["cpu"]);
    for adapter in json["adapters"].as_array().unwrap() {
        for key in ["name", "backend", "kind", "driver", "largest_tensor"] {
            assert!(adapter.get(key).is_some(), "{key} in {adapter}");
        }
    }
    let table = succeed(&["devices", "--device", "cpu"]).out;
    assert!(table.contains("CPU (") && table.contains("The chosen device is CPU"), "{table}");
}

#[test]
fn an_adapter_that_is_not_there_is_named_with_those_that_are() {
    let found = succeed(&["devices", "--device", "cpu", "--json"]).json();
    for device in ["gpu", "auto"] {
        let arguments = ["train", "mlp", "--device", device, "--resolution", "8", "--samples", "8"];
        let mut command = driver(&arguments);
        let ended = Ended::of(command.env("WGPU_ADAPTER_NAME", "nonexistent").output().unwrap());
        assert_eq!(ended.code, 3, "{}", ended.err);
        let complaint = ended.complaint();
        for words in ["WGPU_ADAPTER_NAME=nonexistent", "found", "Unset"] {
            assert!(complaint.contains(words), "{words:?} in {complaint:?}");
        }
        for adapter in found["adapters"].as_array().unwrap() {
            let name = adapter["name"].as_str().unwrap();
            assert!(complaint.contains(name), "{name:?} in {complaint:?}");
        }
    }
}

#[test]
fn a_tensor_too_large_for_the_adapter_is_a_matter_of_memory() {
    let place = TempDir::new().unwrap();
    let model = place.path().join("wide.toml");
    // The first convolution's output is 16 GiB, beyond what any adapter binds in one piece.
    let toml = r#"
        name = "wide"
        head = "global_average"
        input = { image = { resolution = 256, channels = 1 } }
        output = { classes = 2 }
        stages = [{ block = "conv", width = 65536 }]
    "#;
    fs::write(&model, toml).unwrap();
    let arguments = ["train", text(&model), "--device", "gpu", "--samples", "1", "--epochs", "1"];
    fail(&arguments, 4, &["conv2d", "bytes", "smaller batch"]);
}
