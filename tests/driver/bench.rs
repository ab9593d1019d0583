//! `bench` and `profile`: models, kernels and the kernels of a training step, timed.

use crate::inputs::small_convnet;
use crate::process::{fail, number, succeed, text};
use crate::reading::keys;
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

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
fn bench_steps_times_both_networks_in_both_precisions() {
    let arguments = ["bench", "steps", "--device", "cpu", "--seconds", "0.01"];
    let measured = succeed(&[&arguments[..], &["--json"]].concat()).json();
    let steps = measured["steps"].as_array().unwrap();
    let of =
        |step: &Value| format!("{} {}", step["name"].as_str().unwrap(), step["precision"].as_str().unwrap());
    assert_eq!(steps.iter().map(of).collect::<Vec<_>>(), ["mlp f32", "mlp mixed", "cnn f32", "cnn mixed"]);
    for step in steps {
        let rate = number(&step["samples_per_second"]) * number(&step["seconds"]);
        assert!((rate / number(&step["batch"]) - 1.0).abs() < 1e-9, "{step}");
        // Weights, gradients and moments of the smaller network in f32: four times 421,642 numbers.
        assert!(number(&step["peak_bytes"]) > 4.0 * 4.0 * 421_642.0, "{step}");
    }
    let chosen = succeed(&[&arguments[..], &["--network", "mlp"]].concat()).out;
    assert!(chosen.contains("mixed") && !chosen.contains("cnn"), "{chosen}");
}

#[test]
fn bench_kernels_stands_beside_the_roofline() {
    let arguments = ["bench", "kernels", "--device", "cpu", "--seconds", "0.01"];
    let arguments = [&arguments[..], &["--family", "softmax,cross_entropy"]].concat();
    let figures = succeed(&[&arguments[..], &["--json"]].concat()).json();
    assert_eq!(keys(&figures), ["device", "clock", "roofline", "kernels"].into());
    assert_eq!(figures["clock"], "host");
    let roofline = &figures["roofline"];
    let [peak, read, written, copied] = ["flops", "read_bytes", "written_bytes", "copied_bytes"]
        .map(|what| number(&roofline[format!("{what}_per_second")]));
    assert!([peak, read, written, copied].iter().all(|&limit| limit > 1e8), "{roofline}");
    let kernels = figures["kernels"].as_array().unwrap();
    let families: Vec<_> = kernels.iter().map(|k| k["family"].as_str().unwrap()).collect();
    assert_eq!(families, ["softmax", "cross_entropy", "cross_entropy", "cross_entropy", "cross_entropy"]);
    for kernel in kernels {
        let of = |key: &str| number(&kernel[key]);
        assert!(of("seconds") > 0.0 && of("flops") > 0.0, "{kernel}");
        // No less than the arithmetic takes, no more than that and all bytes at the lowest rate.
        let (arithmetic, moving) = (of("flops") / peak, of("bytes") / read.min(written).min(copied));
        let least = of("attained") * of("seconds");
        assert!(least > 0.999 * arithmetic && least < 1.001 * arithmetic.max(moving), "{kernel}");
        assert!((of("gflops_per_second") * of("seconds") * 1e9 / of("flops") - 1.0).abs() < 1e-9, "{kernel}");
    }
    // The largest tensors that the probes ask for on a CPU.
    assert_eq!(roofline["tensor_bytes"], 64 << 20);
    // A tensor of 4096 × 1024 is read and written.
    assert_eq!(kernels[0]["bytes"], 2 * 4 * 4096 * 1024);
    let table = succeed(&arguments).out;
    assert!(
        table.contains("at best")
            && table.contains("in tensors of 64 MiB")
            && table.contains("Attained")
            && table.contains("4096×1024"),
        "{table}"
    );
}

#[test]
fn bench_matrices_lists_what_the_adapter_has() {
    for device in ["cpu", "gpu"] {
        let arguments = ["bench", "matrices", "--device", device, "--seconds", "0.01"];
        let measured = succeed(&[&arguments[..], &["--json"]].concat()).json();
        let matrices = measured["matrices"].as_array().unwrap();
        assert!(device == "gpu" || matrices.is_empty(), "{measured}");
        for matrix in matrices {
            assert!(["m", "n", "k"].iter().all(|extent| number(&matrix[extent]) >= 8.0), "{matrix}");
            for product in matrix["products"].as_array().unwrap() {
                assert!((0.0..=1.0).contains(&number(&product["error"])), "{matrix}");
                assert!(number(&product["seconds"]) > 0.0, "{matrix}");
            }
        }
        let out = succeed(&arguments).out;
        let words = if matrices.is_empty() { "lists no cooperative matrices" } else { "Sums" };
        assert!(out.contains(words), "{out}");
    }
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
    let [step, profiled_step, kernel, other] =
        ["step_seconds", "profiled_seconds", "kernel_seconds", "other_seconds"]
            .map(|of| number(&profiled[of]));
    assert!(step > 0.0 && kernel > 0.0 && other >= 0.0, "{profiled}");
    assert!((kernel + other - profiled_step).abs() < 1e-12, "{profiled}");
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
    // The numbers that are printed add up as well.
    let sentence = table.lines().find(|line| line.starts_with("A step takes")).unwrap();
    let milliseconds: Vec<f64> =
        sentence.split(" ms").filter_map(|part| part.rsplit(' ').next()?.parse().ok()).collect();
    let [_, whole, kernels, elsewhere] = milliseconds[..] else { panic!("{sentence}") };
    assert!((kernels + elsewhere - whole).abs() < 1e-6 && kernels > 0.0, "{sentence}");
    fail(&["profile", "no-such-model"], 1, &["no-such-model"]);
}
