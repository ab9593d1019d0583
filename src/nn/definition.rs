//! What a module declares about itself for inputs of one shape: a tree of names, shapes and counts.

use super::initializer::Initializer;
use super::module::Module;
use super::summary::ModuleReport;
use crate::error::{Error, Result};
use crate::shape::elements;
use std::collections::HashSet;

/// The most parameters, multiply-adds or activations that a model is counted for: their bytes fit 64 bits as well.
const COUNTABLE: u64 = u64::MAX / 16;

/// What a module owns and costs for inputs of one shape. [`Module::define`] fills it in.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The module's dotted name; empty for the model itself.
    path: String,
    kind: &'static str,
    output: Vec<usize>,
    parameters: Vec<Declared>,
    buffers: Vec<Declared>,
    macs: u64,
    activations: Option<u64>,
    modules: Vec<(String, Definition)>,
}

/// A parameter or a buffer that a module asks for.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    pub name: String,
    pub shape: Vec<usize>,
    pub initializer: Initializer,
}

impl Definition {
    /// What `module` declares for samples of shape `input`, with all modules inside it.
    pub(super) fn of<M: Module + ?Sized>(module: &M, input: &[usize]) -> Result<Definition> {
        let definition = Definition::at(String::new(), module, input)?;
        definition.check_names(&mut HashSet::new())?;
        Ok(definition)
    }

    fn at<M: Module + ?Sized>(path: String, module: &M, input: &[usize]) -> Result<Definition> {
        let mut definition = Definition {
            path,
            kind: module.kind(),
            output: Vec::new(),
            parameters: Vec::new(),
            buffers: Vec::new(),
            macs: 0,
            activations: None,
            modules: Vec::new(),
        };
        let output = module.define(input, &mut definition).map_err(|e| e.in_module(&definition.path))?;
        definition.output = output;
        Ok(definition)
    }

    /// Declares a parameter: values that are trained, and that [`Scope::parameter`](super::Scope::parameter) returns by
    /// this name. The last two axes of the shape are inputs and outputs, those before them positions: the fans of the
    /// initialiser follow from that, as in Keras.
    pub fn parameter(&mut self, name: impl Into<String>, shape: &[usize], initializer: Initializer) {
        self.parameters.push(Declared { name: name.into(), shape: shape.to_vec(), initializer });
    }

    /// Declares a buffer: values that are saved with the parameters and not trained, such as running statistics.
    /// [`Scope::buffer`](super::Scope::buffer) returns them by this name, [`Scope::set_buffer`](super::Scope::set_buffer)
    /// changes them in training.
    pub fn buffer(&mut self, name: impl Into<String>, shape: &[usize], initializer: Initializer) {
        self.buffers.push(Declared { name: name.into(), shape: shape.to_vec(), initializer });
    }

    /// Declares a module inside this one, whose input has the shape `input`, and returns the shape of its output.
    /// [`Scope::forward`](super::Scope::forward) runs it by this name.
    ///
    /// # Errors
    /// What the module refuses, with its dotted name.
    pub fn module(
        &mut self,
        name: impl Into<String>,
        module: &(impl Module + ?Sized),
        input: &[usize],
    ) -> Result<Vec<usize>> {
        let name = name.into();
        let inner = Definition::at(dotted(&self.path, &name), module, input)?;
        let output = inner.output.clone();
        self.modules.push((name, inner));
        Ok(output)
    }

    /// Declares multiply-accumulate operations for one sample, beside those of the modules inside. Only those of matrix
    /// products and convolutions count, as is the custom.
    pub fn macs(&mut self, count: u64) {
        self.macs = self.macs.saturating_add(count);
    }

    /// Declares how many values this module's own ops put out for one sample, beside those of the modules inside.
    /// Without it, these are the values of the output where there are no modules inside, and none where there are.
    pub fn activations(&mut self, count: u64) {
        self.activations = Some(count);
    }

