//! `fit` and the `csv` data set on tables as other programs write them.

use crate::inputs::small_csv;
use crate::process::{Ended, fail, number, run, succeed, text};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// y = 2·x^−0.25 at sizes with this many zeros.
fn y(zeros: i32) -> f64 {
    2.0 * 10f64.powf(-0.25 * f64::from(zeros))
}

fn write(place: &Path, name: &str, table: &str) -> String {
    let path = place.join(name);
    fs::write(&path, table).unwrap();
    text(&path).to_string()
}

const POWER: [&str; 5] = ["--law", "power", "--bootstrap", "40", "--json"];

/// Fits the law of [`y`] and looks whether it is found. Returns what the driver says.
fn find(arguments: &[&str]) -> Value {
    let said = succeed(&[&["fit"], arguments, &POWER].concat()).json();
    let value = |name: &str| number(&said["parameters"][name]["value"]);
    assert!((value("alpha") + 0.25).abs() < 1e-6 && (value("k") - 2.0).abs() < 1e-5, "{arguments:?}: {said}");
    said
}

#[test]
fn fit_reads_tables_of_other_programs() {
    let place = TempDir::new().unwrap();
    let rows = |row: &dyn Fn(i32) -> String| (2..9).map(row).collect::<String>();
    let german = rows(&|z| format!("1{};{}\r\n", "0".repeat(z as usize), y(z).to_string().replace('.', ",")));
    let german = write(place.path(), "german.csv", &format!("\u{feff}Größe;Verlust, final\r\n{german}"));
    find(&[&german, "--x", "Größe", "--y", "Verlust, final"]);
    let tabs = rows(&|z| format!("1e{z}\t{}\n", y(z)));
    let tabs = write(place.path(), "runs.tsv", &format!("model size\tloss\n{tabs}"));
    find(&[&tabs, "--x", "model size", "--y", "loss"]);
    let lines = rows(&|z| format!("{{\"loss\": {}, \"model\": {{\"size\": 1e{z}}}}}\n", y(z)));
    let lines = write(place.path(), "log.jsonl", &lines);
    find(&[&lines, "--x", "model.size", "--y", "loss"]);
    let sizes = ["0.1k", "1k", "10k", "100k", "1M", "10M", "0.1B"];
    let thousands = ["100", "\"1,000\"", "\"10,000\"", "1e5", "\"1,000,000\"", "1e7", "\"100,000,000.0\""];
    for written in [sizes, thousands] {
        let table = rows(&|z| format!("{},{}\n", written[z as usize - 2], y(z)));
        let table = write(place.path(), "sizes.csv", &format!("size,loss\n{table}"));
        find(&[&table, "--x", "size", "--y", "loss"]);
    }
    // What can't be found from the file is asked for.
    let bars = rows(&|z| format!("1e{z}|{}\n", y(z).to_string().replace('.', ",")));
    let bars = write(place.path(), "bars.txt", &format!("size|loss\n{bars}"));
    fail(&["fit", &bars, "--x", "size", "--y", "loss"], 1, &["1 columns", "row 1", "--delimiter"]);
    let colons = write(place.path(), "colons.txt", "size:loss\n1:2\n2:1\n");
    fail(&["fit", &colons, "--x", "size", "--y", "loss"], 1, &["\"size:loss\"", "--delimiter"]);
    find(&[&bars, "--x", "size", "--y", "loss", "--delimiter", "|"]);
    let unclear =
        write(place.path(), "unclear.tsv", "size\tloss\n1,000\t5,125\n2,000\t4,125\n4,000\t3,125\n");
    fail(&["fit", &unclear, "--x", "size", "--y", "loss"], 1, &["\"1,000\"", "--decimal"]);
    let comma = ["fit", &unclear, "--x", "size", "--y", "loss", "--decimal", "comma"];
    // It is read, and has too few rows.
    fail(&comma, 1, &["rows is 3"]);
}

