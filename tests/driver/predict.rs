//! `predict`: what a saved model says about new rows.

use crate::classes::flowers;
use crate::inputs::small_csv;
use crate::process::{fail, number, succeed, text};
use allometry::tables::{Format, Table, Value};
use allometry::units::digits;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Splits the rows of a table into two files: the first `count`, and the others.
fn split(place: &Path, table: &str, count: usize) -> [String; 2] {
    let written = fs::read_to_string(table).unwrap();
    let (header, rows) = written.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    [("first.csv", &rows[..count]), ("second.csv", &rows[count..])].map(|(name, rows)| {
        let path = place.join(name);
        fs::write(&path, format!("{header}\n{}\n", rows.join("\n"))).unwrap();
        text(&path).to_string()
    })
}

/// The output of `predict` as a table.
fn predicted(place: &Path, model: &Path, data: &str) -> Table {
    let ended = succeed(&["predict", text(model), "--data", data, "--device", "cpu"]);
    let path: PathBuf = place.join("predictions.csv");
    fs::write(&path, ended.out).unwrap();
    Table::read(&path, &Format::default()).unwrap()
}

fn numbers(table: &Table, name: &str) -> Vec<f64> {
    let values = table.numbers(table.column(name).unwrap()).unwrap();
    let number =
        |value| if let Value::Number(number) = value { number } else { panic!("{value:?} in {name}") };
    values.into_iter().map(number).collect()
}

#[test]
fn the_accuracy_of_predictions_is_that_of_the_training() {
    let place = TempDir::new().unwrap();
    let [train, validation] = split(place.path(), &flowers(place.path()), 60);
    let out = place.path().join("run");
    let common =
        ["train", "keras-dense", "--dataset", "csv", "--device", "cpu", "--batch", "8", "--epochs", "4"];
    let data =
        ["--data", &train, "--validation", &validation, "--missing", "mean", "--out", text(&out), "--json"];
    let accuracy = number(&succeed(&[&common[..], &data].concat()).json()["validation_accuracy"]);
    assert!(accuracy < 1.0, "a few mistakes distinguish predictions");

    let found = predicted(place.path(), &out, &validation);
    let said = succeed(&["predict", text(&out), "--data", &validation, "--device", "cpu"]).err;
    let share = format!("{} of 30 rows", (30.0 * accuracy).round());
    assert!(said.contains(&share), "{share} in {said}");
    assert_eq!(found.names(), ["label", "label=dune", "label=dwarf \"reed\"", "label=tall reed"]);
    let truth = Table::read(Path::new(&validation), &Format::default()).unwrap();
    let right = (0..truth.len()).filter(|&row| truth.cell(row, 2) == found.cell(row, 0)).count();
    assert_eq!((truth.len(), right as f64 / 30.0), (30, accuracy));
    for (row, probability) in numbers(&found, "label=dune").into_iter().enumerate() {
        let sum = probability
            + numbers(&found, "label=dwarf \"reed\"")[row]
            + numbers(&found, "label=tall reed")[row];
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        let is_largest = found.cell(row, 0) == "dune";
        assert!((probability > 0.5) <= is_largest && (probability < 1.0 / 3.0) <= !is_largest);
    }

    // Other columns, in another order, with a missing number; and no labels.
    let new = place.path().join("new.csv");
    fs::write(&new, "note;soil;length\nx;sand;\ny;loam, wet;1,5\n").unwrap();
    assert_eq!(predicted(place.path(), &out, text(&new)).len(), 2);
    let as_json = succeed(&["predict", text(&out), "--data", text(&new), "--device", "cpu", "--json"]);
    let first: serde_json::Value = serde_json::from_str(as_json.out.lines().next().unwrap()).unwrap();
    assert!(first["class"].is_string() && first["probabilities"]["dune"].is_number(), "{first}");
    // Rows without a label are neither right nor wrong.
    fs::write(&new, "length;soil;label\n1,5;sand;dune\n1,5;sand;NA\n1,5;sand;\n").unwrap();
    let said = succeed(&["predict", text(&out), "--data", text(&new), "--device", "cpu"]).err;
    assert!(said.contains("in 1 of 1 row ("), "{said}");
    // A category that training did not have counts as none, as a missing one does.
    fs::write(&new, "soil;length\nclay;1,5\nsand;1,5\n;1,5\npeat;1,5\nclay;1,5\n").unwrap();
    let said = succeed(&["predict", text(&out), "--data", text(&new), "--device", "cpu"]).err;
    let note =
        "column \"soil\": no training row has the categories \"clay\" (2 rows), \"peat\" (1 row); their rows";
    assert!(said.contains(note), "{said}");
    let found = numbers(&predicted(place.path(), &out, text(&new)), "label=dune");
    assert!([found[0], found[3], found[4]] == [found[2]; 3] && found[1] != found[2], "{found:?}");
    for (table, parts) in [
        ("soil;length\nsand;long\n", &["\"long\" in row 1", "(line 2)", "column \"length\"", "a number"][..]),
        ("soil;width\nsand;1,5\n", &["a column \"length\"", "\"soil\", \"width\""]),
    ] {
        fs::write(&new, table).unwrap();
        fail(&["predict", text(&out), "--data", text(&new), "--device", "cpu"], 1, parts);
    }
}

