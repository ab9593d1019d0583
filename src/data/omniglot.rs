//! Omniglot: handwritten characters of many alphabets, 105 × 105 pixels, each drawn by twenty people.
//!
//! The class is the alphabet, and four of the twenty people are held out for validation: a model has to recognise a
//! script in a handwriting that it has never seen.

use super::dataset::Splits;
use super::images::{Classes, Images, RawImages};
use super::options::DataOptions;
use super::source::DataSource;
use crate::error::{Error, Result, shown};
use image::{ImageFormat, ImageReader};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zip::ZipArchive;

/// Omniglot's archives.
pub(super) const SOURCE: DataSource = DataSource { names: &["omniglot"], open, files };

/// The names of archives: the whole set, as it is published, and two small parts. The classes are those of all archives
/// present.
pub const ARCHIVES: [&str; 4] = [
    "images_background.zip",
    "images_evaluation.zip",
    "images_background_small1.zip",
    "images_background_small2.zip",
];
/// The folder that torchvision keeps the archives in, below the one that it is given.
const TORCHVISION: &str = "omniglot-py";
/// Height and width of every drawing.
pub const NATIVE_RESOLUTION: usize = 105;
/// The default resolution in pixels, at which most strokes are still separate.
pub const DEFAULT_RESOLUTION: usize = 28;

const DRAWERS: RangeInclusive<u32> = 1..=20;
const VALIDATION_DRAWERS: RangeInclusive<u32> = 17..=20;
/// The most bytes of a drawing, which has some hundred; a far larger entry is something else.
const MAX_ENTRY: u64 = 1 << 20;

/// The identity of a drawing. Drawings are sorted by it, whatever their order and archive.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct DrawingKey {
    alphabet: String,
    character: String,
    drawer: u32,
}

/// Reads the archives in the options' directory.
fn open(options: &DataOptions) -> Result<Splits> {
    let directory = options.directory()?;
    let mut drawings = BTreeMap::new();
    for path in files(options)? {
        read(&path, &mut drawings)?;
    }
    let mut alphabets: Vec<String> = drawings.keys().map(|key| key.alphabet.clone()).collect();
    alphabets.dedup();
    let part = |held_out: bool| {
        let shape = [NATIVE_RESOLUTION, NATIVE_RESOLUTION, 1];
        let mut raw = RawImages { pixels: Vec::new(), labels: Vec::new(), shape };
        for (key, pixels) in &drawings {
            if VALIDATION_DRAWERS.contains(&key.drawer) == held_out {
                raw.pixels.extend_from_slice(pixels);
                // Keys are sorted by alphabet first, so the list of names is sorted.
                raw.labels.push(alphabets.partition_point(|name| *name < key.alphabet) as u32);
            }
        }
        raw
    };
    let (train, validation) = (part(false), part(true));
    if train.labels.is_empty() || validation.labels.is_empty() {
        return Err(Error::format(
            directory,
            "drawings by people 01 to 16 (for training) and 17 to 20 (for validation)",
            format!("{} and {}", train.labels.len(), validation.labels.len()),
        ));
    }
    let train = train.subset(options.samples, options.seed);
    let images = |raw| {
        let resolution = options.resolution.unwrap_or(DEFAULT_RESOLUTION);
        Images::new("omniglot", raw, Classes::named(alphabets.clone()), Some(resolution))
    };
    Ok(Splits { train: Arc::new(images(train)?), validation: Arc::new(images(validation)?) })
}

/// The archives present.
fn files(options: &DataOptions) -> Result<Vec<PathBuf>> {
    let directory = options.directory()?;
    for folder in [directory.to_path_buf(), directory.join(TORCHVISION)] {
        let mut found: Vec<PathBuf> = ARCHIVES.iter().map(|name| folder.join(name)).collect();
        found.retain(|path| path.is_file());
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let names = ARCHIVES.join(" nor ");
    Err(options.missing(format_args!("neither {names} in {}", directory.display())))
}

/// Adds an archive's drawings. Drawings in several archives are kept once.
fn read(path: &Path, drawings: &mut BTreeMap<DrawingKey, Vec<u8>>) -> Result<()> {
    let damaged = |error: zip::result::ZipError| {
        Error::format(path, "a whole zip archive", format!("a damaged or foreign file ({error})"))
    };
    let file = File::open(path).map_err(Error::file(path, "open"))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    let mut entries = Vec::new();
    for i in 0..archive.len() {
        let entry = archive.by_index(i).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.into_owned();
        if !name.ends_with(".png") || is_note(&name) {
            continue;
        }
        let mut bytes = Vec::new();
        entry.take(MAX_ENTRY).read_to_end(&mut bytes).map_err(|error| damaged(error.into()))?;
        entries.push((name, bytes));
    }
    if entries.is_empty() {
        return Err(Error::format(path, "an archive of PNG drawings", "an archive without any"));
    }
    let decoded =
        entries.into_par_iter().map(|(name, bytes)| Ok((key(path, &name)?, ink(path, &name, bytes)?)));
    drawings.extend(decoded.collect::<Result<Vec<_>>>()?);
    Ok(())
}

/// Whether an entry is one of the notes that macOS adds to archives.
fn is_note(name: &str) -> bool {
    name.split('/').any(|part| part == "__MACOSX" || part.starts_with("._"))
}

/// Parses `…/alphabet/character/NUMBER_DRAWER.png`.
fn key(path: &Path, name: &str) -> Result<DrawingKey> {
    let foreign = || {
        Error::format(
            path,
            "drawings named ALPHABET/CHARACTER/NUMBER_DRAWER.png, drawers 01 to 20",
            shown(name),
        )
    };
    let mut parts = name.trim_end_matches(".png").rsplit('/');
    let (file, character, alphabet) = (parts.next(), parts.next(), parts.next());
    let drawer = file.and_then(|file| file.rsplit_once('_')).and_then(|(_, drawer)| drawer.parse().ok());
    match (alphabet, character, drawer.filter(|drawer| DRAWERS.contains(drawer))) {
        (Some(alphabet), Some(character), Some(drawer)) if !alphabet.is_empty() && !character.is_empty() => {
            Ok(DrawingKey { alphabet: alphabet.into(), character: character.into(), drawer })
        }
        _ => Err(foreign()),
    }
}

/// A drawing's pixels; ink is 255.
fn ink(path: &Path, name: &str, bytes: Vec<u8>) -> Result<Vec<u8>> {
    let side = NATIVE_RESOLUTION as u32;
    let foreign = |found: String| {
        Error::format(path, format!("a PNG of {side} × {side} pixels as {}", shown(name)), found)
    };
    let reader = || ImageReader::with_format(Cursor::new(&bytes), ImageFormat::Png);
    let (width, height) = reader().into_dimensions().map_err(|e| foreign(e.to_string()))?;
    if (width, height) != (side, side) {
        return Err(foreign(format!("{width} × {height}")));
    }
    let image = reader().decode().map_err(|e| foreign(e.to_string()))?;
    // The files have black ink on white.
    Ok(image.into_luma8().into_raw().into_iter().map(|level| 255 - level).collect())
}
