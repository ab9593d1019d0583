//! Writes to standard output and standard error that do not panic. The standard library's `println!` and `eprintln!`
//! panic if the reader is gone (`allometry fit … | head -1`) or the disk is full.
//!
//! [`print_line!`](crate::print_line) is for results, [`note!`](crate::note) for progress.

use crate::error::{Error, Result};
use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// Prints a line of results, formatted as by `println!`, to standard output: [`output::line`](fn@line).
#[macro_export]
macro_rules! print_line {
    ($($text:tt)*) => { $crate::output::line(format_args!($($text)*)) };
}

/// Prints a line of progress, formatted as by `eprintln!`, to standard error: [`output::note`](fn@note).
#[macro_export]
macro_rules! note {
    ($($text:tt)*) => { $crate::output::note(format_args!($($text)*)) };
}

/// Writes a line to standard output. It succeeds even if the reader has closed the pipe, because the files that a
/// command writes may still be wanted.
///
/// # Errors
/// [`Error::File`] if the line cannot be written, for example because the disk is full.
pub fn line(text: Arguments) -> Result<()> {
    text_to(&mut std::io::stdout().lock(), &format!("{text}\n"))
}

/// Writes all of a text to an output.
///
/// # Errors
/// Those of [`line`].
fn text_to(output: &mut dyn Write, text: &str) -> Result<()> {
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Error::file("standard output", "write")),
    }
}

/// Writes a line to standard error. Failures are ignored: a training does not end because its progress cannot be shown.
pub fn note(text: Arguments) {
    let _ = std::io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_error_and_a_full_disk_is_one() {
        text_to(&mut Failing(ErrorKind::BrokenPipe), "a\n").unwrap();
        let error = text_to(&mut Failing(ErrorKind::StorageFull), "a\n").unwrap_err();
        assert!(error.to_string().contains("standard output"), "{error}");
    }
}
