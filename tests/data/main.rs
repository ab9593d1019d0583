//! The data sets through their public face: small files of every format, whole and broken.

mod choice;
mod csv;
mod glyphs;
mod mnist;
mod omniglot;
mod opening;
