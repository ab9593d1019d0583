//! Which training to run: budgets as text, the search over synthetic sweeps whose best is known, trainings as files,
//! and the driver from a sweep to the training that it recommends.

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
