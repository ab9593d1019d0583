//! The identity of the data that a sweep used: sizes and checksums of its files, so that runs on other data do not
//! count as runs of the same sweep.

use super::folder::storage::files_below;
use super::options::DataOptions;
use super::registry::source;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A file of a data set when it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// Its name, without its folder.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its CRC-32, as in zip and gzip, in eight hexadecimal digits.
    pub crc32: String,
}

impl DataFile {
    /// The fingerprint of a file, or of a folder of images: the sum of the sizes, and the checksum of the names and
    /// sizes, of the files in it, because reading thousands of files would take long.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read.
    pub fn of(path: &Path) -> Result<DataFile> {
        if path.is_dir() {
            return DataFile::of_folder(path);
        }
        let mut file = File::open(path).map_err(Error::file(path, "open"))?;
        let mut hasher = crc32fast::Hasher::new();
        let (mut bytes, mut part) = (0, vec![0; 1 << 16]);
        loop {
            let count = file.read(&mut part).map_err(Error::file(path, "read"))?;
            if count == 0 {
                break;
            }
            hasher.update(&part[..count]);
            bytes += count as u64;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(DataFile { name, bytes, crc32: format!("{:08x}", hasher.finalize()) })
    }

    fn of_folder(path: &Path) -> Result<DataFile> {
        let mut hasher = crc32fast::Hasher::new();
        let mut bytes = 0;
        for file in files_below(path)? {
            hasher.update(format!("{}\0{}\0", file.name, file.bytes).as_bytes());
            bytes += file.bytes;
        }
        // A path such as `.` has no name.
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(DataFile { name, bytes, crc32: format!("{:08x}", hasher.finalize()) })
    }

    /// Whether both have the same contents, regardless of names.
    fn same(&self, other: &DataFile) -> bool {
        (self.bytes, &self.crc32) == (other.bytes, &other.crc32)
    }
}

impl fmt::Display for DataFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes, CRC-32 {})", self.name, self.bytes, self.crc32)
    }
}

/// The files that [`open`](super::open) reads, in the set's order; empty for a set that is drawn, and for an unknown
/// name.
///
/// # Errors
/// Files that are missing or cannot be read.
pub fn fingerprint(options: &DataOptions) -> Result<Vec<DataFile>> {
    let Some(source) = source(&options.dataset) else { return Ok(Vec::new()) };
    let files = (source.files)(&options.located())?;
    files.iter().map(|path| DataFile::of(path)).collect()
}

/// How given files differ from those that were read, as text; `None` if their contents are the same, or if `read` is
/// empty.
pub fn difference(read: &[DataFile], given: &[DataFile]) -> Option<String> {
    if read.is_empty() {
        return None;
    }
    let list = |files: Vec<&DataFile>| match &files[..] {
        [] => "no file".to_string(),
        files => files.iter().map(|file| file.to_string()).collect::<Vec<_>>().join(", "),
    };
    let places = 0..read.len().max(given.len());
    let differing: Vec<usize> = places
        .filter(|&place| match (read.get(place), given.get(place)) {
            (Some(a), Some(b)) => !a.same(b),
            _ => true,
        })
        .collect();
    let of = |files| list(differing.iter().filter_map(|&place| <[DataFile]>::get(files, place)).collect());
    (!differing.is_empty()).then(|| format!("{} then, {} now", of(read), of(given)))
}

/// Checks that the files are those that were read.
///
/// # Errors
/// [`Error::Config`] with the differences; files that cannot be read.
pub fn check(read: &[DataFile], options: &DataOptions) -> Result<()> {
    match difference(read, &fingerprint(options)?) {
        None => Ok(()),
        Some(difference) => Err(Error::Config {
            what: format!("dataset {}", options.dataset),
            problem: format!("not the data of the sweep: {difference}; give its files with --data"),
        }),
    }
}
