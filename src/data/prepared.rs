//! Images as a training reads them: changed at random and normalised.

use super::augment::Augment;
use super::augment::image::{Shape, generator};
use super::channels::{ChannelStatistics, Normalize};
use super::dataset::{Dataset, Splits, Target, Targets};
use super::inputs::Inputs;
use crate::error::{Error, Result};
use std::sync::Arc;

/// A set of images with random changes and normalised channels.
struct Prepared {
    set: Arc<dyn Dataset>,
    shape: Shape,
    augment: Augment,
    seed: u64,
    channels: Option<ChannelStatistics>,
}

/// Normalises both splits by the channels of the training images, and changes the training images at random: the same
/// bits for the same seed, epoch and sample. [`Normalize::applies_to`] says which sets are normalised. A loader applies
/// [`Augment::mixup`].
///
/// # Errors
/// [`Error::Config`] for changes of samples that are no images, and of more pixels than the images have; errors of the
/// set.
pub fn prepared(splits: &Splits, augment: Augment, normalize: Normalize, seed: u64) -> Result<Splits> {
    let refused = |problem: String| {
        Err(Error::Config { what: "augmentation".into(), problem: format!("{augment}: {problem}") })
    };
    let [height, width, channels] = *splits.train.sample_shape() else {
        if augment.changes_images() {
            return refused("the samples are no images; leave it out".into());
        }
        return Ok(Splits { train: splits.train.clone(), validation: splits.validation.clone() });
    };
    let shape = [height, width, channels];
    if augment.crop.max(augment.cutout) > height.min(width) {
        return refused(format!(
            "crop and cutout must be at most as large as the images, {height} × {width} pixels"
        ));
    }
    let train = splits.train.as_ref();
    let channels = normalize.applies_to(train).then(|| ChannelStatistics::of(train)).transpose()?;
    let prepare = |set: &Arc<dyn Dataset>, augment: Augment| -> Arc<dyn Dataset> {
        if channels.is_none() && !augment.changes_images() {
            return set.clone();
        }
        Arc::new(Prepared { set: set.clone(), shape, augment, seed, channels: channels.clone() })
    };
    let train = prepare(&splits.train, augment);
    Ok(Splits { train, validation: prepare(&splits.validation, Augment::default()) })
}

impl Dataset for Prepared {
    fn name(&self) -> &str {
        self.set.name()
    }

    fn len(&self) -> usize {
        self.set.len()
    }

    fn sample_shape(&self) -> &[usize] {
        &self.shape
    }

    fn targets(&self) -> Targets {
        self.set.targets()
    }

    fn inputs(&self) -> Option<Inputs> {
        let mut inputs = self.set.inputs()?;
        if let Inputs::Images(images) = &mut inputs {
            images.normalization.clone_from(&self.channels);
        }
        Some(inputs)
    }

    fn left_out(&self) -> Option<&str> {
        self.set.left_out()
    }

    fn is_endless(&self) -> bool {
        self.set.is_endless()
    }

    fn is_slow(&self) -> bool {
        self.set.is_slow() || self.augment.changes_images()
    }

    fn write(&self, epoch: u64, index: usize, input: &mut [f32], target: Target<'_>) -> Result<()> {
        self.set.write(epoch, index, input, target)?;
        let mut random = generator(self.seed, epoch, index as u64);
        self.augment.change(self.shape, input, &mut random);
        if let Some(channels) = &self.channels {
            channels.normalize(input);
        }
        // Zero is the mean now, if the channels are normalised.
        self.augment.cut_out(self.shape, input, &mut random);
        Ok(())
    }
}
