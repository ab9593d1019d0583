//! Models compared with torchvision's: weights in its names and layouts are imported, the logits are those that
//! `tests/fixtures/record_torchvision.py` recorded, and the export is the file again. That script says how weights and
//! images are drawn.

mod drawn;

use allometry::device::GpuOptions;
use allometry::models::Architecture;
use allometry::models::exchange::torchvision::{self, Counterpart};
use allometry::nn::Module;
use allometry::nn::weights::{self, Stored};
use allometry::{Device, Tensor};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Of a logit. The logits' standard deviation is between 0.2 and 2.
const BOUND: f64 = 1e-4;

#[derive(Deserialize)]
struct Record {
    versions: HashMap<String, String>,
    models: BTreeMap<String, Model>,
    /// By torchvision's name of the model.
    names: BTreeMap<String, Names>,
}

/// What the parameters and buffers of a model are called.
#[derive(Deserialize, PartialEq, Debug)]
struct Names {
    tensors: usize,
    /// Of the sorted names and shapes.
    crc32: u32,
    norm_epsilon: f64,
}

#[derive(Deserialize)]
struct Model {
    seed: u32,
    /// About which the scales of batch normalisations are drawn.
    scale: f64,
    tensors: BTreeMap<String, Vec<usize>>,
    /// By the resolution of the image.
    logits: BTreeMap<usize, Vec<f64>>,
}

fn record() -> Record {
    // Where these tests run without their sources, as on a machine that has only the binaries, this says where they
    // lie.
    let folder = std::env::var_os("ALLOMETRY_FIXTURES").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"));
    let text = fs::read_to_string(folder.join("torchvision.json")).expect("the record");
    serde_json::from_str(&text).expect("the record as the script writes it")
}

/// torchvision's name of a preset.
fn function(preset: &str) -> String {
    preset.replace("-b", "_b").replace("net-v", "net_v").replace('-', "_")
}

fn recorded(model: &str) -> Model {
    let mut record = record();
    println!("recorded with {:?}", record.versions);
    record.models.remove(&function(model)).expect("a model of the record")
}

/// The values that the script gave the tensor of this name.
fn value(record: &Model, name: &str, shape: &[usize]) -> Vec<f32> {
    let (seed, count) = (record.seed, shape.iter().product());
    match name.rsplit('.').next() {
        Some("weight") if shape.len() > 1 => drawn::kernel(seed, name, count, shape[1..].iter().product()),
        Some("weight") => drawn::about(record.scale, 0.5 * record.scale, seed, name, count),
        Some("running_var") => drawn::about(1.0, 0.5, seed, name, count),
        _ => drawn::about(0.0, 0.1, seed, name, count),
    }
}

fn weights_of(record: &Model) -> BTreeMap<String, Stored> {
    let stored = |(name, shape): (&String, &Vec<usize>)| {
        (name.clone(), Stored { shape: shape.clone(), values: value(record, name, shape) })
    };
    record.tensors.iter().map(stored).collect()
}

/// The image, drawn as `[1, 3, resolution, resolution]`.
fn image(record: &Model, resolution: usize, device: &Device) -> Tensor {
    let values = drawn::about(0.0, 1.0, record.seed, "image", 3 * resolution * resolution);
    let image = Tensor::new(device, &values, [1, 3, resolution, resolution]).unwrap();
    image.permute(&[0, 2, 3, 1]).unwrap()
}

/// Imports the model, compares its logits on each device, and exports it again.
fn compare(name: &str, devices: &[Device]) {
    let (record, folder) = (recorded(name), TempDir::new().unwrap());
    let theirs = weights_of(&record);
    let path = |file: &str| folder.path().join(file);
    weights::write(&path("theirs"), &theirs, HashMap::new()).unwrap();
    let (architecture, ours) = torchvision::import(&path("theirs"), name).unwrap();
    weights::write(&path("ours"), &ours, HashMap::new()).unwrap();
    for device in devices {
        for (&resolution, logits) in &record.logits {
            let architecture = architecture.clone().with_input(resolution, 3);
            let layers = architecture.layers();
            let model = layers.build(device, &architecture.input_shape(), 0).unwrap();
            model.load(&path("ours")).unwrap();
            let found = model.predict(&image(&record, resolution, device)).unwrap().to_f64().unwrap();
            assert_eq!(found.len(), logits.len());
            let apart = found.iter().zip(logits).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            let place = format!("{name} at {resolution} on {}", device.name());
            assert!(apart <= BOUND, "{place}: a logit is {apart:.1e} from torchvision's");
            println!("{place}: logits at most {apart:.1e} from torchvision's");
        }
    }
    torchvision::export(&architecture, &ours, &path("ours"), &path("again")).unwrap();
    assert!(
        weights::read(&path("again"), |_| true).unwrap() == theirs,
        "{name} is not exported as it was imported"
    );
}

