//! Means and deviations of the channels of images.

use super::dataset::{Dataset, Target, Targets};
use crate::error::Result;
use clap::ValueEnum;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The most images that statistics are taken from, spread evenly over the set.
const MOST: usize = 10_000;

/// How values of images are normalised.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalize {
    /// (value − mean) / deviation of the channel, over the training images.
    #[default]
    Channels,
    /// Values stay between 0 and 1.
    None,
}

impl Normalize {
    /// Whether a training on this set normalises its samples: they must be images, and those of a set without end have
    /// no mean.
    pub fn applies_to(self, set: &dyn Dataset) -> bool {
        self == Normalize::Channels && set.sample_shape().len() == 3 && !set.is_endless()
    }
}

/// The mean and the standard deviation of each channel, over all pixels of images with values from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelStatistics {
    /// The mean of each channel.
    pub mean: Vec<f64>,
    /// The standard deviation of each channel; 1 for a constant one.
    pub deviation: Vec<f64>,
}

impl ChannelStatistics {
    /// The statistics of a set of images, `[height, width, channels]`: of at most 10,000, spread evenly over the set.
    /// Images are read on all cores; the bits do not depend on their number.
    ///
    /// # Errors
    /// Errors of the set.
    pub fn of(set: &dyn Dataset) -> Result<ChannelStatistics> {
        let channels = set.sample_shape().last().copied().unwrap_or(1).max(1);
        let values = set.sample_shape().iter().product();
        let count = set.len().min(MOST);
        // Of each image, the sums of values and of squares by channel.
        let sums = |place: usize| -> Result<Vec<[f64; 2]>> {
            let mut image = vec![0.0; values];
            let index = place * set.len() / count;
            match set.targets() {
                Targets::Classes(_) => set.write(0, index, &mut image, Target::Class(&mut 0))?,
                Targets::Values(count) => {
                    set.write(0, index, &mut image, Target::Values(&mut vec![0.0; count]))?
                }
            }
            let mut sums = vec![[0.0; 2]; channels];
            for pixel in image.chunks_exact(channels) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    let value = f64::from(value);
                    *sum = [sum[0] + value, sum[1] + value * value];
                }
            }
            Ok(sums)
        };
        let each: Vec<Vec<[f64; 2]>> = (0..count).into_par_iter().map(sums).collect::<Result<_>>()?;
        let pixels = (count * values / channels) as f64;
        let of_channel = |channel: usize| {
            let sum = |power: usize| each.iter().map(|sums| sums[channel][power]).sum::<f64>() / pixels;
            let variance = sum(1) - sum(0) * sum(0);
            // Rounding leaves some 1e-16 of a constant channel.
            (sum(0), if variance > 1e-12 { variance.sqrt() } else { 1.0 })
        };
        let (mean, deviation) = (0..channels).map(of_channel).unzip();
        Ok(ChannelStatistics { mean, deviation })
    }

    /// Normalises images with values from 0 to 1: rows of pixels of channels.
    pub fn normalize(&self, images: &mut [f32]) {
        let factors: Vec<(f32, f32)> = self
            .mean
            .iter()
            .zip(&self.deviation)
            .map(|(&mean, &deviation)| (mean as f32, (1.0 / deviation) as f32))
            .collect();
        for pixel in images.chunks_exact_mut(factors.len().max(1)) {
            for (value, (mean, factor)) in pixel.iter_mut().zip(&factors) {
                *value = (*value - mean) * factor;
            }
        }
    }
}
