//! Budgets as text.

use allometry::planner::Budget;

#[test]
fn budgets_are_read_in_the_units_that_people_write() {
    let read = |text: &str| text.parse::<Budget>().unwrap();
    for (text, seconds) in [
        ("90s", 90.0),
        ("30m", 1800.0),
        ("30min", 1800.0),
        ("2h", 7200.0),
        ("1.5 h", 5400.0),
        ("1d", 86_400.0),
    ] {
        assert_eq!(read(text), Budget { seconds: Some(seconds), ..Budget::default() }, "{text}");
    }
    for text in ["1e15flops", "1E15 FLOPs", "1000000000000000flop", "1PFLOP", "1000 tflops"] {
        assert_eq!(read(text), Budget { flops: Some(1e15), ..Budget::default() }, "{text}");
    }
    for (text, bytes) in [("500MiB", 500 << 20), ("8GiB", 8 << 30), ("8gb", 8_000_000_000), ("512b", 512)] {
        assert_eq!(read(text), Budget { bytes: Some(bytes), ..Budget::default() }, "{text}");
    }
    let all = Budget { seconds: Some(7200.0), flops: Some(1e15), bytes: Some(8 << 30) };
    assert_eq!(read("2h, 1e15flops,8GiB"), all);
    // What is printed can be given.
    for flops in [950.0, 72_100.0, 1.25e12, 3e21, 2e24] {
        let budget = Budget { flops: Some(flops), ..Budget::default() };
        let again = read(&budget.to_string()).flops.unwrap();
        assert!((again / flops - 1.0).abs() < 1e-12, "{budget}: {again}");
    }
    assert_eq!(all.to_string(), "2 h 00 min, 1 PFLOP, 8 GiB");
}

#[test]
fn budgets_that_make_no_sense_are_refused_with_the_reason() {
    for (text, word) in [
        ("", "a number and a unit"),
        ("2", "a number and a unit"),
        ("h", "a number and a unit"),
        ("two h", "1e15flops"),
        ("kflops", "a number and a unit"),
        ("2kh", "a number and a unit"),
        ("-2h", "a number and a unit"),
        ("0s", "a number and a unit"),
        ("infs", "a number and a unit"),
        ("2h,", "a number and a unit"),
        ("2h,30m", "at most one time"),
        ("8GiB,1MiB", "at most one time"),
    ] {
        let error = text.parse::<Budget>().unwrap_err().to_string();
        assert!(error.contains(word), "{text:?}: {error}");
    }
}
