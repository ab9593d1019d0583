//! Atomic file writes: after a kill at any moment, the old or the new file is there.

use crate::error::{Error, Result};
use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Component, Path, PathBuf};

/// Creates a folder if it is missing, and checks that files can be written to it. Call it before work whose results go
/// there.
///
/// # Errors
/// [`Error::File`] if the folder cannot be created or written to.
pub fn check_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(Error::file(folder, "create"))?;
    new_file_in(folder).map(drop).map_err(Error::file(folder, "write into"))
}

/// The file that marks the folder of a sweep.
pub const SWEEP_FILE: &str = "plan.toml";

/// The file that marks the folder of a search for coefficients.
pub const SEARCH_FILE: &str = "search.toml";

/// The file that marks the folder of a training.
pub const TRAINING_FILE: &str = "training.json";

/// The file of each kind of folder with results, and what such a folder holds.
const KINDS: [(&str, &str); 3] =
    [(SWEEP_FILE, "a sweep"), (SEARCH_FILE, "a search for coefficients"), (TRAINING_FILE, "a training")];

/// Refuses a folder that holds results of another kind: both kinds write reports under the same name. `own` is the file
/// that marks the kind of the caller.
///
/// # Errors
/// [`Error::Config`] with what the folder holds.
pub fn refuse_other_kind(folder: &Path, own: &str) -> Result<()> {
    let other = KINDS.iter().find(|(file, _)| *file != own && folder.join(file).exists());
    let Some((_, kind)) = other else { return Ok(()) };
    let problem = format!("holds {kind}; use another folder for --out");
    Err(Error::Config { what: folder.display().to_string(), problem })
}

/// The same as [`check_folder`], for the file that [`replace`] will write.
///
/// # Errors
/// Those of [`check_folder`]; a folder that has the file's name; the name of a file that marks a folder with results,
/// which it would replace, or whose folder it would make of another.
pub fn check_target(path: &Path) -> Result<()> {
    if let Some((name, kind)) = KINDS.iter().find(|(name, _)| path.file_name() == Some(name.as_ref())) {
        let problem =
            format!("{name} is the name of the file that marks the folder of {kind}; use another name");
        return Err(Error::Config { what: path.display().to_string(), problem });
    }
    if path.is_dir() {
        return Err(Error::file(path, "replace")(ErrorKind::IsADirectory.into()));
    }
    check_folder(folder_of(path))
}

/// Refuses a file or folder of results that is, or is in, the folder of a data set that consists of all files below its
/// folder: later readers would find it there. The results need not exist yet. Data in one file have no such folder.
///
/// # Errors
/// [`Error::Config`] with both places.
pub fn check_outside(results: &Path, data: &Path) -> Result<()> {
    match both_places(results, data) {
        Some((place, folder)) if place.starts_with(&folder) => Err(not_apart(results, "is in", data)),
        _ => Ok(()),
    }
}

/// As [`check_outside`], for a folder of results, which must not hold the data set's folder either.
///
/// # Errors
/// [`Error::Config`] with both places.
pub fn check_apart(results: &Path, data: &Path) -> Result<()> {
    check_outside(results, data)?;
    match both_places(results, data) {
        Some((place, folder)) if folder.starts_with(&place) => Err(not_apart(results, "holds", data)),
        _ => Ok(()),
    }
}

/// Refuses a folder of results that is the folder of a data set.
///
/// # Errors
/// [`Error::Config`] with both places.
pub fn check_other(results: &Path, data: &Path) -> Result<()> {
    match both_places(results, data) {
        Some((place, folder)) if place == folder => Err(not_apart(results, "is", data)),
        _ => Ok(()),
    }
}

/// The places of results and of the data set's folder, without links; `None` for data in one file.
fn both_places(results: &Path, data: &Path) -> Option<(PathBuf, PathBuf)> {
    resolved(results).zip(data.canonicalize().ok().filter(|data| data.is_dir()))
}

fn not_apart(results: &Path, relation: &str, data: &Path) -> Error {
    let data = data.display();
    let problem = format!(
        "{relation} the data set's folder {data}; use another place, so that data and results stay apart"
    );
    Error::Config { what: results.display().to_string(), problem }
}

/// An absolute path without links, also of what does not exist yet; `None` if the current folder is gone.
fn resolved(path: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(path).ok()?;
    let existing = absolute.ancestors().find_map(|known| Some((known, known.canonicalize().ok()?)));
    let (known, mut place) = existing?;
    for part in absolute.strip_prefix(known).ok()?.components() {
        match part {
            Component::ParentDir => {
                place.pop();
            }
            part => place.push(part),
        }
    }
    Some(place)
}

