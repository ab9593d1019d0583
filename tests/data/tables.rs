//! Tables with names, missing values and without a header, and what their options leave open.

use crate::opening::{all, assert_says, options, refusal};
use allometry::data::table::{category, choose};
use allometry::data::{
    self, BatchTargets, DataOptions, Dataset, InputColumn, Inputs, Missing, TableInputs, TableOptions,
    TableTarget, Targets, Task,
};
use allometry::tables::{Decimal, Format, Header, Table};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn table(place: &Path, text: &str, table: TableOptions) -> DataOptions {
    fs::write(place.join("table.csv"), text).unwrap();
    DataOptions { table, ..options("csv", place) }
}

fn classification() -> TableOptions {
    TableOptions { task: Task::Classification, ..TableOptions::default() }
}

fn inputs(dataset: &dyn Dataset) -> TableInputs {
    let Some(Inputs::Table(inputs)) = dataset.inputs() else { panic!("no inputs of a table") };
    inputs
}

fn labels(dataset: &dyn Dataset) -> Vec<u32> {
    let BatchTargets::Classes(labels) = all(dataset).targets else { panic!("no labels") };
    labels
}

/// Rows of a colour, its number, and the name of a class for each colour.
fn colours(rows: usize) -> String {
    let row = |i: usize| {
        let number = i % 3;
        format!("{},{number},{}\n", ["red", "blue", "green"][number], ["hot", "cold", "mild, calm"][number])
            .replace("mild, calm", "\"mild, calm\"")
    };
    format!("colour,number,feeling\n{}", (0..rows).map(row).collect::<String>())
}

