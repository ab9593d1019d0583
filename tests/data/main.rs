//! The data sets through their public API: small files of every format, valid and broken.

mod choice;
mod cifar;
mod csv;
#[cfg(feature = "download")]
mod download;
mod folder;
mod glyphs;
#[cfg(feature = "download")]
#[path = "../loopback/mod.rs"]
mod loopback;
mod mnist;
mod omniglot;
mod opening;
mod prepared;
mod tables;
