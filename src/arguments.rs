//! Parses numbers of the command line.
//!
//! Each function parses one kind of argument. Its error says what was expected, for the command line to show.

/// The largest integer that TOML can hold: 2⁶³ − 1. Configurations and plans are TOML, so none of their numbers is
/// larger.
pub const LARGEST_INTEGER: u64 = i64::MAX as u64;

/// A count: a whole number, from 1 to [`LARGEST_INTEGER`].
///
/// # Errors
/// The expected values, for any other text.
pub fn count(text: &str) -> Result<usize, String> {
    let expected = || match text.parse::<u128>() {
        Ok(1..) => format!("expected at most {LARGEST_INTEGER}"),
        _ => "expected a whole number, at least 1".to_string(),
    };
    let fits = |&count: &usize| count > 0 && count as u64 <= LARGEST_INTEGER;
    text.parse().ok().filter(fits).ok_or_else(expected)
}

/// The seed of random numbers: a whole number, from 0 to [`LARGEST_INTEGER`].
///
/// # Errors
/// The expected values, for any other text.
pub fn seed(text: &str) -> Result<u64, String> {
    (text.parse().ok())
        .filter(|&seed| seed <= LARGEST_INTEGER)
        .ok_or_else(|| format!("expected a whole number from 0 to {LARGEST_INTEGER}"))
}

/// A positive quantity: a finite number above zero.
///
/// # Errors
/// The expected values, for any other text.
pub fn positive(text: &str) -> Result<f64, String> {
    number(text).filter(|number| *number > 0.0).ok_or_else(|| "expected a number above zero".to_string())
}

/// A finite number, at least zero.
///
/// # Errors
/// The expected values, for any other text.
pub fn not_negative(text: &str) -> Result<f64, String> {
    number(text).filter(|number| *number >= 0.0).ok_or_else(|| "expected a number, at least zero".to_string())
}

/// A share: a number from 0 to 1.
///
/// # Errors
/// The expected values, for any other text.
pub fn part(text: &str) -> Result<f64, String> {
    number(text)
        .filter(|number| (0.0..=1.0).contains(number))
        .ok_or_else(|| "expected a number from 0 to 1".to_string())
}

/// The decay rate of a running mean: a number, at least 0 and below 1.
///
/// # Errors
/// The expected values, for any other text.
pub fn decay(text: &str) -> Result<f64, String> {
    number(text)
        .filter(|number| (0.0..1.0).contains(number))
        .ok_or_else(|| "expected a number, at least 0 and below 1".to_string())
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::{count, seed};

    #[test]
    fn integers_that_toml_cannot_hold_are_refused() {
        assert_eq!(seed("9223372036854775807"), Ok(i64::MAX as u64));
        assert_eq!(count("9223372036854775807"), Ok(i64::MAX as usize));
        for text in ["9223372036854775808", "18446744073709551615", "99999999999999999999"] {
            let largest = "9223372036854775807";
            assert!(seed(text).unwrap_err().contains(largest) && count(text).unwrap_err().contains(largest));
        }
        assert!(seed("-1").is_err() && count("0").unwrap_err().contains("at least 1") && count("x").is_err());
    }
}
