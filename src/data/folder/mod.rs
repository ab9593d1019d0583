//! A folder of images, one sub-folder per class, or a zip archive of such a folder.
//!
//! `storage.rs` finds files and reads them, `formats.rs` tells which are images, `listing.rs` tells classes and splits
//! by the names of folders, `decode.rs` makes samples of files, `set.rs` keeps them in memory as far as they fit, and
//! `unreadable.rs` counts files that are no images. `pictures.rs` has the images that a saved model predicts from.

mod decode;
mod formats;
mod listing;
mod pictures;
mod set;
pub(super) mod storage;
mod unreadable;

pub use pictures::Pictures;

use super::dataset::Splits;
use super::images::{Classes, chosen};
use super::options::DataOptions;
use super::source::DataSource;
use crate::error::{Error, Result, listed};
use decode::{Form, Header};
use listing::{ImageFile, Listing};
use rayon::prelude::*;
use set::FolderSet;
use std::path::PathBuf;
use std::sync::Arc;
use storage::Storage;
use unreadable::{Unreadable, check, summary};

/// A folder or an archive of images.
pub(super) const SOURCE: DataSource = DataSource { names: &["folder"], open, files };

/// The largest default resolution, as image classifiers have it.
const LARGEST_DEFAULT: usize = 224;

/// Finds the images, decodes those that fit into the cache, and checks the headers of the others.
fn open(options: &DataOptions) -> Result<Splits> {
    let place = options.directory()?;
    let (storage, files) = Storage::open(place)?;
    let (images, mut unreadable) = formats::images(&storage, files);
    let total = images.len() + unreadable.len();
    // Without any image the listing says what is expected.
    if !images.is_empty() {
        check(place, total, &unreadable)?;
    }
    let listing = Listing::new(place, images, options)?;
    let empty = listing.empty;
    let mut headers = |files: Vec<ImageFile>| {
        let read = files.into_par_iter().map(|file| {
            let header = storage.read(&file.entry).and_then(|bytes| Header::of(&bytes));
            header
                .map(|header| (file.clone(), header))
                .map_err(|problem| Unreadable::new(&file.entry, problem))
        });
        let (bad, good): (Vec<_>, Vec<_>) = read.partition_map(rayon::iter::Either::from);
        unreadable.extend(bad);
        good
    };
    let (train, validation) = (headers(listing.train), headers(listing.validation));
    check(place, total, &unreadable)?;
    if train.is_empty() || validation.is_empty() {
        let found = format!("{} and {}", train.len(), validation.len());
        return Err(Error::format(place, "images for training and for validation", found));
    }
    let shortest = train.iter().map(|(_, header)| header.shorter_side).min().unwrap_or_default();
    let form = Form {
        side: options.resolution.unwrap_or(shortest.min(LARGEST_DEFAULT)),
        grey: train.iter().all(|(_, header)| header.grey),
    };
    let train: Vec<ImageFile> = chosen(train.len(), options.samples, options.seed)
        .into_iter()
        .map(|index| train[index].0.clone())
        .collect();
    let validation = validation.into_iter().map(|(file, _)| file).collect();
    let (storage, classes) = (Arc::new(storage), Classes::named(listing.classes));
    let mut cache = options.cache_bytes;
    let mut set = |files: Vec<ImageFile>| {
        let (set, bad) = FolderSet::new(storage.clone(), files, classes.clone(), form, cache);
        cache -= set.cached_bytes();
        unreadable.extend(bad);
        set
    };
    let (mut train, validation) = (set(train), set(validation));
    check(place, total, &unreadable)?;
    let folders = || format!("folders without an image, which are no classes: {}", listed(&empty));
    let notes =
        [(!unreadable.is_empty()).then(|| summary(total, &unreadable)), (!empty.is_empty()).then(folders)];
    train.left_out = notes.into_iter().flatten().reduce(|files, folders| format!("{files}; {folders}"));
    Ok(Splits { train: Arc::new(train), validation: Arc::new(validation) })
}

/// The folders of the splits, or the archive.
fn files(options: &DataOptions) -> Result<Vec<PathBuf>> {
    Ok(vec![options.directory()?.to_path_buf()])
}
