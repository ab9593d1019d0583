//! Layers: modules that contain no others. One file each.

mod activation;
mod batch_norm;
mod conv2d;
mod dense;
mod depthwise_conv2d;
mod drop_path;
mod dropout;
mod flatten;
mod group_norm;
mod lambda;
mod layer_norm;
mod pooling;
mod rescaling;
mod rms_norm;
mod scale;
mod separable_conv2d;
mod upsample2d;

pub use activation::Activation;
pub use batch_norm::BatchNorm;
pub use conv2d::Conv2d;
pub use dense::Dense;
pub use depthwise_conv2d::DepthwiseConv2d;
pub use drop_path::DropPath;
pub use dropout::Dropout;
pub use flatten::Flatten;
pub use group_norm::GroupNorm;
pub use lambda::Lambda;
pub use layer_norm::LayerNorm;
pub use pooling::{AveragePool2d, GlobalAveragePool2d, MaxPool2d};
pub use rescaling::Rescaling;
pub use rms_norm::RmsNorm;
pub use scale::Scale;
pub use separable_conv2d::SeparableConv2d;
pub use upsample2d::Upsample2d;
