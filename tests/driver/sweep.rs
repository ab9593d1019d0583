//! `sweep`: what it leaves on disk, whatever becomes of its runs.

use crate::inputs::{small_convnet, small_csv, small_mlp, small_mnist};
use crate::process::{fail, number, succeed, text};
use crate::reading::{keys, lines, records};
use crate::starting::borrowed;
use crate::usage::fail_usage;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Everything that a record has to say; `reason` is there when a run did not complete.
const FIELDS: [&str; 18] = [
    "key",
    "scale",
    "parameters",
    "macs",
    "training_flops",
    "samples_seen",
    "train_loss",
    "validation_loss",
    "validation_accuracy",
    "samples_per_second",
    "inference_samples_per_second",
    "flops_per_second",
    "peak_bytes",
    "predicted_peak_bytes",
    "wall_seconds",
    "device",
    "seed",
    "status",
];

/// Nothing in the page may make a browser load anything.
fn assert_stands_alone(page: &str) {
    // A namespace is a name, not an address that anything is loaded from.
    let page = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for outside in [
        "http:",
        "https:",
        "//cdn",
        " src=",
        " href=",
        "url(",
        "@import",
        "<link",
        "<iframe",
        "fetch(",
        "import(",
        "XMLHttpRequest",
        "WebSocket",
    ] {
        assert!(!page.contains(outside), "{outside:?} in the page");
    }
}

