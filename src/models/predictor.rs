//! Saving a trained model with all that predictions need, and predicting with it.

use super::architecture::Architecture;
pub use super::architecture::WEIGHTS;
use crate::data::{Inputs, Pictures, TableTarget, Targets};
use crate::device::Device;
use crate::error::{Error, Result, brief};
use crate::files;
use crate::nn::{Model, Precision};
use crate::shape::elements;
use crate::tables::Table;
use crate::train::{LossName, TrainConfig};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// The file of the architecture.
pub const MODEL: &str = "model.toml";
/// The file of how inputs are read, [`Saved`].
pub const INPUTS: &str = "inputs.toml";

/// The number of samples that are predicted at once.
const BATCH: usize = 256;

/// What predictions need beside the weights and the architecture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// The loss that the model was trained with, which tells what its outputs are.
    pub loss: LossName,
    /// The precision in which it was trained and evaluated.
    pub precision: Precision,
    /// How it reads its inputs.
    #[serde(flatten)]
    pub inputs: Inputs,
}

impl Saved {
    /// Reads the file in a model's folder.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read; [`Error::Config`] for text of another form.
    pub fn load(folder: &Path) -> Result<Saved> {
        let path = folder.join(INPUTS);
        let text = std::fs::read_to_string(&path).map_err(Error::file(&path, "read"))?;
        toml::from_str(&text)
            .map_err(|e| Error::Config { what: path.display().to_string(), problem: brief(e) })
    }
}

/// Saves a trained model in a folder, for [`Predictor::load`]: its weights, its architecture, and how it reads its
/// inputs. `config` is that of its training. Each file is replaced whole.
///
/// # Errors
/// [`Error::File`] for files that cannot be written.
pub fn save(
    folder: &Path,
    model: &Model,
    architecture: &Architecture,
    config: &TrainConfig,
    inputs: Option<&Inputs>,
) -> Result<()> {
    // More than one note would be written in any order.
    let notes = HashMap::from([("model".to_string(), architecture.name.clone())]);
    model.save(&folder.join(WEIGHTS), notes)?;
    files::replace(&folder.join(MODEL), architecture.to_toml()?.as_bytes())?;
    let path = folder.join(INPUTS);
    let Some(inputs) = inputs else { return files::remove(&path) };
    let loss = config.loss.unwrap_or(LossName::for_targets(architecture.targets()));
    let saved = Saved { loss, precision: config.precision, inputs: inputs.clone() };
    let text = toml::to_string(&saved)
        .map_err(|e| Error::Config { what: path.display().to_string(), problem: e.to_string() })?;
    files::replace(&path, text.as_bytes())
}

/// A trained model that predicts from new inputs.
///
/// ```no_run
/// use allometry::Device;
/// use allometry::models::Predictor;
/// use std::path::Path;
///
/// # fn main() -> allometry::Result<()> {
/// let predictor = Predictor::load(Path::new("run"), &Device::cpu())?;
/// let table = predictor.read_table(Path::new("new.csv"))?;
/// let predictions = predictor.predict_table(&table)?;
/// for row in 0..predictions.len() {
///     println!("{}", predictions.text(row));
/// }
/// # Ok(())
/// # }
/// ```
pub struct Predictor {
    model: Model,
    inputs: Inputs,
    targets: Targets,
    loss: LossName,
}

/// What a model predicts for some samples.
#[derive(Debug, Clone, PartialEq)]
pub enum Predictions {
    /// Classes.
    Classes {
        /// Name of what is classified; `class` for images.
        name: String,
        /// Names of the classes; their numbers, if they have no names.
        classes: Vec<String>,
        /// The class of each sample.
        labels: Vec<usize>,
        /// `[samples, classes]`: the probability of each class.
        probabilities: Vec<f32>,
    },
    /// Numbers, in the unit of the training data.
    Values {
        /// Names of the numbers.
        names: Vec<String>,
        /// `[samples, numbers]`, rounded to the precision of the outputs, which are f32. With the loss
        /// `binary-cross-entropy` they are probabilities.
        values: Vec<f64>,
    },
}

