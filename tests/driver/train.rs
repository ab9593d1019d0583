//! `train`: on every kind of data, and in every way that it can be asked for.

use crate::inputs::{small_convnet, small_csv, small_mlp, small_mnist};
use crate::process::{fail, number, run, succeed, text};
use crate::reading::records;
use crate::usage::fail_usage;
use allometry::data::{ImageInputs, Inputs};
use allometry::models::Architecture;
use allometry::models::predictor::Saved;
use allometry::nn::Precision;
use allometry::sweep::Plan;
use allometry::train::LossName;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Trains on the CPU device and checks the promises about the last line.
fn train(arguments: &[&str], epochs: usize) -> Value {
    let ended = succeed(&[&["train", "--device", "cpu", "--json"], arguments].concat());
    assert_eq!(ended.out.lines().count(), 1, "standard output is for the result: {}", ended.out);
    let json = ended.json();
    for key in ["validation_accuracy", "validation_loss", "samples_per_second", "peak_bytes", "epochs"] {
        assert!(json.get(key).is_some(), "{key} in {json}");
    }
    assert!(number(&json["validation_loss"]) >= 0.0);
    assert!(number(&json["samples_per_second"]) > 0.0);
    assert!(number(&json["peak_bytes"]) > 0.0);
    assert_eq!(json["epochs"], epochs);
    // Nobody watches: one line an epoch.
    assert_eq!(ended.err.lines().filter(|line| line.starts_with("epoch ")).count(), epochs, "{}", ended.err);
    json
}

#[test]
fn training_on_a_folder_of_images_keeps_its_classes_and_names_what_it_leaves_out() {
    let place = TempDir::new().unwrap();
    for i in 0..240u32 {
        let class = ["night", "day"][i as usize % 2];
        let folder = place.path().join("photos").join(class);
        fs::create_dir_all(&folder).unwrap();
        let level = 20 + 160 * (i % 2) as u8 + (i % 40) as u8;
        let image = image::RgbImage::from_pixel(10, 12, image::Rgb([level, level / 2, 7]));
        image.save(folder.join(format!("{i:03}.png"))).unwrap();
    }
    fs::write(place.path().join("photos/day/broken.jpg"), "no image").unwrap();
    let (data, out) = (place.path().join("photos"), place.path().join("out"));
    let model = small_convnet(place.path());
    let arguments = ["train", &model, "--dataset", "folder", "--data", text(&data), "--epochs", "2"];
    let changes = ["--augment", "crop:1,flip,cutout:2,mixup:0.2", "--learning-rate", "0.02", "--batch", "16"];
    let ended =
        succeed(&[&arguments[..], &changes, &["--device", "cpu", "--json", "--out", text(&out)]].concat());
    assert!(
        ended.err.contains("left out 1 of 241 files") && ended.err.contains("day/broken.jpg"),
        "{}",
        ended.err
    );
    let sweep = place.path().join("sweep");
    let swept = ["sweep", "--model", &model, "--axis", "width", "--factors", "1", "--epochs", "1"];
    let of_folder = ["--dataset", "folder", "--data", text(&data), "--device", "cpu", "--out", text(&sweep)];
    let swept = succeed(&[&swept[..], &of_folder].concat());
    assert!(swept.err.contains("left out 1 of 241 files"), "{}", swept.err);
    let plan = Plan::from_toml(&fs::read_to_string(sweep.join("plan.toml")).unwrap()).unwrap();
    assert!(!plan.architecture.rescale, "its images are normalised");
    assert!(number(&ended.json()["validation_accuracy"]) > 0.9, "{}", ended.out);
    let Inputs::Images(inputs) = Saved::load(&out).unwrap().inputs else { panic!("no images") };
    assert_eq!((inputs.size, inputs.channels), ([8, 8], 3));
    assert_eq!(inputs.classes, ["day", "night"]);
    let statistics = inputs.normalization.unwrap();
    assert!((statistics.mean[2] - 7.0 / 255.0).abs() < 1e-6 && statistics.deviation[2] == 1.0);
    fail(&[&arguments[..], &["--augment", "crop:9"]].concat(), 1, &["crop:9", "8 × 8"]);
}

