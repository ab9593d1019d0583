//! Modules in a row.

use super::definition::Definition;
use super::module::Module;
use super::scope::Scope;
use crate::error::Result;
use crate::tensor::Tensor;
use std::sync::Arc;

/// Modules in a row: each takes the output of the one before.
///
/// ```
/// use allometry::nn::{Activation, Dense, Module, Sequential};
/// let layers = Sequential::new().add(Dense::new(64).activation(Activation::Relu)).add(Dense::new(1));
/// assert_eq!(layers.describe(&[20])?.parameters, 20 * 64 + 64 + 64 + 1);
/// # Ok::<(), allometry::Error>(())
/// ```
///
/// A module is named by its number, or as [`add_named`](Sequential::add_named) says. Where the row is the model itself
/// the numbered ones are `layers.0`, `layers.1`, …: their parameters are `layers.0.kernel` and so on.
#[derive(Clone, Debug, Default)]
pub struct Sequential {
    layers: Vec<(Option<String>, Arc<dyn Module>)>,
}

impl Sequential {
    /// An empty row, which returns its input.
    pub fn new() -> Sequential {
        Sequential::default()
    }

    /// Appends a module, named by its number.
    #[allow(clippy::should_implement_trait)] // Keras' name; layers don't add up to numbers.
    pub fn add(mut self, module: impl Module + 'static) -> Sequential {
        self.layers.push((None, Arc::new(module)));
        self
    }

    /// Appends a module of this name.
    pub fn add_named(mut self, name: impl Into<String>, module: impl Module + 'static) -> Sequential {
        self.layers.push((Some(name.into()), Arc::new(module)));
        self
    }

    /// The modules, in order.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = &Arc<dyn Module>> {
        self.layers.iter().map(|(_, module)| module)
    }
}

impl Module for Sequential {
    fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
        let mut shape = input.to_vec();
        for (index, (name, module)) in self.layers.iter().enumerate() {
            let name = match name {
                Some(name) => name.clone(),
                None if definition.is_root() => format!("layers.{index}"),
                None => index.to_string(),
            };
            shape = definition.module(name, module, &shape)?;
        }
        definition.activations(0);
        Ok(shape)
    }

    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
        let mut layers = self.layers().enumerate();
        layers.try_fold(x.clone(), |x, (index, module)| scope.forward_nth(index, module, &x))
    }

    fn row(&self) -> Option<Vec<Arc<dyn Module>>> {
        Some(self.layers().cloned().collect())
    }
}
