//! The losses, one file each: constants with their defaults, the fields of configurations that they come from, the
//! targets that they compare with, and the loss of each sample.
//!
//! A loss is a type that implements [`LossFunction`]. To add one, write a file here, its `mod` line, and its row in the
//! table below. The first row of a kind of targets is the default for them.

pub mod binary_cross_entropy;
pub mod cross_entropy;
pub mod huber;
mod loss;
pub mod mae;
pub mod mse;

pub use loss::{LossFunction, TargetKind};

use crate::data::Targets;
use crate::optim::Hyperparameters;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Declares the enumerations of losses, from rows of names, modules and types. The row
///
/// ```text
/// /// Mean squared error.
/// Mse = mse::MeanSquaredError,
/// ```
///
/// expands to the variants `Loss::Mse(mse::MeanSquaredError)` and `LossName::Mse` with their documentation, which is also
/// the help text of the name `mse`; its element of `LossName::ALL`; and an arm of each function below.
macro_rules! losses {
    ($($(#[$doc:meta])* $name:ident = $module:ident::$loss:ident,)*) => {
        /// A loss function with its constants, as data.
        #[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Loss { $($(#[$doc])* $name($module::$loss),)* }

        /// The loss functions, by name.
        #[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum LossName { $($(#[$doc])* $name,)* }

        impl Loss {
            /// The function.
            pub fn function(&self) -> &dyn LossFunction {
                match self { $(Loss::$name(loss) => loss,)* }
            }
        }

        impl LossName {
            /// Every loss.
            pub const ALL: &[LossName] = &[$(LossName::$name),*];

            /// [`LossFunction::hyperparameters`] of the loss.
            pub fn hyperparameters(self) -> &'static [&'static str] {
                match self { $(LossName::$name => $module::$loss::hyperparameters(),)* }
            }

            /// [`LossFunction::configured`] of the loss.
            pub fn configured(self, values: &Hyperparameters) -> Loss {
                match self { $(LossName::$name => Loss::$name($module::$loss::configured(values)),)* }
            }
        }
    };
}

losses! {
    /// Softmax cross-entropy with integer labels.
    CrossEntropy = cross_entropy::CrossEntropy,
    /// Mean squared error.
    Mse = mse::MeanSquaredError,
    /// The mean of Huber losses of differences (Huber 1964): half the square up to huber_delta, linear beyond.
    Huber = huber::Huber,
    /// Mean absolute error.
    Mae = mae::MeanAbsoluteError,
    /// Binary cross-entropy of outputs as logits; targets are the probabilities of events, 0 or 1 where they are known.
    BinaryCrossEntropy = binary_cross_entropy::BinaryCrossEntropy,
}

impl Loss {
    /// The default loss for targets of this kind.
    pub fn for_targets(targets: Targets) -> Loss {
        LossName::for_targets(targets).configured(&Hyperparameters::default())
    }

    /// The loss of a model that gives all classes the same probability; `None` where there are no classes.
    pub fn of_guessing(&self, targets: Targets) -> Option<f64> {
        self.function().of_guessing(targets)
    }
}

impl LossName {
    /// The default loss for targets of this kind.
    pub fn for_targets(targets: Targets) -> LossName {
        let wanted = TargetKind::of(targets);
        let default = Hyperparameters::default();
        let fits = |name: &&LossName| name.configured(&default).function().compares_with() == wanted;
        *LossName::ALL
            .iter()
            .find(fits)
            .expect("a loss exists for labels and one for numbers; a test looks for both")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_targets_has_a_default() {
        assert_eq!(LossName::for_targets(Targets::Classes(3)), LossName::CrossEntropy);
        assert_eq!(LossName::for_targets(Targets::Values(3)), LossName::Mse);
        assert_eq!(Loss::for_targets(Targets::Classes(3)), Loss::cross_entropy(0.0));
        assert_eq!(Loss::for_targets(Targets::Values(1)), Loss::mse());
    }
}
