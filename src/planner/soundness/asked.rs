//! What a law is asked.

use crate::units::{significant, trim};

/// How far beyond the largest size a law is asked by default.
pub const REACH: f64 = 4.0;

/// What a sweep is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    /// The law is asked for the loss at this many times the largest size; above 1.
    pub reach: f64,
}

impl Asked {
    /// The reach as text, to three digits.
    pub(super) fn reach_text(&self) -> String {
        trim(significant(self.reach, 3))
    }
}

impl Default for Asked {
    fn default() -> Asked {
        Asked { reach: REACH }
    }
}
