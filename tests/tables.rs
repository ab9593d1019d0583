//! Reading tables that other programs write.

use allometry::error::{listed, shown};
use allometry::tables::{Decimal, Format, Header, Table, Value};
use std::fs;
use tempfile::TempDir;

fn written(bytes: &[u8], format: &Format) -> allometry::Result<Table> {
    let place = TempDir::new().unwrap();
    let path = place.path().join("written.txt");
    fs::write(&path, bytes).unwrap();
    Table::read(&path, format)
}

fn table(text: &str) -> Table {
    written(text.as_bytes(), &Format::default()).unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

/// The message of the error that reading gives.
fn refusal(text: &str) -> String {
    written(text.as_bytes(), &Format::default()).expect_err(text).to_string()
}

fn column(table: &Table, name: &str) -> Vec<Value> {
    let column = table.column(name).unwrap();
    table.numbers(column).unwrap()
}

/// A column's numbers; every cell has to be one.
fn numbers(table: &Table, name: &str) -> Vec<f64> {
    let number = |value| match value {
        Value::Number(number) => number,
        other => panic!("{other:?} in {name} of {table:?}"),
    };
    column(table, name).into_iter().map(number).collect()
}

fn texts(table: &Table, name: &str) -> Vec<String> {
    let column = table.column(name).unwrap();
    (0..table.len()).map(|row| table.cell(row, column).to_string()).collect()
}

#[test]
fn separators_are_found_from_the_file() {
    for separator in [",", ";", "\t"] {
        let text = ["size,cost", "12,0.5", "24,0.25", ""].join("\n").replace(',', separator);
        let table = table(&text);
        assert_eq!(table.names(), ["size", "cost"], "{separator:?}");
        assert_eq!(numbers(&table, "size"), [12.0, 24.0]);
        assert_eq!(numbers(&table, "cost"), [0.5, 0.25]);
    }
    // Names and cells with a comma of their own.
    let tabs = table("\"width, depth\"\tcost, mean\n3\t4\n5\t6\n");
    assert_eq!(tabs.names(), ["width, depth", "cost, mean"]);
    let semicolons = table("area, m2;rent, net;rooms\n35,5;700,25;2\n48,0;912,5;3\n");
    assert_eq!(semicolons.names(), ["area, m2", "rent, net", "rooms"]);
    assert_eq!(numbers(&semicolons, "rent, net"), [700.25, 912.5]);
    // Under both separators two columns; only one has numbers.
    let even = table("rent, net;rooms\n700,25;2\n912,5;3\n");
    assert_eq!(numbers(&even, "rent, net"), [700.25, 912.5]);
    let commas = table("name,size\n\"a;b\",1\n\"c;d\",2\n");
    assert_eq!(texts(&commas, "name"), ["a;b", "c;d"]);
    // Another one that is asked for.
    let bars = Format { delimiter: Some(b'|'), ..Format::default() };
    assert_eq!(written(b"a | b\n1 | 2\n", &bars).unwrap().names(), ["a", "b"]);
}

#[test]
fn decimal_commas_are_told_from_thousands() {
    let of = |text: &str| numbers(&table(text), "n");
    // Where commas separate cells, a comma in quotes stands before thousands, or there is no number.
    assert_eq!(
        of("n,m\n\"1,014.45\",1\n\"22,118,003\",1\n7,1\n\"-1,200\",1\n"),
        [1014.45, 22118003.0, 7.0, -1200.0]
    );
    for wrong in ["1,5", "10,14", "1,0145", "0,014", "1,014,5", "1.5,000", "1234,567", ",014", "1,,014"] {
        let table = table(&format!("n,m\n\"{wrong}\",1\n"));
        assert!(matches!(column(&table, "n")[..], [Value::Text | Value::Mixed]), "{wrong}");
    }
    let comma = Format { decimal: Some(Decimal::Comma), ..Format::default() };
    let told = written(b"n,m\n\"1,5\",1\n\"1.014,25\",2\n", &comma).unwrap();
    assert_eq!(numbers(&told, "n"), [1.5, 1014.25]);
    // A number that can only have a decimal comma tells how the others of its column are written.
    assert_eq!(of("n;m\n1.014,45;a\n3,155;b\n2.500;c\n1,5e3;d\n"), [1014.45, 3.155, 2500.0, 1500.0]);
    assert_eq!(of("n\tm\n1,014\ta\n3,155.5\tb\n"), [1014.0, 3155.5]);
    // ... or of other columns.
    assert_eq!(of("n\tm\n1,014\t0,5\n3,155\t0,25\n"), [1.014, 3.155]);
    assert_eq!(of("n\tm\n1,014\t0.5\n3,155\t0.25\n"), [1014.0, 3155.0]);
    // Points alone are decimal points; commas alone stand before decimals where semicolons separate cells.
    assert_eq!(of("n;m\n1.014;1\n3.155;2\n"), [1.014, 3.155]);
    assert_eq!(of("n;m\n1,014;1\n3,155;2\n"), [1.014, 3.155]);
    // Nothing tells.
    for text in ["n\tm\n1,014\t1\n3,155\t2\n", "n;m\n1,014;1.500\n3,155;2.500\n"] {
        let unclear = table(text);
        let message = unclear.numbers(0).unwrap_err().to_string();
        for words in ["\"1,014\"", "row 1", "\"n\"", "--decimal"] {
            assert!(message.contains(words), "{words} in {message}");
        }
        for (decimal, first) in [(Decimal::Comma, 1.014), (Decimal::Point, 1014.0)] {
            let told = Format { decimal: Some(decimal), ..Format::default() };
            assert_eq!(numbers(&written(text.as_bytes(), &told).unwrap(), "n")[0], first);
        }
    }
    // Marks of other countries.
    assert_eq!(of("n;m\n1 014,5;1\n22\u{202f}118\u{a0};2\n3'155;3\n"), [1014.5, 22118.0, 3155.0]);
}

#[test]
fn suffixes_count_where_all_of_a_column_have_one() {
    let suffixed = table("size,m\n410k,1\n1.3M,2\n,3\n7B,4\n 6.7 b,5\nnan,6\n2T,7\n3G,8\n");
    let number = Value::Number;
    let expected = [
        number(410e3),
        number(1.3e6),
        Value::Empty,
        number(7e9),
        number(6.7e9),
        Value::Missing,
        number(2e12),
        number(3e9),
    ];
    assert_eq!(column(&suffixed, "size"), expected);
    assert_eq!(numbers(&table("size;m\n1,3M;1\n1.014,5k;2\n"), "size"), [1.3e6, 1014.5e3]);
    let mixed = table("size,m\n410k,1\n1300000,2\n");
    assert_eq!(column(&mixed, "size"), [Value::Mixed, number(1.3e6)]);
    for other in ["5m", "k", "3kk", "7Bn"] {
        assert_eq!(column(&table(&format!("size,m\n{other},1\n")), "size"), [Value::Text], "{other}");
    }
}

#[test]
fn cells_without_a_number_are_told_apart() {
    let table = table("n,m\n,1\nNaN,1\nN/A,1\nnull,1\n-,1\n–,1\ninf,1\nnine,1\n-3,1\n");
    let mut expected = vec![Value::Empty];
    expected.extend([Value::Missing; 5]);
    expected.extend([Value::Number(f64::INFINITY), Value::Text, Value::Number(-3.0)]);
    assert_eq!(column(&table, "n"), expected);
}

#[test]
fn byte_order_marks_line_ends_and_empty_rows_are_no_matter() {
    let plain = "größe,cost\n12,0.5\n24,0.25\n";
    let wide = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("\u{feff}{plain}").replace(',', "\t").encode_utf16().flat_map(bytes).collect()
    };
    for bytes in [
        plain.into(),
        format!("\u{feff}{plain}").into_bytes(),
        plain.replace('\n', "\r\n").into_bytes(),
        plain.replace('\n', "\r").into_bytes(),
        plain.replace("12", "\n,\n , \n12").into_bytes(),
        plain.trim_end().into(),
        wide(u16::to_le_bytes),
        wide(u16::to_be_bytes),
    ] {
        let table = written(&bytes, &Format::default()).unwrap();
        assert_eq!(table.names(), ["größe", "cost"], "{bytes:?}");
        assert_eq!(numbers(&table, "größe"), [12.0, 24.0]);
        assert_eq!(numbers(&table, "cost"), [0.5, 0.25]);
    }
    let message = written(b"a,b\n1,2\n3,\xff\n", &Format::default()).unwrap_err().to_string();
    assert!(message.contains("UTF-8") && message.contains("line 3"), "{message}");
}

