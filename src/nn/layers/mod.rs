//! Layers: modules that contain no others. One file each.

mod activation;
mod batch_norm;
mod conv2d;
mod dense;
mod depthwise_conv2d;
mod dropout;
mod flatten;
mod pooling;
mod rescaling;
mod scale;

pub use activation::Activation;
pub use batch_norm::BatchNorm;
pub use conv2d::Conv2d;
pub use dense::Dense;
pub use depthwise_conv2d::DepthwiseConv2d;
pub use dropout::Dropout;
pub use flatten::Flatten;
pub use pooling::{AveragePool2d, GlobalAveragePool2d, MaxPool2d};
pub use rescaling::Rescaling;
pub use scale::Scale;
