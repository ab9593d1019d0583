//! The kinds of block that stages repeat, one file each.
//!
//! A kind of block is a struct with the keys that TOML gives it, which implements [`BlockKind`]. Names of modules follow
//! the architecture: `stages.1.0.body.conv1.kernel` is a parameter of the first block of the second stage.

mod initial;
mod parts;
mod shortcut;

pub use mbconv::{SqueezeExcite, SqueezedFrom};
pub use parts::{BlockKind, Downsample, Norm, Place};
pub(super) use parts::{convolution, dense, odd, pool, shrink, symmetric, unbiased, within};
pub use shortcut::Shortcut;

use serde::{Deserialize, Serialize};

/// Lists the kinds of block. For `conv::Conv`, it declares the file `conv.rs`, exports its type, and adds the variant
/// `Block::Conv(Conv)`, which TOML names `block = "conv"`:
///
/// ```ignore
/// mod conv;
/// pub use conv::Conv;
///
/// pub enum Block { Conv(Conv) }
/// impl From<Conv> for Block { … }
/// impl Block {
///     pub fn kind(&self) -> &dyn BlockKind { match self { Block::Conv(block) => block } }
/// }
/// ```
macro_rules! kinds {
    ($($file:ident::$kind:ident),*) => {
        $(mod $file; pub use $file::$kind;)*

        /// A kind of block with its own parameters.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "block", rename_all = "snake_case")]
        pub enum Block {
            $(#[doc = concat!("See [`", stringify!($kind), "`].")] $kind($kind),)*
        }

        $(impl From<$kind> for Block {
            fn from(block: $kind) -> Block {
                Block::$kind(block)
            }
        })*

        impl Block {
            /// The block's behaviour.
            pub fn kind(&self) -> &dyn BlockKind {
                match self { $(Block::$kind(block) => block,)* }
            }
        }
    };
}

kinds!(
    conv::Conv,
    separable::Separable,
    dense::Dense,
    basic::Basic,
    bottleneck::Bottleneck,
    mbconv::Mbconv,
    residual_dense::ResidualDense
);
