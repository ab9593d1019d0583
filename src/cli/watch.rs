//! Progress of commands that take more than a few seconds: an occasional line on standard error.

use allometry::note;
use std::fmt::Display;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The time until the first line, and between later lines.
const FIRST: Duration = Duration::from_secs(2);
const EVERY: Duration = Duration::from_secs(5);

/// Prints a step now and then.
pub struct Watch {
    next: Mutex<Instant>,
}

impl Watch {
    /// Starts the clock.
    pub fn new() -> Watch {
        Watch { next: Mutex::new(Instant::now() + FIRST) }
    }

    /// Prints a step if enough time has passed. Can be called from any thread.
    pub fn step(&self, step: impl Display) {
        // If another thread holds the lock, it prints its step instead.
        let Ok(mut next) = self.next.try_lock() else { return };
        if Instant::now() >= *next {
            *next = Instant::now() + EVERY;
            note!("{step}");
        }
    }
}
