//! A module with its parameters on a device.

use super::buffers::Buffers;
use super::definition::Definition;
use super::module::Module;
use super::parameters::{Parameters, upload};
use super::precision::Types;
use super::recompute::{Unit, recomputed_segments, run_recomputed};
use super::scope::{Pass, State};
use crate::autograd::no_grad;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::shape::{Shape, elements};
use crate::tensor::Tensor;
use std::sync::Arc;

/// A module with its parameters and buffers on a device. [`Module::build`] makes one.
pub struct Model {
    module: Arc<dyn Module>,
    input: Vec<usize>,
    output: Vec<usize>,
    parameters: Parameters,
    buffers: Buffers,
    state: Arc<State>,
    seed: u64,
    /// The parts that run again for their gradients, each as a whole, and those after them that don't; none of either
    /// where activations are kept.
    recomputed: (Vec<Vec<Unit>>, Vec<Unit>),
}

impl Model {
    pub(super) fn new(
        module: Arc<dyn Module>,
        types: Types,
        device: &Device,
        input: &[usize],
        seed: u64,
    ) -> Result<Model> {
        let definition = Definition::of(&module, input)?;
        let parameters = Parameters::new(device, types, &definition.all(Definition::parameters), seed)?;
        let tensors = parameters.tensors();
        let declared = definition.all(Definition::buffers);
        let buffers = Buffers::new(device, types.master, &declared, seed, tensors.len())?;
        let state = State::new(&definition, &mut tensors.into_iter(), &mut buffers.slots())?;
        Ok(Model {
            module,
            input: input.to_vec(),
            output: definition.output().to_vec(),
            parameters,
            buffers,
            state: Arc::new(state),
            seed,
            recomputed: Default::default(),
        })
    }

    /// Whether [`train`](Model::train) keeps few activations for their gradients, and the backward pass computes the
    /// others again: less memory for at most another forward pass, and the same numbers. The layers of a
    /// [`Sequential`](super::Sequential), and of those directly inside it, run again in segments, of which only the
    /// inputs are kept; their sizes decide where it is cut. Other modules keep their activations.
    pub fn with_recompute(self, recompute: bool) -> Model {
        let mut units = if recompute { Unit::of(&self.module, &self.state) } else { Vec::new() };
        let sizes: Vec<u64> = units.iter().map(Unit::activations).collect();
        let mut segments = Vec::new();
        for segment in recomputed_segments(&sizes) {
            let rest = units.split_off(segment.len());
            segments.push(std::mem::replace(&mut units, rest));
        }
        if segments.is_empty() {
            units.clear();
        }
        Model { recomputed: (segments, units), ..self }
    }

    /// The module that this model was built from.
    pub fn module(&self) -> &dyn Module {
        &*self.module
    }

    /// The shape of a sample.
    pub fn input_shape(&self) -> &[usize] {
        &self.input
    }

    /// The shape of a sample's output.
    pub fn output_shape(&self) -> &[usize] {
        &self.output
    }

    /// The values that are trained.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The values that are saved and not trained.
    pub fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    /// The forward pass of training step `step`, with a graph; the step decides what dropout drops. Changes the buffers.
    /// In mixed precision the output is f32, for the loss.
    ///
    /// # Errors
    /// [`Error::Shape`] if `x` is no batch `[batch, …]` of this model's samples; what the ops return.
    pub fn train(&self, x: &Tensor, step: u64) -> Result<Tensor> {
        let pass = self.training(step);
        self.run(x, |mut x| {
            let (segments, rest) = &self.recomputed;
            if segments.is_empty() {
                return self.state.forward(&self.module, &x, pass);
            }
            for segment in segments {
                x = run_recomputed(x, segment, pass)?;
            }
            rest.iter().try_fold(x, |x, unit| unit.forward(&x, pass))
        })
    }

    /// The same with other values of the parameters, in the order of [`Parameters::iter`], and without a change of the
    /// buffers: the model as a function of all that it is trained on, for [`gradcheck`](crate::gradcheck::gradcheck).
    ///
    /// # Errors
    /// [`Error::Config`] for another number of parameters; those of [`train`](Model::train).
    pub fn train_at(&self, parameters: &[Tensor], x: &Tensor, step: u64) -> Result<Tensor> {
        let count = self.parameters.iter().count();
        if parameters.len() != count {
            return Err(Error::Config {
                what: "model".to_string(),
                problem: format!("it has {count} parameters, {} are given", parameters.len()),
            });
        }
        let state = self.state.snapshot().with_parameters(&mut parameters.iter().cloned());
        self.run(x, |x| state.forward(&self.module, &x, self.training(step)))
    }

    /// The forward pass without a graph, dropout or memory of intermediate results.
    ///
    /// # Errors
    /// Those of [`train`](Model::train).
    pub fn predict(&self, x: &Tensor) -> Result<Tensor> {
        no_grad(|| self.forward(x))
    }

    /// The forward pass of evaluation with a graph: gradients with respect to the input, say.
    ///
    /// # Errors
    /// Those of [`train`](Model::train).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.run(x, |x| self.state.forward(&self.module, &x, Pass::Evaluation))
    }

    fn training(&self, step: u64) -> Pass {
        Pass::Training { seed: self.seed as u32, step: step as u32 }
    }

    /// Runs `body` on `x` in the type of the weights; the result has the type of the master weights.
    fn run(&self, x: &Tensor, body: impl FnOnce(Tensor) -> Result<Tensor>) -> Result<Tensor> {
        let shape = x.shape();
        if shape.rank() != self.input.len() + 1 || shape[1..] != self.input {
            let expected = format!(
                "[batch, {}]",
                self.input.iter().map(|e| e.to_string()).collect::<Vec<_>>().join(", ")
            );
            return Err(Error::shape("model", &[shape], format!("this model takes {expected}")));
        }
        if !self.parameters.is_mixed() {
            return body(x.clone());
        }
        let x = x.cast(self.parameters.flat()[0].dtype())?;
        body(x)?.cast(self.parameters.master()[0].dtype())
    }

    /// A batch of samples on the model's device, from host values, stored like the weights.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of values is not a multiple of a sample's; no memory.
    pub fn batch(&self, values: &[f32]) -> Result<Tensor> {
        let sample = elements(&self.input).max(1);
        let weights = &self.parameters.flat()[0];
        upload(weights.device(), weights.dtype(), values, self.batch_shape(values.len() / sample)?)
    }

    /// Memory for such a batch; what it holds is not defined.
    pub(crate) fn blank_batch(&self, size: usize) -> Result<Tensor> {
        let weights = &self.parameters.flat()[0];
        Tensor::empty("batch", weights.device(), weights.dtype(), self.batch_shape(size)?)
    }

    fn batch_shape(&self, size: usize) -> Result<Shape> {
        Shape::new(&[&[size], &self.input[..]].concat())
    }
}
