//! Glyphs: the image set without files. Letters and digits (62 classes) in random typefaces, warped, worn and
//! cluttered, are drawn anew for every sample at the requested resolution.
//!
//! A sample is a pure function of (seed, index), and there is no last one: epoch e of a training split of n samples
//! holds the indices e·n to e·n + n. Its drawing is independent of the resolution (`scene`), and is then rendered to
//! pixels (`render`): fine detail is visible at high resolution and lost at low.
//!
//! Some pairs stay hard at any size (`O` and `0`, `l` and `I`, small and capital letters of one shape); they set a
//! lower bound of the error.

mod outline;
mod random;
mod render;
mod scene;
mod warp;

pub use outline::CHARACTERS;

use super::dataset::{Dataset, Splits, Target, Targets};
use super::inputs::{ImageInputs, Inputs};
use super::options::DataOptions;
use super::source::DataSource;
use crate::error::Result;
use outline::Typefaces;
use render::Renderer;
use scene::Scene;
use std::sync::Arc;

/// Drawn characters, without files.
pub(super) const SOURCE: DataSource =
    DataSource { names: &["glyphs"], open: Glyphs::open, files: |_| Ok(Vec::new()) };

/// The default resolution in pixels.
pub const DEFAULT_RESOLUTION: usize = 28;
/// The default number of training samples per epoch.
pub const EPOCH_SAMPLES: usize = 10_000;
/// The most validation samples; a smaller (largest) training split limits them to its size.
pub const VALIDATION_SAMPLES: usize = 2_000;

/// A split that draws new samples in every epoch, or one that repeats.
pub struct Glyphs {
    faces: Arc<Typefaces>,
    renderer: Renderer,
    /// Seeds the generator; the sample's index selects its stream.
    key: [u8; 32],
    samples: usize,
    /// Whether every epoch draws new samples.
    endless: bool,
    shape: [usize; 3],
}

/// The kind of a split. Splits of different kinds never share a key, whatever their seeds.
#[derive(Clone, Copy)]
enum SplitKind {
    Training,
    Validation,
}

impl Glyphs {
    fn new(
        faces: Arc<Typefaces>,
        kind: SplitKind,
        seed: u64,
        samples: usize,
        resolution: usize,
    ) -> Result<Glyphs> {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8] = kind as u8;
        let endless = matches!(kind, SplitKind::Training);
        let renderer = Renderer::new(resolution)?;
        Ok(Glyphs { faces, renderer, key, samples, endless, shape: [resolution, resolution, 1] })
    }

    /// The training split with the options' seed, and a validation split that is the same for every seed, so that runs
    /// with different seeds are evaluated on the same samples.
    fn open(options: &DataOptions) -> Result<Splits> {
        let resolution = options.resolution.unwrap_or(DEFAULT_RESOLUTION);
        let samples = options.samples.unwrap_or(EPOCH_SAMPLES);
        let most = options.most_samples.unwrap_or(samples);
        let faces = Arc::new(Typefaces::load()?);
        let split = |kind, seed, samples| Glyphs::new(faces.clone(), kind, seed, samples, resolution);
        Ok(Splits {
            train: Arc::new(split(SplitKind::Training, options.seed, samples)?),
            validation: Arc::new(split(SplitKind::Validation, 0, most.min(VALIDATION_SAMPLES))?),
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

    fn inputs(&self) -> Option<Inputs> {
        let [height, width, channels] = self.shape;
        let classes = CHARACTERS.chars().map(String::from).collect();
        Some(Inputs::Images(ImageInputs { size: [height, width], channels, normalization: None, classes }))
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