#[test]
fn training_on_mnist_files_learns_and_leaves_its_weights() {
    let place = TempDir::new().unwrap();
    small_mnist(place.path());
    let (data, out) = (text(place.path()).to_string(), place.path().join("deep/er/out"));
    let model = small_mlp(place.path());
    let arguments = [&model, "--dataset", "mnist", "--data", &data, "--epochs", "15", "--batch", "8"];
    let arguments = [&arguments[..], &["--seed", "3", "--learning-rate", "0.01"]].concat();
    let json = train(&[&arguments[..], &["--out", text(&out)]].concat(), 15);
    assert!((0.9..=1.0).contains(&number(&json["validation_accuracy"])), "{json}");

    // Normalised images are not rescaled as well.
    let rescales = |model: &Path| Architecture::load(text(model)).unwrap().rescale;
    assert!(rescales(Path::new(&model)) && !rescales(&out.join("model.toml")));
    let weights = out.join("weights.safetensors");
    let bytes = fs::read(&weights).unwrap();
    let saved = Saved::load(&out).unwrap();
    assert_eq!((saved.loss, saved.precision), (LossName::CrossEntropy, Precision::F32));
    let Inputs::Images(ImageInputs { size, channels, normalization: Some(statistics), classes }) =
        &saved.inputs
    else {
        panic!("{saved:?}")
    };
    assert_eq!((size, channels, classes.len()), (&[8, 8], &1, 0));
    // Of each image, a line of 255, and 56 of the numbers 0 to 63 elsewhere.
    let levels: Vec<f64> = (0..8u32)
        .flat_map(|label| (0..64).map(move |pixel| if pixel / 8 == label { 255.0 } else { f64::from(pixel) }))
        .map(|level| level / 255.0)
        .collect();
    let mean = levels.iter().sum::<f64>() / levels.len() as f64;
    let variance = levels.iter().map(|level| (level - mean).powi(2)).sum::<f64>() / levels.len() as f64;
    assert!(
        (statistics.mean[0] - mean).abs() < 1e-6 && (statistics.deviation[0] - variance.sqrt()).abs() < 1e-6
    );
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();

    assert_eq!(file.tensor("stages.0.0.kernel").unwrap().shape(), [64, 16]);
    assert_eq!(file.tensor("stages.0.0.bias").unwrap().shape(), [16]);
    let history: Value = serde_json::from_slice(&fs::read(out.join("history.json")).unwrap()).unwrap();
    assert_eq!(history["epochs"].as_array().unwrap().len(), 15);
    assert_eq!(history["epochs"][14]["validation"]["loss"], json["validation_loss"]);

    // The saved model goes on from its weights: nearly without moving it is as good as before.
    let saved = out.join("model.toml");
    let again = [text(&saved), "--weights", text(&weights), "--dataset", "mnist", "--data", &data];
    let again = [&again[..], &["--epochs", "1", "--batch", "8", "--learning-rate", "1e-12"]].concat();
    let (before, after) = (number(&json["validation_loss"]), number(&train(&again, 1)["validation_loss"]));
    assert!((before - after).abs() < 1e-5 * before, "{before} and {after}");
}

#[test]
fn training_on_glyphs_is_the_same_each_time() {
    let arguments = ["mlp", "--resolution", "8", "--samples", "48", "--epochs", "2", "--batch", "16"];
    let (first, second) = (train(&arguments, 2), train(&arguments, 2));
    assert!((0.0..=1.0).contains(&number(&first["validation_accuracy"])));
    for key in ["validation_loss", "validation_accuracy", "peak_bytes"] {
        assert_eq!(first[key], second[key], "{key}");
    }
    let other = train(&[&arguments[..], &["--seed", "1"]].concat(), 2);
    assert_ne!(first["validation_loss"], other["validation_loss"]);
}

