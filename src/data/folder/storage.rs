//! The files of a set of images: below a folder, or in a zip archive.

use crate::error::{Error, Result};
use flate2::read::DeflateDecoder;
use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use zip::{CompressionMethod, ZipArchive};

/// The most bytes of a file, packed or not.
const MAX_BYTES: u64 = 256 << 20;
/// Folders below each other that are entered.
const MAX_DEPTH: usize = 16;
/// The bytes that tell the format of an image.
const START: u64 = 64;
/// Packed bytes that are more than enough for those: tables of codes and data.
const PACKED_START: u64 = 4096;

/// Where files are read from.
pub(super) enum Storage {
    Folder,
    /// Files are unpacked outside the lock.
    Archive(Mutex<File>),
}

/// A file.
#[derive(Clone)]
pub(in crate::data) struct Entry {
    /// Its path below the folder or in the archive, with `/` between the parts.
    pub name: String,
    /// Its size, unpacked.
    pub bytes: u64,
    place: Place,
}

#[derive(Clone)]
enum Place {
    Path(PathBuf),
    /// The bytes of an archive.
    Packed {
        start: u64,
        bytes: u64,
        deflated: bool,
        crc32: u32,
    },
}

impl Storage {
    /// Finds the files of a folder or an archive, sorted by name. Hidden files and notes of macOS are left out.
    pub fn open(place: &Path) -> Result<(Storage, Vec<Entry>)> {
        if place.is_dir() {
            return Ok((Storage::Folder, files_below(place)?));
        }
        let file = File::open(place).map_err(Error::file(place, "open"))?;
        let entries = packed_files(place, &file)?;
        Ok((Storage::Archive(Mutex::new(file)), entries))
    }

    /// The same for a folder, an archive, or a single file that is no archive.
    pub fn find(place: &Path) -> Result<(Storage, Vec<Entry>)> {
        if place.is_dir() {
            return Storage::open(place);
        }
        let mut start = Vec::new();
        let file = File::open(place).map_err(Error::file(place, "open"))?;
        (&file).take(2).read_to_end(&mut start).map_err(Error::file(place, "read"))?;
        if start == b"PK" {
            return Storage::open(place);
        }
        let bytes = file.metadata().map_err(Error::file(place, "read"))?.len();
        let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok((Storage::Folder, vec![Entry { name, bytes, place: Place::Path(place.to_path_buf()) }]))
    }

    /// The first bytes of a file, or what prevents reading them.
    pub fn start(&self, entry: &Entry) -> Result<Vec<u8>, String> {
        let mut start = Vec::new();
        match &entry.place {
            Place::Path(path) => {
                File::open(path).map_err(text)?.take(START).read_to_end(&mut start).map_err(text)?;
            }
            Place::Packed { deflated, .. } => {
                let packed = self.packed(&entry.place, PACKED_START)?;
                if !*deflated {
                    return Ok(packed);
                }
                // The packed bytes end within the file, but behind the bytes that count.
                let _ = DeflateDecoder::new(&packed[..]).take(START).read_to_end(&mut start);
            }
        }
        Ok(start)
    }

    /// At most `limit` bytes of a file as an archive has them.
    fn packed(&self, place: &Place, limit: u64) -> Result<Vec<u8>, String> {
        let (Place::Packed { start, bytes, .. }, Storage::Archive(file)) = (place, self) else {
            unreachable!("entries are read from where they were found")
        };
        let mut packed = Vec::new();
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(*start)).map_err(text)?;
        (&*file).take((*bytes).min(limit)).read_to_end(&mut packed).map_err(text)?;
        Ok(packed)
    }

    /// The bytes of a file, or what prevents reading them.
    pub fn read(&self, entry: &Entry) -> Result<Vec<u8>, String> {
        if entry.bytes > MAX_BYTES {
            return Err(format!("larger than {} MiB", MAX_BYTES >> 20));
        }
        match &entry.place {
            Place::Path(path) => fs::read(path).map_err(text),
            Place::Packed { deflated, crc32, .. } => {
                let mut packed = self.packed(&entry.place, MAX_BYTES)?;
                if *deflated {
                    let mut bytes = Vec::new();
                    DeflateDecoder::new(&packed[..]).take(MAX_BYTES).read_to_end(&mut bytes).map_err(text)?;
                    packed = bytes;
                }
                if crc32fast::hash(&packed) != *crc32 {
                    return Err("damaged: its checksum differs".to_string());
                }
                Ok(packed)
            }
        }
    }
}

fn text(error: std::io::Error) -> String {
    error.to_string()
}

/// Every file below a folder, sorted by name, without hidden ones.
///
/// # Errors
/// [`Error::File`] for a folder that cannot be read.
pub(in crate::data) fn files_below(folder: &Path) -> Result<Vec<Entry>> {
    let mut found = Vec::new();
    collect(folder, "", &mut Vec::new(), &mut found)?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Adds the files below `folder`, which is below the folders `above`. A link to one of these, a circle, is left out.
fn collect(folder: &Path, before: &str, above: &mut Vec<PathBuf>, found: &mut Vec<Entry>) -> Result<()> {
    let place = folder.canonicalize().map_err(Error::file(folder, "read"))?;
    if above.len() > MAX_DEPTH || above.contains(&place) {
        return Ok(());
    }
    above.push(place);
    for entry in fs::read_dir(folder).map_err(Error::file(folder, "read"))? {
        let entry = entry.map_err(Error::file(folder, "read"))?;
        let name = format!("{before}{}", entry.file_name().to_string_lossy());
        if is_hidden(&name) {
            continue;
        }
        let path = entry.path();
        // A link is what it points to; one that points to nothing is a file that cannot be read.
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                collect(&path, &format!("{name}/"), above, found)?;
            }
            // Reading a pipe would wait for a writer.
            Ok(metadata) if !metadata.is_file() => {}
            metadata => {
                let bytes = metadata.map_or(0, |metadata| metadata.len());
                found.push(Entry { name, bytes, place: Place::Path(path) });
            }
        }
    }
    above.pop();
    Ok(())
}

/// The files of an archive, sorted by name, without hidden ones.
fn packed_files(path: &Path, file: &File) -> Result<Vec<Entry>> {
    let damaged = |error: zip::result::ZipError| {
        Error::format(
            path,
            "a folder, or a whole zip archive of one",
            format!("a damaged or foreign file ({error})"),
        )
    };
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    let mut found = Vec::new();
    for i in 0..archive.len() {
        let entry = archive.by_index_raw(i).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.into_owned();
        if !entry.is_file() || is_hidden(&name) {
            continue;
        }
        let deflated = entry.compression() == CompressionMethod::Deflated;
        let (false, true, Some(start)) = (
            entry.encrypted(),
            deflated || entry.compression() == CompressionMethod::Stored,
            entry.data_start(),
        ) else {
            return Err(Error::format(path, "files that are stored or deflated, not encrypted", name));
        };
        let place = Place::Packed { start, bytes: entry.compressed_size(), deflated, crc32: entry.crc32() };
        found.push(Entry { bytes: entry.size(), place, name });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Whether a name, or that of a folder in it, is one that macOS, Windows and other programs leave behind.
pub(super) fn is_hidden(name: &str) -> bool {
    const LEFT: [&str; 3] = ["__MACOSX", "Thumbs.db", "desktop.ini"];
    name.split('/')
        .any(|part| part.starts_with('.') || LEFT.iter().any(|left| part.eq_ignore_ascii_case(left)))
}
