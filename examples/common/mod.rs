//! What the scaling examples share: the base model, and its training; by default on drawn characters.

use allometry::data::{self, DataOptions};
use allometry::models::{Architecture, Axis, Scale};
use allometry::sweep::run::Observer;
use allometry::sweep::{Plan, Record};
use allometry::train::TrainConfig;
use allometry::{Result, print_line};
use clap::Args;
use std::path::PathBuf;

// The model that an example scales. A doc comment would replace the help text of the example.
#[derive(Args)]
pub struct Base {
    /// Scale a small EfficientNet instead of the small residual network.
    #[arg(long)]
    efficient: bool,
    /// The data set.
    #[arg(long, default_value = "glyphs")]
    dataset: String,
    /// The folder with its files; glyphs have none.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Rows and columns of the images; by default those of the model, 28 or 32.
    #[arg(long)]
    resolution: Option<usize>,
}

impl Base {
    /// The model: the preset `residual`, or EfficientNet-B0 at half its depth and a quarter of its width, for images of
    /// 32 pixels, the smallest that its strides allow.
    fn load(&self) -> Result<Architecture> {
        if !self.efficient {
            return Architecture::load("residual");
        }
        let b0 = Architecture::load("efficientnet-b0")?.with_input(32, 1);
        let small = Scale { depth: 0.5, width: 0.25, resolution: 1.0 }.apply(&b0)?;
        // Drawn characters are pixels between 0 and 1.
        Ok(Architecture { name: "small efficientnet".to_string(), rescale: true, ..small })
    }
}

/// Prints a line for each run.
pub struct Lines;

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

/// A plan that trains the base model. It has no number of samples yet.
pub fn plan(base: &Base, axis: Axis, samples: usize, epochs: usize) -> Result<Plan> {
    let model = base.load()?;
    let options = DataOptions {
        dataset: base.dataset.clone(),
        directory: base.data.clone(),
        samples: Some(samples),
        resolution: base.resolution.or(model.resolution()),
        ..DataOptions::default()
    };
    let set = data::open(&options)?;
    let config = TrainConfig { epochs, batch: 16, validation_samples: Some(1000), ..TrainConfig::default() };
    Ok(Plan {
        axes: vec![axis],
        factors: vec![1.0],
        config,
        data: data::fingerprint(&options)?,
        ..Plan::new(&base.dataset, model.for_dataset(set.train.as_ref(), config.normalize))
    })
}
