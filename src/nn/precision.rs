//! The element types in which a model is stored.

use crate::device::DType;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The element types in which a model is stored. Arithmetic is f32 in both cases.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Everything in f32.
    #[default]
    F32,
    /// Weights, activations and gradients in f16, with f32 for the weights that are updated (the master weights),
    /// the optimiser's moments and the loss (Micikevicius et al. 2018).
    Mixed,
}

impl Precision {
    /// Both.
    pub const ALL: [Precision; 2] = [Precision::F32, Precision::Mixed];

    /// `f32` or `mixed`.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Mixed => "mixed",
        }
    }

    /// The types of the weights that the passes read, and of those that are updated.
    pub(super) fn types(self) -> Types {
        match self {
            Precision::F32 => Types::of(DType::F32),
            Precision::Mixed => Types { weights: DType::F16, master: DType::F32 },
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The types of a model's weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Types {
    /// As the passes read them.
    pub weights: DType,
    /// As they are updated; they are kept apart where this is another type.
    pub master: DType,
}

impl Types {
    /// The same for both.
    pub fn of(dtype: DType) -> Types {
        Types { weights: dtype, master: dtype }
    }
}
