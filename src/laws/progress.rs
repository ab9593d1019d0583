//! Progress of a fit.

use super::Form;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a fit has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FitStep {
    /// The current stage.
    pub stage: FitStage,
    /// The law that is being fitted.
    pub law: Form,
    /// Number of finished pieces.
    pub done: usize,
    /// Number of all pieces.
    pub of: usize,
}

/// The stages of a fit that take time.
/// The parts of a fit that take time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FitStage {
    /// Descents from starts to the minimum.
    Search,
    /// Resamples of the bootstrap.
    Resamples,
}

impl fmt::Display for FitStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FitStep { stage, law, done, of } = self;
        match stage {
            FitStage::Search => write!(f, "searching for the {law} law: {done} of {of} descents"),
            FitStage::Resamples => write!(f, "resampling for the {law} law: {done} of {of}"),
        }
    }
}

/// A function that is called after every piece, from any thread.
pub type ProgressFn<'a> = &'a (dyn Fn(FitStep) + Sync);

/// A progress function that does nothing.
pub fn silent(_: FitStep) {}

/// Counts the pieces of one stage.
pub(super) struct Counter<'a> {
    progress: ProgressFn<'a>,
    step: FitStep,
    done: AtomicUsize,
}

impl<'a> Counter<'a> {
    /// A counter for `of` pieces of a stage.
    pub fn new(progress: ProgressFn<'a>, stage: FitStage, law: Form, of: usize) -> Counter<'a> {
        Counter { progress, step: FitStep { stage, law, done: 0, of }, done: AtomicUsize::new(0) }
    }

    /// Counts one more piece.
    pub fn next(&self) {
        // Threads only change the order of the calls.
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        (self.progress)(FitStep { done, ..self.step });
    }
}