#[test]
fn resnet18_on_both_devices() {
    compare(
        "resnet18",
        &[Device::cpu(), Device::gpu(GpuOptions::default()).expect("this test needs an adapter")],
    );
}

#[test]
fn resnet50() {
    compare("resnet50", &[Device::cpu()]);
}

#[test]
fn mobilenet_v2() {
    compare("mobilenet-v2", &[Device::cpu()]);
}

#[test]
fn efficientnet_b0() {
    compare("efficientnet-b0", &[Device::cpu()]);
}

#[test]
fn mobilenet_v3_small() {
    compare("mobilenet-v3-small", &[Device::cpu()]);
}

#[test]
fn mobilenet_v3_large() {
    compare("mobilenet-v3-large", &[Device::cpu()]);
}

#[test]
fn regnet_x_400mf() {
    compare("regnet-x-400mf", &[Device::cpu()]);
}

#[test]
fn every_model_has_the_names_shapes_and_epsilon_of_torchvisions() {
    let mut record = record();
    for model in torchvision::models() {
        let architecture = Architecture::preset(&model).unwrap();
        let counterparts = torchvision::counterparts(&architecture).unwrap();
        let line = |counterpart: &Counterpart| {
            let extents = counterpart.shape.iter().map(|extent| format!(" {extent}"));
            format!("{}{}\n", counterpart.name, extents.collect::<String>())
        };
        let lines: BTreeSet<String> = counterparts.values().map(line).collect();
        let lines: String = lines.into_iter().collect();
        let names = Names {
            tensors: counterparts.len(),
            crc32: crc32fast::hash(lines.as_bytes()),
            norm_epsilon: architecture.norm_epsilon,
        };
        let expected = record.names.remove(&function(&model));
        assert!(expected.as_ref() == Some(&names), "{model}: {names:?}, not {expected:?}; ours:\n{lines}");
    }
    assert!(record.names.is_empty(), "these can't be exchanged: {:?}", record.names.keys());
}

/// `tests/fixtures/drawn.py` prints these when it is run.
#[test]
fn numbers_are_drawn_as_in_python() {
    let expected = [-2377924, -7262039, -1749952, 7565492, -2885057, -6404708, 5866919, 581569, 6639814];
    let found: Vec<f64> = drawn::uniform(7, "stem.kernel", 9).collect();
    assert_eq!(found, expected.map(|number| f64::from(number) / f64::from(1 << 23)));
}

/// What is wrong with a file is said in torchvision's names.
#[test]
fn files_that_do_not_fit_are_refused() {
    let (record, folder) = (recorded("mobilenet-v2"), TempDir::new().unwrap());
    let path = folder.path().join("theirs");
    let mut theirs = weights_of(&record);
    let counter = Stored { shape: vec![1], values: vec![1.0] };
    theirs.insert("features.0.1.num_batches_tracked".to_string(), counter.clone());
    let write = |tensors: &BTreeMap<String, Stored>| weights::write(&path, tensors, HashMap::new()).unwrap();

    // As many classes as the file has; the counters are left out.
    let mut fewer = theirs.clone();
    fewer.insert("classifier.1.weight".to_string(), Stored { shape: vec![2, 1280], values: vec![0.5; 2560] });
    fewer.insert("classifier.1.bias".to_string(), Stored { shape: vec![2], values: vec![0.0; 2] });
    write(&fewer);
    let (architecture, ours) = torchvision::import(&path, "mobilenet-v2").unwrap();
    assert_eq!(architecture.output.units(), 2);
    assert_eq!(ours["output.kernel"].shape, [1280, 2]);

    let kernel = theirs.remove("features.18.0.weight").unwrap();
    theirs.insert("features.19.0.weight".to_string(), kernel);
    theirs.insert("features.0.1.bias".to_string(), counter);
    write(&theirs);
    let error = torchvision::import(&path, "mobilenet-v2").unwrap_err().to_string();
    for part in ["features.18.0.weight", "features.19.0.weight", "features.0.1.bias is [1], not [32]"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    let error = torchvision::import(&path, "resnet20").unwrap_err().to_string();
    assert!(error.contains("resnet20") && error.contains("resnet18, resnet34, resnet50"), "{error}");
}