/// A lock on a folder, held until it is dropped. A killed process releases it.
#[derive(Debug)]
pub struct Lock {
    /// Closing the file releases the lock.
    _file: Option<File>,
}

impl Lock {
    /// Locks a folder, creating it if it is missing. The lock is on the file `.lock` in the folder, which stays there.
    /// On file systems without locks, the lock has no effect.
    ///
    /// # Errors
    /// [`Error::Busy`] if another process holds the lock; [`Error::File`] if the file cannot be created.
    pub fn take(folder: &Path) -> Result<Lock> {
        std::fs::create_dir_all(folder).map_err(Error::file(folder, "create"))?;
        let path = folder.join(".lock");
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(Error::file(&path, "open"))?;
        match file.try_lock() {
            Ok(()) => {
                remove_left_over(folder);
                Ok(Lock { _file: Some(file) })
            }
            Err(TryLockError::WouldBlock) => Err(Error::Busy { path: folder.into() }),
            Err(TryLockError::Error(_)) => Ok(Lock { _file: None }),
        }
    }
}

/// What names of temporary files begin with.
const TEMPORARY: &str = ".allometry-";
/// The age in seconds from which a temporary file is one that a killed process left, on file systems without locks.
const LEFT_OVER: u64 = 60;

/// Removes the temporary files that killed processes left in a folder: those that no process has locked. Such a file is
/// harmless, so errors are ignored.
fn remove_left_over(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if !is_file || !entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            continue;
        }
        let Ok(file) = File::options().write(true).open(entry.path()) else { continue };
        let is_left_over = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(_)) => {
                let modified = file.metadata().and_then(|about| about.modified());
                let age = modified.ok().and_then(|time| time.elapsed().ok());
                age.is_some_and(|age| age.as_secs() >= LEFT_OVER)
            }
        };
        if is_left_over {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Removes a file, if it exists.
///
/// # Errors
/// [`Error::File`] if it exists and cannot be removed.
pub fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::file(path, "remove")(error)),
        _ => Ok(()),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file whole or not at all: beside its target, synced, then renamed over it. Creates the folder if it is
/// missing.
///
/// # Errors
/// [`Error::File`] if the folder or the file cannot be written.
pub fn replace(path: &Path, contents: &[u8]) -> Result<()> {
    let folder = folder_of(path);
    std::fs::create_dir_all(folder).map_err(Error::file(folder, "create"))?;
    let mut file = new_file_in(folder).map_err(Error::file(folder, "write into"))?;
    file.write_all(contents).and_then(|()| file.as_file().sync_all()).map_err(Error::file(path, "write"))?;
    file.persist(path).map_err(|e| Error::File { path: path.into(), action: "replace", source: e.error })?;
    sync_directory(folder)
}

/// A temporary file that is locked while it is written, so that [`remove_left_over`] leaves it.
fn new_file_in(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    loop {
        let file = unlocked_file_in(folder)?;
        // A file system without locks has no lock that could be missing.
        let _ = file.as_file().lock();
        // Another process may have removed it before it was locked.
        if file.path().exists() {
            return Ok(file);
        }
    }
}

/// A temporary file with the permissions of an ordinary new file, not only for its owner.
#[cfg(unix)]
fn unlocked_file_in(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    let ordinary = std::fs::Permissions::from_mode(0o666);
    tempfile::Builder::new().prefix(TEMPORARY).permissions(ordinary).tempfile_in(folder)
}

#[cfg(not(unix))]
fn unlocked_file_in(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)
}

/// Syncs a directory, so that new names in it survive a power failure. Windows does so by itself, and has no handle to
/// sync.
///
/// # Errors
/// [`Error::File`] if the directory cannot be synced.
pub fn sync_directory(directory: &Path) -> Result<()> {
    if cfg!(unix) {
        let synced = std::fs::File::open(directory).and_then(|file| file.sync_all());
        synced.map_err(Error::file(directory, "sync"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_removes_what_killed_processes_left() {
        let place = tempfile::tempdir().unwrap();
        for name in [".allometry-killed", ".tmp-of-others", "allometry-results"] {
            File::create(place.path().join(name)).unwrap();
        }
        let written = new_file_in(place.path()).unwrap();
        let _lock = Lock::take(place.path()).unwrap();
        let left = |name: &str| place.path().join(name).exists();
        assert!(!left(".allometry-killed") && left(".tmp-of-others") && left("allometry-results"));
        assert!(written.path().exists(), "another process writes it");
    }
}
