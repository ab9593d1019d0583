//! The lists of values that a plan covers, and the comparison of two such lists.

use serde::{Deserialize, Serialize};

/// The lists of values that a plan covers. These are the only parts that an extension can change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    /// [`Plan::factors`](super::plan::Plan::factors).
    pub factors: Vec<f64>,
    /// [`Plan::seeds`](super::plan::Plan::seeds).
    pub seeds: Vec<u64>,
    /// [`Plan::samples`](super::plan::Plan::samples).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<usize>,
    /// [`Plan::flops`](super::plan::Plan::flops).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flops: Vec<f64>,
    /// [`Plan::epochs`](super::plan::Plan::epochs).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub epochs: Vec<usize>,
    /// [`TrainConfig::samples`](crate::train::TrainConfig::samples).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_samples: Option<usize>,
    /// [`Plan::predict`](super::plan::Plan::predict).
    #[serde(default)]
    pub predict: usize,
}

impl Extent {
    /// The numbers of training samples per epoch. Empty for the whole set and for compute budgets.
    pub(super) fn numbers_of_samples(&self) -> Vec<usize> {
        self.train_samples.into_iter().chain(self.samples.iter().copied()).collect()
    }

    /// Whether models are trained on the whole training set.
    pub(super) fn takes_all(&self) -> bool {
        self.flops.is_empty() && self.numbers_of_samples().is_empty()
    }

    /// What `earlier` covers and this extent does not, in words. Epochs are not compared.
    pub(super) fn lacking(&self, earlier: &Extent) -> Vec<String> {
        let mut lacking = Vec::new();
        let mut compare = |name: &str, wanted: Vec<String>, has: Vec<String>| {
            let missing: Vec<String> = wanted.into_iter().filter(|item| !has.contains(item)).collect();
            lacking.extend((!missing.is_empty()).then(|| format!("{name} {}", missing.join(", "))));
        };
        let texts = |numbers: &[f64]| numbers.iter().map(f64::to_string).collect::<Vec<_>>();
        let counts = |numbers: Vec<usize>| numbers.iter().map(usize::to_string).collect::<Vec<_>>();
        let seeds = |seeds: &[u64]| seeds.iter().map(u64::to_string).collect::<Vec<_>>();
        compare("factors", texts(&earlier.factors), texts(&self.factors));
        compare("seeds", seeds(&earlier.seeds), seeds(&self.seeds));
        compare("samples", counts(earlier.numbers_of_samples()), counts(self.numbers_of_samples()));
        compare("flops", texts(&earlier.flops), texts(&self.flops));
        if earlier.takes_all() && !self.takes_all() {
            lacking.push("runs on all samples".to_string());
        }
        lacking
    }
}
