//! MNIST and the sets that share its files: Fashion-MNIST, and others of ten classes.

use super::images::{Images, RawImages};
use super::{DataOptions, Splits, directory, idx};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Labels are 0 to one less than this.
pub const CLASSES: usize = 10;

/// Reads the four files of the set; its test images are the validation split.
pub(super) fn open(options: &DataOptions) -> Result<Splits> {
    let directory = directory(options)?;
    let train = read(&options.dataset, directory, "train")?;
    let test = read(&options.dataset, directory, "t10k")?;
    if train.size != test.size {
        let side = |[h, w]: [usize; 2]| format!("images of {h} × {w} pixels");
        let path = directory.join("t10k-images-idx3-ubyte");
        return Err(Error::format(path, side(train.size) + ", as for training", side(test.size)));
    }
    let train = train.subset(options.samples, options.seed);
    Ok(Splits {
        train: Arc::new(Images::new(&options.dataset, train, CLASSES, options.resolution)?),
        validation: Arc::new(Images::new(&options.dataset, test, CLASSES, options.resolution)?),
    })
}

fn read(dataset: &str, directory: &Path, part: &str) -> Result<RawImages> {
    let images_path = find(dataset, directory, &format!("{part}-images-idx3-ubyte"))?;
    let labels_path = find(dataset, directory, &format!("{part}-labels-idx1-ubyte"))?;
    let images = idx::read(&images_path, 3)?;
    let labels = idx::read(&labels_path, 1)?;

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
fn find(dataset: &str, directory: &Path, name: &str) -> Result<PathBuf> {
    let candidates = [directory.join(name), directory.join(format!("{name}.gz"))];
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(|| Error::Config {
        what: format!("dataset {dataset}"),
        problem: format!(
            "neither {name} nor {name}.gz in {}; give the folder with the set's four files with --data DIR",
            directory.display()
        ),
    })
}
