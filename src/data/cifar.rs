//! CIFAR-10 and CIFAR-100 (Krizhevsky 2009): photographs of 32 × 32 pixels in colour, from the binary files.
//!
//! ```text
//! record: label (CIFAR-100: coarse label, fine label) | 1024 × red | 1024 × green | 1024 × blue, row by row
//! ```
//! The files are those of the folders that `cifar-10-binary.tar.gz` and `cifar-100-binary.tar.gz` unpack to.

use super::dataset::Splits;
use super::images::{Classes, Images, RawImages};
use super::options::DataOptions;
use super::source::DataSource;
use crate::error::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// CIFAR-10, and CIFAR-100 with its fine or its coarse labels.
pub(super) const SOURCE: DataSource =
    DataSource { names: &["cifar10", "cifar100", "cifar100-coarse"], open, files };

/// Height and width of every image.
pub const NATIVE_RESOLUTION: usize = 32;
const CHANNELS: usize = 3;
const AREA: usize = NATIVE_RESOLUTION * NATIVE_RESOLUTION;
/// The most images of a published file.
const MAX_RECORDS: usize = 50_000;

/// How a set lies on disk.
struct Layout {
    training: &'static [&'static str],
    validation: &'static str,
    /// The file with the names of the classes, one a line. It may be missing.
    names: &'static str,
    /// Folders below the given one in which the files may lie.
    folders: [&'static str; 3],
    /// Labels of a record, and the place of the one that counts.
    labels: usize,
    label: usize,
    classes: usize,
}

const CIFAR10: Layout = Layout {
    training: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    validation: "test_batch.bin",
    names: "batches.meta.txt",
    folders: ["cifar-10-batches-bin", "cifar-10-binary", "cifar10"],
    labels: 1,
    label: 0,
    classes: 10,
};
const CIFAR100: Layout = Layout {
    training: &["train.bin"],
    validation: "test.bin",
    names: "fine_label_names.txt",
    folders: ["cifar-100-binary", "cifar-100-batches-bin", "cifar100"],
    labels: 2,
    label: 1,
    classes: 100,
};
const COARSE: Layout = Layout { names: "coarse_label_names.txt", label: 0, classes: 20, ..CIFAR100 };

fn layout(options: &DataOptions) -> &'static Layout {
    match options.dataset.as_str() {
        "cifar100" => &CIFAR100,
        "cifar100-coarse" => &COARSE,
        _ => &CIFAR10,
    }
}

/// Reads the files of the set; its test images are the validation split.
fn open(options: &DataOptions) -> Result<Splits> {
    let (layout, files) = (layout(options), files(options)?);
    let (validation, training) = files.split_last().expect("a layout has files");
    let classes = layout.classes_in(validation.with_file_name(layout.names))?;
    let raw = |files: &[PathBuf]| {
        let shape = [NATIVE_RESOLUTION, NATIVE_RESOLUTION, CHANNELS];
        let mut raw = RawImages { pixels: Vec::new(), labels: Vec::new(), shape };
        files.iter().try_for_each(|path| layout.read(path, &mut raw)).map(|()| raw)
    };
    let images = |raw| Images::new(&options.dataset, raw, classes.clone(), options.resolution);
    let (train, test) = (raw(training)?, raw(std::slice::from_ref(validation))?);
    let train = train.subset(options.samples, options.seed);
    Ok(Splits { train: Arc::new(images(train)?), validation: Arc::new(images(test)?) })
}

/// The files of images, those of training first.
fn files(options: &DataOptions) -> Result<Vec<PathBuf>> {
    let (layout, directory) = (layout(options), options.directory()?);
    let names = || layout.training.iter().chain([&layout.validation]);
    let folders: Vec<PathBuf> = std::iter::once(directory.to_path_buf())
        .chain(layout.folders.map(|name| directory.join(name)))
        .collect();
    let found = |folder: &&PathBuf| names().any(|name| folder.join(name).is_file());
    let folder = folders.iter().find(found).unwrap_or(&folders[0]);
    let files: Vec<PathBuf> = names().map(|name| folder.join(name)).collect();
    match files.iter().find(|path| !path.is_file()) {
        Some(missing) => Err(options.missing(format_args!("no file {}", missing.display()))),
        None => Ok(files),
    }
}

impl Layout {
    /// The classes, with the names in a file if it exists.
    fn classes_in(&self, path: PathBuf) -> Result<Classes> {
        if !path.is_file() {
            return Ok(Classes::numbered(self.classes));
        }
        let text = std::fs::read_to_string(&path).map_err(Error::file(&path, "read"))?;
        let names: Vec<String> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(String::from).collect();
        if names.len() != self.classes {
            return Err(Error::format(
                path,
                format!("{} names of classes", self.classes),
                names.len().to_string(),
            ));
        }
        Ok(Classes::named(names))
    }

    /// Adds the images of a file.
    fn read(&self, path: &Path, raw: &mut RawImages) -> Result<()> {
        let record = self.labels + CHANNELS * AREA;
        let file = File::open(path).map_err(Error::file(path, "open"))?;
        let mut bytes = Vec::new();
        let most = MAX_RECORDS * record;
        file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(Error::file(path, "read"))?;
        if bytes.is_empty() || bytes.len() % record != 0 {
            let expected = format!("1 to {MAX_RECORDS} records of {record} bytes");
            let found =
                if bytes.len() > most { "more".to_string() } else { format!("{} bytes", bytes.len()) };
            return Err(Error::format(path, expected, found));
        }
        for (number, record) in bytes.chunks_exact(record).enumerate() {
            let (labels, planes) = record.split_at(self.labels);
            let label = labels[self.label];
            if usize::from(label) >= self.classes {
                let expected = format!("labels from 0 to {}", self.classes - 1);
                return Err(Error::format(path, expected, format!("{label} in record {number}")));
            }
            raw.labels.push(label.into());
            raw.pixels
                .extend((0..AREA).flat_map(|i| (0..CHANNELS).map(move |channel| planes[channel * AREA + i])));
        }
        Ok(())
    }
}
