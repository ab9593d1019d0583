//! `tune`: what it finds is remembered and used.

use crate::inputs::{small_convnet, small_mlp};
use crate::process::{Ended, driver, number, succeed, text};
use crate::reading::keys;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// The driver, which has to end with 0, with this cache folder.
fn succeed_with_cache(cache: &Path, arguments: &[&str]) -> Ended {
    let ended =
        Ended::of(driver(arguments).env("ALLOMETRY_CACHE", cache).output().expect("the driver starts"));
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
    ended
}

#[test]
fn tuned_kernels_are_remembered_and_used() {
    let place = TempDir::new().unwrap();
    let cache = place.path().join("cache");
    // The family with the least work.
    let arguments = ["tune", "--device", "gpu", "--family", "conv2d.forward", "--seconds", "1e-6", "--json"];
    let tuned = succeed_with_cache(&cache, &arguments).json();
    assert_eq!(keys(&tuned), ["device", "file", "outcomes"].into());
    let outcomes = tuned["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.len(), 9, "{tuned}");
    for outcome in outcomes {
        assert_eq!(outcome["family"], "conv2d.forward");
        let variants = outcome["variants"].as_array().unwrap();
        assert!(variants.len() > 1 && variants.iter().all(|v| v["right"] == true), "{outcome}");
        let of = |name: &Value| {
            let found = variants.iter().find(|v| v["variant"] == *name);
            number(&found.unwrap_or_else(|| panic!("{name} in {outcome}"))["seconds"])
        };
        let (default, best) = (of(&outcome["default"]), of(&outcome["best"]));
        assert!(outcome["best"] == outcome["default"] || default / best >= 1.05, "{outcome}");
    }
    // What was found is in the one file that there is.
    let file = Path::new(tuned["file"].as_str().unwrap());
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 1);
    let written = fs::read_to_string(file).unwrap();
    let head = written.split("[choices").next().unwrap();
    for outcome in outcomes {
        let line = format!("{} = ", outcome["class"]);
        let kept = written.lines().find_map(|l| l.strip_prefix(&line));
        let expected = (outcome["best"] != outcome["default"]).then(|| outcome["best"].to_string());
        assert_eq!(kept.map(str::to_string), expected, "{line} in {written}");
    }

    let model = small_convnet(place.path());
    let profile = ["profile", &model, "--device", "gpu", "--batch", "8", "--json"];
    let convolutions = |ended: &Ended| -> BTreeSet<String> {
        let profiled = ended.json();
        let kernels = profiled["kernels"].as_array().unwrap().iter();
        let names = kernels.map(|k| k["kernel"].as_str().unwrap().to_string());
        names.filter(|name| name.starts_with("conv2d.forward")).collect()
    };
    let by_default = convolutions(&succeed(&profile));
    // For every class a variant that this model does not take by default.
    let mut variants = outcomes[0]["variants"].as_array().unwrap().iter().map(|v| &v["variant"]).skip(1);
    let label = |name: &Value| format!("conv2d.forward_{}", name.as_str().unwrap());
    let other = variants.find(|name| !by_default.contains(&label(name))).unwrap();
    let lines: String = outcomes.iter().map(|o| format!("{} = {other}\n", o["class"])).collect();
    fs::write(file, format!("{head}[choices.\"conv2d.forward\"]\n{lines}")).unwrap();
    let by_choice = succeed_with_cache(&cache, &profile);
    assert!(!by_default.is_empty());
    assert_eq!(convolutions(&by_choice), [label(other)].into());
    assert!(!by_choice.err.contains("allometry: "), "{}", by_choice.err);

    // A file about another driver is nobody's; one that makes no sense is named, and nothing else is lost.
    fs::write(file, fs::read_to_string(file).unwrap().replace("driver = \"", "driver = \"older ")).unwrap();
    let stale = succeed_with_cache(&cache, &profile);
    assert_eq!(convolutions(&stale), by_default);
    assert!(!stale.err.contains("allometry: "), "{}", stale.err);
    fs::write(file, "nonsense").unwrap();
    let broken = succeed_with_cache(&cache, &profile);
    assert_eq!(convolutions(&broken), by_default);
    let complaint = broken.complaint();
    assert!(complaint.contains(text(file)) && complaint.contains("allometry tune"), "{complaint}");
}

#[test]
fn a_tuning_that_is_killed_keeps_what_it_found_so_far() {
    let place = TempDir::new().unwrap();
    let cache = place.path().join("cache");
    let tune = ["tune", "--device", "gpu", "--family", "matmul", "--seconds", "1e-6"];
    let mut command = driver(&tune);
    let mut child =
        command.env("ALLOMETRY_CACHE", &cache).stderr(std::process::Stdio::null()).spawn().unwrap();
    let file = || {
        let mut files = fs::read_dir(&cache).into_iter().flatten().map(|entry| entry.unwrap().path());
        files.find(|file| file.extension().is_some_and(|end| end == "toml"))
    };
    while file().is_none() {
        assert!(child.try_wait().unwrap().is_none(), "it ended without a file");
        std::thread::sleep(Duration::from_millis(10));
    }
    // Thirty classes are still to come.
    std::thread::sleep(Duration::from_millis(200));
    assert!(child.try_wait().unwrap().is_none(), "the file came at the end");
    child.kill().unwrap();
    child.wait().unwrap();
    let model = small_mlp(place.path());
    let profiled = succeed_with_cache(&cache, &["profile", &model, "--device", "gpu", "--batch", "8"]);
    assert!(!profiled.err.contains("allometry: "), "{}", profiled.err);
    assert!(fs::read_to_string(file().unwrap()).unwrap().contains("driver = "));
}

#[test]
fn the_cpu_device_needs_no_tuning() {
    let place = TempDir::new().unwrap();
    let cache = place.path().join("cache");
    let words = succeed_with_cache(&cache, &["tune", "--device", "cpu"]).out;
    assert!(words.contains("nothing to choose"), "{words}");
    let json = succeed_with_cache(&cache, &["tune", "--device", "cpu", "--json"]).json();
    assert_eq!((&json["file"], &json["outcomes"]), (&Value::Null, &Value::Array(Vec::new())));
    assert!(!cache.exists(), "nothing was measured, so nothing is kept");
}
