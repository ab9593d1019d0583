//! What a module sees while it computes: its parameters, its buffers, the mode, and the modules inside it.

use super::buffers::Slot;
use super::definition::{Definition, dotted};
use super::module::Module;
use super::observe;
use crate::autograd::wanted;
use crate::device::memory::{Category, allocating};
use crate::error::{Error, Result, listed};
use crate::ops::RandomKey;
use crate::tensor::Tensor;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What kind of forward pass this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Evaluation and prediction: nothing is random, buffers don't change.
    Eval,
    /// Training, with the key of this module's random numbers. It follows from the seed, the step and the module's dotted
    /// name, not from its place in the model.
    Train(RandomKey),
}

/// What a module sees of its model in a forward pass.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    state: &'a State,
    pass: Pass,
}

/// A forward pass of the whole model.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pass {
    Evaluation,
    Training { seed: u32, step: u32 },
}

impl<'a> Scope<'a> {
    /// The module's dotted name; empty for the model itself.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// The mode, in training with the random key of this step and module. One key is for one draw: a module that draws
    /// several times declares several modules, such as [`Dropout`](super::Dropout).
    pub fn mode(&self) -> Mode {
        match self.pass {
            Pass::Evaluation => Mode::Eval,
            Pass::Training { seed, step } => Mode::Train(RandomKey { seed, step, module: self.state.key }),
        }
    }

    /// The parameter that [`define`](Module::define) declared by this name, as the passes read it: f16 in mixed
    /// precision.
    ///
    /// # Errors
    /// [`Error::Config`] if it declared none of this name.
    pub fn parameter(&self, name: &str) -> Result<&'a Tensor> {
        let found = self.state.parameters.iter().find(|(own, _)| own == name);
        found.map(|(_, tensor)| tensor).ok_or_else(|| {
            self.state.unknown("parameter", name, self.state.parameters.iter().map(|(own, _)| own))
        })
    }

    /// The present values of the buffer that [`define`](Module::define) declared by this name, in the type in which
    /// parameters are updated: f32 in mixed precision.
    ///
    /// # Errors
    /// [`Error::Config`] if it declared none of this name.
    pub fn buffer(&self, name: &str) -> Result<Tensor> {
        self.slot(name).map(Slot::get)
    }

    /// Replaces the values of a buffer. The graph, if `values` has one, ends here, and the type is the buffer's.
    ///
    /// # Errors
    /// [`Error::Config`] if [`define`](Module::define) declared no buffer of this name, and in evaluation, which changes
    /// nothing; [`Error::Shape`] for another shape.
    pub fn set_buffer(&self, name: &str, values: &Tensor) -> Result<()> {
        if let Pass::Evaluation = self.pass {
            return Err(Error::Config {
                what: format!("buffer {}", dotted(&self.state.name, name)),
                problem: "evaluation changes no buffers; set it where the mode is Train".to_string(),
            });
        }
        self.slot(name)?.set(values)
    }

    fn slot(&self, name: &str) -> Result<&'a Slot> {
        let found = self.state.buffers.iter().find(|(own, _)| own == name);
        found
            .map(|(_, slot)| slot)
            .ok_or_else(|| self.state.unknown("buffer", name, self.state.buffers.iter().map(|(own, _)| own)))
    }

    /// What the module that [`define`](Module::define) declared by this name sees.
    ///
    /// # Errors
    /// [`Error::Config`] if it declared none of this name.
    pub(super) fn module(&self, name: &str) -> Result<Scope<'a>> {
        let found = self.state.modules.iter().find(|(own, _)| own == name);
        let (_, state) = found.ok_or_else(|| {
            self.state.unknown("module", name, self.state.modules.iter().map(|(own, _)| own))
        })?;
        Ok(Scope { state, pass: self.pass })
    }

    /// What `compute` makes of `sources`, parameters and buffers, of which it is a function. In evaluation without a
    /// graph it is kept until one of the sources changes, or the module's next training step; otherwise it is computed
    /// each time.
    ///
    /// # Errors
    /// What `compute` returns.
    pub(super) fn derived<const N: usize>(
        &self,
        sources: &[&Tensor],
        compute: impl FnOnce() -> Result<[Tensor; N]>,
    ) -> Result<[Tensor; N]> {
        if matches!(self.pass, Pass::Training { .. }) || wanted(sources) {
            return compute();
        }
        let mut kept = self.state.derived();
        let versions: Vec<u64> = sources.iter().map(|source| source.version()).collect();
        let present = kept.take().filter(|derived| derived.versions == versions);
        let values = present.and_then(|derived| <[Tensor; N]>::try_from(derived.values).ok());
        let values = match values {
            Some(values) => values,
            None => {
                let _category = allocating(Category::Parameters);
                compute()?
            }
        };
        *kept = Some(Derived { versions, values: values.to_vec() });
        Ok(values)
    }

    /// Runs the module that [`define`](Module::define) declared by this name.
    ///
    /// # Errors
    /// [`Error::Config`] if it declared none of this name; what the module returns, with its dotted name.
    pub fn forward(&self, name: &str, module: &(impl Module + ?Sized), x: &Tensor) -> Result<Tensor> {
        self.module(name)?.state.forward(module, x, self.pass)
    }

    /// Runs the module that was declared as number `index`.
    pub(super) fn forward_nth(
        &self,
        index: usize,
        module: &(impl Module + ?Sized),
        x: &Tensor,
    ) -> Result<Tensor> {
        self.state.modules[index].1.forward(module, x, self.pass)
    }
}

