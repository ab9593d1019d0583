//! What the four scaling examples share: a small sweep along one axis on drawn characters, and its table.

use allometry::data::{self, DataOptions};
use allometry::models::{Architecture, Axis, Compound};
use allometry::report::{self, Quantity};
use allometry::sweep::run::{self, Observer, SweepOptions};
use allometry::sweep::{Plan, Record, Store};
use allometry::train::TrainConfig;
use allometry::{Device, DeviceChoice, Error, Result, print_line};

struct Lines;

impl Observer for Lines {
    fn on_record(&mut self, record: &Record) {
        // A line that can't be printed ends no training.
        let _ = print_line!(
            "{:18} {:>9} parameters {:>11} MACs   accuracy {:5.1} %   {:7.0} samples/s   {:6.1} MiB",
            record.variant.key,
            record.cost.parameters,
            record.cost.macs,
            100.0 * record.validation_accuracy().unwrap_or(0.0),
            record.cost.samples_per_second.map_or(0.0, |rate| rate.median),
            record.cost.peak_bytes.unwrap_or_default().total() as f64 / (1 << 20) as f64,
        );
    }
}

/// Trains the convnet at these factors of one axis, and prints what grew how.
pub fn run(axis: Axis, factors: &[f64]) -> Result<()> {
    let dataset = "glyphs".to_string();
    let samples = Some(6000);
    let set = data::open(&DataOptions { dataset: dataset.clone(), samples, ..DataOptions::default() })?;
    let architecture = Architecture::load("convnet")?.for_dataset(set.train.as_ref());
    let plan = Plan {
        target_columns: Vec::new(),
        dataset,
        axes: vec![axis],
        factors: factors.to_vec(),
        seeds: vec![0],
        samples: Vec::new(),
        flops: Vec::new(),
        epochs: Vec::new(),
        most_seen: None,
        whole_set: None,
        predict: 0,
        config: TrainConfig {
            epochs: 3,
            batch: 16,
            samples,
            validation_samples: Some(1000),
            ..TrainConfig::default()
        },
        compound: Compound::default(),
        data: Vec::new(),
        earlier: Vec::new(),
        architecture,
    };
    let directory = tempfile::tempdir().map_err(Error::file(std::env::temp_dir(), "create a folder in"))?;
    let mut store = Store::open(directory.path(), &plan)?;
    let options = SweepOptions {
        device: Device::open(DeviceChoice::Auto)?,
        data: None,
        memory_limit: None,
        interrupted: Default::default(),
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
