//! Data sets: the trait that every set implements, the sets themselves, and the loader, which prepares mini-batches on
//! another thread.
//!
//! In reading order: [`Dataset`] and [`DataOptions`], [`loader`], then one file per set: [`glyphs`] (drawn, without
//! files), [`mnist`] on [`idx`], [`cifar`], [`omniglot`], `folder`, [`csv`] on [`table`]. `registry.rs` lists the sets,
//! and [`open`] finds them by name. [`PublishedSet`] and [`download`](mod@download) get files from their publishers;
//! [`open`] finds them there. [`resample`] converts images to the requested resolution; [`prepared()`] normalises and
//! [augments](Augment) them. A [`fingerprint`](mod@fingerprint) identifies the files of a set. [`Inputs`] describe its
//! samples to a saved model, which reads others like them.

mod augment;
mod channels;
pub mod cifar;
pub mod csv;
mod dataset;
#[cfg(feature = "download")]
pub mod download;
pub mod fingerprint;
mod folder;
pub mod glyphs;
pub mod idx;
mod images;
mod inputs;
pub mod loader;
pub mod mnist;
pub mod omniglot;
mod options;
mod prepared;
mod published;
mod registry;
pub mod resample;
mod source;
mod subset;
pub mod table;

pub use augment::Augment;
pub use channels::{ChannelStatistics, Normalize};
pub use dataset::{Batch, BatchTargets, Dataset, Splits, Target, Targets};
pub use fingerprint::{DataFile, fingerprint};
pub use folder::Pictures;
pub use inputs::{ImageInputs, Inputs};
pub use loader::{Epoch, Loader, LoaderOptions};
pub use options::DataOptions;
pub use prepared::prepared;
pub use published::{PUBLISHED, PublishedFile, PublishedSet, published};
pub use registry::{NAMES, open};
pub use subset::Subset;
pub use table::{
    InputColumn, Missing, TableInputs, TableOptions, TableTarget, TargetColumn, Task, Untrained,
};