#[test]
fn numbers_are_predicted_in_their_unit() {
    let place = TempDir::new().unwrap();
    let table = small_csv(place.path());
    // In another unit: some thousands.
    let sums = fs::read_to_string(&table).unwrap();
    let row = |line: &str| {
        let (others, sum) = line.rsplit_once(',').unwrap();
        sum.parse().map_or(line.to_string(), |sum: f64| format!("{others},{}", 5000.0 + 300.0 * sum))
    };
    fs::write(&table, sums.lines().map(|line| row(line) + "\n").collect::<String>()).unwrap();
    let [train, validation] = split(place.path(), &table, 60);
    let common =
        ["train", "keras-dense", "--dataset", "csv", "--device", "cpu", "--batch", "8", "--epochs", "20"];
    let data = ["--data", &train, "--validation", &validation, "--json"];
    let truth = numbers(&Table::read(Path::new(&validation), &Format::default()).unwrap(), "sum");
    let first = numbers(&Table::read(Path::new(&train), &Format::default()).unwrap(), "sum");
    let mean = first.iter().sum::<f64>() / 60.0;
    let variance = first.iter().map(|sum| (sum - mean).powi(2)).sum::<f64>() / 60.0;
    for (flags, unit) in [(&["--scale-targets"][..], variance), (&[], 1.0)] {
        let out = place.path().join(format!("run-{}", flags.len()));
        let loss = succeed(&[&common[..], &data, &["--out", text(&out)], flags].concat()).json();
        let loss = number(&loss["validation_loss"]) * unit;
        let found = numbers(&predicted(place.path(), &out, &validation), "sum");
        let mse = found.iter().zip(&truth).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / 20.0;
        assert!((mse - loss).abs() < 1e-3 * loss, "{mse} and {loss}");
        let said = succeed(&["predict", text(&out), "--data", &validation, "--device", "cpu"]).err;
        let error = format!("root mean squared error {} over 20 rows", digits(mse.sqrt()));
        assert!(said.contains(&error), "{error} in {said}");
        assert!(flags.is_empty() || mse < 0.1 * variance, "{mse} of {variance}");
    }
    // R² of one row, and of targets that are all the same, as scikit-learn has them.
    let rows = fs::read_to_string(&validation).unwrap();
    let (header, row) = (rows.lines().next().unwrap(), rows.lines().nth(1).unwrap());
    let said = |rows: &str| {
        let file = place.path().join("few.csv");
        fs::write(&file, format!("{header}\n{rows}\n")).unwrap();
        let model = place.path().join("run-0");
        succeed(&["predict", text(&model), "--data", text(&file), "--device", "cpu"]).err
    };
    let one = said(row);
    assert!(one.contains("over 1 row") && !one.contains("R²"), "{one}");
    let same = said(&format!("{row}\n{row}"));
    assert!(same.contains("over 2 rows, R² 0.000"), "{same}");
    // Without --missing mean the model has no value to fill in.
    let new = place.path().join("new.csv");
    fs::write(&new, "difference,a,b,c\n0,,0,0\n").unwrap();
    let model = place.path().join("run-0");
    fail(
        &["predict", text(&model), "--data", text(&new)],
        1,
        &["\"\" in row 1", "column \"a\"", "--missing mean"],
    );
    fs::remove_file(model.join("inputs.toml")).unwrap();
    fail(&["predict", text(&model), "--data", text(&new)], 1, &["inputs.toml", "missing", "train --out"]);
    fail(&["predict", text(&place.path().join("none")), "--data", text(&new)], 1, &["none", "cannot read"]);
}

/// Larger than f32 can tell apart.
#[test]
fn large_numbers_are_predicted_to_the_precision_of_their_differences() {
    let place = TempDir::new().unwrap();
    let table = place.path().join("times.csv");
    let rows: String = (0..80).map(|i| format!("{i},{}.25\n", 1_700_000_000 + i)).collect();
    fs::write(&table, format!("x,time\n{rows}")).unwrap();
    let out = place.path().join("run");
    let common = ["train", "keras-dense", "--dataset", "csv", "--data", text(&table), "--scale-targets"];
    let rest = ["--epochs", "40", "--batch", "8", "--device", "cpu", "--out", text(&out)];
    succeed(&[&common[..], &rest].concat());
    let found = numbers(&predicted(place.path(), &out, text(&table)), "time");
    for (row, time) in found.iter().enumerate() {
        assert!((time - 1_700_000_000.25 - row as f64).abs() < 5.0, "{time} in row {row}");
    }
    // The deviation is 23, and an f32 has eight significant digits: seven decimals, and no digit behind them.
    assert!(found.iter().all(|time| (time * 1e7).round() / 1e7 == *time), "{found:?}");
}

