//! Writing files so that a kill at any moment leaves the old one or the new one.

use crate::error::{Error, Result};
use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Makes a folder where it is missing, and checks that files can be written into it: called before work begins whose
/// results will go there.
///
/// # Errors
/// [`Error::File`] where that can't be done.
pub fn check_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(Error::file(folder, "create"))?;
    new_file_in(folder).map(drop).map_err(Error::file(folder, "write into"))
}

/// The same for a file that [`replace`] will write.
///
/// # Errors
/// Those of [`check_folder`]; a folder that has the file's name.
pub fn check_target(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Err(Error::file(path, "replace")(ErrorKind::IsADirectory.into()));
    }
    check_folder(folder_of(path))
}

/// A folder that belongs to this process until the lock is dropped. A process that is killed leaves it free.
#[derive(Debug)]
pub struct Lock {
    /// Closing it gives the folder back.
    _file: Option<File>,
}

impl Lock {
    /// Takes a folder, and makes it where it is missing. Processes hold it by a lock on the file `.lock` in it, which
    /// stays there. Where a file system has no locks, nobody is kept out.
    ///
    /// # Errors
    /// [`Error::Busy`] if another process has it; [`Error::File`] where there can't be a file.
    pub fn take(folder: &Path) -> Result<Lock> {
        std::fs::create_dir_all(folder).map_err(Error::file(folder, "create"))?;
        let path = folder.join(".lock");
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(Error::file(&path, "open"))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(Error::Busy { path: folder.into() }),
            Err(TryLockError::Error(_)) => Ok(Lock { _file: None }),
        }
    }
}

/// Removes a file, if it is there.
pub fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::file(path, "remove")(error)),
        _ => Ok(()),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file whole or not at all: beside its target, synced, then renamed over it. Makes the folder where it
/// is missing.
pub fn replace(path: &Path, contents: &[u8]) -> Result<()> {
    let folder = folder_of(path);
    std::fs::create_dir_all(folder).map_err(Error::file(folder, "create"))?;
    let mut file = new_file_in(folder).map_err(Error::file(folder, "write into"))?;
    file.write_all(contents).and_then(|()| file.as_file().sync_all()).map_err(Error::file(path, "write"))?;
    file.persist(path).map_err(|e| Error::File { path: path.into(), action: "replace", source: e.error })?;
    sync_directory(folder)
}

/// A file with the rights that any new file has; temporary files are otherwise for their owner only.
#[cfg(unix)]
fn new_file_in(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o666)).tempfile_in(folder)
}

#[cfg(not(unix))]
fn new_file_in(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    tempfile::NamedTempFile::new_in(folder)
}

/// Makes names that were created in a directory outlive a power failure. Windows keeps them by itself, and has no
/// handle to sync.
pub fn sync_directory(directory: &Path) -> Result<()> {
    if cfg!(unix) {
        let synced = std::fs::File::open(directory).and_then(|file| file.sync_all());
        synced.map_err(Error::file(directory, "sync"))?;
    }
    Ok(())
}
