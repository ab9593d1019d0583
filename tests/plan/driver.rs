//! The driver, from a sweep to the training that it recommends.

use crate::process::{self, number, text};
use crate::synthetic;
use allometry::planner::Training;
use allometry::report::Quantity;
use allometry::train::TrainConfig;
use allometry::units::digits;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The arguments with the CPU device.
fn on_cpu<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &["--device", "cpu"]].concat()
}

fn succeed(arguments: &[&str]) -> String {
    process::succeed(&on_cpu(arguments)).out
}

fn json(arguments: &[&str]) -> Value {
    process::succeed(&on_cpu(&[arguments, &["--json"]].concat())).json()
}

/// Fails with a sentence that has these words in it.
fn refuse(arguments: &[&str], words: &[&str]) {
    process::fail(&on_cpu(arguments), 1, words);
}

/// A swept directory: one axis, three widths, three numbers of samples, images of 8 × 8.
fn swept(place: &Path) -> String {
    let model = place.join("small.toml");
    let toml = r#"
        name = "small"
        head = "global_average"
        input = { image = { resolution = 8, channels = 1 } }
        output = { classes = 62 }
        stages = [{ block = "conv", width = 16 }, { block = "conv", width = 32, stride = 2 }]
    "#;
    fs::write(&model, toml).unwrap();
    let directory = text(&place.join("sweep")).to_string();
    let of = ["sweep", "--model", text(&model), "--axis", "width", "--factors", "0.5,1,2"];
    let how = ["--samples", "64,128,256", "--epochs", "2", "--batch", "16", "--out", &directory];
    succeed(&[&of[..], &how].concat());
    directory
}

/// Changes the records of a sweep's runs.
fn edit(sweep: &str, change: impl Fn(&mut Value)) {
    let path = Path::new(sweep).join("runs.jsonl");
    let changed = |line: &str| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        change(&mut record);
        format!("{record}\n")
    };
    let records: String = fs::read_to_string(&path).unwrap().lines().map(changed).collect();
    fs::write(&path, records).unwrap();
}

/// Sets the loss of a run to that of a law, as of a training long enough to show one.
fn follow_a_law(record: &mut Value) {
    record["validation_loss"] =
        synthetic::law(number(&record["macs"]), number(&record["train_samples"])).into();
}