impl Predictions {
    /// The number of samples.
    pub fn len(&self) -> usize {
        match self {
            Predictions::Classes { labels, .. } => labels.len(),
            Predictions::Values { names, values } => values.len() / names.len(),
        }
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is predicted for a sample: the name of its class, or its numbers separated by spaces.
    pub fn text(&self, sample: usize) -> String {
        match self {
            Predictions::Classes { classes, labels, .. } => classes[labels[sample]].clone(),
            Predictions::Values { names, values } => {
                let own = &values[sample * names.len()..][..names.len()];
                own.iter().map(f64::to_string).collect::<Vec<_>>().join(" ")
            }
        }
    }
}

impl Predictor {
    /// Loads a model from a folder that [`save`] wrote, or `allometry train --out`.
    ///
    /// # Errors
    /// Files that are missing, cannot be read, or do not fit each other.
    pub fn load(folder: &Path, device: &Device) -> Result<Predictor> {
        let path = folder.join(INPUTS);
        if folder.is_dir() && !path.exists() {
            let problem = "missing; `allometry train --out` writes it, versions before this one did not";
            return Err(Error::Config { what: path.display().to_string(), problem: problem.into() });
        }
        let Saved { loss, precision, inputs } = Saved::load(folder)?;
        let architecture = Architecture::load(&folder.join(MODEL).display().to_string())?;
        check(&path, &inputs, &architecture)?;
        let config = TrainConfig { precision, ..TrainConfig::default() };
        let model = architecture.build(&config, device)?;
        model.load(&folder.join(WEIGHTS))?;
        Ok(Predictor { model, inputs, targets: architecture.targets(), loss })
    }

    /// How the model reads its inputs.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Predicts from samples as the model takes them, `[samples, …sample shape]`: images with values from 0 to 1,
    /// [normalised](crate::data::ChannelStatistics::normalize) if the [inputs](Predictor::inputs) say so.
    ///
    /// # Errors
    /// [`Error::Shape`] for a part of a sample; errors of the device.
    pub fn predict(&self, samples: &[f32]) -> Result<Predictions> {
        Ok(self.predictions(self.outputs(samples)?))
    }

    /// What the model puts out for samples.
    fn outputs(&self, samples: &[f32]) -> Result<Vec<f32>> {
        let size = elements(self.model.input_shape());
        let mut outputs = Vec::new();
        for batch in samples.chunks(BATCH * size) {
            outputs.extend(self.model.predict(&self.model.batch(batch)?)?.to_vec::<f32>()?);
        }
        Ok(outputs)
    }

    fn predictions(&self, outputs: Vec<f32>) -> Predictions {
        match self.targets {
            Targets::Classes(count) => self.classes(&outputs, count),
            Targets::Values(count) => self.values(&outputs, count),
        }
    }

    /// Reads a table of the form that the model was trained on.
    ///
    /// # Errors
    /// [`Error::Config`] for a model of images; those of [`Table::read`].
    pub fn read_table(&self, path: &Path) -> Result<Table> {
        match &self.inputs {
            Inputs::Table(inputs) => inputs.read(path),
            Inputs::Images(_) => Err(no_table()),
        }
    }

    /// Predicts from the rows of a table. It may have other columns too, in any order.
    ///
    /// # Errors
    /// [`Error::Config`] for a model of images; [`Error::Format`] with row and column for a column that is missing, a
    /// cell of another kind, and a missing value unless the training filled them in; errors of the device.
    pub fn predict_table(&self, table: &Table) -> Result<Predictions> {
        match &self.inputs {
            Inputs::Table(inputs) => self.predict(&inputs.samples(table)?),
            Inputs::Images(_) => Err(no_table()),
        }
    }

    /// Predicts from images in files. They are decoded as many at a time as are predicted at once.
    ///
    /// # Errors
    /// [`Error::Config`] for a model of tables; those of [`Pictures::samples`]; errors of the device.
    pub fn predict_pictures(&self, pictures: &Pictures) -> Result<Predictions> {
        let Inputs::Images(inputs) = &self.inputs else {
            let problem = "was trained on a table; give it a table, not images";
            return Err(Error::Config { what: "the model".into(), problem: problem.into() });
        };
        let mut outputs = Vec::new();
        for first in (0..pictures.len()).step_by(BATCH) {
            let batch = first..pictures.len().min(first + BATCH);
            outputs.extend(self.outputs(&pictures.samples(batch, inputs)?)?);
        }
        Ok(self.predictions(outputs))
    }