#[test]
fn an_open_quote_does_not_swallow_rows() {
    let rows: String = (0..5000).map(|row| format!("{row},{row}\n")).collect();
    for (text, line) in [
        (format!("a,b\n1,2\n3,\"4\n{rows}"), "line 3"),
        (format!("a,b\r\n1,2\r\n\"3,4\r\n{rows}"), "line 3"),
        (format!("a,b\r1,2\r3,\"4\r{}", rows.replace('\n', "\r")), "line 3"),
        (format!("a,\"b\n{rows}"), "line 1"),
        (format!("a,b\n\"x \"\"y\"\" z\",2\n\"3\"\",4\n{rows}"), "line 3"),
        // The next quote closes this one, and rows between would be lost.
        (format!("a,b\n1,\"2\n{rows}3,\"4\"\n5,6\n"), "line 2"),
        (format!("a,b\n\"one,2\n{rows}\"two,4\n5,6\n"), "line 2"),
    ] {
        let message = refusal(&text);
        assert!(message.contains(line) && message.contains("quote"), "{line} in {message}");
        assert!(message.len() < 500, "{message}");
    }
    let sound = table("a,b\n\"line 1\nline 2\n\",\"say \"\"x\"\"\"\n6\" pipe,\"\"\n");
    assert_eq!(texts(&sound, "a"), ["line 1\nline 2", "6\" pipe"]);
    assert_eq!(texts(&sound, "b"), ["say \"x\"", ""]);
}