#[test]
fn from_a_sweep_to_the_training_it_recommends() {
    let place = TempDir::new().unwrap();
    let sweep = swept(place.path());
    // So short a training ends before the losses depend on anything.
    refuse(
        &["plan", &sweep, "--budget", "1h"],
        &["width", "do not identify", "train longer", "three of each"],
    );
    edit(&sweep, follow_a_law);
    let quick = ["--seconds", "0.05"];
    let plan = |more: &[&str]| json(&[&["plan", &sweep], &quick[..], more].concat());

    let planned = plan(&["--budget", "2e9flops"]);
    let best = &planned["best"];
    assert!(number(&best["flops"]) <= 2e9, "{planned}");
    let seen = 2.0 * number(&best["samples"]);
    assert!((number(&best["flops"]) / (6.0 * number(&best["macs"]) * seen) - 1.0).abs() < 1e-9, "{planned}");
    let loss = &best["loss"];
    assert!(number(&loss["low"]) <= number(&loss["high"]) && number(&loss["value"]) > 0.0, "{planned}");
    assert_eq!(best["measured"], true);
    let checked = process::run(&["check", &sweep, "--json"]).json();
    assert_eq!(planned["soundness"]["verdict"], checked["verdict"]);
    let interval = best["seconds_interval"].as_array().unwrap();
    assert!(
        number(&interval[0]) < number(&best["seconds"]) && number(&interval[1]) > number(&best["seconds"])
    );
    // What there is without a plan: the base model for the whole budget.
    let base = &planned["base"];
    assert_eq!(base["scale"], serde_json::json!({ "depth": 1.0, "width": 1.0, "resolution": 1.0 }));
    assert!(number(&base["flops"]) <= 2e9 && number(&base["flops"]) > 1.8e9, "{planned}");
    assert!(number(&best["upper"]) <= 1.001 * number(&base["upper"]), "{planned}");
    assert!(number(&planned["unused"]) < 0.1 && planned["repetition"].is_null(), "{planned}");
    assert_eq!(planned["limits"], serde_json::json!(["compute"]));
    assert!(!planned["warnings"].to_string().contains("describes these runs badly"), "{planned}");

    let file = Path::new(&sweep).join("recommended.toml");
    let file = text(&file);
    // Where no run saw its samples as often, the training may over-fit, and ends early if it does.
    let unseen = number(&best["reach"]["passes"]) > 1.25;
    let stops = Training::find(file).unwrap().unwrap().config.early_stopping;
    assert_eq!(stops.is_some(), unseen, "{planned}");
    let out = place.path().join("run");
    let trained = json(&["train", file, "--out", text(&out)]);
    let compared = &trained["planned"];
    assert_eq!(compared["expected"]["seconds"], best["seconds"]);
    assert_eq!(trained["peak_bytes"], best["peak_bytes"], "memory is predicted to the byte");
    assert_eq!(trained["epochs"], 2);
    assert!(number(&trained["wall_seconds"]) >= number(&trained["seconds"]), "{trained}");
    let history: Value = serde_json::from_slice(&fs::read(out.join("history.json")).unwrap()).unwrap();
    assert_eq!(number(&history["samples_seen"]), seen);
    // Twice the same training comes to the same loss; and it is what the table shows beside the expectation.
    let table = succeed(&["train", file]);
    for words in ["expected", "measured", "validation loss", "time", "peak memory"] {
        assert!(table.contains(words), "{words:?} in\n{table}");
    }
    let first = format!("validation loss {},", digits(number(&trained["validation_loss"])));
    assert!(table.contains(&first), "{first:?} in\n{table}");
    let other = ["train", file, "--epochs", "3", "--learning-rate", "0.1"];
    refuse(&other, &["--epochs, --learning-rate", file]);
    refuse(&[&other[..], &["--print-config"]].concat(), &["--epochs, --learning-rate", file]);
    let config = TrainConfig::from_toml(&succeed(&["train", file, "--print-config"])).unwrap();
    assert_eq!(config, Training::find(file).unwrap().unwrap().config);

    // The table, and where the training went.
    let chosen = place.path().join("an other.toml");
    let of = ["plan", &sweep, "--budget", "1m,64MiB,2e9flops", "--out", text(&chosen)];
    let table = succeed(&[&of[..], &quick].concat());
    for words in [
        "best",
        "2nd",
        "base",
        "Limited by compute.",
        "Next: allometry train '",
        "an other.toml' --device cpu",
    ] {
        assert!(table.contains(words), "{words:?} in\n{table}");
    }
    // A lower expected loss than that of the best is explained. FLOPs limit both plans, so they are the same.
    let others = planned["alternatives"].as_array().unwrap().iter().chain([base]);
    let shown = |loss: &Value| Quantity::ValidationLoss.format(number(&loss["value"]));
    let is_lower =
        |other: &Value| number(&other["value"]) < number(&loss["value"]) && shown(other) != shown(loss);
    let lower = others.filter(|other| is_lower(&other["loss"])).count();
    assert_eq!(table.contains("has a lower expected loss, but is"), lower > 0, "{planned}\n{table}");
    assert!(Training::find(text(&chosen)).unwrap().is_some());

    // Ctrl-C ends a pilot run after the current step, however long it is.
    let mut child = process::driver(&on_cpu(&["plan", &sweep, "--budget", "2e9flops", "--seconds", "1e9"]))
        .spawn()
        .unwrap();
    let mut told = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("planning on") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut told, &mut line).unwrap() > 0, "it ended by itself");
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let begun = std::time::Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed().as_secs() < 10);

    // What can't be answered.
    let refused =
        |more: &[&str], words: &[&str]| refuse(&[&["plan", &sweep], &quick[..], more].concat(), words);
    refused(&["--budget", "1e15flops"], &["--far", "30", "a guess"]);
    refused(&["--budget", "1000flops"], &["nothing fits", "1 kFLOP", "MFLOP"]);
    refused(&["--budget", "1KiB"], &["nothing fits", "KiB"]);
    refused(
        &["--target-loss", "0.000001"],
        &["no training is expected to reach a loss of 0.000001; the best", "Give a higher target"],
    );
    refused(
        &["--target-loss", "0.000001", "--budget", "1e9flops"],
        &["no training within 1 GFLOP is expected", "Give a larger budget or a higher target"],
    );
    let unlimited = succeed(&[&["plan", &sweep, "--target-loss", "8"], &quick[..]].concat());
    assert!(
        unlimited.contains("That takes ")
            && !unlimited.contains("of the budget")
            && !unlimited.contains("with no"),
        "{unlimited}"
    );
    // A folder of images whose folder the plan would be written into.
    let images = place.path().join("images");
    fs::create_dir(&images).unwrap();
    for name in ["plan.toml", "runs.jsonl"] {
        let written = fs::read_to_string(Path::new(&sweep).join(name)).unwrap();
        fs::write(images.join(name), written.replace("\"glyphs\"", "\"folder\"")).unwrap();
    }
    let (sweep_there, data) = (text(&images), ["--data", text(&images)]);
    refuse(
        &[&["plan", sweep_there, "--budget", "1s"][..], &data].concat(),
        &["recommended.toml", "is in the data set's folder"],
    );
    refused(&["--budget", "64MiB", "--far"], &["nothing limits", "time or FLOPs"]);
    // A run that ended lower, for less, than what is expected of the best.
    edit(&sweep, |record| {
        if record["factor"] == 2.0 && record["train_samples"] == 256 {
            record["validation_loss"] = (0.3 * number(&record["validation_loss"])).into();
        }
    });
    let warned = plan(&["--budget", "2e9flops"])["warnings"].to_string();
    assert!(
        warned.contains("width ×2 saw 256 samples")
            && warned.contains("(one seed)")
            && warned.contains("describes these runs badly"),
        "{warned}"
    );
    // Memory alone says nothing about compute: how far the law is trusted is the limit.
    let limits = plan(&["--budget", "64MiB"])["limits"].clone();
    assert!(limits.as_array().unwrap().contains(&"extrapolation".into()), "{limits}");
}

