//! Builds the layers of [`nn`](crate::nn) from an architecture.

use super::architecture::{Architecture, Head, Output};
use super::stage::{Downsample, Stage};
use crate::data::Targets;
use crate::device::Device;
use crate::error::Result;
use crate::nn::{
    AveragePool2d, Dense, Dropout, Flatten, GlobalAveragePool2d, MaxPool2d, Model, Module, Rescaling,
    Sequential,
};
use crate::train::TrainConfig;

/// Scales pixels between 0 and 1, most of which are background, to about mean 0 and standard deviation 1 (MNIST has
/// 0.13 and 0.31). Without this the input of the first layers is nearly constant, and deep models start slowly.
const IMAGE_SCALE: f32 = 3.0;
const IMAGE_OFFSET: f32 = -0.5;

impl Architecture {
    /// The layers in order. The last is a linear layer of logits or values.
    ///
    /// The layers of an architecture that [`validate`](Architecture::validate) refuses can't be built either; call
    /// `validate` first for a better message.
    pub fn layers(&self) -> Sequential {
        let mut model = Sequential::new();
        let mut image = self.resolution().is_some();
        if image {
            model = model.add(Rescaling::new(IMAGE_SCALE, IMAGE_OFFSET));
        }
        for stage in &self.stages {
            if !stage.block.takes_image() && image {
                model = self.to_features(model);
                image = false;
            }
            model = append(stage, model);
        }
        if image {
            model = self.to_features(model);
        }
        if self.dropout > 0.0 {
            model = model.add(Dropout::new(self.dropout as f32));
        }
        model.add(Dense::new(self.output.units()))
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

    fn to_features(&self, model: Sequential) -> Sequential {
        match self.head {
            Head::Flatten => model.add(Flatten::new()),
            Head::GlobalAverage => model.add(GlobalAveragePool2d::new()),
        }
    }
}

/// Appends the layers of a stage to `model`: its downsampling, then its blocks.
fn append(stage: &Stage, mut model: Sequential) -> Sequential {
    let window = [stage.stride, stage.stride];
    let mut strides = [1, 1];
    if stage.stride > 1 {
        match stage.downsample {
            Downsample::MaxPool => model = model.add(MaxPool2d::new(window)),
            Downsample::AveragePool => model = model.add(AveragePool2d::new(window)),
            Downsample::Convolution => strides = window,
        }
    }
    for _ in 0..stage.depth {
        model = stage.block.append(stage, std::mem::replace(&mut strides, [1, 1]), model);
    }
    model
}
