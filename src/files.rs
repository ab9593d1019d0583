//! Writing files so that a kill at any moment leaves the old one or the new one.

use crate::error::{Error, Result};
use std::io::Write;
use std::path::Path;

/// Writes a file whole or not at all: beside its target, synced, then renamed over it. Makes the folder where it
/// is missing.
pub fn replace(path: &Path, contents: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
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
