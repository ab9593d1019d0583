//! Quantities as text. Each has one format wherever it is shown:
//!
//! | quantity | format |
//! |---|---|
//! | memory | `12.5 MiB`, with binary prefixes |
//! | counts (parameters, MACs, samples) | `72.1 k`, or `72,134` where all digits matter |
//! | compute | `1.2 TFLOP` |
//! | durations | `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 10 min` |
//!
//! `fit` does not know the units of a table's columns. It writes numbers, including compute budgets, with four digits,
//! as publications do. Rates are columns of numbers whose heading has the unit. Bandwidth is in GB/s, with 10⁹ bytes in
//! a GB, as in data sheets.
//!
//! [`NumberWithUnit`] parses times, compute and memory.

/// A count of things: `1 run`, `2 runs`, `3 classes`.
pub fn plural(count: usize, noun: &str) -> String {
    let end = match count {
        1 => "",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{count} {noun}{end}")
}

/// A count with an SI prefix, from k to Y, to three significant digits: `72.1 k`.
pub fn metric(value: f64) -> String {
    prefixed(value, 1000.0, &["", " k", " M", " G", " T", " P", " E", " Z", " Y"])
}

/// Two ends of a range of counts: `1.2 k to 3.4 M`; `0.011 k to 26.9 k` where `11 to 26.9 k` could be read as thousands.
pub fn metric_range(low: f64, high: f64) -> String {
    let [mut start, end] = [low, high].map(metric);
    if end.ends_with(char::is_alphabetic) && !start.ends_with(char::is_alphabetic) && low > 0.0 {
        start = format!("{} k", trim(significant(low / 1000.0, 3)));
    }
    format!("{start} to {end}")
}

/// A number of floating-point operations: `5.2 MFLOP`.
pub fn flops(value: f64) -> String {
    let number = metric(value);
    let space = if number.ends_with(|c: char| c.is_ascii_digit()) { " " } else { "" };
    format!("{number}{space}FLOP")
}

/// A count with all its digits: `17,985`.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes with a binary prefix, to three significant digits: `12.5 MiB`.
pub fn bytes(value: u64) -> String {
    prefixed(value as f64, 1024.0, &[" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"])
}

fn prefixed(value: f64, base: f64, prefixes: &[&str]) -> String {
    let mut scaled = value;
    let mut index = 0;
    // 999.5 rounds to 1000, which needs the next prefix.
    while scaled.abs() >= base - 0.5 && index + 1 < prefixes.len() {
        scaled /= base;
        index += 1;
    }
    format!("{}{}", trim(significant(scaled, 3)), prefixes[index])
}

/// A duration: `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 10 min`.
pub fn seconds(value: f64) -> String {
    match value {
        v if v < 0.9995 => format!("{} ms", trim(significant(1000.0 * v, 3))),
        v if v < 99.95 => format!("{} s", significant(v, 3)),
        v if v < 3570.0 => {
            let whole = v.round() as u64;
            format!("{} min {:02} s", whole / 60, whole % 60)
        }
        v => {
            let minutes = (v / 60.0).round() as u64;
            format!("{} h {:02} min", minutes / 60, minutes % 60)
        }
    }
}

/// A number to `digits` significant digits, with an exponent below 10⁻⁴ and from 10⁶ on.
pub fn significant(value: f64, digits: i32) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    if !(1e-4..1e6).contains(&value.abs()) {
        return format!("{value:.*e}", (digits - 1) as usize);
    }
    let decimals = digits - 1 - value.abs().log10().floor() as i32;
    format!("{value:.*}", decimals.max(0) as usize)
}

/// A number of unknown unit, to four significant digits: `0.2277`, `7.045e5`.
pub fn digits(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        value.to_string().replace("inf", "∞")
    } else if size < f64::MIN_POSITIVE {
        "0".to_string()
    } else if (1e-3..1e5).contains(&size) {
        let places = (3 - size.log10().floor() as i32).max(0) as usize;
        format!("{value:.places$}")
    } else {
        format!("{value:.3e}")
    }
}

/// Removes zeros at the end of a fraction.
pub fn trim(text: String) -> String {
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        text
    }
}

/// A factor: `×2`, `×0.5`, `×13.2`.
pub fn times(ratio: f64) -> String {
    format!("×{}", trim(significant(ratio, 3)))
}

/// A time, an amount of compute or an amount of memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NumberWithUnit {
    /// Seconds.
    Seconds(f64),
    /// Floating-point operations.
    Flops(f64),
    /// Bytes.
    Bytes(u64),
}