#[test]
fn json_lines_are_a_table() {
    let text = "\u{feff}{\"step\": 10, \"loss, mean\": 2.5, \"run\": {\"seed\": 1, \"tags\": [1, 2]}}\n\n\
                {\"loss, mean\": NaN, \"step\": 1e3, \"note\": \"NaN \\\" {}\", \"ok\": true}\r\n\
                {\"step\": null, \"loss, mean\": -Infinity, \"note\": \"1,014\"}";
    let table = table(text);
    assert_eq!(table.names(), ["step", "loss, mean", "run.seed", "run.tags", "note", "ok"]);
    assert_eq!(column(&table, "step"), [Value::Number(10.0), Value::Number(1000.0), Value::Empty]);
    assert_eq!(
        column(&table, "loss, mean"),
        [Value::Number(2.5), Value::Missing, Value::Number(f64::NEG_INFINITY)]
    );
    assert_eq!(texts(&table, "run.seed"), ["1", "", ""]);
    assert_eq!(texts(&table, "note"), ["", "NaN \" {}", "1,014"]);
    assert_eq!(texts(&table, "ok"), ["", "true", ""]);
    let message = refusal("{\"step\": 1}\n{\"step\": 2,\n");
    assert!(message.contains("JSON lines") && message.contains("line 3"), "{message}");
    assert!(refusal("{\"step\": 1}\n[2]\n").contains("object"));
    // A header in braces is one of a delimited table.
    assert_eq!(numbers(&self::table("{N},loss\n1,2\n"), "{N}"), [1.0]);
}

#[test]
fn conditions_select_rows() {
    let text = "data set,\"model, size\",step,loss\nc4,s,100,4\nc4,l,100,3\npile,s,100,5\n\"c4, en\",s,200,6\n,s,300,7\n";
    let select = |conditions: &[&str]| {
        let mut table = table(text);
        for condition in conditions {
            table.select(condition).unwrap_or_else(|error| panic!("{error}"));
        }
        numbers(&table, "loss")
    };
    assert_eq!(select(&["data set=c4"]), [4.0, 3.0]);
    assert_eq!(select(&["data set=c4,model, size=s"]), [4.0]);
    assert_eq!(select(&["data set = c4 , model, size = l"]), [3.0]);
    assert_eq!(select(&["model, size=s", "step=1e2"]), [4.0, 5.0]);
    assert_eq!(select(&["data set=c4, en"]), [6.0]);
    assert_eq!(select(&["data set=c4, en,model, size=s,step=200.0"]), [6.0]);
    assert_eq!(select(&["data set="]), [7.0]);
    assert_eq!(
        numbers(
            &{
                let mut table = table("a=b,loss\nx=1,2\ny,3\n");
                table.select("a=b=x=1").unwrap();
                table
            },
            "loss"
        ),
        [2.0]
    );
    for (conditions, words) in [
        ("corpus=c4", &["\"corpus\"", "\"data set\", \"model, size\""][..]),
        ("data set=c5", &["\"c5\"", "\"data set\"", "\"c4\", \"pile\", \"c4, en\", \"\""]),
        ("data set=c4,step=200", &["\"200\"", "\"100\""]),
        ("c4", &["\"c4\"", "COLUMN=VALUE"]),
        ("", &["COLUMN=VALUE"]),
    ] {
        let message = table(text).select(conditions).unwrap_err().to_string();
        for word in words {
            assert!(message.contains(word), "{word} in {message}");
        }
    }
}

