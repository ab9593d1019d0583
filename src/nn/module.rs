//! What a module is: data that says what it owns, what it makes of a shape, and how it computes.

use super::definition::Definition;
use super::model::Model;
use super::precision::{Precision, Types};
use super::scope::Scope;
use super::summary::{ModuleReport, table};
use crate::device::{DType, Device};
use crate::error::Result;
use crate::tensor::Tensor;
use std::fmt::Debug;
use std::sync::Arc;

/// A layer, a block of layers, or a whole model, before it has seen a device: the same value describes it, counts its
/// cost and computes it. [`build`](Module::build) puts its parameters on a device.
///
/// Shapes are those of one sample, without the batch: `[height, width, channels]` or `[features]`.
///
/// ```
/// use allometry::nn::{Definition, Initializer, Module, Scope};
/// use allometry::{Device, Result, Tensor};
///
/// /// Multiplies each channel by a factor that is trained.
/// #[derive(Clone, Debug)]
/// struct Scale;
///
/// impl Module for Scale {
///     fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
///         definition.parameter("scale", &input[input.len() - 1..], Initializer::Ones);
///         Ok(input.to_vec())
///     }
///
///     fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
///         x.mul(scope.parameter("scale")?)
///     }
/// }
///
/// # fn main() -> Result<()> {
/// let model = Scale.build(&Device::cpu(), &[2], 0)?;
/// model.parameters().set("scale", &[3.0, 0.5])?;
/// let y = model.predict(&model.batch(&[1.0, 2.0, 10.0, 20.0])?)?;
/// assert_eq!(y.to_vec::<f32>()?, [3.0, 1.0, 30.0, 10.0]);
/// # Ok(())
/// # }
/// ```
///
/// A module that contains others declares each with [`Definition::module`] and runs it with [`Scope::forward`]:
///
/// ```
/// use allometry::nn::{Activation, Definition, Dense, Module, Scope};
/// use allometry::{Result, Tensor};
///
/// /// Weighs the channels of an image by what it holds of each (Hu et al. 2018).
/// #[derive(Clone, Debug)]
/// struct SqueezeExcitation {
///     squeeze: Dense,
///     expand: Dense,
/// }
///
/// impl SqueezeExcitation {
///     fn new(channels: usize, squeezed: usize) -> SqueezeExcitation {
///         SqueezeExcitation {
///             squeeze: Dense::new(squeezed).activation(Activation::Silu),
///             expand: Dense::new(channels).activation(Activation::Sigmoid),
///         }
///     }
/// }
///
/// impl Module for SqueezeExcitation {
///     fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
///         let squeezed = definition.module("squeeze", &self.squeeze, &input[2..])?;
///         definition.module("expand", &self.expand, &squeezed)?;
///         Ok(input.to_vec())
///     }
///
///     fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
///         let squeezed = scope.forward("squeeze", &self.squeeze, &x.global_average_pool2d()?)?;
///         let weights = scope.forward("expand", &self.expand, &squeezed)?;
///         x.mul(&weights.reshape([x.shape()[0], 1, 1, x.shape()[3]])?)
///     }
/// }
///
/// let report = SqueezeExcitation::new(16, 4).describe(&[8, 8, 16])?;
/// assert_eq!(report.parameters, 16 * 4 + 4 + 4 * 16 + 16);
/// assert_eq!(report.modules[0].name, "squeeze");
/// # Ok::<(), allometry::Error>(())
/// ```
pub trait Module: Debug + Send + Sync {
    /// What [`summary`](Module::summary) calls it: the name of the type, or another.
    fn kind(&self) -> &'static str {
        let path = std::any::type_name::<Self>();
        let path = path.split_once('<').map_or(path, |(path, _)| path);
        path.rsplit_once("::").map_or(path, |(_, name)| name)
    }

    /// The shape of the output for an input of this shape. Declares parameters, buffers, modules and MACs to
    /// `definition`. Takes no device: models are counted with this.
    ///
    /// # Errors
    /// Where the module can't take an input of this shape.
    fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>>;

    /// The output for a batch, whose first axis counts the samples. `scope` has what
    /// [`define`](Module::define) declared, and the mode.
    ///
    /// # Errors
    /// What the ops return.
    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor>;

    /// The modules that this one runs one after the other, if it does nothing else, in the order in which
    /// [`define`](Module::define) declares them: a training step can then recompute the activations of some at a time.
    fn row(&self) -> Option<Vec<Arc<dyn Module>>> {
        None
    }

    /// What the module and those inside it are and cost, as a tree.
    ///
    /// # Errors
    /// Those of the first module that can't take what reaches it; [`Error::Uncountable`](crate::Error::Uncountable)
    /// where a sum over the modules exceeds 64 bits.
    fn describe(&self, input: &[usize]) -> Result<ModuleReport> {
        Definition::of(self, input)?.report()
    }

    /// The modules as a table: output shape, parameters, MACs and bytes of output per sample, all levels of nested
    /// modules.
    ///
    /// # Errors
    /// Those of [`describe`](Module::describe).
    fn summary(&self, input: &[usize]) -> Result<String> {
        self.summary_to(usize::MAX, input)
    }

    /// The same with at most so many levels of nested modules.
    ///
    /// # Errors
    /// Those of [`describe`](Module::describe).
    fn summary_to(&self, levels: usize, input: &[usize]) -> Result<String> {
        Ok(table(&self.describe(input)?, levels))
    }

    /// Draws the parameters for samples of shape `input` and puts them on `device`, in f32.
    ///
    /// # Errors
    /// Those of [`describe`](Module::describe); [`Error::Config`](crate::Error::Config) for names that stand for two
    /// things; no memory.
    fn build(&self, device: &Device, input: &[usize], seed: u64) -> Result<Model>
    where
        Self: Clone + Sized + 'static,
    {
        self.build_in(Precision::F32, device, input, seed)
    }

    /// The same in f32 or in mixed precision.
    ///
    /// # Errors
    /// Those of [`build`](Module::build); [`Error::DType`](crate::Error::DType) on a device without 16-bit floats.
    fn build_in(&self, precision: Precision, device: &Device, input: &[usize], seed: u64) -> Result<Model>
    where
        Self: Clone + Sized + 'static,
    {
        Model::new(Arc::new(self.clone()), precision.types(), device, input, seed)
    }

    /// The same in another float type: f64 on the CPU device, to check gradients.
    ///
    /// # Errors
    /// Those of [`build`](Module::build); [`Error::DType`](crate::Error::DType) for a type that the device has not.
    fn build_as(&self, device: &Device, dtype: DType, input: &[usize], seed: u64) -> Result<Model>
    where
        Self: Clone + Sized + 'static,
    {
        Model::new(Arc::new(self.clone()), Types::of(dtype), device, input, seed)
    }
}

/// A shared module, for models that are put together at run time.
impl<M: Module + ?Sized> Module for Arc<M> {
    fn kind(&self) -> &'static str {
        (**self).kind()
    }

    fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
        (**self).define(input, definition)
    }

    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
        (**self).forward(x, scope)
    }

    fn row(&self) -> Option<Vec<Arc<dyn Module>>> {
        (**self).row()
    }
}
