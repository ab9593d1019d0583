//! `fit`: laws of tables that others wrote.

use crate::process::{fail, number, run, succeed, text};
use crate::reading::keys;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

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
    let mut add = |budget: f64, factor: f64| {
        let n = (budget / 6.0).sqrt() * factor;
        let d = budget / (6.0 * n);
        table += &format!("{n},{d},{}\n", 1.8 + 480.0 * n.powf(-0.35) + 480.0 * d.powf(-0.35));
    };
    for row in 0..15 {
        add(1e18 * 10f64.powi(row / 5), 2f64.powi(row % 5 - 2));
    }
    // Runs whose budget no other has say nothing about the best size.
    for row in 0..12 {
        add(1e15 * 1.5f64.powi(row), 1.0);
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
    assert_eq!(joint["isoflop"]["without_budget"], 12);
    let said = succeed(&command).out;
    for words in ["isoFLOP budget", "3 minima", "27 rows", "15 of 27 rows make 3 budgets"] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    assert!(said.lines().count() < 35, "{said}");
}

#[test]
fn fit_reads_the_runs_of_a_directory() {
    let place = TempDir::new().unwrap();
    let fit = |place: &str| {
        let columns = ["--x", "N", "--y", "loss", "--law", "power", "--bootstrap", "40"];
        run(&[&["fit", place][..], &columns].concat())
    };
    let directory = text(place.path()).to_string();
    assert!(fit(&directory).err.contains("runs.csv"), "the file that is missing is named");
    let table = runs_table(place.path());
    let of_file = fit(&table);
    assert_eq!((fit(&directory).out, of_file.code), (of_file.out, 0));
}

#[test]
fn fit_sets_groups_side_by_side() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("groups.csv");
    let mut table = String::from("set,N,loss\n");
    for row in 0..60 {
        let n = 1e3 * 1.6f64.powi(row / 3);
        let alpha = [0.4, 0.4, 0.6][row as usize % 3];
        let noise = 1.0 + 0.01 * (37.0 * f64::from(row)).sin();
        table +=
            &format!("{},{n},{}\n", ["a", "b", "c"][row as usize % 3], (1.5 + 60.0 * n.powf(-alpha)) * noise);
    }
    table += "d,1000,3\nd,2000,2\nb,1000,\n";
    fs::write(&path, table).unwrap();
    let command = [
        "fit",
        text(&path),
        "--x",
        "N",
        "--y",
        "loss",
        "--by",
        "set",
        "--law",
        "floor",
        "--bootstrap",
        "100",
    ];
    let said = succeed(&command).out;
    for words in [
        "floor law",
        "for each set",
        "alpha differs between the groups",
        "Cochran's Q",
        "a − c:",
        "Left out of b: 1 row with an empty cell",
        "No law for d:",
    ] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    let json = succeed(&[&command[..], &["--json"]].concat()).json();
    assert_eq!((&json["by"], &json["law"]), (&"set".into(), &"floor".into()));
    let groups = json["groups"].as_array().unwrap();
    assert_eq!(
        groups.iter().map(|group| group["group"].as_str().unwrap()).collect::<Vec<_>>(),
        ["a", "b", "c"]
    );
    assert!(groups.iter().all(|group| number(&group["n"]) == 20.0));
    let difference = &json["differences"][0];
    assert!(
        number(&difference["p"]) < 0.01 && difference["pairs"].as_array().unwrap().len() == 3,
        "{difference}"
    );
    assert_eq!((&json["without_law"][0]["group"], &json["left_out"]["b"]["empty"]), (&"d".into(), &1.into()));
    let refused = run(&[&command[..], &["--plot", "x.svg"]].concat());
    assert!(refused.code == 2 && refused.err.contains("--plot"), "{}", refused.err);
    fail(&["fit", text(&path), "--x", "N", "--y", "loss", "--by", "sets"], 1, &["\"sets\"", "\"set\""]);
}

#[test]
fn fit_says_which_huber_loss_it_minimised() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("noisy.csv");
    let row = |row: i32| {
        let n = 1e3 * 2f64.powi(row);
        format!("{n},{}\n", 5.0 * n.powf(-0.3) * (1.0 + 0.03 * (37.0 * f64::from(row)).sin()))
    };
    fs::write(&path, format!("N,loss\n{}", (0..12).map(row).collect::<String>())).unwrap();
    let fit = |more: &[&'static str]| {
        let command = ["fit", text(&path), "--x", "N", "--y", "loss", "--law", "power", "--bootstrap", "40"];
        [&command[..], more].concat().into_iter().map(String::from).collect::<Vec<String>>()
    };
    let said = |more: &[&'static str]| {
        let command = fit(more);
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        succeed(&command)
    };
    let json = |more: &[&'static str]| said(&[more, &["--json"]].concat()).json()["huber_delta"].clone();
    let estimated = json(&[]);
    assert_eq!(estimated["estimated"], true);
    assert!((0.01..0.1).contains(&number(&estimated["value"])), "{estimated}");
    assert!(said(&[]).out.contains("1.345 times the scatter"));
    let published = json(&["--huber-delta", "1e-3"]);
    assert_eq!((number(&published["value"]), &published["estimated"]), (1e-3, &false.into()));
    assert!(said(&["--huber-delta", "1e-3"]).out.contains("δ = 0.001000, as asked for"));
    let refused = |value: &'static str, code: i32, word: &str| {
        let command = fit(&["--huber-delta", value]);
        let refused = run(&command.iter().map(String::as_str).collect::<Vec<&str>>());
        assert!(refused.code == code && refused.err.contains(word), "{}", refused.err);
    };
    refused("0", 2, "--huber-delta");
    refused("20", 1, "δ of the Huber loss is 20");
}