#[test]
fn a_sweep_leaves_records_tables_plots_and_a_page() {
    let place = TempDir::new().unwrap();
    let (model, out) = (small_convnet(place.path()), place.path().join("sweep"));
    let arguments =
        ["sweep", "--device", "cpu", "--model", &model, "--factors", "0.5,1,2", "--out", text(&out)];
    let arguments = [&arguments[..], &["--axis", "depth,width,resolution,compound"]].concat();
    let arguments = [&arguments[..], &["--samples", "40", "--epochs", "2", "--batch", "16"]].concat();
    let ended = succeed(&arguments);

    let records = records(&out);
    let axes: BTreeSet<&str> = records
        .iter()
        .flat_map(|record| {
            let also = record.get("also").and_then(Value::as_array).into_iter().flatten();
            also.chain([record]).map(|place| place["axis"].as_str().unwrap())
        })
        .collect();
    assert_eq!(axes, ["depth", "width", "resolution", "compound"].into());
    for record in &records {
        let missing: Vec<_> = FIELDS.iter().filter(|field| record.get(field).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?} in {record}");
        assert_eq!(record["status"], "completed");
        assert_eq!(record["seed"], 0);
        assert!(record["device"].as_str().unwrap().starts_with("CPU"));
        // Of 40 samples two full batches of 16 are trained on in each of two epochs.
        assert_eq!(record["samples_seen"], 2 * 32);
        let flops = 6.0 * number(&record["macs"]) * 64.0;
        assert_eq!(number(&record["training_flops"]), flops);
        // Characters are drawn anew in each epoch.
        assert_eq!(record["train_samples"], record["samples_seen"]);
        let curve = record["curve"].as_array().unwrap();
        let seen: Vec<_> = curve.iter().map(|point| number(&point["samples_seen"])).collect();
        assert_eq!(seen, [32.0, 64.0]);
        for of in ["validation_loss", "validation_accuracy"] {
            assert_eq!(curve[1][of], record[of]);
        }
        assert!(number(&curve[0]["seconds"]) < number(&curve[1]["seconds"]));
        assert!(number(&curve[1]["seconds"]) <= number(&record["wall_seconds"]));
        for rate in ["samples_per_second", "inference_samples_per_second"] {
            assert!(number(&record[rate]["median"]) > 0.0 && number(&record[rate]["iqr"]) >= 0.0);
        }
        let reached = 6.0 * number(&record["macs"]) * number(&record["samples_per_second"]["median"]);
        assert!((number(&record["flops_per_second"]) / reached - 1.0).abs() < 1e-9);
        assert!((0.0..=1.0).contains(&number(&record["validation_accuracy"])));
        assert!(number(&record["validation_loss"]) > 0.0 && number(&record["train_loss"]) > 0.0);
        for peak in ["peak_bytes", "predicted_peak_bytes"] {
            let categories = ["parameters", "gradients", "optimizer", "activations", "workspace"];
            assert_eq!(keys(&record[peak]), categories.into());
        }
        let total = |peak: &str| record[peak].as_object().unwrap().values().map(number).sum::<f64>();
        let deviation = total("predicted_peak_bytes") / total("peak_bytes") - 1.0;
        assert!(deviation.abs() <= 0.1, "{:+.2} % in {record}", 100.0 * deviation);
        assert!(number(&record["wall_seconds"]) > 0.0);
    }
    let base = records.iter().find(|record| record["key"] == "base-s0").expect("factor 1 is the base model");
    let also = base["also"].as_array().unwrap().iter().filter(|place| number(&place["factor"]) == 1.0);
    assert_eq!(also.count(), 3, "the base model stands on every axis: {base}");

    let mut table = csv::Reader::from_path(out.join("runs.csv")).unwrap();
    let header = table.headers().unwrap().clone();
    for column in
        ["key", "axis", "factor", "train_samples", "flops_budget", "macs", "validation_loss", "peak_bytes"]
    {
        assert!(header.iter().any(|name| name == column), "{column} in {header:?}");
    }
    assert_eq!(table.records().map(Result::unwrap).count(), records.len());

    let files = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
    let plots: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "svg")).collect();
    for stem in ["accuracy-macs", "loss-parameters", "loss-time", "memory-macs", "training-throughput-macs"] {
        assert!(plots.iter().any(|plot| plot.file_stem().unwrap() == stem), "{stem} in {plots:?}");
    }
    for plot in &plots {
        let svg = fs::read_to_string(plot).unwrap();
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{}", plot.display());
    }
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert_stands_alone(&page);
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    assert_eq!(page.matches("<svg ").count(), plots.len());
    assert!(page.contains("prefers-color-scheme:dark"));

    for best in ["│ best by ", "│ accuracy ", "│ accuracy per FLOP ", "│ accuracy per second "] {
        assert!(ended.out.lines().any(|line| line.starts_with(best)), "{best:?} in\n{}", ended.out);
    }
    assert!(ended.out.contains("report.html"), "{}", ended.out);

    // The same command finds nothing left to do, and the report can be written again from what is on disk.
    let before = lines(&out);
    let again = succeed(&arguments);
    assert!(!again.err.contains("epoch "), "{}", again.err);
    fs::remove_file(out.join("report.html")).unwrap();
    let table = succeed(&["report", text(&out)]).out;
    assert!(table.contains("│ accuracy per FLOP"), "{table}");
    let rewritten = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(rewritten == page, "the report differs when it is written from what is on disk");
    assert_eq!(succeed(&["report", text(&out), "--json"]).json(), Value::Array(records));
    assert_eq!(lines(&out), before);
}

