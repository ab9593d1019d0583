//! The models that come with the crate.

use super::architecture::{Architecture, Head, Input, Output, Stage};

impl Architecture {
    /// Names that [`Architecture::preset`] knows.
    pub const PRESETS: [&'static str; 4] = ["keras-dense", "mlp", "convnet", "mobilenet"];

    /// A model that comes with the crate.
    ///
    /// - `keras-dense`: regression on 20 features, 64-128-64 units, the model of Keras's guide to
    ///   `Sequential`.
    /// - `mlp`: a 28×28 image, flattened, two dense layers of 512.
    /// - `convnet`: 3×3 convolutions of 16, 32, 32 and 64 channels at full, half, quarter and eighth
    ///   resolution, then the mean of each channel: 42 k parameters whatever the resolution, 2.1 M MACs a
    ///   sample at 28×28.
    /// - `mobilenet`: 3×3 convolutions of 16 channels, then separable blocks of 32, 64, 64, 128 and 128 at half,
    ///   quarter and eighth resolution, shrunk by the depthwise convolutions' strides: 36 k parameters, 1.0 M MACs.
    pub fn preset(name: &str) -> Option<Architecture> {
        let image = Input::Image { resolution: 28, channels: 1 };
        let (input, output, head, stages) = match name {
            "keras-dense" => (
                Input::Features(20),
                Output::Values(1),
                Head::Flatten,
                vec![Stage::dense(64, 1), Stage::dense(128, 1), Stage::dense(64, 1)],
            ),
            "mlp" => (image, Output::Classes(10), Head::Flatten, vec![Stage::dense(512, 2)]),
            "convnet" => (
                image,
                Output::Classes(10),
                Head::GlobalAverage,
                vec![
                    Stage::conv(16, 1),
                    Stage::conv(32, 1).stride(2),
                    Stage::conv(32, 2).stride(2),
                    Stage::conv(64, 1).stride(2),
                ],
            ),
            "mobilenet" => (
                image,
                Output::Classes(10),
                Head::GlobalAverage,
                vec![
                    Stage::conv(16, 1),
                    Stage::separable(32, 1).stride(2),
                    Stage::separable(64, 2).stride(2),
                    Stage::separable(128, 2).stride(2),
                ],
            ),
            _ => return None,
        };
        Some(Architecture { name: name.to_string(), head, dropout: 0.0, input, output, stages })
    }
}
