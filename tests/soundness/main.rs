//! `check`: it finds the faults of unsound sweeps, and none in sound ones.

mod answer;
#[path = "../blank/plan.rs"]
mod blank;
mod design;
mod random;
mod rates;
mod words;
