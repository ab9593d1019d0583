//! The classes and the splits of image files, by the names of their folders.

use super::super::options::{DataOptions, SPLIT_SEED};
use super::storage::{Entry, is_hidden};
use crate::error::{Error, Result, listed, shown};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;
use std::path::Path;

/// Names of the folders of the splits. Of several for validation, the first of these counts.
const TRAINING: [&str; 2] = ["train", "training"];
const VALIDATION: [&str; 4] = ["val", "valid", "validation", "test"];

/// An image file of a class.
#[derive(Clone)]
pub(super) struct ImageFile {
    pub entry: Entry,
    pub label: u32,
}

/// The images of a set. Their order is that of their names.
pub(super) struct Listing {
    /// Names of the classes, sorted. A label is a place in this list.
    pub classes: Vec<String>,
    pub train: Vec<ImageFile>,
    pub validation: Vec<ImageFile>,
    /// Folders beside those of the classes that have no image, sorted.
    pub empty: Vec<String>,
}

impl Listing {
    /// Finds splits and classes of images that are sorted by name. Without folders for splits, a part of each class,
    /// drawn at random but always the same, is held out for validation.
    ///
    /// # Errors
    /// No images, or images that are not in folders of classes; a single class; a class that only validation has.
    pub fn new(place: &Path, images: Vec<Entry>, options: &DataOptions) -> Result<Listing> {
        let expected = "images (JPEG, PNG, WebP, BMP) in one sub-folder per class, or in such folders below train/ and \
                        val/ (or valid/, validation/, test/)";
        let wrong = |found: &str| Error::format(place, expected, found);
        if images.is_empty() {
            return Err(wrong("no image"));
        }
        let depth = common_folders(&images);
        if let Some(class) = single_folder(&images, depth) {
            return Err(wrong(&format!("images of one class, {}", shown(class))));
        }
        let part = |entry: &Entry, number: usize| {
            let parts: Vec<&str> = entry.name.split('/').collect();
            // The last part is the file.
            (number + 1 < parts.len()).then(|| parts[number].to_string())
        };
        let top: BTreeSet<String> = images.iter().filter_map(|image| part(image, depth)).collect();
        let named = |names: &[&str]| {
            let is = |folder: &&String, name: &str| folder.to_lowercase() == name;
            names.iter().find_map(|name| top.iter().find(|folder| is(folder, name)).cloned())
        };
        let split = match (named(&TRAINING), named(&VALIDATION)) {
            (Some(train), Some(validation)) => Some((train, validation)),
            (Some(train), None) => return Err(wrong(&format!("{train}/ without one of the others"))),
            (None, _) => None,
        };
        let level = depth + usize::from(split.is_some());
        let of = |folder: Option<&String>| -> Result<Vec<(Entry, String)>> {
            let is_below = |image: &&Entry| folder.is_none() || part(image, depth).as_ref() == folder;
            let classed = images.iter().filter(is_below).map(|image| match part(image, level) {
                Some(class) => Ok((image.clone(), class)),
                None => Err(wrong(&format!("{} in no folder of a class", image.name))),
            });
            classed.collect()
        };
        let train = of(split.as_ref().map(|(train, _)| train))?;
        let classes: Vec<String> =
            train.iter().map(|(_, class)| class.clone()).collect::<BTreeSet<_>>().into_iter().collect();
        let label = |class: &String| classes.binary_search(class).ok().map(|label| label as u32);
        let labelled = |images: Vec<(Entry, String)>| -> Result<Vec<ImageFile>> {
            let image = |(entry, class): (Entry, String)| match label(&class) {
                Some(label) => Ok(ImageFile { entry, label }),
                None => Err(Error::format(
                    place,
                    format!("the classes of training: {}", listed(&classes)),
                    format!("{class} for validation"),
                )),
            };
            images.into_iter().map(image).collect()
        };
        let first: Vec<&str> = images[0].name.split('/').take(depth).collect();
        let train_folder = split.as_ref().map_or("", |(train, _)| train);
        let empty = without_images(&place.join(first.join("/")).join(train_folder), &classes);
        let train = labelled(train)?;
        let (train, validation) = match &split {
            Some((_, validation)) => (train, labelled(of(Some(validation))?)?),
            None => held_out(train, classes.len(), options),
        };
        Ok(Listing { classes, train, validation, empty })
    }
}

/// The folders in `folder` that are no class because no image is below them, without hidden ones. None in an archive.
fn without_images(folder: &Path, classes: &[String]) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let names = folders.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_empty = |name: &String| !is_hidden(name) && classes.binary_search(name).is_err();
    names.filter(is_empty).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The folder that holds all images, if there are no folders in it: the last of `depth` folders that all have in
/// common.
fn single_folder(images: &[Entry], depth: usize) -> Option<&str> {
    let parts = |image: &Entry| image.name.matches('/').count();
    let folder = images.first()?.name.split('/').nth(depth.checked_sub(1)?)?;
    images.iter().all(|image| parts(image) == depth).then_some(folder)
}

/// How many folders, one in the other, have all images below them and are no split.
fn common_folders(images: &[Entry]) -> usize {
    // Names are sorted, so what the first and the last have in common all have.
    let (Some(first), Some(last)) = (images.first(), images.last()) else { return 0 };
    let folders = |entry: &Entry| -> Vec<String> {
        let parts: Vec<String> = entry.name.split('/').map(str::to_lowercase).collect();
        parts[..parts.len() - 1].to_vec()
    };
    let pairs = folders(first).into_iter().zip(folders(last));
    pairs.take_while(|(a, b)| a == b && !TRAINING.contains(&a.as_str())).count()
}

/// Holds a part of each class out: at least one image of a class with several.
fn held_out(
    images: Vec<ImageFile>,
    classes: usize,
    options: &DataOptions,
) -> (Vec<ImageFile>, Vec<ImageFile>) {
    let mut of_class = vec![Vec::new(); classes];
    for (place, image) in images.iter().enumerate() {
        of_class[image.label as usize].push(place);
    }
    let mut is_held_out = vec![false; images.len()];
    for (class, mut places) in of_class.into_iter().enumerate() {
        let most = places.len().saturating_sub(1);
        let wanted = (options.validation_fraction * places.len() as f64).round() as usize;
        let mut generator = ChaCha8Rng::seed_from_u64(SPLIT_SEED);
        generator.set_stream(class as u64);
        places.shuffle(&mut generator);
        for place in places.into_iter().take(wanted.max(1).min(most)) {
            is_held_out[place] = true;
        }
    }
    let (validation, train): (Vec<_>, Vec<_>) =
        images.into_iter().zip(is_held_out).partition(|(_, is_held_out)| *is_held_out);
    let without = |images: Vec<(ImageFile, bool)>| images.into_iter().map(|(image, _)| image).collect();
    (without(train), without(validation))
}