/// Every unit in lower case with the amount that it stands for. A unit that ends like another precedes it.
const UNITS: [(&str, NumberWithUnit); 18] = [
    // These two take one of the PREFIXES.
    ("flops", NumberWithUnit::Flops(1.0)),
    ("flop", NumberWithUnit::Flops(1.0)),
    ("kib", NumberWithUnit::Bytes(1 << 10)),
    ("mib", NumberWithUnit::Bytes(1 << 20)),
    ("gib", NumberWithUnit::Bytes(1 << 30)),
    ("tib", NumberWithUnit::Bytes(1 << 40)),
    ("kb", NumberWithUnit::Bytes(1_000)),
    ("mb", NumberWithUnit::Bytes(1_000_000)),
    ("gb", NumberWithUnit::Bytes(1_000_000_000)),
    ("tb", NumberWithUnit::Bytes(1_000_000_000_000)),
    ("ms", NumberWithUnit::Seconds(1e-3)),
    ("min", NumberWithUnit::Seconds(60.0)),
    ("sec", NumberWithUnit::Seconds(1.0)),
    ("b", NumberWithUnit::Bytes(1)),
    ("s", NumberWithUnit::Seconds(1.0)),
    ("m", NumberWithUnit::Seconds(60.0)),
    ("h", NumberWithUnit::Seconds(3600.0)),
    ("d", NumberWithUnit::Seconds(86_400.0)),
];

/// Decimal prefixes of FLOPs in lower case, each a thousand times the previous one.
const PREFIXES: &str = "kmgtpezy";

impl NumberWithUnit {
    /// Parses a number above zero with a unit, in any case: `1.5h`, `90s`, `1e15flops`, `2.5 PFLOP`, `500MB`, `8GiB`.
    /// `None` for other text.
    pub fn parse(text: &str) -> Option<NumberWithUnit> {
        let lower = text.to_ascii_lowercase();
        let unit = UNITS.iter().find_map(|&(name, unit)| Some((lower.strip_suffix(name)?.trim(), unit)));
        let (number, unit) = unit?;
        let is_compute = matches!(unit, NumberWithUnit::Flops(_));
        let prefix = number.chars().last().filter(|_| is_compute).and_then(|last| PREFIXES.find(last));
        let (number, factor) = match prefix {
            Some(place) => (number[..number.len() - 1].trim(), 1000f64.powi(place as i32 + 1)),
            None => (number, 1.0),
        };
        let number = number.parse::<f64>().ok()? * factor;
        (number > 0.0 && number.is_finite()).then_some(match unit {
            NumberWithUnit::Seconds(seconds) => NumberWithUnit::Seconds(number * seconds),
            NumberWithUnit::Flops(flops) => NumberWithUnit::Flops(number * flops),
            NumberWithUnit::Bytes(bytes) => NumberWithUnit::Bytes((number * bytes as f64) as u64),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_singular() {
        let texts = [0, 1, 2].map(|count| [plural(count, "run"), plural(count, "class")]);
        assert_eq!(texts, [["0 runs", "0 classes"], ["1 run", "1 class"], ["2 runs", "2 classes"]]);
    }

    #[test]
    fn bytes_have_binary_prefixes() {
        for (value, text) in [
            (0, "0 B"),
            (1, "1 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (71_940, "70.3 KiB"),
            // 1023.6 KiB are 1.00 MiB to three digits.
            ((1 << 20) - 400, "1 MiB"),
            (5 << 20, "5 MiB"),
            (3 << 29, "1.5 GiB"),
            (1 << 42, "4 TiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(bytes(value), text, "{value}");
        }
    }

    #[test]
    fn counts_and_compute_have_decimal_prefixes() {
        for (value, number, compute) in [
            (0.0, "0", "0 FLOP"),
            (950.0, "950", "950 FLOP"),
            (999.7, "1 k", "1 kFLOP"),
            (72_134.0, "72.1 k", "72.1 kFLOP"),
            (5.2e6, "5.2 M", "5.2 MFLOP"),
            (1.25e12, "1.25 T", "1.25 TFLOP"),
            (3e21, "3 Z", "3 ZFLOP"),
            (2.5e28, "25000 Y", "25000 YFLOP"),
        ] {
            assert_eq!((metric(value), flops(value)), (number.to_string(), compute.to_string()));
        }
        assert_eq!(
            [0, 999, 1000, 17_985, 1_234_567].map(grouped),
            ["0", "999", "1,000", "17,985", "1,234,567"]
        );
    }

    #[test]
    fn both_ends_of_a_range_have_a_prefix_or_none() {
        for (low, high, text) in [
            (10_500.0, 26_900.0, "10.5 k to 26.9 k"),
            (999.7, 2e6, "1 k to 2 M"),
            (11.0, 26_900.0, "0.011 k to 26.9 k"),
            (11.0, 950.0, "11 to 950"),
            (0.0, 26_900.0, "0 to 26.9 k"),
        ] {
            assert_eq!(metric_range(low, high), text);
        }
    }

    #[test]
    fn numbers_without_a_unit_have_four_digits() {
        for (value, text) in [
            (0.0, "0"),
            (0.000_123_456, "1.235e-4"),
            (-0.227_74, "-0.2277"),
            (1.0, "1.000"),
            (98_765.4, "98765"),
            (704_500.0, "7.045e5"),
        ] {
            assert_eq!(digits(value), text, "{value}");
        }
    }

    #[test]
    fn durations_have_the_units_that_people_use() {
        for (value, text) in [
            (0.0, "0 ms"),
            (0.0123, "12.3 ms"),
            (0.9996, "1.000 s"),
            (12.34, "12.3 s"),
            (99.94, "99.9 s"),
            (245.0, "4 min 05 s"),
            (3569.0, "59 min 29 s"),
            (7800.0, "2 h 10 min"),
        ] {
            assert_eq!(seconds(value), text, "{value}");
        }
    }
}