#[test]
fn a_sweep_goes_over_numbers_of_samples_and_over_budgets() {
    let place = TempDir::new().unwrap();
    small_mnist(place.path());
    let model = small_mlp(place.path());
    let arguments = ["sweep", "--device", "cpu", "--model", &model, "--axis", "width", "--factors", "1,2"];
    let arguments = [&arguments[..], &["--dataset", "mnist", "--data", text(place.path())]].concat();
    let arguments = [&arguments[..], &["--epochs", "2", "--batch", "8"]].concat();
    let into = |out: &'static str, more: &[&'static str]| -> (Vec<String>, std::path::PathBuf) {
        let out = place.path().join(out);
        let all = [&arguments[..], more, &["--out", text(&out)]].concat();
        (all.into_iter().map(str::to_string).collect(), out)
    };

    let (arguments, out) = into("samples", &["--samples", "20,64"]);
    succeed(&borrowed(&arguments));
    let runs = records(&out);
    let found: Vec<_> = runs.iter().map(|run| run["key"].as_str().unwrap()).collect();
    assert_eq!(found, ["base-n20-s0", "width-2-n20-s0", "base-n64-s0", "width-2-n64-s0"]);
    for (run, (distinct, seen)) in runs.iter().zip([(20, 32), (20, 32), (64, 128), (64, 128)]) {
        assert_eq!((&run["train_samples"], &run["samples_seen"]), (&distinct.into(), &seen.into()));
        assert!(run.get("flops_budget").is_none());
    }
    let plan = fs::read_to_string(out.join("plan.toml")).unwrap();
    assert!(plan.contains("samples = [20, 64]") && !plan.contains("train_samples"), "{plan}");
    // Nothing is trained twice, and another list is another sweep.
    let before = lines(&out);
    succeed(&borrowed(&arguments));
    assert_eq!(lines(&out), before);
    let other = [&borrowed(&arguments)[..], &["--samples", "40"]].concat();
    fail(&other, 1, &["another plan", "samples"]);

    // Several numbers of epochs, in place of two.
    let (arguments, out) = into("epochs", &["--samples", "20"]);
    let arguments = borrowed(&arguments);
    let epochs = arguments.iter().position(|argument| *argument == "2").unwrap();
    let several = [&arguments[..epochs], &["1,3"], &arguments[epochs + 1..]].concat();
    succeed(&several);
    let runs = records(&out);
    let found: Vec<_> = runs.iter().map(|run| run["key"].as_str().unwrap()).collect();
    assert_eq!(found, ["base-e1-s0", "width-2-e1-s0", "base-e3-s0", "width-2-e3-s0"]);
    for (run, epochs) in runs.iter().zip([1, 1, 3, 3]) {
        let curve = run["curve"].as_array().unwrap();
        assert_eq!((&run["epochs"], curve.len()), (&epochs.into(), epochs));
        assert_eq!(run["samples_seen"], 16 * epochs);
    }
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("1 and 3 epochs of batch"), "{page}");

    // The base model has 64·16 + 16·16 + 16·10 MACs: two epochs of 24 samples.
    let (arguments, out) = into("flops", &["--flops", "450000,1"]);
    succeed(&borrowed(&arguments));
    let runs = records(&out);
    let found: Vec<_> = runs.iter().map(|run| run["key"].as_str().unwrap()).collect();
    assert_eq!(found, ["base-c4.5e5-s0", "width-2-c4.5e5-s0", "base-c1e0-s0", "width-2-c1e0-s0"]);
    assert_eq!((&runs[0]["macs"], &runs[0]["train_samples"]), (&1440.into(), &24.into()));
    assert_eq!(number(&runs[0]["flops_budget"]), 4.5e5);
    assert!(number(&runs[0]["training_flops"]) <= 4.5e5);
    assert_eq!(runs[2]["train_samples"], 8, "one batch at least");

    // More than there is: said before anything is left on disk.
    let (arguments, out) = into("many", &["--samples", "20,65"]);
    fail(&borrowed(&arguments), 1, &["base-n65-s0", "65 training samples", "mnist has 64"]);
    assert!(!out.exists());
    let (arguments, _) = into("both", &["--samples", "20,64", "--flops", "1e9"]);
    fail_usage(&borrowed(&arguments));
    for wrong in [&["--samples", "20,0"], &["--samples", "20,,64"], &["--flops", "-1"], &["--flops", "inf"]] {
        fail_usage(&borrowed(&into("wrong", wrong).0));
    }
}

#[test]
fn what_a_sweep_leaves_can_be_read_by_others() {
    let place = TempDir::new().unwrap();
    let (model, out) = (small_mlp(place.path()), place.path().join("sweep"));
    let arguments = ["sweep", "--device", "cpu", "--model", &model, "--axis", "width", "--factors", "1"];
    succeed(&[&arguments[..], &["--samples", "16", "--epochs", "1", "--out", text(&out)]].concat());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        // Whatever the umask is, an ordinary file shows it.
        let ordinary = place.path().join("ordinary");
        fs::write(&ordinary, "").unwrap();
        for entry in fs::read_dir(&out).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), mode(&ordinary), "{}", path.display());
        }
    }
}

