//! Checkpoints: a training at a step boundary, in one file, from which it continues with the same bits.
//!
//! A safetensors file has the tensors: parameters, buffers, their averages and those of the best epoch, moments, the
//! loss scale, and the sums of losses. Its metadata have the rest as JSON: the numbers of the trainer, the place in the
//! training, and what the training is; and a CRC-32 of both. Random numbers are keyed by seed, step and module, and the
//! order of samples by seed and epoch, so the place restores both.

use super::history::History;
use super::sums::MOST;
use super::trainer::{Trainer, TrainerState};
use crate::error::{Error, Result, brief};
use crate::files;
use crate::nn::weights::{self, Stored};
use crate::tensor::Tensor;
use crate::units::{NumberWithUnit, seconds};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Instant;

/// The key of the metadata.
const STATE: &str = "training";

/// The key of the CRC-32 in the metadata. Earlier versions wrote none.
const CHECKSUM: &str = "crc32";

/// What the names of the weights and buffers of the best epoch begin with.
const BEST: &str = "best.";

/// Tensors on the host, by name.
pub(super) type Values = BTreeMap<String, Stored>;

/// How often checkpoints are saved.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Every {
    /// After this many steps.
    Steps(u64),
    /// After this many seconds.
    Seconds(f64),
    /// Only when the training is interrupted.
    Never,
}

impl Default for Every {
    /// Ten minutes.
    fn default() -> Every {
        Every::Seconds(600.0)
    }
}

impl FromStr for Every {
    type Err = String;

    /// Parses a number of steps (`500`), a time (`10m`, `90s`), or `never`.
    fn from_str(text: &str) -> Result<Every, String> {
        if text == "never" {
            return Ok(Every::Never);
        }
        match (text.parse(), NumberWithUnit::parse(text)) {
            (Ok(steps @ 1..), _) => Ok(Every::Steps(steps)),
            (_, Some(NumberWithUnit::Seconds(seconds))) => Ok(Every::Seconds(seconds)),
            _ => Err("give a number of steps (500), a time (10m, 90s), or never".to_string()),
        }
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Every::Steps(steps) => write!(f, "{steps}"),
            Every::Seconds(time) => f.write_str(&seconds(time)),
            Every::Never => f.write_str("never"),
        }
    }
}

/// The file of a training's checkpoint, and how often it is written. The file is replaced whole or not at all.
#[derive(Debug)]
pub struct Checkpoints {
    path: PathBuf,
    every: Every,
    about: Value,
    earlier_seconds: Cell<f64>,
}

/// A place in a training.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Place {
    /// The epoch, counted from 0, and the steps done in it.
    pub epoch: u64,
    pub step_in_epoch: u64,
    /// Seconds that the epoch has taken.
    pub epoch_seconds: f64,
    /// The results so far, with the seconds so far.
    pub history: History,
}

/// The metadata of a checkpoint.
#[derive(Serialize, Deserialize)]
struct State {
    about: Value,
    place: Place,
    trainer: TrainerState,
    /// Bytes of each category at the peak so far.
    peak: [u64; 5],
}

impl State {
    /// What no training of `total_steps` steps has, as text; `None` if it can be the state of one.
    fn damage(&self, total_steps: u64, per_epoch: u64) -> Option<String> {
        let Place { epoch, step_in_epoch, history, .. } = &self.place;
        let steps = epoch.checked_mul(per_epoch).and_then(|steps| steps.checked_add(*step_in_epoch));
        // The last epoch may be incomplete.
        let is_place = *step_in_epoch <= per_epoch
            && *epoch <= total_steps.div_ceil(per_epoch)
            && steps.is_some_and(|steps| steps.min(total_steps) == self.trainer.steps());
        if !is_place {
            let steps = self.trainer.steps();
            return Some(format!("{steps} steps, and step {step_in_epoch} after epoch {epoch}"));
        }
        if !history.epochs.iter().map(|report| report.epoch).eq(1..=*epoch) {
            return Some(format!("results of {} epochs after epoch {epoch}", history.epochs.len()));
        }
        let mut counts = self.peak.iter().chain([&history.samples_seen]);
        (counts.any(|&count| count > MOST) || !self.trainer.is_possible())
            .then(|| "impossible counts".to_string())
    }
}

impl Checkpoints {
    /// Checkpoints in the file `path`. `about` describes the training; a checkpoint about another training is ignored,
    /// and replaced by the first one of this training.
    pub fn new(path: PathBuf, every: Every, about: Value) -> Checkpoints {
        Checkpoints { path, every, about, earlier_seconds: Cell::new(0.0) }
    }

    /// Seconds of training before the checkpoint that the training continued from; 0 without one.
    pub fn earlier_seconds(&self) -> f64 {
        self.earlier_seconds.get()
    }

    /// Removes the file.
    ///
    /// # Errors
    /// [`Error::File`] if it exists and can't be removed.
    pub fn remove(&self) -> Result<()> {
        files::remove(&self.path)
    }

