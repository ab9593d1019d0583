//! Models: modules as data, their initial values, and what they become on a device.
//!
//! A [`Module`] is a layer, a block of layers, or a whole model. [`layers`] are the smallest; [`Sequential`] and
//! [`Residual`] contain others; your own are about ten lines ([`Module`] has two). [`Module::build`] draws parameters
//! and puts them on a device: a [`Model`].
//!
//! Every parameter and buffer has a dotted name, such as `layers.1.body.0.kernel`. It is the same in weights files,
//! summaries and error messages.
//!
//! Reading order: [`Module`], [`Dense`], [`Sequential`], [`Definition`] and [`Scope`] (what a module declares, and what
//! it sees), [`Model`], [`Parameters`].

mod buffers;
mod definition;
mod initializer;
pub mod layers;
mod model;
mod module;
mod parameters;
mod precision;
mod recompute;
mod residual;
mod scope;
mod sequential;
mod summary;
pub mod weights;

pub use crate::ops::Padding;
pub use buffers::Buffers;
pub use definition::Definition;
pub use initializer::Initializer;
pub use layers::{
    Activation, AveragePool2d, Conv2d, Dense, DepthwiseConv2d, Dropout, Flatten, GlobalAveragePool2d,
    MaxPool2d, Rescaling,
};
pub use model::Model;
pub use module::Module;
pub(crate) use parameters::FlatGradients;
pub use parameters::Parameters;
pub use precision::Precision;
pub use residual::Residual;
pub use scope::{Mode, Scope};
pub use sequential::Sequential;
pub use summary::ModuleReport;