#[test]
fn a_sweep_to_plan_from_spends_budgets_on_the_whole_set() {
    let place = TempDir::new().unwrap();
    small_mnist(place.path());
    let (model, out) = (small_mlp(place.path()), place.path().join("sweep"));
    let arguments = ["sweep", "--for-plan", "--device", "cpu", "--model", &model, "--batch", "1"];
    let arguments = [&arguments[..], &["--dataset", "mnist", "--data", text(place.path())]].concat();
    let arguments = [&arguments[..], &["--epochs", "2", "--out", text(&out)]].concat();
    let said = succeed(&arguments).err;
    let runs = records(&out);
    // Three budgets, and three models, as two widths round to one.
    let left_out = format!("left out {} more runs", 3 * 3 - runs.len());
    assert!(said.contains(&left_out) && said.contains("24 steps"), "{left_out} in {said}");
    let of_base = runs.iter().filter(|run| run["key"].as_str().unwrap().starts_with("base"));
    let of_base: Vec<(u64, u64)> = of_base
        .map(|run| (run["train_samples"].as_u64().unwrap(), run["epochs"].as_u64().unwrap()))
        .collect();
    // Two epochs, half of one; and of an eighth, which is eight steps, none.
    assert_eq!(of_base, [(32, 1), (64, 2)]);
    assert!(
        runs.iter().any(|run| run["epochs"].as_u64().unwrap() > 2),
        "smaller models see the set more often: {runs:?}"
    );
    assert!(runs.iter().all(|run| run["axis"] == "width"));
    succeed(&arguments);
    assert_eq!(records(&out), runs, "the same command has nothing to do");
    // The epochs of a file are the same as those of a flag, and a flag overrides them.
    let file = place.path().join("config.toml");
    fs::write(&file, "epochs = 2").unwrap();
    let position = arguments.iter().position(|argument| *argument == "--epochs").unwrap();
    let mut of_file = arguments.clone();
    of_file.splice(position..position + 2, ["--config", text(&file)]);
    succeed(&of_file);
    assert_eq!(records(&out), runs);
    fs::write(&file, "epochs = 3").unwrap();
    fail(&of_file, 1, &["different", "flops"]);
    succeed(&[&of_file[..], &["--epochs", "2"]].concat());
}

#[test]
fn fields_of_a_file_that_budgets_determine_are_refused() {
    let place = TempDir::new().unwrap();
    let (model, file, out) =
        (small_mlp(place.path()), place.path().join("config.toml"), place.path().join("sweep"));
    let arguments = ["sweep", "--device", "cpu", "--model", &model, "--axis", "width", "--factors", "1"];
    let arguments = [&arguments[..], &["--flops", "1e6", "--config", text(&file)]].concat();
    let arguments = [&arguments[..], &["--out", text(&out)]].concat();
    fs::write(&file, "samples = 40").unwrap();
    fail(&arguments, 1, &["config.toml", "samples is set", "--flops"]);
    fs::write(&file, "epochs = 3").unwrap();
    fail(&[&arguments[..], &["--whole-set"]].concat(), 1, &["config.toml", "epochs is set", "--whole-set"]);
    assert!(!out.exists());
}