#[test]
fn outputs_are_read_as_the_loss_reads_them_and_in_its_precision() {
    let place = TempDir::new().unwrap();
    let table = small_csv(place.path());
    let sums = fs::read_to_string(&table).unwrap();
    let row = |line: &str| {
        let (others, sum) = line.rsplit_once(',').unwrap();
        sum.parse().map_or(line.to_string(), |sum: f64| format!("{others},{}", u8::from(sum > 0.0)))
    };
    fs::write(&table, sums.lines().map(|line| row(line) + "\n").collect::<String>()).unwrap();
    let [train, validation] = split(place.path(), &table, 60);
    let truth = numbers(&Table::read(Path::new(&validation), &Format::default()).unwrap(), "sum");
    let out = place.path().join("run");
    let common =
        ["train", "keras-dense", "--dataset", "csv", "--device", "cpu", "--batch", "8", "--epochs", "3"];
    let loss = ["--task", "regression", "--loss", "binary-cross-entropy", "--precision", "mixed"];
    let data = ["--data", &train, "--validation", &validation, "--out", text(&out), "--json"];
    let loss = number(&succeed(&[&common[..], &loss, &data].concat()).json()["validation_loss"]);
    let found = numbers(&predicted(place.path(), &out, &validation), "sum");
    let own = |(p, truth): (&f64, &f64)| if *truth == 1.0 { -p.ln() } else { -(1.0 - p).ln() };
    let mean = found.iter().zip(&truth).map(own).sum::<f64>() / 20.0;
    assert!((mean - loss).abs() < 1e-4 * loss, "{mean} and {loss}");
    assert!(loss < 0.6, "{loss}");
}

/// Grey or coloured noise of two levels of brightness, in the folders `dim` and `light`.
fn photos(place: &Path, part: &str, count: u32) {
    for (class, base) in [("dim", 60), ("light", 100)] {
        let folder = place.join(part).join(class);
        fs::create_dir_all(&folder).unwrap();
        for number in 0..count {
            let level = |x: u32, y: u32| (base + (x * 31 + y * 17 + number * 13) * 7919 % 90) as u8;
            let pixel = |x, y| image::Rgb([level(x, y), level(y, x), base as u8]);
            image::RgbImage::from_fn(12, 9, pixel).save(folder.join(format!("{number}.png"))).unwrap();
        }
    }
}

#[test]
fn images_are_predicted_as_in_the_training() {
    let place = TempDir::new().unwrap();
    let (photos_of, out) = (place.path().join("photos"), place.path().join("run"));
    photos(&photos_of, "train", 12);
    photos(&photos_of, "val", 8);
    let common = ["train", "mlp", "--dataset", "folder", "--data", text(&photos_of), "--resolution", "6"];
    let common =
        [&common[..], &["--device", "cpu", "--epochs", "2", "--batch", "8", "--out", text(&out), "--json"]]
            .concat();
    let accuracy = number(&succeed(&common).json()["validation_accuracy"]);
    let data = text(&photos_of.join("val")).to_string();
    let ended = succeed(&["predict", text(&out), "--data", &data, "--device", "cpu"]);
    let share =
        format!("{} of 16 images lie in the folder of the predicted class", (16.0 * accuracy).round());
    assert!(ended.err.contains(&share), "{share} in {}", ended.err);
    let found = predicted(place.path(), &out, &data);
    assert_eq!(found.names(), ["file", "class", "class=dim", "class=light"]);
    let right =
        (0..16).filter(|&row| found.cell(row, 0).starts_with(&format!("{}/", found.cell(row, 1)))).count();
    assert_eq!(right as f64 / 16.0, accuracy);
    // Notes beside the images are no images.
    fs::write(photos_of.join("val/light/notes.txt"), "notes").unwrap();
    assert_eq!(predicted(place.path(), &out, &data).len(), 16);
    // One image, and things that are none.
    let one = predicted(place.path(), &out, text(&photos_of.join("val/light/3.png")));
    assert_eq!((one.len(), one.cell(0, 0)), (1, "3.png"));
    let row = (0..16).find(|&row| found.cell(row, 0) == "light/3.png").unwrap();
    assert_eq!(one.cell(0, 3), found.cell(row, 3));
    let inputs = out.join("inputs.toml");
    let (good, mean) = (fs::read_to_string(&inputs).unwrap(), "mean = [");
    fs::write(&inputs, good.replace(mean, "mean = [0.5, ")).unwrap();
    fail(
        &["predict", text(&out), "--data", &data],
        1,
        &["inputs.toml", "3 channels", "4 means and 3 deviations"],
    );
    fs::write(&inputs, good).unwrap();
    fs::write(photos_of.join("val/light/9.png"), "no image").unwrap();
    fail(
        &["predict", text(&out), "--data", &data, "--device", "cpu"],
        1,
        &["light/9.png", "not a JPEG, PNG"],
    );
    fail(
        &["predict", text(&out), "--data", "nowhere.png", "--device", "cpu"],
        1,
        &["nowhere.png", "cannot open"],
    );
}