#[test]
fn messages_show_the_beginning_of_what_is_long() {
    assert_eq!(shown("a\n\"b"), r#""a\n\"b""#);
    assert_eq!(shown(&"é".repeat(80)), format!("\"{}\"", "é".repeat(80)));
    assert_eq!(shown(&"é".repeat(81)), format!("\"{}\"… (81 characters)", "é".repeat(80)));
    let names: Vec<String> = (0..100).map(|column| format!("pixel {column}")).collect();
    let message = table(&(names.join(",") + "\n")).column("label").unwrap_err().to_string();
    assert!(message.contains("\"pixel 19\" and 80 more") && !message.contains("pixel 20"), "{message}");
    assert_eq!(listed::<&str>(&[]), "none");
    let long = "x".repeat(1000);
    let table = table(&format!("{long},n\n1,{long}\n"));
    assert!(table.place(0, 1).len() < 200 && table.place(0, 1).contains("row 1"), "{}", table.place(0, 1));
    for message in
        [table.column("m"), table.column(&long.repeat(2))].map(|found| found.unwrap_err().to_string())
    {
        assert!(message.len() < 500, "{message}");
    }
    let ragged = refusal("a,b\n1,2\n3,4,5\n");
    assert!(ragged.contains("2 columns") && ragged.contains("3 in row 2"), "{ragged}");
}

#[test]
fn tables_of_pythons_csv_module_are_read_as_it_reads_them() {
    let cases: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("fixtures/csv_tables.json")).unwrap();
    let texts = |row: &serde_json::Value| -> Vec<String> {
        row.as_array().unwrap().iter().map(|cell| cell.as_str().unwrap().to_string()).collect()
    };
    for case in &cases {
        let has_header = case["header"].as_bool().unwrap();
        let rows: Vec<Vec<String>> = case["rows"].as_array().unwrap().iter().map(texts).collect();
        let delimiter = case["delimiter"].as_str().unwrap().as_bytes()[0];
        let header = if has_header { Header::Present } else { Header::Absent };
        let format = Format { delimiter: Some(delimiter), header, ..Format::default() };
        let text = case["text"].as_str().unwrap();
        let table = written(text.as_bytes(), &format).unwrap_or_else(|error| panic!("{error}: {text:?}"));
        let read = (0..table.len())
            .map(|row| (0..table.names().len()).map(|column| table.cell(row, column).to_string()).collect());
        let read: Vec<Vec<String>> = read.collect();
        let (names, body) = rows.split_at(usize::from(has_header));
        assert_eq!(read, body, "{text:?}");
        if let [names] = names {
            assert_eq!(table.names(), names, "{text:?}");
        }
        // The line of a row is the one that Python's reader counts before it.
        let last = table.place(table.len() - 1, 0);
        let lines = text.replace("\r\n", "\n").trim_end_matches('\n').matches('\n').count() + 1;
        let own = rows[rows.len() - 1].iter().map(|cell| cell.matches('\n').count()).sum::<usize>();
        assert!(last.contains(&format!("(line {})", lines - own)), "{last} of {text:?}");
    }
}

#[test]
fn rows_without_a_header_are_rows() {
    let format = Format { header: Header::Detect, ..Format::default() };
    let read = |text: &str| written(text.as_bytes(), &format).unwrap();
    for text in ["1,x\n2,y\n", "1.5,x\n,y\n3,z\n", "\n\n1,x\r\n\r\n2,y\r\n", "-,1\n-,2\n"] {
        let table = read(text);
        assert!(!table.has_header() && table.names() == ["1", "2"], "{text:?}");
        assert_eq!(table.len(), text.matches(',').count(), "{text:?}");
    }
    assert_eq!(read("\n\n1,x\n\n2,y\n").place(0, 0), "\"1\" in row 1 (line 3), column \"1\"");
    assert_eq!(read("\n\n1,x\n\n2,y\n").place(1, 1), "\"y\" in row 2 (line 5), column \"2\"");
    for text in ["a,b\n1,x\n", "a,b\nx,y\n", "2019,b\nx,1\n", "1,2\n", "a,1\n2,3\n"] {
        assert!(read(text).has_header(), "{text:?}");
    }
    let none = Format { header: Header::Absent, ..Format::default() };
    let table = written(b"a,b\n1,2\n", &none).unwrap();
    assert_eq!((table.len(), table.cell(0, 1)), (2, "b"));
    assert_eq!(written(b"", &none).unwrap().len(), 0);
    let uneven = written(b"1,2\n3\n", &none).unwrap_err().to_string();
    assert!(uneven.contains("first line") && uneven.contains("1 in row 2"), "{uneven}");
}
