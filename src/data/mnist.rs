//! MNIST and sets with the same files: Fashion-MNIST, and others of ten classes.

use super::dataset::Splits;
use super::idx;
use super::images::{Images, RawImages};
use super::options::DataOptions;
use super::source::DataSource;
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// MNIST and Fashion-MNIST.
pub(super) const SOURCE: DataSource =
    DataSource { names: &["mnist", "fashion-mnist"], open, files: |options| Ok(files(options)?.to_vec()) };

/// Number of classes; labels start at 0.
pub const CLASSES: usize = 10;

/// Reads the four files of the set; its test images are the validation split.
fn open(options: &DataOptions) -> Result<Splits> {
    let [train_images, train_labels, test_images, test_labels] = files(options)?;
    let train = read(&train_images, &train_labels)?;
    let test = read(&test_images, &test_labels)?;
    if train.size != test.size {
        let side = |[h, w]: [usize; 2]| format!("images of {h} × {w} pixels");
        return Err(Error::format(test_images, side(train.size) + ", as for training", side(test.size)));
    }
    let train = train.subset(options.samples, options.seed);
    Ok(Splits {
        train: Arc::new(Images::new(&options.dataset, train, CLASSES, options.resolution)?),
        validation: Arc::new(Images::new(&options.dataset, test, CLASSES, options.resolution)?),
    })
}

/// The files of images and labels, for training and for validation.
fn files(options: &DataOptions) -> Result<[PathBuf; 4]> {
    let directory = options.directory()?;
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
    if let Some((i, label)) = labels.values.iter().enumerate().find(|&(_, &l)| usize::from(l) >= CLASSES) {
        let expected = format!("labels from 0 to {}", CLASSES - 1);
        return Err(Error::format(labels_path, expected, format!("{label} as label {i}")));
    }
    Ok(RawImages {
        pixels: images.values,
        labels: labels.values.into_iter().map(u32::from).collect(),
        size: [images.extents[1], images.extents[2]],
    })
}

/// The file of this name, or the same with `.gz`.
fn find(options: &DataOptions, directory: &Path, name: &str) -> Result<PathBuf> {
    let candidates = [directory.join(name), directory.join(format!("{name}.gz"))];
    let missing = || options.missing(format_args!("neither {name} nor {name}.gz in {}", directory.display()));
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(missing)
}