/// What a module and those inside it own on a device.
pub(super) struct State {
    /// Dotted; empty for the model itself.
    name: String,
    /// Of the module's random numbers.
    key: u32,
    /// Values of the output for one sample.
    activations: u64,
    parameters: Vec<(String, Tensor)>,
    buffers: Vec<(String, Slot)>,
    modules: Vec<(String, Arc<State>)>,
    /// Shared by states of one module with other parameters: the versions tell them apart.
    derived: Arc<Mutex<Option<Derived>>>,
}

/// Values computed from parameters and buffers.
struct Derived {
    /// Of what they were computed from.
    versions: Vec<u64>,
    values: Vec<Tensor>,
}

impl State {
    /// For a module as it was defined, with its parameters and buffers in the order of [`Definition::all`].
    pub fn new(
        definition: &Definition,
        parameters: &mut impl Iterator<Item = Tensor>,
        buffers: &mut impl Iterator<Item = Slot>,
    ) -> Result<State> {
        let own = definition.parameters().iter().map(|declared| declared.name.clone());
        let own = own.zip(&mut *parameters).collect();
        let slots = definition.buffers().iter().map(|declared| declared.name.clone());
        let slots = slots.zip(&mut *buffers).collect();
        let inner = |(name, inner): &(String, Definition)| {
            Ok((name.clone(), Arc::new(State::new(inner, parameters, buffers)?)))
        };
        Ok(State {
            name: definition.path().to_string(),
            key: crc32fast::hash(definition.path().as_bytes()),
            activations: definition.report()?.activations,
            parameters: own,
            buffers: slots,
            modules: definition.modules().iter().map(inner).collect::<Result<_>>()?,
            derived: Arc::default(),
        })
    }

    pub fn activations(&self) -> u64 {
        self.activations
    }

    /// The state of module number `index` inside this one.
    pub fn module(&self, index: usize) -> &Arc<State> {
        &self.modules[index].1
    }

    fn derived(&self) -> MutexGuard<'_, Option<Derived>> {
        // Its contents are whole also where a thread panicked.
        self.derived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The output of `module`, whose state this is.
    pub fn forward(&self, module: &(impl Module + ?Sized), x: &Tensor, pass: Pass) -> Result<Tensor> {
        if let Pass::Training { .. } = pass {
            *self.derived() = None;
        }
        let output = module.forward(x, &Scope { state: self, pass });
        let output = output.map_err(|error| error.in_module(&self.name))?;
        observe::output(&self.name, &output)?;
        Ok(output)
    }

    /// All parameters, in the order of [`Definition::all`].
    pub fn parameters(&self) -> Vec<Tensor> {
        let own = self.parameters.iter().map(|(_, tensor)| tensor.clone());
        own.chain(self.modules.iter().flat_map(|(_, inner)| inner.parameters())).collect()
    }

    /// The same state with other parameters, in the order of [`Definition::all`].
    pub fn with_parameters(&self, parameters: &mut impl Iterator<Item = Tensor>) -> State {
        self.map(parameters, Slot::clone)
    }

    /// A copy whose buffers have the present values and are nobody else's.
    pub fn snapshot(&self) -> State {
        self.map(&mut self.parameters().into_iter(), Slot::snapshot)
    }

    fn map(&self, parameters: &mut impl Iterator<Item = Tensor>, slot: fn(&Slot) -> Slot) -> State {
        let own = self.parameters.iter().map(|(name, _)| name.clone()).zip(&mut *parameters).collect();
        let inner = self.modules.iter();
        State {
            name: self.name.clone(),
            key: self.key,
            activations: self.activations,
            parameters: own,
            buffers: self.buffers.iter().map(|(name, own)| (name.clone(), slot(own))).collect(),
            modules: inner.map(|(name, s)| (name.clone(), Arc::new(s.map(parameters, slot)))).collect(),
            derived: self.derived.clone(),
        }
    }

    fn unknown<'n>(&self, what: &str, name: &str, known: impl Iterator<Item = &'n String>) -> Error {
        let known: Vec<&String> = known.collect();
        let module = if self.name.is_empty() { "the model".to_string() } else { self.name.clone() };
        Error::Config {
            what: format!("{what} {name}"),
            problem: format!(
                "{module} declares none of this name, but {}; declare it in define()",
                listed(&known)
            ),
        }
    }
}
