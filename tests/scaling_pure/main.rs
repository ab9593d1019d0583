//! The laboratory without a device: models as data, scaling, plans, the store, laws, reports.

mod architecture;
mod average;
mod axis;
#[path = "../blank/mod.rs"]
mod blank;
mod certainty;
mod extension;
mod law;
mod plan;
mod record;
mod report;
mod store;
mod synthetic;
