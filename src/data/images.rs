//! A finite set of labelled images of one size in memory, for MNIST, CIFAR and Omniglot.

use super::dataset::{Dataset, Target, Targets};
use super::inputs::{ImageInputs, Inputs};
use super::resample::{Resampler, check_resolution};
use crate::error::Result;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Images as in their files: one byte per value, pixels row by row with their channels together, image after image.
pub(super) struct RawImages {
    pub pixels: Vec<u8>,
    pub labels: Vec<u32>,
    /// `[height, width, channels]` of every image.
    pub shape: [usize; 3],
}

/// The classes of a set.
#[derive(Clone)]
pub(super) struct Classes {
    pub count: usize,
    /// Their names by label; empty if they have none.
    pub names: Vec<String>,
}

impl Classes {
    /// Classes without names.
    pub fn numbered(count: usize) -> Classes {
        Classes { count, names: Vec::new() }
    }

    /// Classes with these names.
    pub fn named(names: Vec<String>) -> Classes {
        Classes { count: names.len(), names }
    }
}

/// Bytes as values from 0 to 1.
pub(super) fn to_unit(bytes: &[u8], values: &mut [f32]) {
    values.iter_mut().zip(bytes).for_each(|(value, &byte)| *value = f32::from(byte) / 255.0);
}

/// How a model reads images of this shape, which are not normalised.
pub(super) fn inputs_of([height, width, channels]: [usize; 3], classes: &Classes) -> Inputs {
    let (size, classes) = ([height, width], classes.names.clone());
    Inputs::Images(ImageInputs { size, channels, normalization: None, classes })
}

impl RawImages {
    /// Keeps at most `samples` images, chosen by the seed, in their order.
    pub(super) fn subset(self, samples: Option<usize>, seed: u64) -> RawImages {
        let chosen = chosen(self.labels.len(), samples, seed);
        if chosen.len() == self.labels.len() {
            return self;
        }
        let area: usize = self.shape.iter().product();
        let pixels = chosen.iter().flat_map(|&i| &self.pixels[i * area..(i + 1) * area]).copied().collect();
        let labels = chosen.iter().map(|&i| self.labels[i]).collect();
        RawImages { pixels, labels, shape: self.shape }
    }
}

/// At most `samples` of `count` places, chosen by the seed, in their order.
pub(super) fn chosen(count: usize, samples: Option<usize>, seed: u64) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    if let Some(samples) = samples.filter(|&samples| samples < count) {
        places.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        places.truncate(samples);
        places.sort_unstable();
    }
    places
}

/// The set at one resolution. Pixels are bytes, which take a quarter of the memory of floats; a resampled pixel is
/// rounded to the nearest of 256 levels, at most 1/510 away.
pub(super) struct Images {
    name: String,
    pixels: Vec<u8>,
    labels: Vec<u32>,
    shape: [usize; 3],
    classes: Classes,
}

impl Images {
    /// Resamples once, on all cores; `None` keeps the images unchanged. Labels must be below `classes`.
    pub(super) fn new(
        name: &str,
        raw: RawImages,
        classes: Classes,
        resolution: Option<usize>,
    ) -> Result<Images> {
        let [height, width, channels] = raw.shape;
        let size = resolution.map_or([height, width], |side| [side, side]);
        size.into_iter().try_for_each(check_resolution)?;
        let pixels =
            if size == [height, width] { raw.pixels } else { resample(&raw.pixels, raw.shape, size)? };
        let shape = [size[0], size[1], channels];
        Ok(Images { name: name.into(), pixels, labels: raw.labels, shape, classes })
    }
}

fn resample(pixels: &[u8], from: [usize; 3], to: [usize; 2]) -> Result<Vec<u8>> {
    let [height, width, channels] = from;
    let resampler = Resampler::new([height, width], to)?;
    let (area_from, area_to) = (height * width * channels, to[0] * to[1] * channels);
    let mut resampled = vec![0; pixels.len() / area_from * area_to];
    resampled.par_chunks_exact_mut(area_to).zip(pixels.par_chunks_exact(area_from)).try_for_each_init(
        || (vec![0.0; area_from], vec![0.0; area_to]),
        |(input, output), (to, from)| {
            input.iter_mut().zip(from).for_each(|(value, &byte)| *value = f32::from(byte));
            resampler.apply(input, output)?;
            to.iter_mut().zip(output).for_each(|(byte, value)| *byte = value.round() as u8);
            Ok(())
        },
    )?;
    Ok(resampled)
}

impl Dataset for Images {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.labels.len()
    }

    fn sample_shape(&self) -> &[usize] {
        &self.shape
    }

    fn targets(&self) -> Targets {
        Targets::Classes(self.classes.count)
    }

    fn inputs(&self) -> Option<Inputs> {
        Some(inputs_of(self.shape, &self.classes))
    }

    fn write(&self, _epoch: u64, index: usize, input: &mut [f32], target: Target<'_>) -> Result<()> {
        self.check(index, input)?;
        to_unit(&self.pixels[index * input.len()..][..input.len()], input);
        target.class(self.labels[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> RawImages {
        RawImages { pixels: (0..40).collect(), labels: (0..10).collect(), shape: [2, 2, 1] }
    }

    #[test]
    fn a_subset_keeps_images_with_their_labels_and_depends_on_the_seed() {
        let subset = raw().subset(Some(4), 1);
        assert_eq!(subset.labels.len(), 4);
        for (label, image) in subset.labels.iter().zip(subset.pixels.chunks(4)) {
            assert_eq!(u32::from(image[0]), 4 * label);
        }
        assert_eq!(subset.labels, raw().subset(Some(4), 1).labels);
        assert!((2..9).any(|seed| raw().subset(Some(4), seed).labels != subset.labels));
        assert_eq!(raw().subset(Some(99), 1).labels.len(), 10);
        assert_eq!(raw().subset(None, 1).labels.len(), 10);
    }

    #[test]
    fn pixels_are_resampled_and_scaled_to_one() {
        let raw = RawImages { pixels: vec![255, 0, 0, 255], labels: vec![1], shape: [2, 2, 1] };
        let images = Images::new("test", raw, Classes::numbered(2), Some(1)).unwrap();
        let (mut input, mut label) = ([0.0], 0);
        images.write(9, 0, &mut input, Target::Class(&mut label)).unwrap();
        assert_eq!((input[0], label), (128.0 / 255.0, 1));
        assert!(images.write(0, 1, &mut input, Target::Class(&mut label)).is_err());
        assert!(images.write(0, 0, &mut [0.0; 2], Target::Class(&mut label)).is_err());
        assert!(images.write(0, 0, &mut input, Target::Values(&mut [0.0])).is_err());
    }
}
