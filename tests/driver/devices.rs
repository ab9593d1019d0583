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

/// Standard error of the driver with these arguments, where no session has set a runtime folder, or a wrong one.
fn complaints(arguments: &[&str], runtime_folder: Option<&str>) -> String {
    let mut command = driver(arguments);
    command.env_remove("XDG_RUNTIME_DIR").envs(runtime_folder.map(|folder| ("XDG_RUNTIME_DIR", folder)));
    let ended = Ended::of(command.output().unwrap());
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
    ended.err
}

#[test]
fn a_driver_does_not_complain_of_what_the_session_lacks() {
    for folder in [None, Some(""), Some("no/such/folder"), Some("/no-such-folder")] {
        let err = complaints(&["devices"], folder);
        assert!(!err.contains("XDG_RUNTIME_DIR"), "{folder:?}: {err}");
    }
}

#[test]
fn no_driver_is_loaded_where_none_is_needed() {
    let place = TempDir::new().unwrap();
    let (table, sweep) = (place.path().join("table.csv"), place.path().join("sweep"));
    fs::write(&table, "n,loss\n1,4.0\n2,3.0\n4,2.3\n8,1.8\n16,1.5\n32,1.3\n").unwrap();
    let loaded = |arguments: &[&str]| {
        // The Vulkan loader tells of everything that it looks at.
        let ended = Ended::of(driver(arguments).env("VK_LOADER_DEBUG", "all").output().unwrap());
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
        ended.err.contains("Vulkan")
    };
    assert!(loaded(&["devices"]), "the loader has to tell, or this test says nothing");
    let small = ["--samples", "16", "--epochs", "1", "--resolution", "8", "--device", "cpu"];
    let sweep_of = ["sweep", "--model", "mlp", "--axis", "width", "--factors", "0.05", "--out", text(&sweep)];
    for arguments in [
        &["--help"][..],
        &["train", "--help"],
        &["completions", "bash"],
        &["summary", "mlp"],
        &["fit", text(&table), "--x", "n", "--y", "loss", "--law", "power", "--bootstrap", "40"],
        &[&["train", "mlp"][..], &small].concat(),
        &[&sweep_of[..], &small].concat(),
        &["report", text(&sweep)],
        &["bench", "kernels", "--family", "softmax", "--seconds", "0.001", "--device", "cpu"],
        &["profile", "keras-dense", "--steps", "1", "--batch", "2", "--device", "cpu"],
    ] {
        assert!(!loaded(arguments), "{arguments:?}");
    }
}

#[test]
fn a_tensor_too_large_for_the_adapter_is_a_matter_of_memory() {
    let place = TempDir::new().unwrap();
    let model = place.path().join("wide.toml");
    // The first convolution's output is 4 GiB, beyond what any adapter binds in one piece.
    let toml = r#"
        name = "wide"
        head = "global_average"
        input = { image = { resolution = 256, channels = 1 } }
        output = { classes = 2 }
        stages = [{ block = "conv", width = 16384 }]
    "#;
    fs::write(&model, toml).unwrap();
    let arguments = ["train", text(&model), "--device", "gpu", "--samples", "1", "--epochs", "1"];
    fail(&arguments, 4, &["smaller batch"]);
}
