//! A finite set of labelled grey images in memory, for MNIST and Omniglot.

use super::dataset::{Dataset, Target, Targets};
use super::inputs::{ImageInputs, Inputs};
use super::resample::{Resampler, check_resolution};
use crate::error::Result;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Images as in their files: one byte per pixel, row by row, image after image.
pub(super) struct RawImages {
    pub pixels: Vec<u8>,
    pub labels: Vec<u32>,
    /// `[height, width]` of every image.
    pub size: [usize; 2],
}

impl RawImages {
    /// Keeps at most `samples` images, chosen by the seed, in their order.
    pub(super) fn subset(self, samples: Option<usize>, seed: u64) -> RawImages {
        let count = self.labels.len();
        let Some(samples) = samples.filter(|&samples| samples < count) else { return self };
        let mut chosen: Vec<usize> = (0..count).collect();
        chosen.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        chosen.truncate(samples);
        chosen.sort_unstable();
        let area = self.size[0] * self.size[1];
        let pixels = chosen.iter().flat_map(|&i| &self.pixels[i * area..(i + 1) * area]).copied().collect();
        let labels = chosen.iter().map(|&i| self.labels[i]).collect();
        RawImages { pixels, labels, size: self.size }
    }
}

/// The set at one resolution. Pixels are bytes, which take a quarter of the memory of floats; a resampled pixel is
/// rounded to the nearest of 256 levels, at most 1/510 away.
pub(super) struct Images {
    name: String,
    pixels: Vec<u8>,
    labels: Vec<u32>,
    shape: [usize; 3],
    classes: usize,
}

impl Images {
    /// Resamples once, on all cores; `None` keeps the images unchanged. Labels must be below `classes`.
    pub(super) fn new(
        name: &str,
        raw: RawImages,
        classes: usize,
        resolution: Option<usize>,
    ) -> Result<Images> {
        let size = resolution.map_or(raw.size, |side| [side, side]);
        size.into_iter().try_for_each(check_resolution)?;
        let pixels = if size == raw.size { raw.pixels } else { resample(&raw.pixels, raw.size, size)? };
        let shape = [size[0], size[1], 1];
        Ok(Images { name: name.into(), pixels, labels: raw.labels, shape, classes })
    }
}

fn resample(pixels: &[u8], from: [usize; 2], to: [usize; 2]) -> Result<Vec<u8>> {
    let resampler = Resampler::new(from, to)?;
    let (area_from, area_to) = (from[0] * from[1], to[0] * to[1]);
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
        Targets::Classes(self.classes)
    }

    fn inputs(&self) -> Option<Inputs> {
        let [height, width, channels] = self.shape;
        Some(Inputs::Images(ImageInputs { size: [height, width], channels, classes: Vec::new() }))
    }

    fn write(&self, _epoch: u64, index: usize, input: &mut [f32], target: Target<'_>) -> Result<()> {
        self.check(index, input)?;
        let pixels = &self.pixels[index * input.len()..][..input.len()];
        input.iter_mut().zip(pixels).for_each(|(value, &byte)| *value = f32::from(byte) / 255.0);
        target.class(self.labels[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> RawImages {
        RawImages { pixels: (0..40).collect(), labels: (0..10).collect(), size: [2, 2] }
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
        let raw = RawImages { pixels: vec![255, 0, 0, 255], labels: vec![1], size: [2, 2] };
        let images = Images::new("test", raw, 2, Some(1)).unwrap();
        let (mut input, mut label) = ([0.0], 0);
        images.write(9, 0, &mut input, Target::Class(&mut label)).unwrap();
        assert_eq!((input[0], label), (128.0 / 255.0, 1));
        assert!(images.write(0, 1, &mut input, Target::Class(&mut label)).is_err());
        assert!(images.write(0, 0, &mut [0.0; 2], Target::Class(&mut label)).is_err());
        assert!(images.write(0, 0, &mut input, Target::Values(&mut [0.0])).is_err());
    }
}