#[test]
fn names_of_columns_are_text_in_a_picture() {
    let place = TempDir::new().unwrap();
    let (path, plot) = (place.path().join("names.csv"), place.path().join("names.svg"));
    let rows: String = (0..8).map(|row| format!("{},{}\n", 10 << row, 5.0 * 0.8f64.powi(row))).collect();
    fs::write(&path, format!("\"n <script> & \"\"d\"\"\",loss's </svg>\u{1}\n{rows}")).unwrap();
    let columns =
        ["--x", "n <script> & \"d\"", "--y", "loss's </svg>\u{1}", "--law", "power", "--bootstrap", "40"];
    succeed(&[&["fit", text(&path), "--plot", text(&plot)][..], &columns].concat());
    let svg = fs::read_to_string(&plot).unwrap();
    assert!(svg.contains("n &lt;script&gt; &amp; &quot;d&quot;"), "{svg}");
    assert!(svg.contains("&lt;/svg&gt;") && svg.matches("</svg>").count() == 1, "{svg}");
    assert!(!svg.contains("<script") && !svg.contains('\u{1}'), "{svg}");
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
    fail(&fit("N", "loss", "joint"), 1, &["only N", "x2"]);
    fail(&[&fit("N", "loss", "floor")[..], &["--holdout", "20"]].concat(), 1, &["rows is 4", "at least 5"]);
    fail(&[&fit("N", "loss", "floor")[..], &["--holdout", "24"]].concat(), 1, &["holdout is 24", "24 rows"]);
    fail(&["fit", "nowhere.csv", "--x", "N", "--y", "loss"], 1, &["nowhere.csv"]);
    let path = place.path().join("bad.csv");
    let with = |value: &str| fs::write(&path, format!("N,loss\n1,3\n2,{value}\n4,1\n8,1\n")).unwrap();
    let columns = ["fit", text(&path), "--x", "N", "--y", "loss"];
    with("-1.5");
    fail(&columns, 1, &["-1.5", "row 2", "\"loss\""]);
    // A loss of 0 is one, but has no logarithm: three rows are left.
    with("0");
    assert!(fail(&columns, 1, &["rows is 3"]).err.contains("1 row with a y of 0"));
}

#[test]
fn fit_says_no_more_than_the_rows_tell() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("rows.csv");
    let fit = |columns: &[&str], law: &str| {
        let of = ["fit", text(&path), "--law", law, "--bootstrap", "60"];
        let said = succeed(&[&of[..], columns].concat()).out;
        (said, succeed(&[&of[..], columns, &["--json"]].concat()).json())
    };
    // Two model sizes.
    let mut table = String::from("N,D,loss\n");
    for row in 0..12 {
        let (n, d) = (4e7 * 30f64.powi(row % 2), 2e8 * 5f64.powi(row / 2));
        table += &format!("{n},{d},{:.4}\n", 1.7 + 300.0 * n.powf(-0.32) + 1500.0 * d.powf(-0.36));
    }
    fs::write(&path, table).unwrap();
    let joint = ["--x", "N", "--x2", "D", "--y", "loss"];
    let (said, json) = fit(&[&joint[..], &["--budget", "1e20"]].concat(), "joint");
    assert!(!said.contains("Compute-optimal") && said.contains("Twice the N from"), "{said}");
    assert!(said.contains("these rows can't tell") && said.contains("Twice the D"), "{said}");
    assert!(json.get("allocation").is_none(), "{json}");
    let known = |name: &str| json["parameters"][name]["identified"] == true;
    assert!(!known("alpha") && !known("A") && !known("E") && known("beta"), "{json}");

    // A cost that rises.
    let rows: String = (0..9).map(|row| format!("{},{}\n", 2i32.pow(row), 7 + 3 * 2i32.pow(row))).collect();
    fs::write(&path, format!("batch,bytes\n{rows}")).unwrap();
    for law in ["power", "floor", "broken", "auto"] {
        let (said, _) = fit(&["--x", "batch", "--y", "bytes"], law);
        assert!(said.contains("raises bytes") && !said.contains("gains"), "{law}: {said}");
    }

    // A clock, and a y that is nearly constant.
    let rows: String = (0..30)
        .map(|row| format!("{},{}\n", 1.65e9 + 30.0 * f64::from(row), 2.0 - 0.01 * f64::from(row % 4)))
        .collect();
    fs::write(&path, format!("clock,loss\n{rows}")).unwrap();
    for law in ["power", "floor", "broken", "auto"] {
        let (said, json) = fit(&["--x", "clock", "--y", "loss"], law);
        assert!(!said.contains("NaN") && !said.contains("inf"), "{law}: {said}");
        for parameter in json["parameters"].as_object().unwrap().values() {
            assert!(parameter.as_object().unwrap().values().all(|value| !value.is_null()), "{law}: {json}");
        }
    }
}
