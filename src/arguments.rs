//! Parses numbers of the command line.
//!
//! Each function parses one kind of argument. Its error says what was expected, for the command line to show.

/// A count: a whole number, at least 1.
///
/// # Errors
/// The expected values, for any other text.
pub fn count(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|&count| count > 0)
        .ok_or_else(|| "expected a whole number, at least 1".to_string())
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