#[test]
fn fit_leaves_rows_out_and_says_how_many() {
    let place = TempDir::new().unwrap();
    let mut table = String::from("data set,step,a - loss,b - loss\n");
    for zeros in 2..9 {
        table += &format!("c4,1e{zeros},{},\nc4,{zeros},,3\n\"pile, en\",1e{zeros},7,\n", y(zeros));
    }
    table += "c4,0,10.9,\n";
    let with = |row: &str| write(place.path(), "export.csv", &format!("{table}{row}"));
    let export = with("");
    let columns = ["--x", "step", "--y", "a - loss", "--where", "data set=c4"];
    let columns = |more: &[&'static str]| [&[export.as_str()][..], &columns, more].concat();
    let said = find(&columns(&[]));
    assert_eq!(said["n"], 7);
    let expected = serde_json::json!({ "not_completed": 0, "empty": 7, "missing": 0, "size_zero": 1, "value_zero": 0, "beyond_limits": 0 });
    assert_eq!(said["left_out"], expected);
    let printed = succeed(&[&["fit"], &columns(&["--law", "power", "--bootstrap", "40"])[..]].concat()).out;
    assert!(printed.contains("fitted to 7 rows"), "{printed}");
    assert!(printed.contains("Left out: 7 rows with an empty cell, 1 row with a size of 0."), "{printed}");
    // All rows of a table that has no such ones.
    let whole = write(place.path(), "whole.csv", "n,y\n100,0.6325\n1000,0.3557\n10000,0.2\n1e5,0.1125\n");
    let said = succeed(&[&["fit", &whole, "--x", "n", "--y", "y"], &POWER[..]].concat()).json();
    assert_eq!(said.get("left_out"), None);

    // The rows that are left may be too few.
    let few = [&["fit"], &columns(&["--where", "step=1e2"])[..]].concat();
    assert!(fail(&few, 1, &["several values"]).err.contains("\"step\""));
    let few = [&["fit"], &columns(&["--law", "power", "--drop-above", "0.04"])[..]].concat();
    assert!(fail(&few, 1, &["rows is 2"]).err.contains("7 rows with an empty cell"));

    with("c4,1e9,NaN,\n");
    fail(&[&["fit"], &columns(&[])[..]].concat(), 1, &["\"NaN\"", "row 23", "--skip-missing"]);
    assert_eq!(find(&columns(&["--skip-missing"]))["left_out"]["missing"], 1);
    with("c4,1e9,0,\n");
    assert_eq!(find(&columns(&[]))["left_out"]["value_zero"], 1);
    assert_eq!(find(&columns(&["--drop-below", "1e-9"]))["left_out"]["beyond_limits"], 1);
    with("c4,1e9,-1,\n");
    fail(&[&["fit"], &columns(&[])[..]].concat(), 1, &["\"-1\"", "row 23", "--drop-below"]);
    assert_eq!(find(&columns(&["--drop-below", "1e-9"]))["left_out"]["beyond_limits"], 1);
    with("c4,1e9,inf,\n");
    fail(&[&["fit"], &columns(&[])[..]].concat(), 1, &["\"inf\"", "row 23", "--drop-above"]);
    assert_eq!(find(&columns(&["--drop-above", "9"]))["left_out"]["beyond_limits"], 2);
    fail(&[&["fit"], &columns(&["--where", "step=5e9"])[..]].concat(), 1, &["\"5e9\"", "\"1e2\""]);
    fail(
        &["fit", &export, "--x", "step", "--y", "b - loss", "--where", "data set=pile, en"],
        1,
        &["only 7 rows with an empty cell"],
    );
    let open = with("c4,\"1e9,5,\nc4,1e10,4,\n");
    fail(&["fit", &open, "--x", "step", "--y", "a - loss"], 1, &["quote", "line 24"]);
}

#[test]
fn fit_takes_the_completed_runs_of_a_sweep() {
    let place = TempDir::new().unwrap();
    let out = place.path().join("sweep");
    let sweep = ["sweep", "--device", "cpu", "--model", "mlp", "--resolution", "8", "--axis", "width"];
    let factors = ["--factors", "0.05,0.1,0.15,0.2,0.25,1", "--samples", "16", "--epochs", "1"];
    // The base model needs 5 MB, a quarter of its width less than one.
    succeed(&[&sweep[..], &factors, &["--memory-limit", "2000000", "--out", text(&out)]].concat());
    for file in ["runs.csv", "runs.jsonl"] {
        let path = out.join(file);
        let fit = |more: &[&str]| -> Ended {
            // The run that did not fit has a wall time: 0 seconds.
            let columns = ["fit", text(&path), "--x", "parameters", "--y", "wall_seconds"];
            run(&[&columns[..], &POWER, more].concat())
        };
        let said = fit(&[]).json();
        assert_eq!((&said["n"], &said["left_out"]["not_completed"]), (&5.into(), &1.into()), "{file}");
        let said = fit(&["--where", "status=completed"]).json();
        assert_eq!((&said["n"], said.get("left_out")), (&5.into(), None), "{file}");
        // Who asks for the others gets them, and here they have no time.
        assert_eq!(fit(&["--where", "status=out_of_memory"]).code, 1);
    }
}

#[test]
fn fit_refuses_options_that_the_law_does_not_use() {
    let place = TempDir::new().unwrap();
    let table: String = (2..12).map(|row| format!("1e{row},{},{}\n", row * row, y(row))).collect();
    let table = write(place.path(), "runs.csv", &format!("N,D,loss\n{table}"));
    let fit = |more: &[&'static str]| run(&[&["fit", &table, "--x", "N", "--y", "loss"], more].concat());
    for law in ["power", "floor", "broken"] {
        for option in [["--x2", "D"], ["--budget", "1e20"]] {
            let ended = fit(&[&["--law", law], &option[..]].concat());
            assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{law} {option:?}");
            for words in [option[0], law, "joint", "Usage"] {
                assert!(ended.err.contains(words), "{words} in {}", ended.err);
            }
        }
    }
    // A chosen law may ignore a size.
    let chosen = fit(&["--x2", "D", "--bootstrap", "40", "--json"]).json();
    assert_eq!(chosen["law"], "power");
    let said = chosen["warnings"].to_string();
    assert!(said.contains("D varies") && said.contains("the power law ignores it"), "{said}");
    // Nor can the joint law be chosen without its second size.
    let ended = fit(&["--budget", "1e20"]);
    assert!(ended.code == 2 && ended.err.contains("--x2"), "{}", ended.err);
}

#[test]
fn fit_is_printed_where_its_plot_can_not_be_written() {
    let place = TempDir::new().unwrap();
    let table: String = (2..9).map(|zeros| format!("1e{zeros},{}\n", y(zeros))).collect();
    let table = write(place.path(), "runs.csv", &format!("n,y\n{table}"));
    let in_a_file = format!("{table}/plot.svg");
    for plot in [in_a_file.as_str(), text(place.path())] {
        let fit =
            ["fit", &table, "--x", "n", "--y", "y", "--law", "power", "--bootstrap", "40", "--plot", plot];
        let ended = fail(&fit, 1, &[plot.trim_end_matches("/plot.svg")]);
        assert!(ended.out.contains("alpha"), "{}", ended.out);
        // Said before the fit, and again at the end.
        assert!(ended.err.lines().next().unwrap().contains("no plot"), "{}", ended.err);
    }
}

#[test]
fn target_columns_may_have_commas_in_their_names() {
    let place = TempDir::new().unwrap();
    let table = fs::read_to_string(small_csv(place.path())).unwrap();
    let table = table.replacen("difference,a,", "\"difference, net\",\"a, b\",", 1);
    let table = write(place.path(), "commas.csv", &table);
    let train = |targets: &[&'static str]| {
        let common = ["train", "keras-dense", "--dataset", "csv", "--data", &table, "--device", "cpu"];
        [&common[..], &["--batch", "16", "--epochs", "1"], targets].concat()
    };
    // As many features as are left: a weight of the first layer more or less for each.
    let parameters = |targets: &[&'static str]| {
        let err = succeed(&train(targets)).err;
        let counted = err.split(" parameters").next().unwrap().rsplit(": ").next().unwrap();
        counted.replace(',', "").parse::<usize>().unwrap()
    };
    let hidden = 64 + 64 * 128 + 128 + 128 * 64 + 64;
    assert_eq!(parameters(&["--target", "difference, net"]), 4 * 64 + hidden + 64 + 1);
    let two = 3 * 64 + hidden + 2 * 64 + 2;
    assert_eq!(parameters(&["--target", "difference, net,sum"]), two);
    assert_eq!(parameters(&["--target", "sum, a, b"]), two);
    assert_eq!(parameters(&["--target", "a, b", "--target", "difference, net"]), two);
    fail(&train(&["--target", "difference"]), 1, &["\"difference\"", "\"difference, net\""]);
    fail(&train(&["--target", "sum,none"]), 1, &["\"none\""]);
}
