//! Sums of losses and of correct predictions over many batches, and their means.

use super::losses::Loss;
use crate::device::memory::{Category, allocating};
use crate::device::{DType, Device};
use crate::error::Result;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Means over samples.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Metrics {
    /// Mean loss.
    pub loss: f64,
    /// Top-1 accuracy, 0 to 1: the share of samples whose largest output is at their label. `None` for regression.
    pub accuracy: Option<f64>,
    /// Number of samples.
    pub samples: u64,
}

impl Metrics {
    /// The means over the samples since `earlier`, an earlier state of the same running means.
    pub(super) fn since(&self, earlier: &Metrics) -> Metrics {
        let samples = self.samples - earlier.samples;
        let mean = |now: f64, before: f64| {
            (now * self.samples as f64 - before * earlier.samples as f64) / samples.max(1) as f64
        };
        Metrics {
            loss: mean(self.loss, earlier.loss),
            accuracy: self.accuracy.map(|accuracy| mean(accuracy, earlier.accuracy.unwrap_or(0.0))),
            samples,
        }
    }
}

/// Number of pairs of sums on the device. When all are full, the host reads them.
const PAIRS: usize = 128;
/// Batches per pair: few enough that their sum in f32 has a relative error of at most 2e-6.
const BATCHES: u64 = 64;
/// Samples per pair, unless one batch has more: f32 can't count further.
const SAMPLES: u64 = 1 << 24;

/// The most that a training counts of anything. A larger number in a file is damage, and sums of such can overflow.
pub(super) const MOST: u64 = 1 << 53;

/// Sums of losses and of correct predictions: pairs in f32 on the device, their total in f64 on the host. The pair of a
/// batch depends only on the batches before it, so reading the total does not change later totals.
pub(super) struct Accumulator {
    pairs: Tensor,
    sums: Sums,
}

/// The numbers of an accumulator that are not on the device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sums {
    /// The current pair, and the numbers of batches and samples in it.
    pair: usize,
    in_pair: (u64, u64),
    /// Totals of pairs that were read and cleared.
    read: [f64; 2],
    samples: u64,
}

impl Sums {
    /// Whether an accumulator can have these numbers.
    pub fn is_possible(&self) -> bool {
        let (batches, samples) = self.in_pair;
        self.pair < PAIRS && batches <= BATCHES && samples <= self.samples && self.samples <= MOST
    }
}

impl Accumulator {
    pub fn new(device: &Device) -> Result<Accumulator> {
        let _category = allocating(Category::Workspace);
        Ok(Accumulator { pairs: Tensor::zeros(device, DType::F32, [PAIRS, 2])?, sums: Sums::default() })
    }

    /// The pairs on the device.
    pub fn pairs(&self) -> &Tensor {
        &self.pairs
    }

    /// The numbers that are not on the device.
    pub fn state(&self) -> Sums {
        self.sums.clone()
    }

    /// Sets the numbers that are not on the device. The caller writes the pairs.
    pub fn resume(&mut self, state: &Sums) {
        self.sums.clone_from(state);
    }

    /// The pair for a batch of `samples` samples. Waits for the device if all pairs are full.
    pub fn pair_for(&mut self, samples: u64) -> Result<usize> {
        let (batches, before) = self.sums.in_pair;
        if batches == BATCHES || (batches > 0 && before + samples > SAMPLES) {
            if self.sums.pair + 1 == PAIRS {
                self.sums.read = self.total()?;
                self.pairs.fill(0.0)?;
            }
            self.sums.pair = (self.sums.pair + 1) % PAIRS;
            self.sums.in_pair = (0, 0);
        }
        self.sums.in_pair = (self.sums.in_pair.0 + 1, self.sums.in_pair.1 + samples);
        self.sums.samples += samples;
        Ok(self.sums.pair)
    }

    /// Both sums over all batches. Waits for the device.
    fn total(&self) -> Result<[f64; 2]> {
        let add = |sum: [f64; 2], pair: &[f32]| [sum[0] + f64::from(pair[0]), sum[1] + f64::from(pair[1])];
        Ok(self.pairs.to_vec::<f32>()?.chunks_exact(2).fold(self.sums.read, add))
    }

    /// The means over all samples. Waits for the device.
    pub fn metrics(&self, loss: Loss) -> Result<Metrics> {
        let has_accuracy = loss.function().has_accuracy();
        let samples = self.sums.samples;
        let [loss, accuracy] = self.total()?.map(|sum| sum / samples.max(1) as f64);
        let accuracy = has_accuracy.then_some(accuracy);
        Ok(Metrics { loss, accuracy, samples })
    }

    /// Resets all sums to zero.
    pub fn clear(&mut self) -> Result<()> {
        self.sums = Sums::default();
        self.pairs.fill(0.0)
    }
}
