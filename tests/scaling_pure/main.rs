//! Models as data, scaling, plans, the store, laws and reports, without a device.

mod architecture;
mod average;
mod axis;
#[path = "../blank/mod.rs"]
mod blank;
mod certainty;
mod compound;
mod extension;
mod law;
mod plan;
mod published;
mod record;
mod report;
mod store;
mod synthetic;
