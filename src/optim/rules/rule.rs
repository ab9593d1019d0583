//! What an update rule is.

use super::kernels::With;
use crate::error::Result;
use crate::optim::Hyperparameters;
use crate::tensor::Tensor;

/// The learning rate and the place of a step in the training.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The learning rate.
    pub rate: f64,
    /// The weight decay of these parameters: that of the rule, or 0 for parameters that are exempt.
    pub weight_decay: f64,
    /// The number of the step, counted from 1.
    pub number: u64,
}

/// The tensors of a step.
#[derive(Clone, Copy)]
pub struct Operands<'a> {
    /// The parameters that the step updates.
    pub parameters: &'a Tensor,
    /// Their gradient.
    pub gradient: &'a Tensor,
    /// As many tensors of their shape as [`UpdateRule::moments`] says: zeros before the first step. The step updates
    /// them.
    pub moments: &'a [Tensor],
    /// What the gradient is multiplied by.
    pub with: With<'a>,
}

/// An update rule with its constants.
pub trait UpdateRule {
    /// Names of the fields of [`TrainConfig`](crate::train::TrainConfig) that the rule takes its constants from.
    /// Configurations that set others of a rule's fields are refused.
    fn hyperparameters() -> &'static [&'static str]
    where
        Self: Sized;

    /// The rule with the constants of a configuration.
    fn configured(values: &Hyperparameters) -> Self
    where
        Self: Sized;

    /// Checks that the constants suit each other.
    ///
    /// # Errors
    /// What is wrong, for the error of a configuration.
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }

    /// The rule with constants such that each of its kernels runs for one of them.
    fn variants() -> Vec<Self>
    where
        Self: Sized + Default,
    {
        vec![Self::default()]
    }

    /// The number of moments: tensors like the parameters that a step hands on to the next.
    fn moments(&self) -> usize;

    /// The weight decay; 0 for rules without one.
    fn weight_decay(&self) -> f64 {
        0.0
    }

    /// Whether weight decay is subtracted from the weights (decoupled), not added to their gradients.
    fn has_decoupled_decay(&self) -> bool {
        false
    }

    /// Adam's betas, from which the corrections of the first steps are computed in mixed precision; zeros for rules
    /// without corrections.
    fn betas(&self) -> [f64; 2] {
        [0.0; 2]
    }

    /// Makes a step: updates parameters and moments.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the tensors are not packed or differ in shape;
    /// [`Error::DType`](crate::Error::DType) and [`Error::Placement`](crate::Error::Placement) if element types or
    /// devices differ.
    fn update(&self, step: &Step, operands: &Operands) -> Result<()>;
}