#[test]
fn a_sweep_without_a_law_is_refused_with_the_reason() {
    let place = TempDir::new().unwrap();
    let directory = place.path().join("sweep");
    let directory = text(&directory);
    let of = ["sweep", "--model", "keras-dense", "--dataset", "glyphs", "--axis", "width", "--factors", "1"];
    succeed(&[&of[..], &["--samples", "32", "--epochs", "1", "--out", directory]].concat());
    refuse(
        &["plan", directory, "--budget", "1h"],
        &["width", "number of different sizes is 1", "sweep more factors"],
    );
    refuse(&["plan", "no-such-directory", "--budget", "1h"], &["not the directory of a sweep"]);
    let own = format!("{directory}/plan.toml");
    let words = ["plan.toml is the name", "the folder of a sweep", "use another name"];
    refuse(&["plan", directory, "--budget", "1h", "--out", &own], &words);
}

/// A finite set, on which a training can only become longer by seeing its samples again.
#[test]
fn repetition_that_no_run_shows_ends_early_and_one_that_does_harm_is_warned_of() {
    let place = TempDir::new().unwrap();
    let (model, table) = (place.path().join("small.toml"), place.path().join("table.csv"));
    let toml = r#"
        name = "small"
        input = { features = 2 }
        output = { classes = 2 }
        stages = [{ block = "dense", width = 32 }]
    "#;
    fs::write(&model, toml).unwrap();
    let rows = (0..400).map(|i| format!("{},{},{}\n", i % 7, i % 11, ["a", "b"][i % 2]));
    fs::write(&table, "x,y,class\n".to_string() + &rows.collect::<String>()).unwrap();
    let sweep = text(&place.path().join("sweep")).to_string();
    let of =
        ["sweep", "--model", text(&model), "--dataset", "csv", "--data", text(&table), "--axis", "width"];
    let how = ["--factors", "0.5,1,2", "--samples", "80,160,320", "--epochs", "4", "--batch", "16"];
    succeed(&[&of[..], &how, &["--out", &sweep]].concat());
    // The losses of the four epochs, beside that at the end.
    let with_curves = |shares: [f64; 4]| {
        edit(&sweep, |record| {
            // More data help more than a larger model.
            let [macs, samples] = ["macs", "train_samples"].map(|name| number(&record[name]));
            let last = 0.1 + 0.3 * macs.powf(-0.2) + 5.0 * samples.powf(-0.5);
            record["validation_loss"] = last.into();
            for (point, share) in record["curve"].as_array_mut().unwrap().iter_mut().zip(shares) {
                point["validation_loss"] = (share * last).into();
            }
        });
        json(&["plan", &sweep, "--data", text(&table), "--budget", "4e6flops", "--seconds", "0.05"])
    };
    let over_fits = |planned: &Value| planned["warnings"].to_string().contains("begins to over-fit");

    let planned = with_curves([1.5, 1.2, 1.1, 1.0]);
    let config = Training::find(&format!("{sweep}/recommended.toml")).unwrap().unwrap().config;
    let epochs = number(&planned["best"]["epochs"]);
    assert!(epochs > 5.0, "{planned}");
    assert!(number(&planned["best"]["reach"]["passes"]) > 1.25, "{planned}");
    assert_eq!(config.early_stopping, Some((epochs / 2.0).ceil() as usize), "{planned}");
    assert!(!over_fits(&planned), "{planned}");

    let planned = with_curves([1.2, 0.8, 0.9, 1.0]);
    assert!(over_fits(&planned), "{planned}");
    // Models half as large as the smallest that over-fits are taken to do so after twice as many epochs.
    let best = &planned["best"];
    assert!(number(&best["epochs"]) <= 2.0 * (64.0 / number(&best["macs"])).max(1.0), "{planned}");
    assert!(planned["limits"].as_array().unwrap().contains(&"overfitting".into()), "{planned}");
}
