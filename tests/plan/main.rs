//! Planning: budgets as text, the search on synthetic sweeps whose optimum is known, trainings as files, and the driver
//! from a sweep to the recommended training.

#[path = "../blank/mod.rs"]
mod blank;
mod budget;
mod driver;
mod epochs;
#[path = "../driver/process.rs"]
mod process;
mod repetition;
mod search;
mod speed;
mod synthetic;
mod training;
