//! What the examples of single axes share: a small sweep along one axis, and its table.

use crate::common::{Base, Lines, plan};
use allometry::models::Axis;
use allometry::report::{self, Quantity};
use allometry::sweep::Store;
use allometry::sweep::run::{self, SweepOptions};
use allometry::{Device, DeviceChoice, Error, Result, print_line};
use clap::Parser;

/// Scale a model along one axis.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    base: Base,
}

/// Trains the base model at these factors of one axis, and prints how cost grows.
pub fn run(axis: Axis, factors: &[f64]) -> Result<()> {
    let samples = 6000;
    let base = Arguments::parse().base;
    let mut plan = plan(&base, axis, samples, 3)?;
    plan.factors = factors.to_vec();
    plan.config.samples = Some(samples);
    let directory = tempfile::tempdir().map_err(Error::file(std::env::temp_dir(), "create a folder in"))?;
    let mut store = Store::open(directory.path(), &plan)?;
    let options = SweepOptions {
        device: Device::open(DeviceChoice::Auto)?,
        data: base.data,
        memory_limit: None,
        interrupted: Default::default(),
        checkpoint: None,
    };
    print_line!("{} along {axis} on {}", plan.architecture.name, options.device.name())?;
    run::run(&plan, &mut store, &options, &mut Lines)?;
    for (what, quantity) in
        [("samples/s", Quantity::TrainingThroughput), ("peak memory", Quantity::PeakMemory)]
    {
        for law in report::laws(store.records(), Quantity::Macs, quantity) {
            print_line!("{what} grows as MACs^{:.2}", law.law.alpha)?;
        }
    }
    Ok(())
}