    /// Whether this is the model itself, and no module inside another.
    pub fn is_root(&self) -> bool {
        self.path.is_empty()
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn output(&self) -> &[usize] {
        &self.output
    }

    pub(super) fn modules(&self) -> &[(String, Definition)] {
        &self.modules
    }

    pub(super) fn parameters(&self) -> &[Declared] {
        &self.parameters
    }

    pub(super) fn buffers(&self) -> &[Declared] {
        &self.buffers
    }

    /// What `list` names of this module and of those inside it, each with its dotted name: a module's own before those
    /// inside it.
    pub(super) fn all(&self, list: fn(&Definition) -> &[Declared]) -> Vec<(String, &Declared)> {
        let own = list(self).iter().map(|declared| (dotted(&self.path, &declared.name), declared));
        own.chain(self.modules.iter().flat_map(|(_, inner)| inner.all(list))).collect()
    }

    /// Refuses names that are empty or declared twice: in a file a name is one tensor, and a module's random numbers
    /// follow from its name.
    fn check_names(&self, taken: &mut HashSet<String>) -> Result<()> {
        let own = self.parameters.iter().chain(&self.buffers).map(|declared| &declared.name);
        for name in own.chain(self.modules.iter().map(|(name, _)| name)) {
            if name.split('.').any(str::is_empty) {
                return Err(Error::Config {
                    what: format!("module {}", self.named()),
                    problem: format!(
                        "it declares the name {name:?}; names and the parts between dots are not empty"
                    ),
                });
            }
            let name = dotted(&self.path, name);
            if taken.contains(&name) {
                return Err(Error::Config {
                    what: format!("module {}", self.named()),
                    problem: format!(
                        "it declares {name} twice; parameters, buffers and modules need different names"
                    ),
                });
            }
            taken.insert(name);
        }
        self.modules.iter().try_for_each(|(_, inner)| inner.check_names(taken))
    }

    /// For messages: `layers.0 (Dense)`.
    fn named(&self) -> String {
        if self.is_root() { self.kind.to_string() } else { format!("{} ({})", self.path, self.kind) }
    }

    /// The module with all that is inside it, counted.
    ///
    /// # Errors
    /// [`Error::Uncountable`] where a sum exceeds 64 bits.
    pub(super) fn report(&self) -> Result<ModuleReport> {
        let count = |list: &[Declared]| {
            list.iter().map(|declared| elements(&declared.shape)).fold(0, usize::saturating_add) as u64
        };
        let activations = match self.activations {
            Some(declared) => declared,
            None if self.modules.is_empty() => elements(&self.output) as u64,
            None => 0,
        };
        let mut report = ModuleReport {
            name: self.path.clone(),
            kind: self.kind.to_string(),
            output_shape: self.output.clone(),
            parameters: count(&self.parameters),
            buffers: count(&self.buffers),
            macs: self.macs,
            activations,
            modules: Vec::with_capacity(self.modules.len()),
        };
        report.check()?;
        for (_, inner) in &self.modules {
            let inner = inner.report()?;
            report.parameters = report.parameters.saturating_add(inner.parameters);
            report.buffers = report.buffers.saturating_add(inner.buffers);
            report.macs = report.macs.saturating_add(inner.macs);
            report.activations = report.activations.saturating_add(inner.activations);
            report.check()?;
            report.modules.push(inner);
        }
        Ok(report)
    }
}

impl ModuleReport {
    fn check(&self) -> Result<()> {
        let counts = [
            ("parameters", self.parameters),
            ("buffers", self.buffers),
            ("multiply-adds", self.macs),
            ("activations", self.activations),
        ];
        match counts.into_iter().find(|(_, count)| *count > COUNTABLE) {
            Some((counted, _)) => {
                let name = if self.name.is_empty() { "" } else { " " };
                Err(Error::Uncountable { what: format!("{}{name}{}", self.kind, self.name), counted })
            }
            None => Ok(()),
        }
    }
}

/// A name inside the module of this dotted name.
pub(super) fn dotted(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_string() } else { format!("{path}.{name}") }
}
