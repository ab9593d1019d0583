//! Builds the layers of [`nn`](crate::nn) from an architecture.

use super::architecture::{Architecture, Output};
use super::blocks::{Downsample, Place, pool};
use super::stage::Stage;
use crate::data::Targets;
use crate::device::Device;
use crate::error::Result;
use crate::nn::{Dense, Dropout, Model, Module, Rescaling, Sequential};
use crate::train::TrainConfig;
use std::sync::Arc;

/// Scales pixels between 0 and 1, most of which are background, to about mean 0 and standard deviation 1 (MNIST has
/// 0.13 and 0.31). Without this the input of the first layers is nearly constant, and deep models start slowly.
const IMAGE_SCALE: f32 = 3.0;
const IMAGE_OFFSET: f32 = -0.5;

impl Architecture {
    /// The layers in order. The last is a linear layer of logits or values.
    ///
    /// Names follow the architecture: `stem`, `stages.1.0` for the first block of the second stage, `head`, `output`.
    ///
    /// The layers of an architecture that [`validate`](Architecture::validate) refuses can't be built either; call
    /// `validate` first for a better message.
    pub fn layers(&self) -> Sequential {
        let mut model = Sequential::new();
        let mut image = self.resolution().is_some();
        let mut width = self.input_shape().last().copied().unwrap_or_default();
        if image && self.rescale {
            model = model.add_named("rescaling", Rescaling::new(IMAGE_SCALE, IMAGE_OFFSET));
        }
        if let Some(stem) = &self.stem {
            model = append(model, stem.modules(self.norm_epsilon));
            width = stem.width;
        }
        let mut drop_paths = self.drop_paths();
        for (index, stage) in self.stages.iter().enumerate() {
            if !stage.block.kind().takes_image() && image {
                model = append(model, [self.head.pool()]);
                image = false;
            }
            let first = Place {
                input: width,
                width: stage.width,
                stride: 1,
                drop_path: 0.0,
                norm_epsilon: self.norm_epsilon,
            };
            model = append_stage(model, (index, stage), first, drop_paths.by_ref().take(stage.depth));
            width = stage.width;
        }
        model = append(model, self.head.in_front(width, self.norm_epsilon));
        if image {
            model = append(model, [self.head.pool()]);
        }
        model = append(model, self.head.behind());
        if self.dropout > 0.0 {
            model = model.add_named("dropout", Dropout::new(self.dropout as f32));
        }
        model.add_named("output", Dense::new(self.output.units()))
    }

    /// Drop-path rates of all blocks in order: 0 for the first, rising by equal steps to the architecture's rate, which
    /// a block behind the last one would have.
    fn drop_paths(&self) -> impl Iterator<Item = f64> {
        let blocks: usize = self.stages.iter().map(|stage| stage.depth).sum();
        let rate = self.drop_path;
        (0..blocks).map(move |block| rate * block as f64 / blocks as f64)
    }

    /// Builds the model on a device, in the configuration's precision. Draws initial weights from the configuration's
    /// seed.
    ///
    /// # Errors
    /// Those of layers that can't be built; [`Error::OutOfMemory`](crate::Error::OutOfMemory);
    /// [`Error::DType`](crate::Error::DType) for mixed precision on a device without f16.
    pub fn build(&self, config: &TrainConfig, device: &Device) -> Result<Model> {
        let model = self.layers().build_in(config.precision, device, &self.input_shape(), config.seed)?;
        Ok(model.with_recompute(config.recompute))
    }

    /// The kind of targets that the outputs are compared with.
    pub fn targets(&self) -> Targets {
        match self.output {
            Output::Classes(classes) => Targets::Classes(classes),
            Output::Values(values) => Targets::Values(values),
        }
    }
}

fn append(
    model: Sequential,
    modules: impl IntoIterator<Item = (&'static str, Arc<dyn Module>)>,
) -> Sequential {
    modules.into_iter().fold(model, |model, (name, module)| model.add_named(name, module))
}

/// Appends the layers of a stage to `model`: its pooling, then its blocks, with these drop-path rates. `place` is that of
/// the first block, but for its stride and its rate.
fn append_stage(
    mut model: Sequential,
    (index, stage): (usize, &Stage),
    mut place: Place,
    drop_paths: impl Iterator<Item = f64>,
) -> Sequential {
    let kind = stage.block.kind();
    if let Some(pool) = pool(kind) {
        model = model.add_named(format!("stages.{index}.pool"), pool);
    }
    place.stride = if kind.downsample() == Downsample::Convolution { kind.stride() } else { 1 };
    for (repeat, drop_path) in drop_paths.enumerate() {
        place.drop_path = drop_path;
        model = model.add_named(format!("stages.{index}.{repeat}"), kind.module(&place));
        (place.input, place.stride) = (stage.width, 1);
    }
    model
}