    /// Saves a checkpoint. Waits for the device.
    pub(super) fn save(&self, trainer: &Trainer, place: &Place, best: &Values) -> Result<()> {
        let (numbers, tensors) = trainer.state();
        let mut tensors = to_host(tensors)?;
        tensors.extend(best.iter().map(|(name, values)| (format!("{BEST}{name}"), values.clone())));
        let peak = trainer.device().usage().peak_by_category;
        let state = State { about: self.about.clone(), place: place.clone(), trainer: numbers, peak };
        let state = serde_json::to_string(&state).map_err(|e| Error::file(&self.path, "write")(e.into()))?;
        let checksum = checksum(&state, &tensors);
        let notes = HashMap::from([(STATE.to_string(), state), (CHECKSUM.to_string(), checksum)]);
        weights::write(&self.path, &tensors, notes)
    }

    /// Restores the trainer, of a training of `total_steps` steps with `per_epoch` in each epoch, from the checkpoint.
    /// `None` if there is none about this training.
    pub(super) fn resume(
        &self,
        trainer: &mut Trainer,
        total_steps: u64,
        per_epoch: u64,
    ) -> Result<Option<(Place, Values)>> {
        if !self.path.exists() {
            return Ok(None);
        }
        self.read(trainer, total_steps, per_epoch).map_err(|error| match error {
            Error::Format { path, expected, found } => {
                let remedy =
                    "remove the file, or use --restart of `allometry train`, to train from the beginning";
                Error::Format { path, expected: format!("{expected} ({remedy})"), found }
            }
            other => other,
        })
    }

    /// [`Checkpoints::resume`] from a file that exists.
    fn read(
        &self,
        trainer: &mut Trainer,
        total_steps: u64,
        per_epoch: u64,
    ) -> Result<Option<(Place, Values)>> {
        let (mut stored, notes) = weights::read_with_notes(&self.path)?;
        let no_state = || Error::format(&self.path, "a checkpoint", format!("no metadata {STATE:?}"));
        let text = notes.get(STATE).ok_or_else(no_state)?;
        if notes.get(CHECKSUM).is_some_and(|expected| *expected != checksum(text, &stored)) {
            return Err(Error::format(
                &self.path,
                "a checkpoint",
                "one that is damaged (its checksum differs)",
            ));
        }
        let state: State =
            serde_json::from_str(text).map_err(|e| Error::format(&self.path, "a checkpoint", brief(e)))?;
        if state.about != self.about {
            return Ok(None);
        }
        if let Some(damage) = state.damage(total_steps, per_epoch) {
            return Err(Error::format(&self.path, "a checkpoint of this training", damage));
        }
        let (_, tensors) = trainer.state();
        for (name, tensor) in &tensors {
            let found = stored.get(name).filter(|found| found.shape == tensor.shape().to_vec());
            let expected = || format!("the tensor {name} of shape {}", tensor.shape());
            let found = found.ok_or_else(|| Error::format(&self.path, expected(), "none"))?;
            trainer.write(name, tensor, &found.values)?;
        }
        trainer.resume(&state.trainer)?;
        trainer.device().raise_peak(state.peak);
        self.earlier_seconds.set(state.place.history.seconds);
        let best = stored.split_off(BEST).into_iter();
        let best = best.map_while(|(name, values)| Some((name.strip_prefix(BEST)?.to_string(), values)));
        let best: Values = best.collect();
        let model = trainer.evaluated();
        let fits = |(name, values): &(String, Tensor)| {
            best.get(name).is_some_and(|found| found.shape == values.shape().to_vec())
        };
        let is_whole = best.len() == model.len() && model.iter().all(fits);
        if !best.is_empty() && !is_whole {
            return Err(Error::format(&self.path, "the weights of the best epoch", "those of another model"));
        }
        Ok(Some((state.place, best)))
    }
}

/// The CRC-32 of the metadata and the tensors, in hexadecimal digits.
fn checksum(state: &str, tensors: &Values) -> String {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(state.as_bytes());
    for (name, stored) in tensors {
        hasher.update(name.as_bytes());
        let bytes: Vec<u8> = stored.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        hasher.update(&bytes);
    }
    format!("{:08x}", hasher.finalize())
}

/// Tensors of f32 on the host, by name.
pub(super) fn to_host(tensors: Vec<(String, Tensor)>) -> Result<Values> {
    let stored = |tensor: &Tensor| Ok(Stored { shape: tensor.shape().to_vec(), values: tensor.to_vec()? });
    tensors.into_iter().map(|(name, tensor)| Ok((name, stored(&tensor)?))).collect()
}

/// Steps and time since the last checkpoint.
pub(super) struct SinceCheckpoint {
    steps: u64,
    since: Instant,
}

impl SinceCheckpoint {
    pub fn start() -> SinceCheckpoint {
        SinceCheckpoint { steps: 0, since: Instant::now() }
    }

    /// Counts a step. Whether a checkpoint is due; then the count starts again.
    pub fn is_due(&mut self, checkpoints: Option<&Checkpoints>) -> bool {
        self.steps += 1;
        let due = match checkpoints.map(|checkpoints| checkpoints.every) {
            Some(Every::Steps(steps)) => self.steps >= steps,
            Some(Every::Seconds(seconds)) => self.since.elapsed().as_secs_f64() >= seconds,
            Some(Every::Never) | None => false,
        };
        if due {
            *self = SinceCheckpoint::start();
        }
        due
    }
}
