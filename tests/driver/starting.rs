//! Starting sweeps that a test looks at, or stops, before they end.

use crate::process::driver;
use crate::reading::lines;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

pub fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// Starts a sweep and waits until so many of its runs are on disk.
pub fn start_until(arguments: &[String], out: &Path, runs: usize) -> Child {
    let mut child = driver(&borrowed(arguments)).stderr(Stdio::piped()).spawn().expect("the driver starts");
    let start = Instant::now();
    while lines(out).len() < runs {
        assert!(start.elapsed() < Duration::from_secs(60), "no {runs} records within a minute");
        assert!(child.try_wait().unwrap().is_none(), "the sweep ended before it could be stopped");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}
