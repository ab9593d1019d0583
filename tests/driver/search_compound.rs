//! `search-compound`: what it leaves on disk, how it resumes, and the sweep that follows.

use crate::inputs::{small_convnet, small_mnist};
use crate::process::{fail, number, succeed, text};
use crate::reading::{records, timeless};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn arguments<'a>(model: &'a str, out: &'a Path) -> Vec<&'a str> {
    let search = ["search-compound", model, "--device", "cpu", "--divisions", "2", "--flops-factor", "4"];
    let training = ["--samples", "64", "--epochs", "1", "--batch", "8", "--validation-samples", "50"];
    [&search[..], &training, &["--best", "1", "--out", text(out)]].concat()
}

fn runs(out: &Path) -> Vec<Value> {
    let lines = fs::read_to_string(out.join("candidates.jsonl")).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_search_is_recorded_resumed_and_swept() {
    let place = TempDir::new().unwrap();
    let (model, out) = (small_convnet(place.path()), place.path().join("search"));
    let ended = succeed(&arguments(&model, &out));
    for words in ["Best: α = ", "How sure: ", "validation loss", "│ best ", "--compound-from"] {
        assert!(ended.out.contains(words), "{words:?} in\n{}", ended.out);
    }
    let next = format!("--model {model} --dataset glyphs --device cpu");
    assert!(
        ended.out.lines().any(|line| line.starts_with("Next: ") && line.ends_with(&next)),
        "{}",
        ended.out
    );
    let whole = runs(&out);
    let of_seed = |seed: u64| whole.iter().filter(|run| run["seed"] == seed).collect::<Vec<_>>();
    assert_eq!(of_seed(0).len(), 6, "every candidate once");
    // The best one, and the three that scale one axis; the best may be one of them.
    assert!([3, 4].contains(&of_seed(1).len()) && whole.len() == 6 + of_seed(1).len());
    let budget = number(&whole[0]["flops_budget"]);
    for run in &whole {
        assert_eq!(run["status"], "completed", "{run}");
        let used = number(&run["training_flops"]);
        let batch = 6.0 * number(&run["macs"]) * 8.0;
        assert!(used <= budget.max(batch) && used > budget - batch, "{run}");
    }
    let cheapest = whole.iter().map(|run| run["train_samples"].as_u64().unwrap()).max();
    assert_eq!(cheapest, Some(64));
    let best_of_seed_0 = of_seed(0)
        .into_iter()
        .min_by(|a, b| number(&a["validation_loss"]).total_cmp(&number(&b["validation_loss"])))
        .unwrap();
    let stem = |run: &Value| run["key"].as_str().unwrap().rsplit_once('-').unwrap().0.to_string();
    assert!(of_seed(1).into_iter().any(|run| stem(run) == stem(best_of_seed_0)));

    // Killed while it appends: the same command trains what is missing, and ends with the same numbers.
    let resumed = place.path().join("resumed");
    fs::create_dir(&resumed).unwrap();
    fs::copy(out.join("search.toml"), resumed.join("search.toml")).unwrap();
    let lines = fs::read_to_string(out.join("candidates.jsonl")).unwrap();
    let kept = lines.split_inclusive('\n').take(4).collect::<String>();
    fs::write(resumed.join("candidates.jsonl"), format!("{kept}{{\"key\":\"d2-")).unwrap();
    let ended = succeed(&arguments(&model, &resumed));
    assert!(ended.err.contains("4 trainings done"), "{}", ended.err);
    let again = runs(&resumed);
    let numbers = |records: &[Value]| records.iter().map(timeless).collect::<Vec<_>>();
    assert_eq!(numbers(&again), numbers(&whole), "stopping changed a number");
    let answer = fs::read(out.join("compound.toml")).unwrap();
    assert_eq!(fs::read(resumed.join("compound.toml")).unwrap(), answer);

    // More seeds are added to it; another search is refused.
    let more = [&arguments(&model, &out)[..], &["--more-seeds", "2", "--json"]].concat();
    let found = succeed(&more).json();
    assert_eq!(runs(&out).len(), whole.len() + of_seed(1).len());
    assert_eq!(found["candidates"].as_array().unwrap().len(), 6);
    assert_eq!(found["contests"], 2);
    assert!(number(&found["scatter"]) > 0.0);
    let other = [&arguments(&model, &out)[..], &["--learning-rate", "0.5"]].concat();
    fail(&other, 1, &[text(&out), "another search", "learning_rate"]);

    // The sweep scales by the coefficients that were found.
    let file = out.join("compound.toml");
    let swept = place.path().join("sweep");
    let sweep = ["sweep", "--device", "cpu", "--model", &model, "--axis", "compound", "--factors", "4"];
    let sweep = [&sweep[..], &["--samples", "16", "--epochs", "1", "--batch", "8"]].concat();
    let sweep = [&sweep[..], &["--compound-from", text(&file), "--out", text(&swept)]].concat();
    succeed(&sweep);
    let record = &records(&swept)[0];
    let name = found["candidates"][0]["name"].as_str().unwrap();
    let searched = whole.iter().find(|run| stem(run) == name).unwrap();
    assert_eq!((&record["scale"], &record["macs"]), (&searched["scale"], &searched["macs"]));
    let plan: toml::Table = fs::read_to_string(swept.join("plan.toml")).unwrap().parse().unwrap();
    for coefficient in ["alpha", "beta", "gamma"] {
        assert_eq!(plan["compound"][coefficient].as_float(), found["compound"][coefficient].as_f64());
    }
}

#[test]
fn coefficients_of_another_model_are_refused() {
    let place = TempDir::new().unwrap();
    let (model, out) = (small_convnet(place.path()), place.path().join("search"));
    let search = ["--divisions", "1", "--more-seeds", "0", "--flops", "1e6", "--candidate", "1.2,1.1,1.15"];
    let search = [&["search-compound", &model, "--device", "cpu"], &search[..]].concat();
    let training = ["--batch", "8", "--epochs", "1", "--validation-samples", "20", "--out", text(&out)];
    let ended = succeed(&[&search[..], &training].concat());
    assert!(ended.out.contains("one seed"), "{}", ended.out);
    let seeds: BTreeSet<u64> = runs(&out).iter().map(|run| run["seed"].as_u64().unwrap()).collect();
    assert_eq!(seeds, [0].into());

    let file = out.join("compound.toml");
    for command in ["sweep", "bench"] {
        let refused = [command, "--device", "cpu", "--model", "mlp", "--compound-from", text(&file)];
        fail(&refused, 1, &[text(&file), "small", "search-compound", "--compound "]);
    }
    let nothing = ["sweep", "--device", "cpu", "--compound-from", "nowhere.toml"];
    fail(&nothing, 1, &["nowhere.toml"]);
    fs::write(&file, "alpha = 1").unwrap();
    let broken = ["sweep", "--device", "cpu", "--model", &model, "--compound-from", text(&file)];
    fail(&broken, 1, &[text(&file), "compound.toml of search-compound"]);
}

#[test]
fn a_search_that_makes_no_sense_is_refused() {
    let place = TempDir::new().unwrap();
    let (model, out) = (small_convnet(place.path()), place.path().join("search"));
    small_mnist(place.path());
    let search = ["search-compound", &model, "--device", "cpu", "--out", text(&out)];
    let refused = |more: &[&str], words: &[&str]| {
        fail(&[&search[..], more].concat(), 1, words);
        assert!(!out.exists(), "{more:?} leaves nothing");
    };
    refused(&["--candidate", "1.3,1.2,1.3"], &["1.3,1.2,1.3", "within 5 % of 2"]);
    refused(&["--flops-factor", "0.5"], &["above 1"]);
    refused(&["--divisions", "50"], &["between 1 and 20"]);
    let mnist = ["--dataset", "mnist", "--data", text(place.path()), "--batch", "8"];
    refused(&[&mnist[..], &["--flops", "1e12"]].concat(), &["training samples", "has 64"]);
}