#[test]
fn a_sweep_over_a_table_keeps_its_targets() {
    let place = TempDir::new().unwrap();
    let (table, out) = (small_csv(place.path()), place.path().join("sweep"));
    let arguments =
        ["sweep", "--device", "cpu", "--model", "keras-dense", "--dataset", "csv", "--data", &table];
    let arguments = [&arguments[..], &["--target", "difference,sum", "--axis", "width,depth"]].concat();
    let arguments =
        [&arguments[..], &["--factors", "0.5,1", "--epochs", "2", "--batch", "8", "--json"]].concat();
    let ended = succeed(&[&arguments[..], &["--out", text(&out)]].concat());
    let records = records(&out);
    // Halving the depth of stages of one layer changes nothing: two models.
    assert_eq!(records.len(), 2);
    let printed: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(printed, records, "with --json every record is printed as it is written");
    for record in &records {
        assert_eq!(record["status"], "completed", "{record}");
        assert_eq!(record["validation_accuracy"], Value::Null);
        assert!(number(&record["validation_loss"]) > 0.0);
    }
    assert!(!ended.err.contains("--scale-targets"), "{}", ended.err);
    let large: String = (0..32).map(|row| format!("{row},{}\n", 1000 + 7 * row)).collect();
    fs::write(place.path().join("large.csv"), format!("x,y\n{large}")).unwrap();
    let file = text(&place.path().join("large.csv")).to_string();
    let sweep = ["sweep", "--device", "cpu", "--model", "keras-dense", "--dataset", "csv", "--data", &file];
    let how = ["--axis", "width", "--factors", "0.5", "--epochs", "1", "--task", "regression"];
    let out_of_large = text(&place.path().join("of-large")).to_string();
    let noted = succeed(&[&sweep[..], &how, &["--out", &out_of_large]].concat()).err;
    assert!(
        noted.contains("not of the size of a new model's outputs") && noted.contains("--scale-targets"),
        "{noted}"
    );
    // Three features and two targets.
    let base = records.iter().find(|record| record["key"] == "base-s0").unwrap();
    assert_eq!(base["parameters"], 3 * 64 + 64 + 64 * 128 + 128 + 128 * 64 + 64 + 64 * 2 + 2);
    assert_stands_alone(&fs::read_to_string(out.join("report.html")).unwrap());
}

#[test]
fn a_variant_that_does_not_fit_is_recorded_and_the_sweep_goes_on() {
    let place = TempDir::new().unwrap();
    let out = place.path().join("sweep");
    let arguments = ["sweep", "--device", "cpu", "--model", "mlp", "--resolution", "8", "--axis", "width"];
    let arguments = [&arguments[..], &["--factors", "0.25,1", "--samples", "16", "--epochs", "1"]].concat();
    // The base model needs 5 MiB, a quarter of its width less than one.
    let arguments = [&arguments[..], &["--memory-limit", "2000000", "--out", text(&out)]].concat();
    let ended = succeed(&arguments);
    let records = records(&out);
    let of = |key: &str| records.iter().find(|record| record["key"] == key).unwrap();
    let large = of("base-s0");
    assert_eq!(large["status"], "out_of_memory");
    assert!(large["reason"].as_str().unwrap().contains(" MiB predicted, 1.91 MiB available"), "{large}");
    assert_eq!((&large["peak_bytes"], &large["samples_seen"]), (&Value::Null, &Value::from(0)));
    assert_eq!(of("width-0.25-s0")["status"], "completed");
    assert!(ended.out.contains("out of memory"), "{}", ended.out);
}

#[test]
fn a_variant_that_diverges_is_recorded_and_the_sweep_goes_on() {
    let place = TempDir::new().unwrap();
    let (model, out) = (small_mlp(place.path()), place.path().join("sweep"));
    let arguments = ["sweep", "--device", "cpu", "--model", &model, "--axis", "width", "--factors", "1,2"];
    let arguments =
        [&arguments[..], &["--samples", "32", "--batch", "8", "--learning-rate", "1e30"]].concat();
    fail(&[&arguments[..], &["--out", text(&out)]].concat(), 6, &["2 diverged"]);
    let records = records(&out);
    assert_eq!(records.len(), 2);
    for record in &records {
        assert_eq!((&record["status"], &record["validation_loss"]), (&"diverged".into(), &Value::Null));
        assert!(record["reason"].as_str().unwrap().contains("diverged"), "{record}");
    }
    assert!(out.join("report.html").is_file());
}
