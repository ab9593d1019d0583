//! Writing files so that a kill at any moment leaves the old one or the new one.

use crate::error::{Error, Result};
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