#[test]
fn text_becomes_one_feature_per_category_and_labels_keep_their_names() {
    let place = TempDir::new().unwrap();
    let splits = data::open(&table(place.path(), &colours(30), classification())).unwrap();
    assert_eq!((splits.train.len(), splits.validation.len()), (24, 6));
    assert_eq!((splits.train.sample_shape(), splits.train.targets()), (&[4][..], Targets::Classes(3)));
    let read = inputs(splits.train.as_ref());
    let names = ["cold", "hot", "mild, calm"].map(String::from).to_vec();
    assert_eq!(read.target, TableTarget::Classes { name: "feeling".into(), classes: names });
    let InputColumn::Categories { categories, untrained, .. } = &read.columns[0] else { panic!("{read:?}") };
    assert_eq!((categories.join(" "), untrained.len()), ("blue green red".to_string(), 0));
    for half in [splits.train, splits.validation] {
        let (batch, labels) = (all(half.as_ref()), labels(half.as_ref()));
        for (sample, label) in batch.inputs.chunks(4).zip(labels) {
            // Cold is blue, hot is red, and the third is green.
            let expected = [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]][label as usize];
            assert_eq!(sample[..3], expected);
        }
    }
    // Numbers may be names of categories, and labels; they are sorted as numbers.
    let digits: String = (0..60).map(|i| format!("{},{}\n", i % 12, i % 12)).collect();
    let options = TableOptions { categorical: vec!["a".into()], ..classification() };
    let train = data::open(&table(place.path(), &format!("a,digit\n{digits}"), options)).unwrap().train;
    assert_eq!((train.sample_shape(), train.targets()), (&[12][..], Targets::Classes(12)));
    let TableTarget::Classes { classes, .. } = inputs(train.as_ref()).target else { panic!("no classes") };
    assert_eq!(classes, (0..12).map(|digit| digit.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_category_without_training_rows_has_no_features() {
    let place = TempDir::new().unwrap();
    // A row has a colour of its own, and is held out in some places of the table.
    let rows = colours(29);
    let mut held_out = 0;
    for (line, _) in rows.match_indices('\n') {
        let (before, after) = rows.split_at(line + 1);
        let text = format!("{before}violet,1,hot\n{after}");
        let splits = data::open(&table(place.path(), &text, classification())).unwrap();
        assert_eq!(splits.train.sample_shape(), [5], "the shape does not depend on the split");
        let InputColumn::Categories { untrained, .. } = &inputs(splits.train.as_ref()).columns[0] else {
            panic!("no categories")
        };
        let zero = |sample: &[f32]| sample[..4].iter().all(|feature| *feature == 0.0);
        let zeros = all(splits.validation.as_ref()).inputs.chunks(5).filter(|sample| zero(sample)).count();
        assert_eq!(zeros, untrained.len());
        held_out += zeros;
    }
    assert!(held_out > 0);
}

#[test]
fn missing_values_are_refused_left_out_or_filled_in() {
    let place = TempDir::new().unwrap();
    let rows: String = (0..20).map(|i| format!("{i},{},{}\n", ["x", "y"][i % 2], 2 * i)).collect();
    let text = format!("a,kind,y\n?,x,1\n5,,3\n6,NA,5\n7,y,\n{rows}");
    let with = |missing| table(place.path(), &text, TableOptions { missing, ..TableOptions::default() });
    assert_says(
        &refusal(&with(Missing::Refuse)),
        &["\"?\" in row 1", "(line 2)", "--missing drop", "column \"a\""],
    );
    let count = |missing| {
        let splits = data::open(&with(missing)).unwrap();
        splits.train.len() + splits.validation.len()
    };
    assert_eq!((count(Missing::Drop), count(Missing::Mean)), (20, 23));

    let mut filled = 0;
    for seed in 0..4 {
        let train = data::open(&DataOptions { seed, ..with(Missing::Mean) }).unwrap().train;
        let batch = all(train.as_ref());
        let BatchTargets::Values(targets) = &batch.targets else { panic!("no values") };
        for (sample, target) in batch.inputs.chunks(3).zip(targets) {
            // The target tells the row.
            match target {
                1.0 => assert_eq!(sample, [0.0, 1.0, 0.0], "the mean, standardised"),
                3.0 | 5.0 => assert_eq!(sample[1..], [0.0, 0.0], "none of the categories"),
                _ => continue,
            }
            filled += 1;
        }
        // Missing numbers do not count in means.
        let InputColumn::Number { mean, .. } = inputs(train.as_ref()).columns[0] else { panic!("no number") };
        assert!((5.0..14.0).contains(&mean), "{mean}");
    }
    assert!(filled > 4);
    let none =
        table(place.path(), "a,y\n,1\n,2\n", TableOptions { missing: Missing::Drop, ..Default::default() });
    assert_says(&refusal(&none), &["at least 2 rows", "all values", "0 of 2 (without"]);
    let empty = table(
        place.path(),
        "a,kind,y\n1,x,\n2,x,\n",
        TableOptions { missing: Missing::Mean, ..Default::default() },
    );
    assert_says(&refusal(&empty), &["at least 2 rows", "0 of 2 (without"]);
}

#[test]
fn a_validation_file_has_the_same_columns_in_any_order() {
    let place = TempDir::new().unwrap();
    let other = place.path().join("other.txt");
    let rows: String = (0..10).map(|i| format!("{i},{},{}\n", ["x", "y"][i % 2], 2 * i)).collect();
    let options = TableOptions { validation: Some(other.clone()), ..TableOptions::default() };
    let options = table(place.path(), &format!("a,kind,y\n{rows}"), options);
    fs::write(&other, "kind,note,y,a\nx,first,100,4.5\nz,second,200,9\n").unwrap();
    let splits = data::open(&options).unwrap();
    assert_eq!((splits.train.len(), splits.validation.len()), (10, 2));
    let batch = all(splits.validation.as_ref());
    assert_eq!(batch.targets, BatchTargets::Values(vec![100.0, 200.0]));
    // 4.5 is the mean of the training rows; z is not among their categories.
    assert_eq!(batch.inputs[..4], [0.0, 1.0, 0.0, 0.0]);
    assert_eq!(batch.inputs[5..], [0.0, 0.0, 0.0]);
    // Both files identify the data.
    let before = data::fingerprint(&options).unwrap();
    fs::write(&other, "kind,y,a\nx,100,4.5\nz,200,8\n").unwrap();
    let after = data::fingerprint(&options).unwrap();
    assert_eq!((before.len(), &before[0], before[1] != after[1]), (2, &after[0], true));
    fs::write(&other, "kind,b,y\nx,1,2\n").unwrap();
    assert_says(&refusal(&options), &["other.txt", "a column \"a\""]);
}

#[test]
fn targets_can_be_standardised() {
    let place = TempDir::new().unwrap();
    let rows: String = (0..20).map(|i| format!("{i},{}\n", 1000 + 10 * i)).collect();
    let scaled = TableOptions { scale_targets: true, ..TableOptions::default() };
    let options = table(place.path(), &format!("a,y\n{rows}"), scaled);
    let train = data::open(&options).unwrap().train;
    let BatchTargets::Values(targets) = all(train.as_ref()).targets else { panic!("no values") };
    // As the feature is, which is a tenth of it.
    for (feature, target) in all(train.as_ref()).inputs.iter().zip(&targets) {
        assert!((feature - target).abs() < 1e-5, "{feature} {target}");
    }
    let TableTarget::Values { columns } = inputs(train.as_ref()).target else { panic!("no values") };
    assert!(columns[0].mean > 1000.0 && columns[0].deviation > 10.0, "{columns:?}");
    // Losses of trainings on fewer rows have the same unit.
    let few = data::open(&DataOptions { samples: Some(3), seed: 1, ..options }).unwrap().train;
    assert_eq!(inputs(few.as_ref()).target, TableTarget::Values { columns });
}

#[test]
fn columns_that_cannot_be_features_are_refused() {
    let place = TempDir::new().unwrap();
    let refused = |text: &str, options: TableOptions, parts: &[&str]| {
        assert_says(&refusal(&table(place.path(), text, options)), parts);
    };
    let mixed = "a,y\n1,1\nlow,2\n3,4\n";
    refused(mixed, TableOptions::default(), &["\"low\" in row 2", "(line 3)", "--categorical \"a\""]);
    let categorical = TableOptions { categorical: vec!["a".into()], ..TableOptions::default() };
    assert!(data::open(&table(place.path(), mixed, categorical.clone())).is_ok());
    let names: String = (0..50).map(|i| format!("name {i},{i}\n")).collect();
    let names = format!("a,y\n{names}");
    refused(
        &names,
        TableOptions::default(),
        &["\"name 0\" in row 1", "one of 50 different cells in 50 rows", "--ignore \"a\""],
    );
    assert!(data::open(&table(place.path(), &names, categorical)).is_ok());
    let ignored = TableOptions { ignored: vec!["a".into()], ..TableOptions::default() };
    refused(&names, ignored.clone(), &["beside the targets"]);
    let both = DataOptions { target_columns: vec!["a".into()], ..table(place.path(), mixed, ignored) };
    assert_says(&refusal(&both), &["\"a\"", "target and ignored"]);
    let unknown = TableOptions { ignored: vec!["b".into()], ..TableOptions::default() };
    refused(mixed, unknown, &["a column \"b\""]);
    refused("a,y\n1,x\n2,x\n", classification(), &["two classes", "1 different"]);
    let different: String = (0..50).map(|i| format!("{i},{}\n", i as f64 / 7.0)).collect();
    refused(
        &format!("a,y\n{different}"),
        classification(),
        &["one of 50 different cells in 50 rows", "--task regression"],
    );
    // Numbers with signs, as a target of either task and as a feature: no task reads them.
    let money: String = (0..50).map(|i| format!("{i},\"$4,1{i:02}.36\"\n")).collect();
    let money = format!("a,price\n{money}");
    let sign =
        ["\"$4,100.36\" in row 1 below the header (line 2), column \"price\"", "without a currency sign"];
    for options in [classification(), TableOptions::default()] {
        let message = refusal(&table(place.path(), &money, options));
        assert_says(&message, &sign);
        assert!(!message.contains("--task"), "{message}");
    }
    let feature = DataOptions {
        target_columns: vec!["a".into()],
        ..table(place.path(), &money, TableOptions::default())
    };
    assert_says(&refusal(&feature), &sign);
    // A text between texts is no number in any task.
    let words: String = (0..50).map(|i| format!("{i},x{i}\n")).collect();
    let message = refusal(&table(place.path(), &format!("a,y\n{words}"), classification()));
    assert!(message.contains("classes of several rows each") && !message.contains("--task"), "{message}");
    let mut two = table(place.path(), "a,b,y\n1,2,3\n4,5,6\n", classification());
    two.target_columns = vec!["b".into(), "y".into()];
    assert_says(&refusal(&two), &["one target column", "\"b\", \"y\""]);
    let other = DataOptions { table: classification(), ..DataOptions::default() };
    assert_says(&refusal(&other), &["options of tables", "task"]);
}

#[test]
fn a_name_that_several_columns_have_is_refused_and_can_be_ignored() {
    let place = TempDir::new().unwrap();
    let text = "a,a,c,y\n1,2,3,4\n5,6,7,8\n9,8,7,6\n";
    let message = refusal(&table(place.path(), text, TableOptions::default()));
    assert_says(&message, &["one column \"a\"", "--ignore \"a\"", "2 of that name"]);
    let ignored = TableOptions { ignored: vec!["a".into()], ..TableOptions::default() };
    let splits = data::open(&table(place.path(), text, ignored)).unwrap();
    assert_eq!(splits.train.sample_shape(), [1]);
}

#[test]
fn a_table_without_rows_says_what_it_lacks() {
    let place = TempDir::new().unwrap();
    let options = || TableOptions::default();
    let empty = table(place.path(), "", options());
    assert_says(&refusal(&empty), &["table.csv", "an empty file found"]);
    assert_says(&choose(empty, None).unwrap_err().to_string(), &["table.csv", "an empty file found"]);
    let header = table(place.path(), "a,b,y\n", options());
    assert_says(&refusal(&header), &["at least 2 rows below the header expected, none found"]);
    assert_eq!(choose(header, None).unwrap().notes.join(" "), "");
    let text = "a,b,y\n1,,2\n2,,3\n,3,4\n";
    let drop = TableOptions { missing: Missing::Drop, ..options() };
    let message = refusal(&table(place.path(), text, drop));
    assert_says(
        &message,
        &["(--ignore", "--missing mean", "0 of 3 (without a value: \"b\" in 2 rows, \"a\" in 1 row) found"],
    );
}

/// As programs write a column of whole numbers that once lacked a value.
#[test]
fn whole_numbers_with_decimals_are_the_same_class_and_category() {
    let place = TempDir::new().unwrap();
    let row = |i: usize| {
        format!("{},{i},{}\n", ["1", "2", "1.0", "2.00"][i % 4], ["0", "-1", "-0.0", "-1.0"][i % 4])
    };
    let text = format!("kind,x,y\n{}", (0..40).map(row).collect::<String>());
    let options = TableOptions { categorical: vec!["kind".into()], ..classification() };
    let splits = data::open(&table(place.path(), &text, options)).unwrap();
    let read = inputs(splits.train.as_ref());
    let classes = ["-1", "0"].map(String::from).to_vec();
    assert_eq!(read.target, TableTarget::Classes { name: "y".into(), classes });
    let InputColumn::Categories { categories, .. } = &read.columns[0] else { panic!("{read:?}") };
    assert_eq!(categories[..], ["1", "2"]);
    assert_eq!(
        read.samples(&Table::read(&place.path().join("table.csv"), &Format::default()).unwrap()).unwrap()
            [..2],
        [1.0, 0.0]
    );
    // Version numbers and names with points are no whole numbers.
    for name in ["1.10", "a.0", ".0", "1.", "1.0.0", "01.5"] {
        assert_eq!(category(name), name);
    }
}

#[test]
fn a_note_says_where_thousands_may_be_separated() {
    let place = TempDir::new().unwrap();
    let notes = |cells: [&str; 4], decimal: Option<Decimal>| {
        let text: String = cells.iter().enumerate().map(|(i, cell)| format!("{i};{cell}\n")).collect();
        let options = table(
            place.path(),
            &format!("a;people\n{text}"),
            TableOptions { decimal, ..TableOptions::default() },
        );
        choose(options, Some(Task::Regression)).unwrap().notes.join(" ")
    };
    assert_says(
        &notes(["850", "53.327", "1.200", "90.000"], None),
        &["53.327", "\"people\"", "--decimal comma"],
    );
    assert_says(&notes(["850", "53,327", "1,200", "90,000"], None), &["53,327", "--decimal point"]);
    for (cells, decimal) in [
        (["850", "53.327", "1.200", "90.000"], Some(Decimal::Comma)),
        (["0.850", "53.327", "1.200", "90.000"], None),
        (["850", "53.327", "1.25", "90.000"], None),
        (["850.125", "53.327", "1.200", "90.000"], None),
        (["850", "1.053.327", "1.200", "90.000"], None),
    ] {
        assert_eq!(notes(cells, decimal), "");
    }
}

#[test]
fn a_note_names_columns_of_numbers_with_signs() {
    let place = TempDir::new().unwrap();
    let notes = |cell: fn(usize) -> String| {
        let rows: String = (0..9).map(|i| format!("{}.5;{};{i}.5\n", i * i, cell(i % 3))).collect();
        let options = table(place.path(), &format!("a;b;y\n{rows}"), TableOptions::default());
        choose(options, Some(Task::Regression)).unwrap().notes.join(" ")
    };
    for cell in
        [|i| format!("{i}.5 %"), |i| format!("-€ 1,00{i}"), |i| format!("($4{i})"), |i| format!("8{i} kg")]
    {
        assert_says(&notes(cell), &["in row 1", "column \"b\"", "read as a name"]);
    }
    for cell in [
        |i| format!("x{i}"),
        |i| format!("{i}"),
        |i| format!("{i} {}", ["kg", "g", "kg"][i]),
        |i| format!("{i}-01"),
    ] {
        assert_eq!(notes(cell), "");
    }
}

#[test]
fn a_note_names_features_that_number_the_rows() {
    let place = TempDir::new().unwrap();
    let notes = |name: &str, ignored: &[&str], number: fn(usize) -> String| {
        let rows: String = (0..60).map(|i| format!("{},{}.5,{}\n", number(i), i % 7, i * 3)).collect();
        let ignored = ignored.iter().map(|name| name.to_string()).collect();
        let options = TableOptions { ignored, ..TableOptions::default() };
        let text = format!("{name},a,b\n{rows}");
        choose(table(place.path(), &text, options), Some(Task::Regression)).unwrap().notes.join(" ")
    };
    // As pandas writes an index; shuffled; with other rows left out.
    assert_says(&notes("", &[], |i| i.to_string()), &["column \"\" seems to number", "(--ignore ''"]);
    assert_says(&notes("id", &[], |i| (1000 + i * 37 % 60).to_string()), &["--ignore \"id\""]);
    assert_says(&notes("id", &[], |i| (i + i / 2).to_string()), &["--ignore \"id\""]);
    assert_eq!(notes("", &[""], |i| i.to_string()), "");
    // Numbers that repeat, that lie far apart, and that are not whole.
    let others: [fn(usize) -> String; 3] =
        [|i| (i % 59).to_string(), |i| (i * 3).to_string(), |i| format!("{i}.5")];
    for number in others {
        assert_eq!(notes("a number", &[], number), "");
    }
}

#[test]
fn a_note_names_rows_far_from_all_others() {
    let place = TempDir::new().unwrap();
    let notes = |feature: fn(usize) -> String, target: fn(usize) -> String, options: TableOptions| {
        let rows: String = (0..60).map(|i| format!("{},{}\n", feature(i), target(i))).collect();
        let task = options.task;
        choose(table(place.path(), &format!("a,b\n{rows}"), options), Some(task)).unwrap().notes.join(" ")
    };
    let regression = TableOptions::default;
    let spread: fn(usize) -> String = |i| format!("{}.5", i * i % 61);
    let one_far: fn(usize) -> String = |i| if i == 7 { "1e300".into() } else { format!("{}.5", i * i % 61) };
    assert_says(
        &notes(spread, one_far, regression()),
        &["1e300", "row 8 below the header", "\"b\"", "--loss huber"],
    );
    assert_says(&notes(one_far, spread, regression()), &["row 8", "\"a\"", "leave the column out"]);
    // Two that are equally far, a rare case in a column of zeros, text, and numbers that are names.
    let two_far: fn(usize) -> String = |i| if i % 30 == 7 { "1e300".into() } else { format!("{i}.5") };
    let rare: fn(usize) -> String = |i| u8::from(i == 7).to_string();
    let text: fn(usize) -> String = |i| if i == 9 { "far".into() } else { format!("{}.5", i * i % 61) };
    for feature in [spread, two_far, rare, text] {
        assert_eq!(notes(feature, spread, regression()), "");
    }
    assert_eq!(notes(one_far, spread, TableOptions { categorical: vec!["a".into()], ..regression() }), "");
    assert_eq!(notes(spread, one_far, classification()), "");
}

#[test]
fn what_options_leave_open_is_decided_by_the_file() {
    let place = TempDir::new().unwrap();
    let chosen = |text: &str| {
        let detect = TableOptions { header: Header::Detect, ..TableOptions::default() };
        choose(table(place.path(), text, detect), None).unwrap()
    };
    let rows =
        |last: fn(usize) -> String| -> String { (0..40).map(|i| format!("{i},{}\n", last(i))).collect() };
    let texts = chosen(&format!("a,b\n{}", rows(|i| ["x", "y"][i % 2].into())));
    assert_eq!(texts.options.table, classification());
    assert_says(&texts.notes.join(" "), &["2 classes", "\"b\" has text"]);
    let few = chosen(&format!("a,b\n{}", rows(|i| (i % 3).to_string())));
    assert_eq!(few.options.table, classification());
    assert_says(&few.notes.join(" "), &["3 different whole numbers", "--task regression"]);
    for text in [
        format!("a,b\n{}", rows(|i| i.to_string())),
        format!("a,b\n{}", rows(|i| format!("{}.5", i % 3))),
        "a,b\n1,1\n2,0\n3,1\n".to_string(),
        "a,b\n1,1\n2,x\n3,1\n".to_string(),
    ] {
        let numbers = chosen(&text);
        assert_eq!(numbers.options.table, TableOptions::default());
        assert_says(&numbers.notes.join(" "), &["regression, because"]);
    }
    // The first line has a number where all others have one.
    let bare = chosen(&rows(|i| ["x", "y"][i % 2].into()));
    assert_eq!(bare.options.table, TableOptions { header: Header::Absent, ..classification() });
    assert_says(&bare.notes.join(" "), &["taken for a row", "1 to 2", "--header"]);
    let splits = data::open(&bare.options).unwrap();
    assert_eq!(splits.train.len() + splits.validation.len(), 40);
    assert_eq!(inputs(splits.train.as_ref()).columns[0].name(), "1");
    // Of a table of text only nothing tells whether the first line is a row.
    let words = chosen("red,cat\nred,dog\nblue,cat\n");
    assert_eq!(words.options.table.header, Header::Present);
    assert_says(&words.notes.join(" "), &["taken for the names", "no column has numbers", "--no-header"]);
    assert!(!texts.notes.join(" ").contains("--no-header"), "a column has numbers");
    let years = chosen("country,2019,2020\nA,1,2\nB,3,4\n");
    assert_eq!(years.options.table.header, Header::Absent);
    assert_eq!(chosen("2019,total\n1,2\n3,4\n").options.table.header, Header::Present);

    let named = |texts: &[&str]| -> Vec<String> {
        fs::write(place.path().join("table.csv"), "a,\"a, b\",\"b, c\",c\n1,2,3,4\n").unwrap();
        let target_columns = texts.iter().map(|text| text.to_string()).collect();
        let options = DataOptions { target_columns, ..options("csv", place.path()) };
        choose(options, Some(Task::Regression)).unwrap().options.target_columns
    };
    assert_eq!(named(&["a, b"]), ["a, b"]);
    assert_eq!(named(&["a,c"]), ["a", "c"]);
    assert_eq!(named(&["a, b, c"]), ["a, b", "c"]);
    assert_eq!(named(&["a,b, c", "a, b"]), ["a", "b, c", "a, b"]);
    assert_eq!(named(&["a,d"]), ["a", "d"]);
    assert_eq!(named(&["d"]), ["d"]);
}
