//! Stops a training after the current step on Ctrl-C, SIGTERM and SIGHUP, so that completed work is saved.
//!
//! A signal that was ignored when the process started stays ignored: `nohup` keeps a training running after its
//! terminal closes, and a shell without job control protects background jobs from Ctrl-C. Such a job stops if a process
//! sends it SIGINT (`kill -INT`), but not on Ctrl-C in the terminal.

use allometry::note;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Installs the signal handlers. Returns a flag that the first signal sets; a second signal ends the process at once.
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
        note!("allometry: can't install the handler of Ctrl-C, which will end the run at once: {error}");
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

    /// The flag that a SIGINT from a process sets, if that signal was ignored.
    static RAISED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

    /// Returns the signals that were ignored. Ignores all of them until they get a handler.
    pub fn ignored() -> Vec<Signal> {
        let was_ignored =
            |signal: &Signal| matches!(handle(*signal, SigHandler::SigIgn), Some(SigHandler::SigIgn));
        SIGNALS.into_iter().filter(was_ignored).collect()
    }

    /// Ignores these signals again, except for a SIGINT from a process, which sets `flag`.
    pub fn ignore_again(signals: &[Signal], flag: &Arc<AtomicBool>) {
        RAISED.get_or_init(|| flag.clone());
        for &signal in signals {
            let sent_only = SigHandler::SigAction(raise_if_sent);
            handle(signal, if signal == Signal::SIGINT { sent_only } else { SigHandler::SigIgn });
        }
    }

    /// Sets a signal's handler and returns the previous one.
    fn handle(signal: Signal, handler: SigHandler) -> Option<SigHandler> {
        let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
        // SAFETY: a handler must be async-signal-safe. An ignored signal runs no code; `raise_if_sent` only reads and
        // writes atomics, and neither allocates nor locks.
        unsafe { sigaction(signal, &action) }.ok().map(|before| before.handler())
    }

    extern "C" fn raise_if_sent(_: c_int, info: *mut siginfo_t, _: *mut c_void) {
        // SAFETY: the system calls a handler with SA_SIGINFO with a valid pointer to a `siginfo_t`.
        let code = unsafe { (*info).si_code };
        if let Some(flag) = RAISED.get().filter(|_| code == SI_USER) {
            flag.store(true, Ordering::Relaxed);
        }
    }
}
