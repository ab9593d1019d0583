//! Shows the progress of training on a terminal: a bar with throughput, loss and remaining time, and one line per epoch
//! (about fifty lines if there are many epochs). Everything goes to standard error; standard output is for results.

use super::fit::{Callback, Progress};
use super::history::EpochReport;
use crate::note;
use crate::units::{digits, plural, seconds};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The approximate largest number of lines per training.
const LINES: u64 = 50;

/// A callback that shows training on the terminal.
pub struct TerminalProgress {
    bar: ProgressBar,
    prefix: String,
    epoch: u64,
    interrupted: Arc<AtomicBool>,
}

impl TerminalProgress {
    /// Starts every line with `prefix`, such as the variant of a sweep.
    pub fn new(prefix: impl Into<String>) -> TerminalProgress {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(1), target);
        let style =
            ProgressStyle::with_template("{prefix} {bar:28.cyan/dim} {percent:>3}% {msg}, {eta} left");
        // The template is a constant. If a later version of the crate refuses it, the default bar is shown.
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        TerminalProgress { bar, prefix: prefix.into(), epoch: 0, interrupted: Arc::default() }
    }

    /// Stops training when `flag` becomes true.
    pub fn interrupted_by(mut self, flag: Arc<AtomicBool>) -> TerminalProgress {
        self.interrupted = flag;
        self
    }
}

impl Callback for TerminalProgress {
    fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    fn on_progress(&mut self, progress: &Progress) {
        if self.epoch != progress.epoch {
            self.epoch = progress.epoch;
            self.bar.reset();
            self.bar.set_length(progress.steps);
            self.bar.set_prefix(format!("{}epoch {}/{}", self.prefix, progress.epoch, progress.epochs));
        }
        self.bar.set_position(progress.step);
        self.bar.set_message(format!(
            "{:.0} samples/s, loss {}",
            progress.samples_per_second,
            digits(progress.metrics.loss)
        ));
    }

    fn on_epoch(&mut self, report: &EpochReport) {
        let is_end = report.epoch == 1 || report.epoch == report.epochs;
        if !is_end && !report.epoch.is_multiple_of(report.epochs.div_ceil(LINES)) {
            return;
        }
        let accuracy = |metrics: &super::Metrics| match metrics.accuracy {
            Some(accuracy) => format!(" accuracy {:.2} %", 100.0 * accuracy),
            None => String::new(),
        };
        let skipped = match report.loss_scaling {
            Some(scaling) => format!(", {} skipped", plural(scaling.skipped_steps as usize, "step")),
            None => String::new(),
        };
        let line = format!(
            "{}epoch {}/{}: loss {}{}, validation loss {}{}, {:.0} samples/s, {}{skipped}",
            self.prefix,
            report.epoch,
            report.epochs,
            digits(report.train.loss),
            accuracy(&report.train),
            digits(report.validation.loss),
            accuracy(&report.validation),
            report.samples_per_second,
            seconds(report.seconds),
        );
        if self.bar.is_hidden() {
            note!("{line}");
        } else {
            self.bar.suspend(|| note!("{line}"));
        }
    }
}

impl Drop for TerminalProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
