//! Whether `check` finds what is wrong with a sweep, and nothing where nothing is.

mod answer;
mod design;
mod random;
mod rates;
mod words;
