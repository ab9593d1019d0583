//! MNIST and sets with the same kind of files: Fashion-MNIST, and any other set of IDX files.

use super::dataset::Splits;
use super::idx;
use super::images::{Classes, Images, RawImages};
use super::options::DataOptions;
use super::source::DataSource;
use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// MNIST, Fashion-MNIST, and sets in IDX files of other names.
pub(super) const SOURCE: DataSource = DataSource {
    names: &["mnist", "fashion-mnist", ANY],
    open,
    files: |options| Ok(files(options)?.to_vec()),
};

/// Number of classes of MNIST and Fashion-MNIST, and the least of sets under their names; labels start at 0.
pub const CLASSES: usize = 10;
/// The name for IDX files of any names, with as many classes as the largest label says.
const ANY: &str = "idx";
/// What names of training and of validation files have before `images`.
const TRAINING: [&str; 1] = ["train"];
/// The ends of names of images and of their labels, without `.gz`.
const IMAGES: [&str; 2] = ["-images-idx3-ubyte", "-images.idx3-ubyte"];
const LABELS: [&str; 2] = ["-labels-idx1-ubyte", "-labels.idx1-ubyte"];
const VALIDATION: [&str; 5] = ["t10k", "test", "val", "valid", "validation"];

/// Reads the four files of the set; its test images are the validation split.
fn open(options: &DataOptions) -> Result<Splits> {
    let [train_images, train_labels, test_images, test_labels] = files(options)?;
    let train = read(&train_images, &train_labels)?;
    let test = read(&test_images, &test_labels)?;
    if train.shape != test.shape {
        let side = |[h, w, _]: [usize; 3]| format!("images of {h} × {w} pixels");
        return Err(Error::format(test_images, side(train.shape) + ", as for training", side(test.shape)));
    }
    let largest = train.labels.iter().chain(&test.labels).max();
    let counted = largest.map_or(0, |&largest| largest as usize + 1);
    // Relatives of MNIST with more classes come under its file names; a part of MNIST may lack its last classes.
    let classes = if options.dataset == ANY { counted } else { counted.max(CLASSES) };
    let train = train.subset(options.samples, options.seed);
    let images = |raw| Images::new(&options.dataset, raw, Classes::numbered(classes), options.resolution);
    Ok(Splits { train: Arc::new(images(train)?), validation: Arc::new(images(test)?) })
}

/// The files of images and labels, for training and for validation.
fn files(options: &DataOptions) -> Result<[PathBuf; 4]> {
    let directory = options.directory()?;
    if options.dataset == ANY {
        return any_files(options, directory);
    }
    let file = |name| find(options, directory, name);
    Ok([
        file("train-images-idx3-ubyte")?,
        file("train-labels-idx1-ubyte")?,
        file("t10k-images-idx3-ubyte")?,
        file("t10k-labels-idx1-ubyte")?,
    ])
}

fn read(images_path: &Path, labels_path: &Path) -> Result<RawImages> {
    let images = idx::read(images_path, 3)?;
    let labels = idx::read(labels_path, 1)?;

    let (count, labelled) = (images.extents[0], labels.extents[0]);
    if count != labelled {
        let expected = format!("{count} labels, one for each image of {}", images_path.display());
        return Err(Error::format(labels_path, expected, labelled.to_string()));
    }
    Ok(RawImages {
        pixels: images.values,
        labels: labels.values.into_iter().map(u32::from).collect(),
        shape: [images.extents[1], images.extents[2], 1],
    })
}

/// The files of a set with names of its own, such as `emnist-balanced-train-images-idx3-ubyte.gz`: in a folder with one
/// set, or in the folder of a path whose last part is what the names of the set's files begin with.
fn any_files(options: &DataOptions, place: &Path) -> Result<[PathBuf; 4]> {
    let (folder, start) = match (place.is_dir(), place.parent(), place.file_name()) {
        (false, Some(folder), Some(start)) => (folder, start.to_string_lossy().into_owned()),
        _ => (place, String::new()),
    };
    let entries = std::fs::read_dir(folder).map_err(Error::file(folder, "read"))?;
    let names: Vec<String> = entries
        .map(|entry| {
            Ok(entry.map_err(Error::file(folder, "read"))?.file_name().to_string_lossy().into_owned())
        })
        .collect::<Result<_>>()?;
    let stems: BTreeSet<&str> = (names.iter().map(|name| name.strip_suffix(".gz").unwrap_or(name)))
        .filter(|name| name.starts_with(&start))
        .collect();
    let images = |kinds: &[&str], purpose: &str| {
        let found: Vec<&str> = stems.iter().copied().filter(|stem| is_images_of(stem, kinds)).collect();
        match found[..] {
            [] => {
                let wanted = format!("{}-images-idx3-ubyte", kinds.join("|"));
                Err(options.missing(format_args!("no file …{wanted} in {} for {purpose}", folder.display())))
            }
            [stem] => Ok((find(options, folder, stem)?, find(options, folder, &labels_of(stem))?)),
            _ => Err(Error::Config {
                what: format!("dataset {ANY}"),
                problem: format!(
                    "several files for {purpose} in {}: {}; choose a set with --data {}",
                    folder.display(),
                    found.join(", "),
                    folder.join("START-OF-ITS-NAMES").display()
                ),
            }),
        }
    };
    let (train_images, train_labels) = images(&TRAINING, "training")?;
    let (test_images, test_labels) = images(&VALIDATION, "validation")?;
    Ok([train_images, train_labels, test_images, test_labels])
}

/// Whether a file without `.gz` has images for a purpose.
fn is_images_of(stem: &str, kinds: &[&str]) -> bool {
    let before = IMAGES.iter().find_map(|end| stem.strip_suffix(end));
    before.and_then(|before| before.rsplit(['-', '_', '.']).next()).is_some_and(|kind| kinds.contains(&kind))
}

/// The name of the labels of a file of images.
fn labels_of(images: &str) -> String {
    let ends = IMAGES.iter().zip(LABELS);
    let mut named = ends
        .filter_map(|(of_images, of_labels)| Some(images.strip_suffix(of_images)?.to_string() + of_labels));
    named.next().unwrap_or_default()
}

/// The file of this name, or the same with `.gz`.
fn find(options: &DataOptions, directory: &Path, name: &str) -> Result<PathBuf> {
    let candidates = [directory.join(name), directory.join(format!("{name}.gz"))];
    let missing = || options.missing(format_args!("neither {name} nor {name}.gz in {}", directory.display()));
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(missing)
}
