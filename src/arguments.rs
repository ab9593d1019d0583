//! Numbers as users type them.
//!
//! Each function parses one kind of argument; its error says what is needed, for the command line to show.

/// A count: a whole number from 1 on.
pub fn count(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|&count| count > 0)
        .ok_or_else(|| "a whole number from 1 on is needed".to_string())
}

/// A measure: a finite number above zero.
pub fn positive(text: &str) -> Result<f64, String> {
    number(text).filter(|number| *number > 0.0).ok_or_else(|| "a number above zero is needed".to_string())
}

/// A finite number from zero on.
pub fn not_negative(text: &str) -> Result<f64, String> {
    number(text).filter(|number| *number >= 0.0).ok_or_else(|| "a number from zero on is needed".to_string())
}

/// A part of a whole: a number from 0 to 1.
pub fn part(text: &str) -> Result<f64, String> {
    number(text)
        .filter(|number| (0.0..=1.0).contains(number))
        .ok_or_else(|| "a number from 0 to 1 is needed".to_string())
}

/// The part that a running mean keeps at each step: a number from 0 on and below 1.
pub fn decay(text: &str) -> Result<f64, String> {
    number(text)
        .filter(|number| (0.0..1.0).contains(number))
        .ok_or_else(|| "a number from 0 on and below 1 is needed".to_string())
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}
