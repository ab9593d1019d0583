//! Images in files, as inputs of a saved model.

use super::decode::Form;
use super::formats::images;
use super::storage::{Entry, Storage};
use crate::data::images::to_unit;
use crate::data::inputs::ImageInputs;
use crate::error::{Error, Result};
use rayon::prelude::*;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Images in files: one file, all files below a folder, or those of a zip archive, sorted by name.
pub struct Pictures {
    place: PathBuf,
    storage: Storage,
    files: Vec<Entry>,
}

impl Pictures {
    /// Finds the images, and in a folder or an archive leaves out what is none: hidden files, and those that neither by
    /// their name nor by their first bytes are images.
    ///
    /// # Errors
    /// [`Error::File`] for a place that cannot be read; [`Error::Format`] for a damaged archive, and for no file.
    pub fn open(place: &Path) -> Result<Pictures> {
        let (storage, files) = Storage::find(place)?;
        let is_one_file = place.is_file() && matches!(storage, Storage::Folder);
        let files = if is_one_file { files } else { images(&storage, files).0 };
        if files.is_empty() {
            return Err(Error::format(place, "images (JPEG, PNG, WebP, BMP)", "none"));
        }
        Ok(Pictures { place: place.to_path_buf(), storage, files })
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The name of an image below the folder or in the archive, with `/` between its parts.
    pub fn name(&self, index: usize) -> &str {
        &self.files[index].name
    }

    /// Samples of some images, `[images, height, width, channels]`, decoded on all cores as those of a data set of
    /// images are: turned by their EXIF orientation, cut to the largest centred square, resampled, and normalised as
    /// the training's were.
    ///
    /// # Errors
    /// [`Error::Format`] for a file that is no image; [`Error::Config`] for a model whose images are not square, or
    /// have other channels than grey or red, green and blue.
    pub fn samples(&self, images: Range<usize>, inputs: &ImageInputs) -> Result<Vec<f32>> {
        let form = match (inputs.size, inputs.channels) {
            ([height, width], channels @ (1 | 3)) if height == width => {
                Form { side: height, grey: channels == 1 }
            }
            ([height, width], channels) => {
                let problem = format!(
                    "the model takes images of {height} × {width} pixels and {channels} channels; files can be read for square images of 1 or 3"
                );
                return Err(Error::Config { what: self.place.display().to_string(), problem });
            }
        };
        let mut samples = vec![0.0; images.len() * form.values()];
        let files = self.files[images].par_iter();
        files.zip(samples.par_chunks_exact_mut(form.values())).try_for_each(|(file, sample)| {
            let decoded = self.storage.read(file).and_then(|bytes| form.decode(&bytes));
            let decoded = decoded.map_err(|found| match self.storage {
                Storage::Folder if self.place.is_dir() => {
                    Error::format(self.place.join(&file.name), "an image", found)
                }
                Storage::Folder => Error::format(&self.place, "an image", found),
                Storage::Archive(_) => {
                    Error::format(&self.place, format!("an image in the entry {}", file.name), found)
                }
            })?;
            to_unit(&decoded, sample);
            if let Some(statistics) = &inputs.normalization {
                statistics.normalize(sample);
            }
            Ok(())
        })?;
        Ok(samples)
    }
}
