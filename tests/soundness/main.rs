//! `check`: it finds the faults of unsound sweeps, and none in sound ones.

mod answer;
mod design;
mod random;
mod rates;
mod words;
