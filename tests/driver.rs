//! The driver as a process: what it prints, what it leaves on disk, how it ends, and how it goes on after it was
//! stopped.
//!
//! Everything is small and runs on the CPU device, except where a test is about adapters.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The driver with these arguments, without the variables that would choose an adapter for it, and without what
/// somebody may have tuned here.
fn driver(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_allometry"));
    command.args(arguments).env_remove("WGPU_BACKEND").env_remove("WGPU_ADAPTER_NAME");
    command.env("ALLOMETRY_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/nothing-cached"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A finished run.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    fn of(output: Output) -> Ended {
        Ended {
            // A process that a signal ended has no code.
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            err: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }

    /// The last line of standard output as JSON.
    fn json(&self) -> Value {
        let line = self.out.lines().last().unwrap_or_default();
        serde_json::from_str(line)
            .unwrap_or_else(|e| panic!("{e}: {line:?}; on standard error: {}", self.err))
    }

    /// What the driver says went wrong: its last line on standard error, which has to be one sentence of its own.
    fn complaint(&self) -> &str {
        let last = self.err.lines().last().unwrap_or_default();
        assert!(last.starts_with("allometry: "), "{:?}", self.err);
        last
    }
}

fn run(arguments: &[&str]) -> Ended {
    Ended::of(driver(arguments).output().expect("the driver starts"))
}

/// Runs the driver, which has to end with 0.
fn succeed(arguments: &[&str]) -> Ended {
    let ended = run(arguments);
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
    ended
}

/// Runs the driver, which has to end with `code` and a sentence that has these words in it.
fn fail(arguments: &[&str], code: i32, words: &[&str]) -> Ended {
    let ended = run(arguments);
    assert_eq!(ended.code, code, "{arguments:?}: {}{}", ended.out, ended.err);
    let complaint = ended.complaint();
    for word in words {
        assert!(complaint.contains(word), "{word:?} in {complaint:?}");
    }
    ended
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have names in UTF-8")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("a JSON object").keys().map(String::as_str).collect()
}

/// A convolutional model that a test can afford, as a TOML file.
fn small_convnet(place: &Path) -> String {
    let path = place.join("small.toml");
    let toml = r#"
        name = "small"
        head = "global_average"
        input = { image = { resolution = 8, channels = 1 } }
        output = { classes = 10 }
        stages = [
            { block = "conv", width = 8 },
            { block = "conv", width = 16, stride = 2 },
        ]
    "#;
    fs::write(&path, toml).unwrap();
    text(&path).to_string()
}

/// A dense model that a test can afford: its sweep is over quickly, but not at once.
fn small_mlp(place: &Path) -> String {
    let path = place.join("small-mlp.toml");
    let toml = r#"
        name = "small-mlp"
        dropout = 0.1
        input = { image = { resolution = 8, channels = 1 } }
        output = { classes = 10 }
        stages = [{ block = "dense", width = 16, depth = 2 }]
    "#;
    fs::write(&path, toml).unwrap();
    text(&path).to_string()
}

/// A data set in MNIST's files: 8 × 8 images with one bright row each, whose number is the label.
fn small_mnist(place: &Path) {
    let idx = |extents: &[u32], values: &[u8]| {
        let mut file = vec![0, 0, 8, extents.len() as u8];
        extents.iter().for_each(|extent| file.extend(extent.to_be_bytes()));
        file.extend(values);
        file
    };
    for (part, count) in [("train", 64u32), ("t10k", 24)] {
        let labels: Vec<u8> = (0..count).map(|i| (i % 8) as u8).collect();
        let pixels: Vec<u8> = labels
            .iter()
            .flat_map(|&label| (0..64u8).map(move |pixel| if pixel / 8 == label { 255 } else { pixel }))
            .collect();
        fs::write(place.join(format!("{part}-images-idx3-ubyte")), idx(&[count, 8, 8], &pixels)).unwrap();
        fs::write(place.join(format!("{part}-labels-idx1-ubyte")), idx(&[count], &labels)).unwrap();
    }
}

/// A table whose last column is a sum of the others, and whose first is another one.
fn small_csv(place: &Path) -> String {
    let path = place.join("table.csv");
    let mut table = "difference,a,b,c,sum\n".to_string();
    for row in 0..80 {
        let [a, b, c] = [7, 11, 13].map(|step| ((row * step) % 17) as f64 / 17.0 - 0.5);
        table += &format!("{},{a},{b},{c},{}\n", a - b, a + b + c);
    }
    fs::write(&path, table).unwrap();
    text(&path).to_string()
}

// ---------------------------------------------------------------------------------------------------------------
// summary, devices, bench, completions, help

#[test]
fn summary_counts_the_model_everybody_knows() {
    let table = succeed(&["summary", "keras-dense"]).out;
    for row in ["(None, 64)", "(None, 128)", "(None, 1)", " 1,344 ", " 8,320 ", " 8,256 ", " 65 "] {
        assert!(table.contains(row), "{row:?} in\n{table}");
    }
    assert!(table.contains("Total params: 17,985 (70.25 KB)"), "{table}");

    let json = succeed(&["summary", "keras-dense", "--json"]).json();
    assert_eq!(keys(&json), ["parameters", "macs", "activations", "predicted_peak_bytes", "layers"].into());
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
fn bench_measures_each_size() {
    let place = TempDir::new().unwrap();
    let model = small_convnet(place.path());
    let arguments =
        ["bench", "--device", "cpu", "--axis", "depth,width", "--factors", "1,2", "--model", &model];
    let arguments = [&arguments[..], &["--batch", "4", "--seconds", "0.01"]].concat();
    let rows = succeed(&[&arguments[..], &["--json"]].concat()).json();
    let rows = rows.as_array().unwrap();
    let places: Vec<_> = rows.iter().map(|r| (r["axis"].as_str().unwrap(), number(&r["factor"]))).collect();
    assert_eq!(places, [("depth", 1.0), ("depth", 2.0), ("width", 1.0), ("width", 2.0)]);
    for row in rows {
        for rate in ["training", "inference"] {
            assert!(number(&row[rate]["median"]) > 0.0 && number(&row[rate]["iqr"]) >= 0.0, "{row}");
        }
        for peak in ["peak_bytes", "predicted_peak_bytes"] {
            assert!(number(&row[peak]["parameters"]) >= 4.0 * number(&row["parameters"]), "{row}");
        }
        assert_eq!(keys(&row["scale"]), ["depth", "width", "resolution"].into());
    }
    assert!(number(&rows[1]["macs"]) > number(&rows[0]["macs"]));
    let table = succeed(&arguments).out;
    assert!(table.contains("Training/s") && table.contains("time per sample grows as MACs^"), "{table}");
}

#[test]
fn bench_kernels_stands_beside_the_roofline() {
    let arguments = ["bench", "kernels", "--device", "cpu", "--seconds", "0.01"];
    let arguments = [&arguments[..], &["--family", "softmax,cross_entropy"]].concat();
    let figures = succeed(&[&arguments[..], &["--json"]].concat()).json();
    assert_eq!(keys(&figures), ["device", "clock", "roofline", "kernels"].into());
    assert_eq!(figures["clock"], "host");
    let roofline = &figures["roofline"];
    let limits = [number(&roofline["flops_per_second"]), number(&roofline["bytes_per_second"])];
    assert!(limits.iter().all(|&limit| limit > 1e8), "{roofline}");
    let kernels = figures["kernels"].as_array().unwrap();
    let families: Vec<_> = kernels.iter().map(|k| k["family"].as_str().unwrap()).collect();
    assert_eq!(families, ["softmax", "cross_entropy", "cross_entropy", "cross_entropy", "cross_entropy"]);
    for kernel in kernels {
        let of = |key: &str| number(&kernel[key]);
        assert!(of("seconds") > 0.0 && of("flops") > 0.0, "{kernel}");
        let least = (of("flops") / limits[0]).max(of("bytes") / limits[1]);
        assert!((of("attained") / (least / of("seconds")) - 1.0).abs() < 1e-9, "{kernel}");
        assert!((of("gflops_per_second") * of("seconds") * 1e9 / of("flops") - 1.0).abs() < 1e-9, "{kernel}");
    }
    // A tensor of 4096 × 1024 is read and written.
    assert_eq!(kernels[0]["bytes"], 2 * 4 * 4096 * 1024);
    let table = succeed(&arguments).out;
    assert!(
        table.contains("at best") && table.contains("Attained") && table.contains("4096×1024"),
        "{table}"
    );
}

#[test]
fn profile_shows_every_kernel_of_a_step() {
    let place = TempDir::new().unwrap();
    let model = small_convnet(place.path());
    let trace = place.path().join("trace.json");
    let arguments = ["profile", &model, "--device", "cpu", "--batch", "4", "--steps", "3"];
    let json = [&arguments[..], &["--trace", text(&trace), "--json"]].concat();
    let profiled = succeed(&json).json();
    assert_eq!(profiled["clock"], "host");
    assert_eq!((&profiled["steps"], &profiled["batch"]), (&3.into(), &4.into()));
    assert!(number(&profiled["step_seconds"]) > 0.0 && number(&profiled["kernel_seconds"]) > 0.0);
    let kernels = profiled["kernels"].as_array().unwrap();
    let calls_of = |name: &str| {
        let found = kernels.iter().find(|k| k["kernel"] == name);
        found.map_or(0, |k| k["calls"].as_u64().unwrap())
    };
    assert_eq!(calls_of("optimizer.adam"), 3, "{profiled}");
    assert_eq!(calls_of("cross_entropy.forward"), 3, "{profiled}");
    let seconds: Vec<f64> = kernels.iter().map(|k| number(&k["seconds"])).collect();
    assert!(seconds.is_sorted_by(|a, b| a >= b), "{seconds:?}");
    assert!((seconds.iter().sum::<f64>() / 3.0 / number(&profiled["kernel_seconds"]) - 1.0).abs() < 1e-9);
    // Two convolutions have weights and see 4 images of 8 × 8 and of 4 × 4: 9·1·8 and 9·8·16 products per pixel.
    let flops: f64 = kernels
        .iter()
        .filter(|k| k["kernel"].as_str().unwrap().starts_with("conv2d.forward"))
        .map(|k| number(&k["flops"]))
        .sum();
    assert_eq!(flops, 3.0 * 4.0 * 2.0 * (64.0 * 72.0 + 16.0 * 1152.0));

    let trace: Value = serde_json::from_str(&fs::read_to_string(&trace).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let runs: Vec<_> = events.iter().filter(|e| e["ph"] == "X").collect();
    let calls: u64 = kernels.iter().map(|k| k["calls"].as_u64().unwrap()).sum();
    assert_eq!(runs.len() as u64, calls);
    let ends: Vec<[f64; 2]> =
        runs.iter().map(|e| [number(&e["ts"]), number(&e["ts"]) + number(&e["dur"])]).collect();
    assert!(ends.windows(2).all(|pair| pair[0][1] <= pair[1][0] + 1e-3), "one after the other: {ends:?}");

    let table = succeed(&arguments).out;
    for words in ["optimizer.adam", "GFLOP/s", "A step takes"] {
        assert!(table.contains(words), "{words:?} in\n{table}");
    }
    fail(&["profile", "no-such-model"], 1, &["no-such-model"]);
}

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
    let arguments = ["tune", "--device", "gpu", "--family", "matmul", "--seconds", "1e-6", "--json"];
    let tuned = succeed_with_cache(&cache, &arguments).json();
    assert_eq!(keys(&tuned), ["device", "file", "outcomes"].into());
    let outcomes = tuned["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.len(), 26, "{tuned}");
    for outcome in outcomes {
        assert_eq!(outcome["family"], "matmul");
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

    // For every class a variant that is no class's default.
    let is_default = |name: &Value| outcomes.iter().any(|outcome| outcome["default"] == *name);
    let mut variants = outcomes[0]["variants"].as_array().unwrap().iter().map(|v| &v["variant"]);
    let other = variants.find(|name| !is_default(name)).unwrap().as_str().unwrap();
    let lines: String = outcomes.iter().map(|o| format!("{} = \"{other}\"\n", o["class"])).collect();
    fs::write(file, format!("{head}[choices.matmul]\n{lines}")).unwrap();
    let model = small_mlp(place.path());
    let profile = ["profile", &model, "--device", "gpu", "--batch", "8", "--json"];
    let products = |ended: &Ended| -> BTreeSet<String> {
        let profiled = ended.json();
        let kernels = profiled["kernels"].as_array().unwrap().iter();
        let names = kernels.map(|k| k["kernel"].as_str().unwrap().to_string());
        names.filter(|name| name.starts_with("matmul.forward")).collect()
    };
    let by_default = products(&succeed(&profile));
    let by_choice = succeed_with_cache(&cache, &profile);
    assert_eq!(products(&by_choice), [format!("matmul.forward_{other}")].into());
    assert!(!by_default.is_empty() && by_default.is_disjoint(&products(&by_choice)), "{by_default:?}");
    assert!(!by_choice.err.contains("allometry: "), "{}", by_choice.err);

    // A file about another driver is nobody's; one that makes no sense is named, and nothing else is lost.
    fs::write(file, fs::read_to_string(file).unwrap().replace("driver = \"", "driver = \"older ")).unwrap();
    let stale = succeed_with_cache(&cache, &profile);
    assert_eq!(products(&stale), by_default);
    assert!(!stale.err.contains("allometry: "), "{}", stale.err);
    fs::write(file, "nonsense").unwrap();
    let broken = succeed_with_cache(&cache, &profile);
    assert_eq!(products(&broken), by_default);
    let complaint = broken.complaint();
    assert!(complaint.contains(text(file)) && complaint.contains("allometry tune"), "{complaint}");
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

#[test]
fn completions_are_a_script() {
    let script = succeed(&["completions", "bash"]).out;
    assert!(script.contains("_allometry()") && script.contains("complete -F _allometry"), "{script}");
}

#[test]
fn every_help_shows_an_example() {
    let commands = [
        "devices",
        "summary",
        "train",
        "sweep",
        "bench",
        "bench kernels",
        "profile",
        "tune",
        "plan",
        "report",
        "completions",
    ];
    for command in commands {
        let arguments: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let help = succeed(&arguments).out;
        let example = help.split("Example:").nth(1).unwrap_or_else(|| panic!("no example in\n{help}"));
        assert!(example.contains(&format!("allometry {command}")), "{help}");
    }
    let help = succeed(&["--help"]).out;
    assert!(help.contains("Exit codes:") && help.contains("Example:"), "{help}");
}

// ---------------------------------------------------------------------------------------------------------------
// train

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
fn training_on_mnist_files_learns_and_leaves_its_weights() {
    let place = TempDir::new().unwrap();
    small_mnist(place.path());
    let (data, out) = (text(place.path()).to_string(), place.path().join("deep/er/out"));
    let model = small_mlp(place.path());
    let arguments = [&model, "--dataset", "mnist", "--data", &data, "--epochs", "15", "--batch", "8"];
    let arguments = [&arguments[..], &["--seed", "3", "--learning-rate", "0.01"]].concat();
    let json = train(&[&arguments[..], &["--out", text(&out)]].concat(), 15);
    assert!((0.9..=1.0).contains(&number(&json["validation_accuracy"])), "{json}");

    let weights = out.join("weights.safetensors");
    let bytes = fs::read(&weights).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    // Layer 0 rescales the pixels, layer 1 flattens them.
    assert_eq!(file.tensor("layers.2.kernel").unwrap().shape(), [64, 16]);
    assert_eq!(file.tensor("layers.2.bias").unwrap().shape(), [16]);
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
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("in mixed precision"));
    fail(&sweep, 1, &["different: schedule"]);
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
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("activations recomputed"));
    fail(&sweep, 1, &["different: schedule"]);
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
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("clipped to norm 0.5"));
    fail(&sweep, 1, &["different: schedule"]);
}

/// Runs the driver with arguments that it can't understand.
fn fail_usage(arguments: &[&str]) {
    assert_eq!(run(arguments).code, 2, "{arguments:?}");
}

#[test]
fn training_without_json_says_it_in_words() {
    let ended = succeed(&["train", "mlp", "--device", "cpu", "--resolution", "8", "--samples", "16"]);
    assert!(ended.out.contains("validation loss") && ended.out.contains("samples/s"), "{}", ended.out);
}

// ---------------------------------------------------------------------------------------------------------------
// how it ends when something is wrong

#[test]
fn missing_files_are_named() {
    let place = TempDir::new().unwrap();
    let missing = place.path().join("nowhere");
    let mnist = ["train", "mlp", "--dataset", "mnist", "--data", text(place.path())];
    fail(&mnist, 1, &["train-images-idx3-ubyte", text(place.path()), "--data DIR"]);
    let csv = ["train", "keras-dense", "--dataset", "csv", "--data", text(&missing)];
    fail(&csv, 1, &[text(&missing)]);
    fail(&["train", text(&missing)], 1, &[text(&missing), "keras-dense, mlp, convnet"]);
    fail(&["summary", text(&missing)], 1, &[text(&missing)]);
    fail(&["report", text(&missing)], 1, &[text(&missing), "plan.toml"]);
    let weights = ["train", "mlp", "--device", "cpu", "--resolution", "8", "--samples", "8"];
    fail(&[&weights[..], &["--weights", text(&missing)]].concat(), 1, &[text(&missing)]);
    fail(&["train", "mlp", "--dataset", "nonsense"], 1, &["nonsense", "glyphs"]);
    fail(&["summary", "convnet", "--resolution", "3"], 1, &["resolution 3 is too small", "at least 8"]);
}

#[test]
fn a_command_that_makes_no_sense_is_a_matter_of_usage() {
    for arguments in [
        &[][..],
        &["grow"],
        &["summary"],
        &["train", "mlp", "--epoch", "3"],
        &["train", "mlp", "--device", "quantum"],
        &["train", "mlp", "--epochs", "0"],
        &["train", "mlp", "--batch", "0"],
        &["summary", "mlp", "--batch", "0"],
        &["sweep", "--axis", "height"],
        &["sweep", "--factors", "large"],
        &["sweep", "--compound", "1.2,1.1"],
        &["bench", "--batch", "0"],
        &["bench", "kernels", "--family", "sorting"],
        &["bench", "--batch", "4", "kernels"],
        &["profile"],
        &["profile", "mlp", "--steps", "0"],
        &["completions", "abacus"],
    ] {
        let ended = run(arguments);
        assert_eq!(ended.code, 2, "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains("--help") || ended.err.contains("Usage"), "{arguments:?}: {}", ended.err);
    }
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

#[test]
fn divergence_has_a_code_of_its_own() {
    let common = ["train", "mlp", "--device", "cpu", "--resolution", "8", "--learning-rate", "1e30"];
    let common = [&common[..], &["--samples", "32", "--json"]].concat();
    let ended = fail(&[&common[..], &["--batch", "8"]].concat(), 6, &["diverged", "learning rate"]);
    assert_eq!(ended.out, "");
    // The only step's loss is that of the initial weights; what it made of them shows in the validation.
    fail(&[&common[..], &["--batch", "32", "--epochs", "1"]].concat(), 6, &["diverged"]);
}

// ---------------------------------------------------------------------------------------------------------------
// sweep

/// Everything that a record has to say, by the issue's list; `reason` is there when a run did not complete.
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

/// The lines of a sweep's `runs.jsonl`, or none where it is not there yet. A last line that has no newline yet is
/// not a record.
fn lines(sweep: &Path) -> Vec<String> {
    let runs = fs::read_to_string(sweep.join("runs.jsonl")).unwrap_or_default();
    let whole = runs.rfind('\n').map_or(0, |newline| newline + 1);
    runs[..whole].lines().map(str::to_string).collect()
}

fn records(sweep: &Path) -> Vec<Value> {
    lines(sweep).iter().map(|line| serde_json::from_str(line).expect("a line is a JSON object")).collect()
}

/// The record without what a clock measured.
fn timeless(record: &Value) -> Value {
    let mut record = record.clone();
    let fields = record.as_object_mut().unwrap();
    for clock in ["samples_per_second", "inference_samples_per_second", "flops_per_second", "wall_seconds"] {
        fields.remove(clock).unwrap_or_else(|| panic!("{clock} is a field"));
    }
    for point in fields["curve"].as_array_mut().unwrap() {
        point.as_object_mut().unwrap().remove("seconds").expect("seconds is a field");
    }
    record
}

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

    for best in ["best by accuracy ", "best by accuracy per FLOP ", "best by accuracy per second "] {
        assert!(ended.out.lines().any(|line| line.starts_with(best)), "{best:?} in\n{}", ended.out);
    }
    assert!(ended.out.contains("report.html"), "{}", ended.out);

    // The same command finds nothing left to do, and the report can be written again from what is on disk.
    let before = lines(&out);
    let again = succeed(&arguments);
    assert!(!again.err.contains("epoch "), "{}", again.err);
    fs::remove_file(out.join("report.html")).unwrap();
    let table = succeed(&["report", text(&out)]).out;
    assert!(table.contains("best by accuracy per FLOP"), "{table}");
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
    // The base model needs 5 MB, a quarter of its width less than one.
    let arguments = [&arguments[..], &["--memory-limit", "2000000", "--out", text(&out)]].concat();
    let ended = succeed(&arguments);
    let records = records(&out);
    let of = |key: &str| records.iter().find(|record| record["key"] == key).unwrap();
    let large = of("base-s0");
    assert_eq!(large["status"], "out_of_memory");
    assert!(large["reason"].as_str().unwrap().contains("2000000"), "{large}");
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
    succeed(&[&arguments[..], &["--out", text(&out)]].concat());
    let records = records(&out);
    assert_eq!(records.len(), 2);
    for record in &records {
        assert_eq!((&record["status"], &record["validation_loss"]), (&"diverged".into(), &Value::Null));
        assert!(record["reason"].as_str().unwrap().contains("diverged"), "{record}");
    }
    assert!(out.join("report.html").is_file());
}

// ---------------------------------------------------------------------------------------------------------------
// a sweep that is stopped

/// Ten runs of about a third of a second: three widths and two more depths, with two seeds.
fn resumable(model: &str, out: &Path) -> Vec<String> {
    let arguments = ["sweep", "--device", "cpu", "--model", model, "--axis", "width,depth"];
    let more =
        ["--factors", "0.5,1,2", "--seeds", "0,1", "--samples", "200", "--epochs", "2", "--batch", "16"];
    let all = [&arguments[..], &more, &["--out", text(out)]].concat();
    all.into_iter().map(str::to_string).collect()
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// Starts a sweep and waits until so many of its runs are on disk.
fn start_until(arguments: &[String], out: &Path, runs: usize) -> Child {
    let mut child = driver(&borrowed(arguments)).stderr(Stdio::piped()).spawn().expect("the driver starts");
    let start = Instant::now();
    while lines(out).len() < runs {
        assert!(start.elapsed() < Duration::from_secs(60), "no {runs} records within a minute");
        assert!(child.try_wait().unwrap().is_none(), "the sweep ended before it could be stopped");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// Finishes a sweep that was stopped: what was done stays as it is, byte for byte, and only the rest is trained;
/// in the end every number is that of `whole`, a sweep that nobody stopped.
fn finish_and_compare(arguments: &[String], out: &Path, whole: &Path) {
    let before = lines(out);
    let expected = records(whole);
    assert!((2..expected.len()).contains(&before.len()), "{} of {} runs done", before.len(), expected.len());
    let ended = succeed(&borrowed(arguments));
    let after = lines(out);
    assert_eq!(after[..before.len()], before, "what was done is untouched");
    assert!(ended.err.contains(&format!("{} done", before.len())), "{}", ended.err);
    let missing = expected.len() - before.len();
    let trained = ended.err.lines().filter(|line| line.contains("epoch 2/2")).count();
    assert_eq!(trained, missing, "only what was missing is trained: {}", ended.err);
    let found = records(out);
    let numbers = |records: &[Value]| records.iter().map(timeless).collect::<Vec<_>>();
    assert_eq!(numbers(&found), numbers(&expected), "stopping changed a number");
}

#[cfg(unix)]
#[test]
fn a_sweep_that_is_stopped_goes_on_and_ends_with_the_same_numbers() {
    use std::os::unix::process::ExitStatusExt;
    let place = TempDir::new().unwrap();
    let model = small_mlp(place.path());
    let whole = place.path().join("whole");
    succeed(&borrowed(&resumable(&model, &whole)));
    assert_eq!(records(&whole).len(), 10);

    // Ctrl-C, in the middle of a run: it ends in order, with a report of what is done.
    let out = place.path().join("interrupted");
    let arguments = resumable(&model, &out);
    let child = start_until(&arguments, &out, 2);
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 130, "{}", ended.err);
    assert!(ended.complaint().contains("interrupted"), "{}", ended.err);
    let page = fs::read_to_string(out.join("report.html")).expect("a report of what is done");
    assert!(page.contains("base"));
    assert!(fs::read_to_string(out.join("runs.csv")).unwrap().lines().count() > lines(&out).len());

    // Another plan has no business in this directory.
    let other = [&borrowed(&arguments)[..], &["--learning-rate", "0.5"]].concat();
    let before = fs::read(out.join("runs.jsonl")).unwrap();
    fail(&other, 1, &[text(&out), "another plan", "schedule"]);
    assert_eq!(fs::read(out.join("runs.jsonl")).unwrap(), before);
    finish_and_compare(&arguments, &out, &whole);

    // Killed where it stands: nothing is written any more, and nothing is lost.
    let out = place.path().join("killed");
    let arguments = resumable(&model, &out);
    let mut child = start_until(&arguments, &out, 3);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    // What a kill amid a write leaves: a line without its end.
    let mut torn = fs::read(out.join("runs.jsonl")).unwrap();
    torn.extend(b"{\"key\":\"dep");
    fs::write(out.join("runs.jsonl"), torn).unwrap();
    finish_and_compare(&arguments, &out, &whole);
}

/// Four widths with two seeds, of which the largest is predicted.
fn predicting(model: &str, out: &Path) -> Vec<String> {
    let arguments =
        ["sweep", "--device", "cpu", "--model", model, "--axis", "width", "--factors", "0.5,1,2,4"];
    let more = ["--seeds", "0,1", "--samples", "200", "--epochs", "2", "--batch", "16", "--predict", "1"];
    let all = [&arguments[..], &more, &["--out", text(out)]].concat();
    all.into_iter().map(str::to_string).collect()
}

#[test]
fn a_sweep_predicts_its_largest_model_before_it_trains_it() {
    let place = TempDir::new().unwrap();
    let model = small_mlp(place.path());
    let whole = place.path().join("whole");
    let ended = succeed(&[&borrowed(&predicting(&model, &whole))[..], &["--json"]].concat());
    let printed: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Six runs, what they predict, the two that were held back, and the score.
    let prediction = &printed[6]["prediction"];
    let stored = fs::read(whole.join("prediction.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&stored).unwrap(), *prediction);
    assert_eq!(printed[..6].iter().chain(&printed[7..9]).cloned().collect::<Vec<_>>(), records(&whole));
    assert!(fs::read_to_string(whole.join("plan.toml")).unwrap().contains("predict = 1"));
    let axis = &prediction["axes"][0];
    assert_eq!(
        (&axis["runs"], &axis["size"], &prediction["level"]),
        (&6.into(), &"parameters".into(), &0.8.into())
    );
    for (row, run) in axis["rows"].as_array().unwrap().iter().zip(&printed[7..9]) {
        assert_eq!((&row["key"], number(&row["size"])), (&run["key"], number(&run["parameters"])));
        assert!(number(&row["low"]) <= number(&row["high"]), "{row}");
    }
    let score = &printed[9]["score"];
    for (row, run) in score["rows"].as_array().unwrap().iter().zip(&printed[7..9]) {
        let (measured, predicted) = (number(&run["validation_loss"]), number(&row["predicted"]["value"]));
        assert_eq!(number(&row["measured"]), measured);
        assert!((number(&row["relative_error"]) - (predicted / measured - 1.0)).abs() < 1e-12);
    }
    let reported = succeed(&["report", text(&whole), "--json"]).out;
    let first = reported.lines().next().unwrap();
    assert_eq!(serde_json::from_str::<Value>(first).unwrap(), printed[9]);

    // Killed while the largest model is trained: the prediction is there, and it stays.
    let out = place.path().join("killed");
    let arguments = predicting(&model, &out);
    let mut child = start_until(&arguments, &out, 3);
    assert!(!out.join("prediction.json").exists(), "there is nothing yet to predict from");
    let start = Instant::now();
    while !out.join("prediction.json").exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "no prediction within a minute");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(fs::read(out.join("prediction.json")).unwrap(), stored, "made from the same numbers");
    assert!((6..8).contains(&lines(&out).len()), "{} runs", lines(&out).len());
    let other = [&borrowed(&arguments)[..arguments.len() - 3], &["2", "--out", text(&out)]].concat();
    fail(&other, 1, &["another plan", "predict"]);
    let ended = succeed(&borrowed(&arguments));
    assert_eq!(fs::read(out.join("prediction.json")).unwrap(), stored);
    let numbers = |sweep: &Path| records(sweep).iter().map(timeless).collect::<Vec<_>>();
    assert_eq!(numbers(&out), numbers(&whole));
    let order = ["Axis width: ", "It predicts:", "Predicted before training", "width-4-s1", "% interval."];
    let places: Vec<_> = order.iter().map(|words| ended.out.find(words)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in\n{}", ended.out);
    let report = succeed(&["report", text(&out)]).out;
    assert!(
        report.contains("Predicted before training") && report.contains("of 2 inside the 80 %"),
        "{report}"
    );

    // A prediction that is gone is not made again once its subject is known.
    fs::remove_file(out.join("prediction.json")).unwrap();
    let runs = lines(&out);
    fs::write(out.join("runs.jsonl"), runs[..7].join("\n") + "\n").unwrap();
    fail(&borrowed(&arguments), 1, &["prediction is gone", "width-4-s0"]);
    assert!(!out.join("prediction.json").exists());

    // Too few are left: said before anything is on disk.
    let out = place.path().join("few");
    let few = predicting(&model, &out);
    let few = [&borrowed(&few)[..few.len() - 3], &["3", "--out", text(&out)]].concat();
    fail(&few, 1, &["3 models of axis width held back", "predict fewer"]);
    assert!(!out.exists());
    fail_usage(&["sweep", "--predict", "0"]);
}

#[cfg(unix)]
#[test]
fn training_that_is_interrupted_saves_its_weights() {
    let place = TempDir::new().unwrap();
    let (model, out) = (small_mlp(place.path()), place.path().join("out"));
    let arguments = ["train", &model, "--device", "cpu", "--samples", "2000", "--epochs", "100000", "--json"];
    let mut child = driver(&[&arguments[..], &["--out", text(&out)]].concat()).spawn().unwrap();
    // The handler is in place once the first epoch is over.
    let mut told = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("epoch 1/") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut told, &mut line).unwrap() > 0, "it ended by itself");
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut told, &mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    let bytes = fs::read(out.join("weights.safetensors")).expect("weights are saved");
    safetensors::SafeTensors::deserialize(&bytes).unwrap();
}

/// A table of a joint law without noise, beside a column with a hole in it.
fn runs_table(place: &Path) -> String {
    let path = place.join("runs.csv");
    let mut table = String::from("name,N,D,loss,same,holed\n");
    for row in 0..24 {
        let (n, d) = (1e7 * 3f64.powi(row % 6), 5e8 * 4f64.powi(row / 6));
        let loss = 1.8 + 480.0 * n.powf(-0.35) + 2100.0 * d.powf(-0.37);
        let holed = if row == 4 { "NaN" } else { "1.5" };
        table += &format!("run {row},{n},{d},{loss},7,{holed}\n");
    }
    fs::write(&path, table).unwrap();
    text(&path).to_string()
}

#[test]
fn fit_finds_a_joint_law_and_says_how_sure_it_is() {
    let place = TempDir::new().unwrap();
    let table = runs_table(place.path());
    let columns = ["--x", "N", "--x2", "D", "--y", "loss", "--law", "joint", "--bootstrap", "60"];
    let command = [&["fit", &table][..], &columns, &["--budget", "1e20,1e22", "--holdout", "3"]].concat();
    let fit = succeed(&[&command[..], &["--json"]].concat()).json();
    assert_eq!((&fit["law"], &fit["converged"], &fit["n"]), (&"joint".into(), &true.into(), &21.into()));
    assert!(number(&fit["objective"]) < 1e-9);
    assert_eq!(fit["warnings"], serde_json::json!([]));
    let expected = [("E", 1.8), ("A", 480.0), ("alpha", 0.35), ("B", 2100.0), ("beta", 0.37)];
    assert_eq!(keys(&fit["parameters"]), expected.iter().map(|entry| entry.0).collect());
    for (name, value) in expected {
        let parameter = &fit["parameters"][name];
        assert_eq!(keys(parameter), ["high", "identified", "low", "se", "value"].into());
        assert!((number(&parameter["value"]) / value - 1.0).abs() < 1e-4, "{name}: {parameter}");
    }
    assert!((number(&fit["allocation"]["a"]["value"]) - 0.37 / 0.72).abs() < 1e-4);
    let budgets = fit["allocation"]["samples_per_parameter"].as_array().unwrap();
    assert_eq!(budgets.iter().map(|at| number(&at["budget"])).collect::<Vec<_>>(), [1e20, 1e22]);
    for at in budgets {
        let compute = 6.0 * number(&at["parameters"]["value"]) * number(&at["samples"]["value"]);
        assert!((compute / number(&at["budget"]) - 1.0).abs() < 1e-6, "{at}");
    }
    assert_eq!(fit["holdout"]["rows"].as_array().unwrap().len(), 3);
    assert!(number(&fit["holdout"]["relative_error"]) < 1e-5);

    let said = succeed(&command).out;
    for words in
        ["joint law", "converged", "alpha", "Twice the N", "Twice the D", "Compute-optimal", "Relative error"]
    {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    let auto =
        succeed(&["fit", &table, "--x", "N", "--x2", "D", "--y", "loss", "--bootstrap", "60", "--json"]);
    assert_eq!(auto.json()["law"], "joint");
    assert_eq!(auto.json()["comparison"].as_array().unwrap().len(), 4);
    let dropped = [&["fit", &table][..], &columns, &["--drop-above", "4", "--json"]].concat();
    let kept = number(&succeed(&dropped).json()["n"]);
    assert!(kept > 6.0 && kept < 24.0, "{kept}");
}

#[test]
fn fit_takes_accuracies_profiles_and_curves_that_bend() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("accuracies.csv");
    let mut table = String::from("N,accuracy,seconds\n");
    for row in 0..12 {
        let n = 1e3 * 3f64.powi(row);
        table += &format!("{n},{},{}\n", 1.0 - 2.0 * n.powf(-0.3), 1e-4 * n.powf(0.8));
    }
    fs::write(&path, &table).unwrap();
    let fit = |y: &'static str, more: &[&'static str]| {
        [&["fit", text(&path), "--x", "N", "--y", y, "--bootstrap", "60"][..], more].concat()
    };
    let power = succeed(&fit("accuracy", &["--error-rate", "--law", "power", "--json"])).json();
    assert!((number(&power["parameters"]["alpha"]["value"]) + 0.3).abs() < 1e-6, "{power}");
    assert!((number(&power["r2"]) - 1.0).abs() < 1e-9);
    assert!(succeed(&fit("accuracy", &["--error-rate"])).out.contains("lowers 1 − accuracy by 18.77 %"));
    assert!(succeed(&fit("seconds", &["--law", "power"])).out.contains("raises seconds by 74.11 %"));
    fail(&fit("seconds", &["--error-rate"]), 1, &["accuracy", "row 6", "\"seconds\""]);
    let plot = place.path().join("plots/broken.svg");
    let broken = succeed(&fit("accuracy", &["--error-rate", "--law", "broken", "--json"])).json();
    let expected = ["A", "E", "L0", "alpha", "gamma"].into();
    assert_eq!(keys(&broken["parameters"]), expected);
    assert!(
        broken["warnings"].as_array().unwrap().iter().any(|said| said.as_str().unwrap().contains("gamma"))
    );
    succeed(&[&fit("accuracy", &["--law", "floor", "--plot"])[..], &[text(&plot)]].concat());
    assert!(fs::read_to_string(&plot).unwrap().starts_with("<svg"));

    // Five sizes at each of three budgets, the best in the middle.
    let path = place.path().join("profiles.csv");
    let mut table = String::from("N,D,loss\n");
    for row in 0..15 {
        let (budget, factor) = (1e18 * 10f64.powi(row / 5), 2f64.powi(row % 5 - 2));
        let n = (budget / 6.0).sqrt() * factor;
        let d = budget / (6.0 * n);
        table += &format!("{n},{d},{}\n", 1.8 + 480.0 * n.powf(-0.35) + 480.0 * d.powf(-0.35));
    }
    fs::write(&path, table).unwrap();
    let command =
        ["fit", text(&path), "--x", "N", "--x2", "D", "--y", "loss", "--law", "joint", "--bootstrap", "60"];
    let joint = succeed(&[&command[..], &["--json"]].concat()).json();
    for (row, name) in joint["approaches"].as_array().unwrap().iter().zip(["isoflop", "joint_law"]) {
        assert_eq!(row["approach"], name);
        assert!((number(&row["a"]["value"]) - 0.5).abs() < 1e-3, "{row}");
    }
    assert_eq!(joint["isoflop"]["profiles"].as_array().unwrap().len(), 3);
    let said = succeed(&command).out;
    for words in ["isoFLOP budget", "3 minima", "15 rows"] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
}

#[test]
fn fit_names_what_it_cannot_use() {
    let place = TempDir::new().unwrap();
    let table = runs_table(place.path());
    let fit = |x: &'static str, y: &'static str, law: &'static str| {
        ["fit", &table, "--x", x, "--y", y, "--law", law]
    };
    fail(&fit("N", "holed", "power"), 1, &["NaN", "row 5", "\"holed\""]);
    fail(&fit("name", "loss", "power"), 1, &["run 0", "row 1", "\"name\""]);
    fail(&fit("width", "loss", "power"), 1, &["\"width\"", "\"N\""]);
    fail(&fit("same", "loss", "power"), 1, &["several values", "\"same\"", "row"]);
    fail(&fit("N", "loss", "joint"), 1, &["N alone", "x2"]);
    fail(&[&fit("N", "loss", "floor")[..], &["--holdout", "20"]].concat(), 1, &["rows is 4", "at least 5"]);
    fail(&[&fit("N", "loss", "floor")[..], &["--holdout", "24"]].concat(), 1, &["holdout is 24", "24 rows"]);
    fail(&["fit", "nowhere.csv", "--x", "N", "--y", "loss"], 1, &["nowhere.csv"]);
    for bad in ["0", "-1.5"] {
        let path = place.path().join("bad.csv");
        fs::write(&path, format!("N,loss\n1,3\n2,{bad}\n4,1\n8,1\n")).unwrap();
        fail(&["fit", text(&path), "--x", "N", "--y", "loss"], 1, &[bad, "row 2", "\"loss\""]);
    }
}
