//! How far a fit is, for whoever waits for it.

use super::Form;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a fit has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What it is at.
    pub stage: Stage,
    /// The law that is being fitted.
    pub law: Form,
    /// Pieces that are done.
    pub done: usize,
    /// Pieces that there are.
    pub of: usize,
}

/// The parts of a fit that take time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Descents from starts to the minimum.
    Search,
    /// Resamples of the bootstrap.
    Resamples,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Step { stage, law, done, of } = self;
        match stage {
            Stage::Search => write!(f, "searching for the {law} law: {done} of {of} descents"),
            Stage::Resamples => write!(f, "resampling for the {law} law: {done} of {of}"),
        }
    }
}

/// Called after every piece, from any thread.
pub type Progress<'a> = &'a (dyn Fn(Step) + Sync);

/// A progress that nobody waits for.
pub fn silent(_: Step) {}

/// Counts the pieces of one stage.
pub(super) struct Counter<'a> {
    progress: Progress<'a>,
    step: Step,
    done: AtomicUsize,
}

impl<'a> Counter<'a> {
    pub fn new(progress: Progress<'a>, stage: Stage, law: Form, of: usize) -> Counter<'a> {
        Counter { progress, step: Step { stage, law, done: 0, of }, done: AtomicUsize::new(0) }
    }

    /// One more is done.
    pub fn next(&self) {
        // Which thread counts first changes nothing but the order of what is told.
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        (self.progress)(Step { done, ..self.step });
    }
}
