//! From architecture to layers: the one place where the laboratory meets the `nn` room.

use super::architecture::{Architecture, Block, Downsample, Head, Stage};
use crate::nn::{
    Activation, AveragePool2d, Conv2d, Dense, Dropout, Flatten, GlobalAveragePool2d, Initializer, MaxPool2d,
    Padding, Rescaling, Sequential,
};

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
        match self.activation {
            Activation::Relu | Activation::Gelu | Activation::Silu => Initializer::HeNormal,
            _ => Initializer::GlorotUniform,
        }
    }

    fn append(&self, mut model: Sequential) -> Sequential {
        if self.block == Block::Dense {
            for _ in 0..self.depth {
                model = model.add(
                    Dense::new(self.width).activation(self.activation).kernel_initializer(self.initializer()),
                );
            }
            return model;
        }
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
            let conv = Conv2d::new(self.width, [self.kernel, self.kernel])
                .strides(std::mem::replace(&mut strides, [1, 1]))
                .padding(Padding::Same)
                .activation(self.activation)
                .kernel_initializer(self.initializer());
            model = model.add(conv);
        }
        model
    }
}