#[test]
fn training_on_a_table_is_regression() {
    let place = TempDir::new().unwrap();
    let table = small_csv(place.path());
    let common = ["keras-dense", "--dataset", "csv", "--data", &table, "--batch", "8"];
    let short = train(&[&common[..], &["--epochs", "1", "--learning-rate", "1e-5"]].concat(), 1);
    let long = train(&[&common[..], &["--epochs", "25"]].concat(), 25);
    assert_eq!(long["validation_accuracy"], Value::Null);
    let (before, after) = (number(&short["validation_loss"]), number(&long["validation_loss"]));
    assert!(after < 0.1 * before, "{before} to {after}");
    let huber = [&common[..], &["--epochs", "25", "--loss", "huber"]].concat();
    let (one, half) = (train(&huber, 25), train(&[&huber[..], &["--huber-delta", "0.5"]].concat(), 25));
    assert!(number(&one["validation_loss"]) < 0.1 * before, "{one}");
    assert_ne!(one["validation_loss"], half["validation_loss"]);
    let delta_alone = [&["train"], &common[..], &["--huber-delta", "0.5"]].concat();
    fail(&delta_alone, 1, &["huber_delta", "use huber"]);
    let blown_up = ["--scale-targets", "--epochs", "4", "--learning-rate", "100"];
    let said = succeed(&[&["train"], &common[..], &blown_up].concat()).out;
    assert!(said.contains("the learning rate is too high") && !said.contains("limited by"), "{said}");
    assert!(!said.split([' ', ',', ';']).any(|word| word.len() > 20), "a number of many digits in {said}");
    // A target by its name; two of them leave three features.
    let two = train(&[&common[..], &["--epochs", "1", "--target", "difference,sum"]].concat(), 1);
    assert!(number(&two["validation_loss"]) > 0.0);
}

#[test]
fn training_in_mixed_precision_says_so() {
    let place = TempDir::new().unwrap();
    let model = small_convnet(place.path());
    let arguments = [model.as_str(), "--samples", "200", "--epochs", "1", "--batch", "20"];
    let single = train(&arguments, 1);
    assert_eq!((&single["precision"], single.get("skipped_steps")), (&"f32".into(), None));
    let mixed = train(&[&arguments[..], &["--precision", "mixed"]].concat(), 1);
    assert_eq!(mixed["precision"], "mixed");
    assert!(number(&mixed["skipped_steps"]) < 10.0, "{mixed}");
    assert_eq!(mixed["peak_bytes"], mixed["predicted_peak_bytes"]);
    assert!(number(&mixed["peak_bytes"]) < number(&single["peak_bytes"]), "{mixed}, {single}");
    fail_usage(&["train", &model, "--precision", "half"]);
    // The same in a summary, and in a sweep's plan, records and tables.
    let peak = |more: &[&str]| {
        let summary = succeed(&[&["summary", &model, "--batch", "20", "--json"], more].concat()).json();
        number(&summary["predicted_peak_bytes"])
    };
    assert!(peak(&["--precision", "mixed"]) < peak(&[]));
    let out = place.path().join("sweep");
    let sweep = ["sweep", "--device", "cpu", "--model", &model, "--axis", "width", "--factors", "1"];
    let sweep =
        [&sweep[..], &["--samples", "40", "--epochs", "1", "--batch", "20", "--out", text(&out)]].concat();
    succeed(&[&sweep[..], &["--precision", "mixed"]].concat());
    for record in records(&out) {
        assert_eq!(
            (&record["precision"], &record["status"]),
            (&"mixed".into(), &"completed".into()),
            "{record}"
        );
        assert!(record["skipped_steps"].is_u64(), "{record}");
    }
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("precision mixed"));
    fail(&sweep, 1, &["different: precision"]);
}

