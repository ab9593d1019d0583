//! Glyphs: the image set that needs no files. Letters and digits (62 classes) in random faces, warped,
//! worn and cluttered, drawn anew for every sample at whatever resolution is asked for.
//!
//! A sample is a pure function of (seed, index) and never ends: epoch e of a training split of n samples
//! holds the indices e·n to e·n + n. Its drawing is made without knowing the resolution (`scene`), and only
//! then turned into pixels (`render`): fine detail is there at high resolution and lost at low.
//!
//! Some pairs stay hard at any size (`O` and `0`, `l` and `I`, small and capital letters of one shape);
//! they set a natural floor under the error.

mod outline;
mod render;
mod scene;
mod warp;

pub use outline::CHARACTERS;

use super::{DataOptions, Dataset, Splits, Target, Targets};
use crate::error::Result;
use outline::Typefaces;
use render::Renderer;
use scene::Scene;
use std::sync::Arc;

/// Resolution where none is asked for, in pixels.
pub const DEFAULT_RESOLUTION: usize = 28;
/// Training samples per epoch where no number is asked for.
pub const EPOCH_SAMPLES: usize = 10_000;
/// Validation samples, or as many as the (largest) training split has where that has fewer.
pub const VALIDATION_SAMPLES: usize = 2_000;

/// One endless split, or one that repeats.
pub struct Glyphs {
    faces: Arc<Typefaces>,
    renderer: Renderer,
    /// Seeds the generator; the sample's index chooses its stream.
    key: [u8; 32],
    samples: usize,
    /// Whether every epoch draws new samples.
    endless: bool,
    shape: [usize; 3],
}

/// Which of the two families of samples a split draws from. They share no key, whatever the seeds are.
#[derive(Clone, Copy)]
enum Family {
    Training,
    Validation,
}

impl Glyphs {
    fn new(
        faces: Arc<Typefaces>,
        family: Family,
        seed: u64,
        samples: usize,
        resolution: usize,
    ) -> Result<Glyphs> {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8] = family as u8;
        let endless = matches!(family, Family::Training);
        let renderer = Renderer::new(resolution)?;
        Ok(Glyphs { faces, renderer, key, samples, endless, shape: [resolution, resolution, 1] })
    }

    /// The training split with the options' seed, and a validation split that is the same for every seed,
    /// so that runs with different seeds are judged by the same samples.
    pub(super) fn open(options: &DataOptions) -> Result<Splits> {
        let resolution = options.resolution.unwrap_or(DEFAULT_RESOLUTION);
        let samples = options.samples.unwrap_or(EPOCH_SAMPLES);
        let most = options.most_samples.unwrap_or(samples);
        let faces = Arc::new(Typefaces::load()?);
        let split = |family, seed, samples| Glyphs::new(faces.clone(), family, seed, samples, resolution);
        Ok(Splits {
            train: Arc::new(split(Family::Training, options.seed, samples)?),
            validation: Arc::new(split(Family::Validation, 0, most.min(VALIDATION_SAMPLES))?),
        })
    }
}

impl Dataset for Glyphs {
    fn name(&self) -> &str {
        "glyphs"
    }

    fn len(&self) -> usize {
        self.samples
    }

    fn sample_shape(&self) -> &[usize] {
        &self.shape
    }

    fn targets(&self) -> Targets {
        Targets::Classes(CHARACTERS.len())
    }

    fn is_endless(&self) -> bool {
        self.endless
    }

    fn is_slow(&self) -> bool {
        true
    }

    fn write(&self, epoch: u64, index: usize, input: &mut [f32], target: Target<'_>) -> Result<()> {
        self.check(index, input)?;
        let first = if self.endless { epoch.wrapping_mul(self.samples as u64) } else { 0 };
        let scene = Scene::draw(&self.faces, self.key, first.wrapping_add(index as u64));
        self.renderer.render(&scene, input)?;
        target.class(scene.class)
    }
}
