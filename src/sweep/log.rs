//! A log of runs: one record per line of JSON, each appended and synced before the next run begins.
//!
//! A line counts once its newline is on disk. If a process is killed while it appends a record, the last line has no
//! newline. Opening the log truncates such a line, and the run is trained again.

use super::record::{Outcome, Record};
use crate::error::{Error, Result, brief, shown};
use crate::files;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// An open log.
#[derive(Debug)]
pub struct RunLog {
    path: PathBuf,
    file: File,
    /// Bytes of the file that hold complete records.
    length: u64,
    records: Vec<Record>,
    _lock: files::Lock,
}

impl RunLog {
    /// Opens the log in the file `path`, and creates it if it does not exist. `lock` is the lock of its directory.
    ///
    /// # Errors
    /// [`Error::File`] if the file can't be read or written; [`Error::Format`] for a line that is not a record.
    pub(super) fn open(path: PathBuf, lock: files::Lock) -> Result<RunLog> {
        let file =
            OpenOptions::new().append(true).create(true).open(&path).map_err(Error::file(&path, "open"))?;
        if let Some(directory) = path.parent() {
            files::sync_directory(directory)?;
        }
        let bytes = fs::read(&path).map_err(Error::file(&path, "read"))?;
        let (records, whole) = parse(&path, &bytes)?;
        let length = whole as u64;
        if whole < bytes.len() {
            truncate(&path, length).map_err(Error::file(&path, "truncate"))?;
        }
        Ok(RunLog { path, file, length, records, _lock: lock })
    }

    /// Reads the records of a log without changing it. Ignores an incomplete last line.
    ///
    /// # Errors
    /// Those of [`RunLog::open`].
    pub(super) fn read(path: &Path) -> Result<Vec<Record>> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            other => other.map_err(Error::file(path, "read"))?,
        };
        Ok(parse(path, &bytes)?.0)
    }

    /// Adds a record: one write, then a sync, so that the whole record is on disk when this returns. If the write fails,
    /// an incomplete record is removed again.
    ///
    /// # Errors
    /// [`Error::Argument`] if the run already has a record; [`Error::File`] if it cannot be written.
    pub fn append(&mut self, record: Record) -> Result<()> {
        if self.contains(&record.variant.key) {
            return Err(Error::argument("store", "key", &record.variant.key, "one that has no record yet"));
        }
        let path = &self.path;
        let mut line = serde_json::to_vec(&record).map_err(|e| Error::file(path, "write")(e.into()))?;
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // If this fails as well, the next opening truncates the incomplete line.
            let _ = truncate(path, self.length);
            return Err(Error::file(path, "append to")(error));
        }
        self.length += line.len() as u64;
        self.records.push(record);
        Ok(())
    }

    /// The records, in the order they were added.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Whether the run with this key has a record, however it ended.
    pub fn contains(&self, key: &str) -> bool {
        self.records.iter().any(|record| record.variant.key == key)
    }

    /// Path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that at least one run completed. A log without records passes.
    ///
    /// # Errors
    /// [`Error::NoneCompleted`] if there are records, but no completed run.
    pub fn check_completed(&self) -> Result<()> {
        let records = self.records();
        if records.is_empty() || records.iter().any(Record::completed) {
            return Ok(());
        }
        let ended = |is: fn(&Outcome) -> bool| records.iter().filter(|record| is(&record.outcome)).count();
        Err(Error::NoneCompleted {
            runs: records.len(),
            diverged: ended(|outcome| matches!(outcome, Outcome::Diverged { .. })),
            out_of_memory: ended(|outcome| matches!(outcome, Outcome::OutOfMemory { .. })),
            failed: ended(|outcome| matches!(outcome, Outcome::Failed { .. })),
            records: self.path.clone(),
        })
    }
}

/// The records of all complete lines, and the number of bytes of these lines.
fn parse(path: &Path, bytes: &[u8]) -> Result<(Vec<Record>, usize)> {
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    let mut records: Vec<Record> = Vec::new();
    for (number, line) in (1..).zip(bytes[..whole].split_inclusive(|&byte| byte == b'\n')) {
        let record: Record = serde_json::from_slice(line)
            .map_err(|e| Error::format(path, format!("a record in line {number}"), brief(e)))?;
        if records.iter().any(|known| known.variant.key == record.variant.key) {
            let found = format!("a second record of {} in line {number}", shown(&record.variant.key));
            return Err(Error::format(path, "one record per run", found));
        }
        records.push(record);
    }
    Ok((records, whole))
}

/// Truncates a file. Opens it again, because on Windows a handle for appending can't truncate.
fn truncate(path: &Path, length: u64) -> std::io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length)?;
    file.sync_data()
}
