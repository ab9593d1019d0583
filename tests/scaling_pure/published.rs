//! Parameters and MACs of the presets, compared with those of torchvision and of the papers on CIFAR, as
//! `tests/fixtures/record_model_counts.py` counts them.

use allometry::models::{Architecture, Cost};
use allometry::units::grouped;
use serde_json::Value;

fn recorded() -> Value {
    serde_json::from_str(include_str!("../fixtures/model_counts.json")).expect("the fixture is JSON")
}

/// Presets that no publication counts.
const OWN: [&str; 7] =
    ["mlp", "resmlp", "keras-dense", "convnet", "residual", "mobilenet", "wide-resnet-10-1"];

#[test]
fn presets_have_the_published_parameters_and_macs() {
    let recorded = recorded();
    let models = recorded["models"].as_object().unwrap();
    let mut wrong = Vec::new();
    for (name, counts) in models {
        let name = name.replace('_', "-");
        let model = Architecture::preset(&name).unwrap_or_else(|| panic!("no preset {name}"));
        let cost = Cost::of(&model).unwrap();
        let found = [model.resolution().unwrap() as u64, cost.parameters, cost.macs];
        let expected = ["resolution", "parameters", "macs"].map(|key| counts[key].as_u64().unwrap());
        if found != expected {
            wrong.push(format!("{name}: resolution, parameters, MACs {found:?}, recorded {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_preset_is_recorded_or_is_our_own() {
    let recorded = recorded();
    for name in Architecture::presets() {
        let torchvision = name.replace("-b", "_b").replace("net-v", "net_v").replace('-', "_");
        let known = recorded["models"].get(&name).or(recorded["models"].get(torchvision)).is_some();
        assert!(known || OWN.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn the_table_in_the_documentation_is_true() {
    let documented = include_str!("../../docs/architectures.md");
    let rows: Vec<String> = Architecture::presets()
        .iter()
        .map(|name| {
            let model = Architecture::preset(name).unwrap();
            let cost = Cost::of(&model).unwrap();
            let input = model.resolution().map_or("features".to_string(), |rows| format!("{rows}×{rows}"));
            format!("| `{name}` | {input} | {} | {} |", grouped(cost.parameters), grouped(cost.macs))
        })
        .collect();
    let missing: Vec<&String> = rows.iter().filter(|row| !documented.contains(*row)).collect();
    assert!(missing.is_empty(), "docs/architectures.md lacks these rows:\n{}", rows.join("\n"));
}
