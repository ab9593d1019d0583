//! Partial files: their size, their digest, and the name that they get when they are whole.

use crate::error::{Error, Result};
use crate::files;
use md5::{Digest, Md5};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The size of a file; 0 if there is none.
pub(super) fn size(path: &Path) -> Result<u64> {
    match std::fs::metadata(path) {
        Ok(about) => Ok(about.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(Error::file(path, "read")(error)),
    }
}

/// The size and the MD5 of a file, in hexadecimal digits.
pub(super) fn digest(path: &Path) -> Result<(u64, String)> {
    let mut file = File::open(path).map_err(Error::file(path, "open"))?;
    let (mut hasher, mut bytes, mut piece) = (Md5::new(), 0, vec![0; 1 << 16]);
    loop {
        let count = file.read(&mut piece).map_err(Error::file(path, "read"))?;
        if count == 0 {
            break;
        }
        hasher.update(&piece[..count]);
        bytes += count as u64;
    }
    Ok((bytes, hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// Gives a whole file its name, so that it survives a power failure.
pub(super) fn finish(part: &Path, target: &Path) -> Result<()> {
    let file = File::open(part).map_err(Error::file(part, "open"))?;
    file.sync_all().map_err(Error::file(part, "sync"))?;
    std::fs::rename(part, target).map_err(Error::file(target, "replace"))?;
    files::sync_directory(target.parent().unwrap_or(Path::new(".")))
}
