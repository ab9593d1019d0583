//! The data sets through their public API: small files of every format, valid and broken.

mod choice;
mod csv;
mod glyphs;
mod mnist;
mod omniglot;
mod opening;
