//! Models: layers as data, their initial values, and what they become on a device.
//!
//! Reading order: [`layer`] (what a layer is), [`dense`](Dense) (one of them), [`sequential`](Sequential),
//! [`parameters`](Parameters).

mod activation;
mod conv2d;
mod dense;
mod depthwise_conv2d;
mod dropout;
mod flatten;
mod initializer;
pub mod layer;
mod parameters;
mod pooling;
mod precision;
mod recompute;
mod rescaling;
mod sequential;
pub mod summary;
pub mod weights;

pub use crate::ops::Padding;
pub use activation::Activation;
pub use conv2d::Conv2d;
pub use dense::Dense;
pub use depthwise_conv2d::DepthwiseConv2d;
pub use dropout::Dropout;
pub use flatten::Flatten;
pub use initializer::Initializer;
pub use layer::{Layer, ParameterSpec, Pass};
pub use parameters::{FlatGradients, Parameters};
pub use pooling::{AveragePool2d, GlobalAveragePool2d, MaxPool2d};
pub use precision::Precision;
pub use rescaling::Rescaling;
pub use sequential::{LayerReport, Model, Sequential};
