//! What a training may cost: time, compute, memory, or several of them.

use crate::error::{Error, Result};
use crate::units::{bytes, flops, seconds};
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// Upper limits of one training; at least one is there in a budget that was parsed.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Budget {
    /// Wall seconds of the whole training, from reading the data to the last validation.
    pub seconds: Option<f64>,
    /// Training FLOPs, 6 · MACs · samples seen.
    pub flops: Option<f64>,
    /// Peak bytes on the device.
    pub bytes: Option<u64>,
}

/// What a unit measures, and how much of it one is.
#[derive(Clone, Copy, PartialEq)]
enum Unit {
    Seconds(f64),
    Flops,
    Bytes(f64),
}

/// Every unit, in lower case. One that ends like another stands in front of it.
const UNITS: [(&str, Unit); 18] = [
    // With one of the PREFIXES or none.
    ("flops", Unit::Flops),
    ("flop", Unit::Flops),
    ("kib", Unit::Bytes(1024.0)),
    ("mib", Unit::Bytes(1_048_576.0)),
    ("gib", Unit::Bytes(1_073_741_824.0)),
    ("tib", Unit::Bytes(1_099_511_627_776.0)),
    ("kb", Unit::Bytes(1e3)),
    ("mb", Unit::Bytes(1e6)),
    ("gb", Unit::Bytes(1e9)),
    ("tb", Unit::Bytes(1e12)),
    ("ms", Unit::Seconds(1e-3)),
    ("min", Unit::Seconds(60.0)),
    ("sec", Unit::Seconds(1.0)),
    ("b", Unit::Bytes(1.0)),
    ("s", Unit::Seconds(1.0)),
    ("m", Unit::Seconds(60.0)),
    ("h", Unit::Seconds(3600.0)),
    ("d", Unit::Seconds(86_400.0)),
];

/// Decimal prefixes of FLOPs, in lower case: a thousand times the one before.
const PREFIXES: &str = "kmgtpezy";

impl Budget {
    /// Whether it limits how much is computed, by time or by FLOPs.
    pub fn limits_compute(&self) -> bool {
        self.seconds.is_some() || self.flops.is_some()
    }

    fn is_empty(&self) -> bool {
        *self == Budget::default()
    }
}

impl FromStr for Budget {
    type Err = Error;

    /// Reads `2h`, `90s`, `1e15flops`, `8GiB`, or several of them with commas between, at most one of each kind.
    fn from_str(text: &str) -> Result<Budget> {
        let mut budget = Budget::default();
        for part in text.split(',').map(str::trim) {
            let (amount, unit) = amount(part)?;
            let taken = match unit {
                Unit::Seconds(seconds) => budget.seconds.replace(amount * seconds).is_some(),
                Unit::Flops => budget.flops.replace(amount).is_some(),
                Unit::Bytes(bytes) => budget.bytes.replace((amount * bytes) as u64).is_some(),
            };
            if taken {
                let expected = "at most one time, one number of FLOPs and one size of memory";
                return Err(Error::argument("plan", "budget", format!("{text:?}"), expected));
            }
        }
        Ok(budget)
    }
}

/// A number above zero and its unit.
fn amount(part: &str) -> Result<(f64, Unit)> {
    let refused = || {
        let expected = "a number and a unit: a time (90s, 30m, 2h, 1d), compute (1e15flops, 2.5PFLOP) or memory (500MiB, 8GiB)";
        Error::argument("plan", "budget", format!("{part:?}"), expected)
    };
    let lower = part.to_ascii_lowercase();
    let found = UNITS.iter().find_map(|&(name, unit)| Some((lower.strip_suffix(name)?.trim(), unit)));
    let (number, unit) = found.ok_or_else(refused)?;
    let prefix = number.chars().last().filter(|_| unit == Unit::Flops).and_then(|last| PREFIXES.find(last));
    let (number, factor) = match prefix {
        Some(place) => (number[..number.len() - 1].trim(), 1000f64.powi(place as i32 + 1)),
        None => (number, 1.0),
    };
    let number = number.parse::<f64>().map_err(|_| refused())? * factor;
    if number > 0.0 && number.is_finite() { Ok((number, unit)) } else { Err(refused()) }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("no budget");
        }
        let parts = [self.seconds.map(seconds), self.flops.map(flops), self.bytes.map(bytes)];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}
