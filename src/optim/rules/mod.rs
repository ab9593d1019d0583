//! The update rules, one file each: constants with their defaults, the fields of configurations that they come from,
//! kernels with their reference, and the function that runs them.
//!
//! A rule is a type that implements [`UpdateRule`]. To add one, write a file here, its `mod` line, and its row in the
//! table below.

pub mod adam;
mod kernels;
pub mod lion;
pub mod rmsprop;
mod rule;
pub mod sgd;

pub use kernels::{Mixed, With};
pub use rule::{Operands, Step, UpdateRule};

use super::Hyperparameters;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Declares the enumerations of update rules, from rows of types and modules. The row
///
/// ```text
/// /// Adam with decoupled weight decay.
/// AdamW = adam,
/// ```
///
/// expands to the variants `Algorithm::AdamW(adam::AdamW)` and `OptimizerName::AdamW` with their documentation, which is
/// also the help text of the name `adamw`; the conversion `From<adam::AdamW> for Algorithm`; its element of
/// `OptimizerName::ALL`; and an arm of each function below. The first line names the default.
macro_rules! rules {
    (default $default:ident; $($(#[$doc:meta])* $rule:ident = $module:ident,)*) => {
        /// An update rule with its constants, as data. The arithmetic is that of `torch.optim`; that of Lion is the
        /// paper's, that of RMSprop is TensorFlow's.
        #[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum Algorithm { $($(#[$doc])* $rule($module::$rule),)* }

        /// The optimisers, by name.
        #[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        #[value(rename_all = "lowercase")]
        pub enum OptimizerName { $($(#[$doc])* $rule,)* }

        impl Default for OptimizerName {
            fn default() -> OptimizerName {
                OptimizerName::$default
            }
        }

        $(impl From<$module::$rule> for Algorithm {
            fn from(rule: $module::$rule) -> Algorithm {
                Algorithm::$rule(rule)
            }
        })*

        impl Algorithm {
            /// The rule.
            pub fn rule(&self) -> &dyn UpdateRule {
                match self { $(Algorithm::$rule(rule) => rule,)* }
            }
        }

        impl OptimizerName {
            /// Every optimiser.
            pub const ALL: &[OptimizerName] = &[$(OptimizerName::$rule),*];

            /// [`UpdateRule::hyperparameters`] of the rule.
            pub fn hyperparameters(self) -> &'static [&'static str] {
                match self { $(OptimizerName::$rule => $module::$rule::hyperparameters(),)* }
            }

            /// [`UpdateRule::configured`] of the rule.
            pub fn configured(self, values: &Hyperparameters) -> Algorithm {
                match self { $(OptimizerName::$rule => $module::$rule::configured(values).into(),)* }
            }

            /// [`UpdateRule::variants`] of the rule.
            pub fn variants(self) -> Vec<Algorithm> {
                match self {
                    $(OptimizerName::$rule => {
                        $module::$rule::variants().into_iter().map(Algorithm::from).collect()
                    })*
                }
            }
        }
    };
}

rules! {
    default Adam;
    /// Stochastic gradient descent, with or without momentum.
    Sgd = sgd,
    /// Adam (Kingma and Ba 2015).
    Adam = adam,
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    AdamW = adam,
    /// Signs of a mean of gradients, with decoupled weight decay (Chen et al. 2023).
    Lion = lion,
    /// RMSprop in TensorFlow's form, as EfficientNet was trained (Tan and Le 2019).
    RmsProp = rmsprop,
}

impl Algorithm {
    /// The weight decay; 0 for rules without one.
    pub fn weight_decay(self) -> f64 {
        self.rule().weight_decay()
    }

    /// Whether weight decay is subtracted from the weights (decoupled), not added to their gradients.
    pub fn has_decoupled_decay(self) -> bool {
        self.rule().has_decoupled_decay()
    }
}
