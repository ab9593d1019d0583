//! The budget of a training: time, compute, memory, or several of them.

use crate::error::{Error, Result};
use crate::units::{NumberWithUnit, bytes, flops, seconds};
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// Upper limits of one training. A parsed budget has at least one.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Budget {
    /// Wall seconds of the whole training, from reading the data to the last validation.
    pub seconds: Option<f64>,
    /// Training FLOPs, 6 · MACs · samples seen.
    pub flops: Option<f64>,
    /// Peak bytes on the device.
    pub bytes: Option<u64>,
}

impl Budget {
    /// Whether it limits compute, by time or by FLOPs.
    pub fn limits_compute(&self) -> bool {
        self.seconds.is_some() || self.flops.is_some()
    }

    /// Whether it limits nothing.
    pub fn is_empty(&self) -> bool {
        *self == Budget::default()
    }
}

impl FromStr for Budget {
    type Err = Error;

    /// Parses `2h`, `90s`, `1e15flops`, `8GiB`, or several of them separated by commas, at most one of each kind.
    fn from_str(text: &str) -> Result<Budget> {
        let mut budget = Budget::default();
        for part in text.split(',').map(str::trim) {
            let amount = NumberWithUnit::parse(part).ok_or_else(|| {
                let expected = "a number and a unit: a time (90s, 30m, 2h, 1d), compute (1e15flops, 2.5PFLOP) or memory \
                                (500MiB, 8GiB)";
                Error::argument("plan", "budget", format!("{part:?}"), expected)
            })?;
            let taken = match amount {
                NumberWithUnit::Seconds(seconds) => budget.seconds.replace(seconds).is_some(),
                NumberWithUnit::Flops(flops) => budget.flops.replace(flops).is_some(),
                NumberWithUnit::Bytes(bytes) => budget.bytes.replace(bytes).is_some(),
            };
            if taken {
                let expected = "at most one time, one number of FLOPs and one amount of memory";
                return Err(Error::argument("plan", "budget", format!("{text:?}"), expected));
            }
        }
        Ok(budget)
    }
}

/// The limits, separated by commas; nothing for a budget without any.
impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [self.seconds.map(seconds), self.flops.map(flops), self.bytes.map(bytes)];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}