#[test]
fn recomputed_activations_take_less_memory_and_give_the_same_numbers() {
    let place = TempDir::new().unwrap();
    let model = place.path().join("deep.toml");
    let text_of_model = fs::read_to_string(small_convnet(place.path())).unwrap();
    fs::write(&model, text_of_model.replacen("width = 8", "width = 8, depth = 9", 1)).unwrap();
    let model = text(&model);
    let arguments = [model, "--samples", "60", "--epochs", "1", "--batch", "20"];
    let kept = train(&arguments, 1);
    let recomputed = train(&[&arguments[..], &["--recompute"]].concat(), 1);
    assert_eq!((&kept["recompute"], &recomputed["recompute"]), (&false.into(), &true.into()));
    assert_eq!(kept["validation_loss"], recomputed["validation_loss"]);
    assert_eq!(recomputed["peak_bytes"], recomputed["predicted_peak_bytes"]);
    assert!(number(&recomputed["peak_bytes"]) < number(&kept["peak_bytes"]), "{recomputed}, {kept}");
    let peak = |more: &[&str]| {
        let summary = succeed(&[&["summary", model, "--batch", "20", "--json"], more].concat()).json();
        number(&summary["predicted_peak_bytes"])
    };
    assert!(peak(&["--recompute"]) < peak(&[]));
    let out = place.path().join("sweep");
    let sweep = ["sweep", "--device", "cpu", "--model", model, "--axis", "width", "--factors", "1"];
    let sweep =
        [&sweep[..], &["--samples", "40", "--epochs", "1", "--batch", "20", "--out", text(&out)]].concat();
    succeed(&[&sweep[..], &["--recompute"]].concat());
    for record in records(&out) {
        assert_eq!(record["recompute"], true, "{record}");
        assert_eq!(record["peak_bytes"], record["predicted_peak_bytes"], "{record}");
    }
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains(", recompute"));
    fail(&sweep, 1, &["different: recompute"]);
}

#[test]
fn clipped_gradients_are_in_the_plan_and_the_records() {
    let place = TempDir::new().unwrap();
    let model = small_convnet(place.path());
    let arguments = [model.as_str(), "--samples", "100", "--epochs", "1", "--batch", "20"];
    let loss = |more: &[&str]| train(&[&arguments[..], more].concat(), 1)["validation_loss"].clone();
    assert_ne!(loss(&["--clip-norm", "0.01"]), loss(&[]));
    assert_eq!(loss(&["--clip-norm", "1e6"]), loss(&[]));
    fail_usage(&["train", &model, "--clip-norm", "0"]);
    let out = place.path().join("sweep");
    let sweep = ["sweep", "--device", "cpu", "--model", &model, "--axis", "width", "--factors", "1"];
    let sweep =
        [&sweep[..], &["--samples", "40", "--epochs", "1", "--batch", "20", "--out", text(&out)]].concat();
    succeed(&[&sweep[..], &["--clip-norm", "0.5"]].concat());
    for record in records(&out) {
        assert_eq!(record["clip_norm"], 0.5, "{record}");
        assert_eq!(record["peak_bytes"], record["predicted_peak_bytes"], "{record}");
    }
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("clip norm 0.5"));
    fail(&sweep, 1, &["different: clip_norm"]);
}

#[test]
fn training_without_json_says_it_in_words() {
    let ended = succeed(&["train", "mlp", "--device", "cpu", "--resolution", "8", "--samples", "16"]);
    assert!(ended.out.contains("validation loss") && ended.out.contains("samples/s"), "{}", ended.out);
}

