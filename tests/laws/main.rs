//! Scaling laws of tables as they come: published ones, in `tests/fixtures/published`.

mod delta;
mod forms;
mod groups;
mod joint;
mod published;
mod tables;
