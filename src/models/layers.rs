//! Builds the layers of [`nn`](crate::nn) from an architecture.

use super::architecture::{Architecture, Block, Downsample, Head, Output, Stage};
use crate::data::Targets;
use crate::device::Device;
use crate::error::Result;
use crate::nn::{
    Activation, AveragePool2d, Conv2d, Dense, DepthwiseConv2d, Dropout, Flatten, GlobalAveragePool2d,
    Initializer, MaxPool2d, Model, Module, Padding, Rescaling, Sequential,
};
use crate::train::TrainConfig;

/// Brings pixels from 0 to 1, of which most are paper, to about mean 0 and deviation 1 (MNIST's are 0.13 and 0.31).
/// Without it the first layers of a deep model see nearly a constant and start slowly.
const IMAGE_SCALE: f32 = 3.0;
const IMAGE_OFFSET: f32 = -0.5;

impl Architecture {
    /// The layers, in order, ending with a linear layer of logits or values. Call
    /// [`validate`](Architecture::validate) first: what it refuses is refused again when the layers are
    /// built.
    pub fn layers(&self) -> Sequential {
        let mut model = Sequential::new();
        let mut image = self.resolution().is_some();
        if image {
            model = model.add(Rescaling::new(IMAGE_SCALE, IMAGE_OFFSET));
        }
        for stage in &self.stages {
            if stage.block == Block::Dense && image {
                model = self.to_features(model);
                image = false;
            }
            model = stage.append(model);
        }
        if image {
            model = self.to_features(model);
        }
        if self.dropout > 0.0 {
            model = model.add(Dropout::new(self.dropout as f32));
        }
        model.add(Dense::new(self.output.units()))
    }

    /// The model on a device, with initial weights drawn from the configuration's seed, in its precision.
    ///
    /// # Errors
    /// What makes the architecture impossible to build on this device.
    pub fn build(&self, config: &TrainConfig, device: &Device) -> Result<Model> {
        let model = self.layers().build_in(config.precision, device, &self.input_shape(), config.seed)?;
        Ok(model.with_recompute(config.recompute))
    }

    /// What its outputs are compared with.
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

impl Stage {
    /// He's initialisation keeps the size of signals through layers that cut off half of them (He et al. 2015);
    /// with Glorot's, Keras' default, they halve from layer to layer and deep models start slowly or not at all.
    fn initializer(&self) -> Initializer {
        if self.halves() { Initializer::HeNormal } else { Initializer::GlorotUniform }
    }

    fn halves(&self) -> bool {
        matches!(self.activation, Activation::Relu | Activation::Gelu | Activation::Silu)
    }

    /// The same for a depthwise kernel, by the number of values that an output really sums over: Keras' fans count
    /// all channels, and signals would fade the more the wider the model is.
    fn depthwise_initializer(&self) -> Initializer {
        let gain = if self.halves() { 2f32 } else { 1.0 };
        Initializer::Normal(gain.sqrt() / self.kernel as f32)
    }

    fn append(&self, mut model: Sequential) -> Sequential {
        let window = [self.stride, self.stride];
        let mut strides = [1, 1];
        if self.stride > 1 {
            match self.downsample {
                Downsample::MaxPool => model = model.add(MaxPool2d::new(window)),
                Downsample::AveragePool => model = model.add(AveragePool2d::new(window)),
                Downsample::Convolution => strides = window,
            }
        }
        for _ in 0..self.depth {
            model = self.append_block(model, std::mem::replace(&mut strides, [1, 1]));
        }
        model
    }

    fn append_block(&self, model: Sequential, strides: [usize; 2]) -> Sequential {
        let conv = |size| {
            Conv2d::new(self.width, [size, size])
                .padding(Padding::Same)
                .activation(self.activation)
                .kernel_initializer(self.initializer())
        };
        match self.block {
            Block::Dense => model.add(
                Dense::new(self.width).activation(self.activation).kernel_initializer(self.initializer()),
            ),
            Block::Conv => model.add(conv(self.kernel).strides(strides)),
            Block::Separable => {
                let depthwise = DepthwiseConv2d::new([self.kernel, self.kernel])
                    .strides(strides)
                    .padding(Padding::Same)
                    .activation(self.activation)
                    .depthwise_initializer(self.depthwise_initializer());
                model.add(depthwise).add(conv(1))
            }
        }
    }
}
