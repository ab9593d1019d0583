//! Scaling laws of published tables, in `tests/fixtures/published`.

mod delta;
mod forms;
mod groups;
mod joint;
mod published;
mod tables;