#[test]
fn a_configuration_comes_from_a_file_and_flags_override_it() {
    let place = TempDir::new().unwrap();
    let model = small_mlp(place.path());
    let file = place.path().join("config.toml");
    let printed =
        succeed(&["train", &model, "--optimizer", "sgd", "--momentum", "0.9", "--print-config"]).out;
    fs::write(&file, printed.replace("epochs = 3", "epochs = 2\nsamples = 40")).unwrap();
    let print = |more: &[&str]| {
        succeed(&[&["train", &model, "--config", text(&file), "--print-config"], more].concat()).out
    };
    assert!(print(&[]).contains("momentum = 0.9\n") && print(&[]).contains("epochs = 2\n"));
    // A flag overrides the file also with the value that is the default.
    let overridden = print(&["--momentum", "0", "--seed", "5", "--epochs", "3"]);
    for line in ["optimizer = \"sgd\"", "momentum = 0.0", "seed = 5", "epochs = 3", "samples = 40"] {
        assert!(overridden.lines().any(|found| found == line), "{line} in {overridden}");
    }
    let from_file = train(&[&model, "--config", text(&file)], 2);
    let flags = ["--optimizer", "sgd", "--momentum", "0.9", "--epochs", "2", "--samples", "40"];
    let from_flags = train(&[&[model.as_str()][..], &flags].concat(), 2);
    assert_eq!(from_file["validation_loss"], from_flags["validation_loss"]);
    let adam = train(&[&[model.as_str()][..], &flags[4..]].concat(), 2);
    assert_ne!(adam["validation_loss"], from_flags["validation_loss"]);
    let coarse = train(&[&[model.as_str()][..], &flags[4..], &["--adam-epsilon", "0.1"]].concat(), 2);
    assert_ne!(coarse["validation_loss"], adam["validation_loss"]);
    let lion = [&[model.as_str()][..], &flags[4..], &["--optimizer", "lion"]].concat();
    let decayed = train(&[&lion[..], &["--weight-decay", "10", "--decay-exempt", "vectors"]].concat(), 2);
    assert_ne!(decayed["validation_loss"], train(&lion, 2)["validation_loss"]);
    train(&[&lion[..], &["--precision", "mixed"]].concat(), 2);
    fail(&["train", &model, "--momentum", "0.9"], 1, &["momentum", "adam does not use it"]);
    fail(&["train", &model, "--loss", "mse", "--samples", "40"], 1, &["mse", "classes"]);
    fs::write(&file, "momentun = 0.9").unwrap();
    let refused = run(&["train", &model, "--config", text(&file)]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("config.toml") && refused.err.contains("momentun"), "{}", refused.err);
}

#[test]
fn a_sweep_takes_its_configuration_from_a_file_too() {
    let place = TempDir::new().unwrap();
    let model = small_mlp(place.path());
    let (file, out) = (place.path().join("config.toml"), place.path().join("sweep"));
    fs::write(&file, "samples = 40\nepochs = 1\nseed = 4\noptimizer = \"adamw\"\nbatch = 8").unwrap();
    let sweep = ["sweep", "--device", "cpu", "--model", &model, "--axis", "width", "--factors", "1,2"];
    succeed(&[&sweep[..], &["--config", text(&file), "--out", text(&out)]].concat());
    for record in records(&out) {
        assert_eq!((&record["epochs"], &record["batch"]), (&1.into(), &8.into()), "{record}");
        assert_eq!((&record["train_samples"], &record["seed"]), (&40.into(), &4.into()), "{record}");
    }
    let plan = fs::read_to_string(out.join("plan.toml")).unwrap();
    assert!(plan.contains("optimizer = \"adamw\""), "{plan}");
}

#[test]
fn a_training_can_be_counted_in_steps() {
    let place = TempDir::new().unwrap();
    let model = small_mlp(place.path());
    let json = train(&[&model, "--samples", "64", "--batch", "16", "--steps", "6"], 2);
    assert_eq!(json["epochs"], 2);
    fail_usage(&["train", &model, "--steps", "0"]);
    fail_usage(&["train", &model, "--steps", "3", "--epochs", "3"]);
}
