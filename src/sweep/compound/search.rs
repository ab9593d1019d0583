//! The search as data.

use crate::error::{Error, Result, brief};
use crate::models::architecture::Input;
use crate::models::axis::{Axis, Compound};
use crate::models::cost::FLOPS_PER_MAC;
use crate::sweep::plan::Plan;
use serde::{Deserialize, Serialize};

/// The multiple of FLOPs at φ = 1, α·β²·γ².
pub const DOUBLE: f64 = 2.0;
/// How far α·β²·γ² of a candidate may be from [`DOUBLE`], as a share.
pub const TOLERANCE: f64 = 0.05;
/// The largest number of divisions: 231 candidates.
pub const MOST_DIVISIONS: usize = 20;

/// A search for the coefficients of compound scaling, stored as `search.toml`. On the same device, equal searches give
/// the same results bit for bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompoundSearch {
    /// Candidates share a doubling of FLOPs among depth, width and resolution in steps of one over this number; see
    /// [`candidates`](CompoundSearch::candidates).
    pub divisions: usize,
    /// Further candidates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<Compound>,
    /// The number of best candidates of the first round that are trained with more seeds.
    pub best: usize,
    /// The number of seeds with which they are trained in the second round. The candidates that scale one axis alone
    /// are trained with them too.
    pub more_seeds: usize,
    /// Data, training configuration and base model. The only axis is [`Axis::Compound`]. Its single factor is the
    /// multiple of FLOPs at which candidates are compared, its single compute budget the FLOPs of each training. Its
    /// seeds are those of the first round.
    pub plan: Plan,
}

impl CompoundSearch {
    /// Parses and validates a search.
    ///
    /// # Errors
    /// [`Error::Config`] for text that is not a search, and those of [`CompoundSearch::validate`].
    pub fn from_toml(text: &str) -> Result<CompoundSearch> {
        let search: CompoundSearch = toml::from_str(text).map_err(|e| invalid(brief(e)))?;
        search.validate()?;
        Ok(search)
    }

    /// Writes the search as TOML. [`CompoundSearch::from_toml`] reads it back as an equal search.
    ///
    /// # Errors
    /// [`Error::Config`] for a number that TOML can't hold.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| invalid(e.to_string()))
    }

    /// Checks the search.
    ///
    /// # Errors
    /// [`Error::Config`] that names the part and what to change.
    pub fn validate(&self) -> Result<()> {
        let fail = |problem: String| Err(invalid(problem));
        self.plan.check_lists()?;
        if self.plan.axes != [Axis::Compound] || self.plan.factors.len() != 1 || self.plan.flops.len() != 1 {
            return fail("its plan must have the axis compound, one factor and one budget of FLOPs".into());
        }
        if self.best == 0 {
            return fail("the number of best candidates is 0; it must be at least 1".into());
        }
        self.candidates().map(drop)
    }

    /// Checks what candidates are made of.
    pub(super) fn check_lattice(&self) -> Result<()> {
        let factor = self.factor();
        if factor <= 1.0 {
            return Err(invalid(format!("the multiple of FLOPs is {factor}; it must be above 1")));
        }
        if !(1..=MOST_DIVISIONS).contains(&self.divisions) {
            return Err(invalid(format!(
                "the number of divisions is {}; it must be between 1 and {MOST_DIVISIONS}",
                self.divisions
            )));
        }
        self.further.iter().try_for_each(|compound| self.check_candidate(compound))
    }

    fn check_candidate(&self, compound: &Compound) -> Result<()> {
        compound.validate()?;
        let Compound { alpha, beta, gamma } = compound;
        let found = compound.flops_base();
        if (found / DOUBLE - 1.0).abs() > TOLERANCE {
            return Err(invalid(format!(
                "candidate {alpha},{beta},{gamma}: α·β²·γ² is {found:.3}; it must be within {} % of {DOUBLE}",
                100.0 * TOLERANCE
            )));
        }
        if *gamma != 1.0 && matches!(self.plan.architecture.input, Input::Features(_)) {
            return Err(invalid(format!(
                "candidate {alpha},{beta},{gamma}: features have no resolution; γ must be 1"
            )));
        }
        Ok(())
    }

    /// The multiple of the base model's FLOPs at which candidates are compared.
    pub fn factor(&self) -> f64 {
        self.plan.factors[0]
    }

    /// The FLOPs of each training.
    pub fn budget(&self) -> f64 {
        self.plan.flops[0]
    }

    /// The FLOPs that train the candidate with the fewest MACs on `samples` samples in each epoch. With this budget all
    /// others are trained on fewer.
    ///
    /// # Errors
    /// Those of [`CompoundSearch::candidates`].
    pub fn budget_for(&self, samples: usize) -> Result<f64> {
        let fewest = self.candidates()?.iter().map(|candidate| candidate.macs).min().unwrap_or_default();
        Ok(FLOPS_PER_MAC * fewest as f64 * samples as f64 * self.plan.config.epochs as f64)
    }

    /// Names of the parts in which two searches differ. Empty if both are the same.
    pub fn differences(&self, other: &CompoundSearch) -> Vec<String> {
        let parts = [
            ("divisions", self.divisions != other.divisions),
            ("candidates", self.further != other.further),
            ("best", self.best != other.best),
            ("more_seeds", self.more_seeds != other.more_seeds),
        ];
        let parts = parts.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_string());
        parts.chain(self.plan.differences(&other.plan)).collect()
    }

    /// Whether this search trains all that `other` trains, and perhaps more seeds and more of the best.
    pub fn extends(&self, other: &CompoundSearch) -> bool {
        let alike = CompoundSearch { best: self.best, more_seeds: self.more_seeds, ..other.clone() };
        self.differences(&alike).is_empty() && self.best >= other.best && self.more_seeds >= other.more_seeds
    }
}

pub(super) fn invalid(problem: String) -> Error {
    Error::Config { what: "search-compound".into(), problem }
}
