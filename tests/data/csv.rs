//! Tables in CSV files.

use crate::opening::{all, assert_says, options, refusal};
use allometry::data::{
    self, BatchTargets, DataOptions, Dataset, InputColumn, Inputs, Splits, TableTarget, TargetColumn, Targets,
};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn table(place: &Path, text: &str) -> DataOptions {
    fs::write(place.join("table.csv"), text).unwrap();
    options("csv", place)
}

#[test]
fn csv_features_are_standardised_by_the_training_rows() {
    let place = TempDir::new().unwrap();
    let rows: String = (0..50).map(|i| format!("{i}, 7, {}\n", 2 * i)).collect();
    let options = table(place.path(), &format!("\u{feff}a, constant, y\n{rows}"));
    let Splits { train, validation } = data::open(&options).unwrap();
    assert_eq!((train.len(), validation.len()), (40, 10));
    assert_eq!((train.sample_shape(), train.targets()), (&[2][..], Targets::Values(1)));

    let batch = all(train.as_ref());
    let a: Vec<f32> = batch.inputs.iter().step_by(2).copied().collect();
    let mean = a.iter().sum::<f32>() / 40.0;
    let variance = a.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 40.0;
    assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-4, "{mean} {variance}");
    assert!(batch.inputs.iter().skip(1).step_by(2).all(|&v| v == 0.0));

    // What is saved reads a row as the set does.
    let inputs = train.inputs().unwrap();
    assert_eq!(validation.inputs().unwrap(), inputs);
    assert_eq!(toml::from_str::<Inputs>(&toml::to_string(&inputs).unwrap()).unwrap(), inputs);
    let unchanged = TargetColumn { name: "y".into(), mean: 0.0, deviation: 1.0 };
    let Inputs::Table(read) = inputs else { panic!("{inputs:?} are not of a table") };
    assert_eq!(read.target, TableTarget::Values { columns: vec![unchanged] });
    let InputColumn::Number { mean, deviation, .. } = read.columns[0] else { panic!("{read:?}") };
    let BatchTargets::Values(targets) = &batch.targets else { panic!("no values") };
    for (feature, target) in a.iter().zip(targets) {
        assert_eq!(((f64::from(*target) / 2.0 - mean) / deviation) as f32, *feature);
    }
    let constant = InputColumn::Number { name: "constant".into(), mean: 7.0, deviation: 0.0 };
    assert_eq!(read.columns[1], constant);

    // Targets stay as they are, so y = 2a tells which row is where: each is in one split only.
    let rows = |dataset: &dyn Dataset| {
        let BatchTargets::Values(values) = all(dataset).targets else { panic!("no values") };
        values.iter().map(|&v| v as u32 / 2).collect::<Vec<_>>()
    };
    let mut both = [rows(train.as_ref()), rows(validation.as_ref())].concat();
    both.sort_unstable();
    assert_eq!(both, (0..50).collect::<Vec<_>>());

    let again = data::open(&options).unwrap();
    assert_eq!(rows(again.validation.as_ref()), rows(validation.as_ref()));
    let other = data::open(&DataOptions { seed: 1, ..options.clone() }).unwrap();
    // The seed chooses training rows; validation rows are always the same.
    assert_eq!(rows(other.validation.as_ref()), rows(validation.as_ref()));
    let few = |seed: u64| data::open(&DataOptions { samples: Some(7), seed, ..options.clone() }).unwrap();
    assert_eq!((few(0).train.len(), few(0).validation.len()), (7, 10));
    assert_ne!(rows(few(0).train.as_ref()), rows(few(1).train.as_ref()));
    assert_eq!(rows(few(1).train.as_ref()), rows(other.train.as_ref())[..7]);
}

#[test]
fn csv_targets_are_chosen_by_name() {
    let place = TempDir::new().unwrap();
    let mut options = table(place.path(), "y,a,z\n1,2,3\n4,5,6\n");
    options.target_columns = vec!["z".into(), "y".into()];
    let train = data::open(&options).unwrap().train;
    assert_eq!((train.sample_shape(), train.targets()), (&[1][..], Targets::Values(2)));
    let BatchTargets::Values(values) = all(train.as_ref()).targets else { panic!("no values") };
    assert!(values == [1.0, 3.0] || values == [4.0, 6.0], "{values:?}");
    // The file itself will do as well.
    options.directory = Some(place.path().join("table.csv"));
    assert!(data::open(&options).is_ok());
}