    fn classes(&self, outputs: &[f32], count: usize) -> Predictions {
        let (name, classes) = match &self.inputs {
            Inputs::Table(inputs) => match &inputs.target {
                TableTarget::Classes { name, classes } => (name.clone(), classes.clone()),
                TableTarget::Values { .. } => Default::default(),
            },
            Inputs::Images(inputs) => ("class".to_string(), inputs.classes.clone()),
        };
        let classes = if classes.is_empty() { (0..count).map(|c| c.to_string()).collect() } else { classes };
        let (mut labels, mut probabilities) = (Vec::new(), Vec::with_capacity(outputs.len()));
        for logits in outputs.chunks_exact(count) {
            // The first of equal ones, as in the accuracy of trainings.
            let best = (1..count).fold(0, |best, c| if logits[c] > logits[best] { c } else { best });
            let powers = || logits.iter().map(|&logit| f64::from(logit - logits[best]).exp());
            let sum: f64 = powers().sum();
            probabilities.extend(powers().map(|power| (power / sum) as f32));
            labels.push(best);
        }
        Predictions::Classes { name, classes, labels, probabilities }
    }

    fn values(&self, outputs: &[f32], count: usize) -> Predictions {
        let is_logit = self.loss == LossName::BinaryCrossEntropy;
        let columns = match &self.inputs {
            Inputs::Table(inputs) => match &inputs.target {
                TableTarget::Values { columns } => &columns[..],
                TableTarget::Classes { .. } => &[],
            },
            Inputs::Images(_) => &[],
        };
        let value = |(place, &output): (usize, &f32)| match columns.get(place % count) {
            _ if is_logit => shortest((1.0 / (1.0 + (-f64::from(output)).exp())) as f32),
            Some(column) if [column.mean, column.deviation] != [0.0, 1.0] => column.in_its_unit(output),
            _ => shortest(output),
        };
        let values = outputs.iter().enumerate().map(value).collect();
        let numbered = || (0..count).map(|output| output.to_string()).collect();
        let names = columns.iter().map(|column| column.name.clone()).collect();
        Predictions::Values { names: if columns.is_empty() { numbered() } else { names }, values }
    }
}

/// The number with the fewest decimal digits among those that are this f32.
pub fn shortest(value: f32) -> f64 {
    value.to_string().parse().expect("Rust reads the numbers that it writes")
}

fn no_table() -> Error {
    let problem = "was trained on images; give it images, not a table";
    Error::Config { what: "the model".into(), problem: problem.into() }
}

/// Checks that inputs and outputs are those of the architecture.
fn check(path: &Path, inputs: &Inputs, architecture: &Architecture) -> Result<()> {
    let (shape, names) = match inputs {
        Inputs::Images(inputs) => {
            if let Some(statistics) = &inputs.normalization {
                let found = [statistics.mean.len(), statistics.deviation.len()];
                if found != [inputs.channels; 2] {
                    let expected = format!("a mean and a deviation for each of {} channels", inputs.channels);
                    let found = format!("{} means and {} deviations", found[0], found[1]);
                    return Err(Error::format(path, expected, found));
                }
            }
            let [height, width] = inputs.size;
            let classes = Targets::Classes(inputs.classes.len());
            (vec![height, width, inputs.channels], (!inputs.classes.is_empty()).then_some(classes))
        }
        Inputs::Table(inputs) => {
            let targets = match &inputs.target {
                TableTarget::Classes { classes, .. } => Targets::Classes(classes.len()),
                TableTarget::Values { columns } => Targets::Values(columns.len()),
            };
            (vec![inputs.features()], Some(targets))
        }
    };
    let (found, targets) = (architecture.input_shape(), architecture.targets());
    // Some models take an image as its values in a row.
    let fits = elements(&shape) == elements(&found) && names.is_none_or(|names| names == targets);
    if fits {
        return Ok(());
    }
    let wanted = format!("inputs {found:?} and outputs {targets:?}, as the model has");
    let given = format!("inputs {shape:?} and outputs {:?}", names.unwrap_or(targets));
    Err(Error::format(path, wanted, given))
}
