//! Models: modules as data, their initial values, and what they become on a device.
//!
//! A [`Module`] is a layer, a block of layers, or a whole model. [`layers`] are the smallest; [`Sequential`] and
//! [`Residual`] contain others. [`Module::build`] draws parameters and puts them on a device: a [`Model`].
//!
//! Four short programs to begin with:
//!
//! - [a module of your own](Module), and one that contains others;
//! - [a training loop of your own](crate::optim::Optimizer), in f32 and in mixed precision;
//! - [residual blocks](Residual);
//! - [weights under other names](weights::LoadOptions), loaded and used.
//!
//! Every parameter and buffer has a dotted name, such as `layers.1.body.0.kernel`. It is the same in weights files,
//! summaries and error messages. In files it names one tensor; the random numbers of a module follow from it, too.
//!
//! To read the source, begin with [`Module`], [`Dense`] and [`Sequential`]; then [`Definition`] and [`Scope`] (what a
//! module declares, and what it sees), [`Model`] and [`Parameters`].

mod buffers;
mod concat;
mod conv_norm;
mod definition;
mod initializer;
pub mod layers;
mod model;
mod module;
pub mod observe;
mod parameters;
mod precision;
mod recompute;
mod residual;
mod scope;
mod sequential;
mod squeeze_excite;
mod summary;
pub mod weights;

pub use crate::ops::{Interpolation, Padding};
pub use buffers::Buffers;
pub use concat::Concat;
pub use conv_norm::{ConvNorm, Convolution, Norm};
pub use definition::Definition;
pub use initializer::Initializer;
pub use layers::{
    Activation, AveragePool2d, BatchNorm, Conv2d, Dense, DepthwiseConv2d, DropPath, Dropout, Flatten,
    GlobalAveragePool2d, GroupNorm, Lambda, LayerNorm, MaxPool2d, Rescaling, RmsNorm, Scale, SeparableConv2d,
    Upsample2d,
};
pub use model::Model;
pub use module::Module;
pub(crate) use parameters::FlatGradients;
pub use parameters::Parameters;
pub use precision::Precision;
pub use residual::Residual;
pub use scope::{Mode, Scope};
pub use sequential::Sequential;
pub use squeeze_excite::SqueezeExcite;
pub use summary::ModuleReport;
