//! Progress of what takes more than a moment: a line on standard error, now and then.

use allometry::note;
use std::fmt::Display;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// When the first line comes, and how long after it each other.
const FIRST: Duration = Duration::from_secs(2);
const EVERY: Duration = Duration::from_secs(5);

/// Lets through as many steps as a reader wants to see.
pub struct Watch {
    next: Mutex<Instant>,
}

impl Watch {
    /// Begins to wait.
    pub fn new() -> Watch {
        Watch { next: Mutex::new(Instant::now() + FIRST) }
    }

    /// Prints a step if it is time for a line. May be called from any thread.
    pub fn step(&self, step: impl Display) {
        // Another thread is just looking at the clock: its step will do.
        let Ok(mut next) = self.next.try_lock() else { return };
        if Instant::now() >= *next {
            *next = Instant::now() + EVERY;
            note!("{step}");
        }
    }
}