#[test]
fn csv_tables_with_mistakes_are_refused_with_the_place() {
    let place = TempDir::new().unwrap();
    let refused = |text: &str, parts: &[&str]| {
        let message = refusal(&table(place.path(), text));
        assert_says(&message, &["table.csv"]);
        assert_says(&message, parts);
    };
    refused("a,b\n1,2\n3,four\n", &["\"four\"", "row 2", "column \"b\""]);
    refused("a,b\r\n1,2\r\n3,four\r\n", &["\"four\"", "row 2"]);
    refused("a,b\n1,2\n,4\n", &["\"\"", "row 2", "column \"a\""]);
    refused("a,b\nnan,2\n3,4\n", &["\"nan\"", "row 1"]);
    refused("a,b\n1,1e39\n3,4\n", &["1e39", "32 bits"]);
    refused("a,b\n1,2\n3\n", &["2 columns", "1 in row 2"]);
    refused("1,2\n3,4\n", &["header", "\"1\", \"2\""]);
    refused("", &["header", "empty"]);
    refused("a,b\n1,2\n", &["2 rows", "1 found"]);
    refused("a\n1\n2\n", &["beside the targets"]);

    fs::write(place.path().join("table.csv"), b"a,b\n1,\xff\n").unwrap();
    assert_says(&refusal(&options("csv", place.path())), &["UTF-8", "line 2"]);

    let mut wrong = table(place.path(), "a,b,b\n1,2,3\n4,5,6\n");
    wrong.target_columns = vec!["c".into()];
    assert_says(&refusal(&wrong), &["\"c\"", "\"a\", \"b\""]);
    wrong.target_columns = vec!["b".into()];
    assert_says(&refusal(&wrong), &["\"b\"", "several"]);

    let good = table(place.path(), "a,b\n1,2\n3,4\n");
    for fraction in [0.0, 1.0, f64::NAN] {
        let wrong = DataOptions { validation_fraction: fraction, ..good.clone() };
        assert_says(&refusal(&wrong), &["validation_fraction"]);
    }
    assert_says(&refusal(&DataOptions { resolution: Some(28), ..good.clone() }), &["resolution"]);
    fs::write(place.path().join("other.CSV"), "a,b\n").unwrap();
    assert_says(&refusal(&good), &["2 .csv files", "--data FILE"]);
    let missing = options("csv", &place.path().join("missing.csv"));
    assert_says(&refusal(&missing), &["missing.csv", "cannot open"]);
}

#[test]
fn csv_reads_what_fit_reads() {
    let place = TempDir::new().unwrap();
    let rows: String = (0..10).map(|i| format!("{i},25;\"1.0{i}0\";{}k\n", 2 * i + 1)).collect();
    let options = table(place.path(), &format!("\u{feff}a;b;y\n{rows}"));
    let splits = data::open(&options).unwrap();
    assert_eq!((splits.train.len(), splits.train.sample_shape()), (8, &[2][..]));
    let BatchTargets::Values(mut values) = all(splits.train.as_ref()).targets else { panic!("no values") };
    let BatchTargets::Values(others) = all(splits.validation.as_ref()).targets else { panic!("no values") };
    values.extend(others);
    values.sort_by(f32::total_cmp);
    assert_eq!(values, (0..10).map(|i| 1000.0 * (2 * i + 1) as f32).collect::<Vec<_>>());

    let open = "a,b\n1,2\n3,\"4\n5,6\n7,8\n";
    assert_says(&refusal(&table(place.path(), open)), &["quote", "line 3"]);
    let long = format!("a,b\n1,{}\n3,4\n", "x".repeat(500));
    let message = refusal(&table(place.path(), &long));
    assert_says(&message, &["xxx", "500 characters", "row 1"]);
    assert!(message.len() < 400, "{message}");
}

#[test]
fn csv_features_that_are_constant_but_for_rounding_are_zero() {
    let place = TempDir::new().unwrap();
    for (cells, constant) in [
        (["0.1", "0.1", "0.1"], true),
        (["0.3", "0.30000000000000004", "0.29999999999999999"], true),
        (["-1e-200", "1e-200", "0"], true),
        (["1700000000.001", "1700000000.002", "1700000000.003"], false),
        (["0", "0", "1e-30"], false),
    ] {
        let rows: String = (0..30).map(|i| format!("{},{i}\n", cells[i % 3])).collect();
        let train = data::open(&table(place.path(), &format!("a,y\n{rows}"))).unwrap().train;
        let inputs = all(train.as_ref()).inputs;
        assert_eq!(inputs.iter().all(|&value| value == 0.0), constant, "{cells:?}: {inputs:?}");
        assert!(inputs.iter().all(|value| value.abs() < 10.0), "{cells:?}: {inputs:?}");
    }
    // The only other value may be in the rows that are held out.
    for odd in 0..20 {
        let rows: String = (0..20).map(|i| format!("{},{i}\n", if i == odd { 1e20 } else { 0.1 })).collect();
        let splits = data::open(&table(place.path(), &format!("a,y\n{rows}"))).unwrap();
        for half in [splits.train, splits.validation] {
            assert!(all(half.as_ref()).inputs.iter().all(|value| value.abs() < 10.0), "{odd}");
        }
    }
}

#[test]
fn csv_targets_whose_squares_are_too_large_are_refused_before_training() {
    let place = TempDir::new().unwrap();
    let of =
        |scale: f64| -> String { (0..20).map(|i| format!("{i},{i},{:e}\n", scale * i as f64)).collect() };
    let message = refusal(&table(place.path(), &format!("a,b,the cost\n{}", of(-1e24))));
    assert_says(&message, &["1.9e25", "\"the cost\"", "scale", "1e25"]);
    assert!(data::open(&table(place.path(), &format!("a,b,c\n{}", of(1e14)))).is_ok());
    // A feature may be as large, as it is standardised.
    let mut options = table(place.path(), &format!("a,b,c\n{}", of(1e35)));
    options.target_columns = vec!["a".into()];
    assert!(data::open(&options).is_ok());
}
