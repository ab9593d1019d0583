//! Ctrl-C and polite kills: a training stops in order, with what was done saved.
//!
//! A signal that was ignored when the process was started stays ignored: `nohup` lets a training outlive its terminal,
//! and a shell without job control keeps Ctrl-C from what it has put into the background. Of those jobs one that gets
//! SIGINT from a process (`kill -INT`), and not from the terminal, is meant itself, and stops.

use allometry::note;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that Ctrl-C, or a polite kill, raises. The second time ends the process at once.
pub fn flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = flag.clone();
    let handler = move || {
        if raised.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        note!("\nstopping after this step; press Ctrl-C again to quit immediately");
    };
    #[cfg(unix)]
    let ignored = unix::ignored();
    if let Err(error) = ctrlc::set_handler(handler) {
        note!("allometry: Ctrl-C will not end the run in order: {error}");
    }
    #[cfg(unix)]
    unix::ignore_again(&ignored, &flag);
    flag
}

#[cfg(unix)]
mod unix {
    use nix::libc::{SI_USER, c_int, c_void, siginfo_t};
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, OnceLock};

    /// The signals that stop a training.
    const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

    /// What a SIGINT that a process sends raises, where that signal was ignored.
    static RAISED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

    /// Those of the signals that were ignored. From here on all are, until they get a handler.
    pub fn ignored() -> Vec<Signal> {
        let was_ignored =
            |signal: &Signal| matches!(handle(*signal, SigHandler::SigIgn), Some(SigHandler::SigIgn));
        SIGNALS.into_iter().filter(was_ignored).collect()
    }

    /// Takes the handler of these signals back.
    pub fn ignore_again(signals: &[Signal], flag: &Arc<AtomicBool>) {
        RAISED.get_or_init(|| flag.clone());
        for &signal in signals {
            let sent_only = SigHandler::SigAction(raise_if_sent);
            handle(signal, if signal == Signal::SIGINT { sent_only } else { SigHandler::SigIgn });
        }
    }

    /// Sets a signal's handler; returns the one before.
    fn handle(signal: Signal, handler: SigHandler) -> Option<SigHandler> {
        let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
        // SAFETY: a handler may do only what is safe between any two instructions of the program. Ignoring a signal runs
        // nothing; `raise_if_sent` reads and writes atomics, and allocates and locks nothing.
        unsafe { sigaction(signal, &action) }.ok().map(|before| before.handler())
    }

    extern "C" fn raise_if_sent(_: c_int, info: *mut siginfo_t, _: *mut c_void) {
        // SAFETY: the system calls a handler of this kind with a pointer to the signal's description.
        let code = unsafe { (*info).si_code };
        if let Some(flag) = RAISED.get().filter(|_| code == SI_USER) {
            flag.store(true, Ordering::Relaxed);
        }
    }
}
