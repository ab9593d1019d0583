//! All parameters of a model in few flat buffers, and their gradients in buffers of the same shape: one dispatch updates
//! them all.

use super::definition::Declared;
use super::precision::Types;
use crate::device::memory::{Category, allocating};
use crate::device::{ALIGNMENT, DType, Device};
use crate::error::{Error, Result, listed};
use crate::shape::{Shape, elements};
use crate::tensor::Tensor;
use half::f16;
use half::slice::HalfFloatSliceExt;
use std::collections::HashMap;
use std::sync::Arc;

/// The trainable values of a model. Clones share the memory.
#[derive(Clone)]
pub struct Parameters {
    entries: Arc<[Entry]>,
    /// Flat buffers, as few as the device's largest tensor allows.
    flat: Arc<[Tensor]>,
    /// The same values in the type that they are updated in; `flat` itself where it has that type.
    master: Arc<[Tensor]>,
    /// Where the vectors of each flat buffer begin, in elements: parameters of one axis or none come after all others.
    vectors: Arc<[usize]>,
}

struct Entry {
    name: String,
    /// A leaf of the graph that lies in `flat[piece]` at `offset`.
    value: Tensor,
    piece: usize,
    offset: usize,
}

/// Gradients of [`Parameters`], laid out like them.
pub(crate) struct FlatGradients {
    flat: Vec<Tensor>,
    slots: HashMap<u64, Tensor>,
}

/// Initial values that are drawn and copied to the device at a time.
const CHUNK: usize = 1 << 16;

impl Parameters {
    /// Draws initial values of `declared`, each with its dotted name, on the host and copies them to the device.
    pub(super) fn new(
        device: &Device,
        types: Types,
        declared: &[(String, &Declared)],
        seed: u64,
    ) -> Result<Parameters> {
        let _category = allocating(Category::Parameters);
        // Every parameter starts where a kernel may bind it, at the same element in either type.
        let align = ALIGNMENT as usize / types.weights.size().min(types.master.size());
        let largest = device.largest_tensor() as usize / types.weights.size().max(types.master.size());
        let mut lengths = vec![0usize];
        let mut places = vec![(0, 0); declared.len()];
        let mut vectors = Vec::new();
        let is_vector = |index: &usize| declared[*index].1.shape.len() < 2;
        let mut order: Vec<usize> = (0..declared.len()).collect();
        order.sort_by_key(is_vector);
        for index in order {
            let spec = declared[index].1;
            if is_vector(&index) && vectors.is_empty() {
                vectors.clone_from(&lengths);
            }
            let length = elements(&spec.shape).checked_next_multiple_of(align).unwrap_or(usize::MAX);
            let mut piece = lengths.len() - 1;
            if lengths[piece] > 0 && lengths[piece].saturating_add(length) > largest {
                lengths.push(0);
                piece += 1;
            }
            places[index] = (piece, lengths[piece]);
            lengths[piece] = lengths[piece].saturating_add(length);
        }
        if vectors.is_empty() {
            vectors.clone_from(&lengths);
        }
        // Buffers that were begun later hold vectors only.
        vectors.resize(lengths.len(), 0);
        let (mut flat, mut master) = (Vec::with_capacity(lengths.len()), Vec::with_capacity(lengths.len()));
        for (piece, &length) in lengths.iter().enumerate() {
            let values = Tensor::empty("parameters", device, types.master, Shape::from([length.max(1)]))?;
            // A dry device has no use for values.
            if !device.is_dry() {
                if length == 0 {
                    write(&values, 0, &[0.0])?;
                }
                // Some thousand values at a time, and the zeros behind a parameter: the host never holds all of them.
                let here =
                    declared.iter().zip(&places).enumerate().filter(|(_, (_, place))| place.0 == piece);
                for (index, ((_, spec), &(_, offset))) in here {
                    let length = elements(&spec.shape);
                    let mut drawn = initial(spec, seed, index).take(length);
                    let mut chunk = Vec::with_capacity(CHUNK);
                    for start in (0..length.next_multiple_of(align)).step_by(CHUNK) {
                        let end = (start + CHUNK).min(length.next_multiple_of(align));
                        chunk.clear();
                        chunk.extend(drawn.by_ref().take(end - start));
                        chunk.resize(end - start, 0.0);
                        write(&values, offset + start, &chunk)?;
                    }
                }
            }
            master.push(values);
            flat.push(master[piece].cast(types.weights)?);
        }
        let entries = declared
            .iter()
            .zip(places)
            .map(|((name, spec), (piece, offset))| {
                let value = flat[piece].part(offset, Shape::new(&spec.shape)?).requires_grad();
                Ok(Entry { name: name.clone(), value, piece, offset })
            })
            .collect::<Result<_>>()?;
        Ok(Parameters { entries, flat: flat.into(), master: master.into(), vectors: vectors.into() })
    }

    /// Dotted names and values, in the order of the modules, as the passes read them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.entries.iter().map(|entry| (entry.name.as_str(), &entry.value))
    }

    /// The values, in the order of the modules.
    pub fn tensors(&self) -> Vec<Tensor> {
        self.entries.iter().map(|entry| entry.value.clone()).collect()
    }

    /// Number of trainable values.
    pub fn count(&self) -> usize {
        self.entries.iter().map(|entry| entry.value.shape().elements()).sum()
    }

    /// The flat buffers.
    pub fn flat(&self) -> &[Tensor] {
        &self.flat
    }

    /// The flat buffers that are updated: f32 in mixed precision, else [`flat`](Parameters::flat).
    pub fn master(&self) -> &[Tensor] {
        &self.master
    }

    /// Where the vectors of each flat buffer begin, in elements.
    pub(crate) fn vectors(&self) -> &[usize] {
        &self.vectors
    }

    /// Whether the model is in mixed precision: the updated values are then other memory than those the passes read.
    pub fn is_mixed(&self) -> bool {
        self.flat[0].dtype() != self.master[0].dtype()
    }

    /// Dotted names and values, in the order of the modules, as they are updated.
    pub(crate) fn master_values(&self) -> impl Iterator<Item = (&str, Tensor)> {
        self.named(&self.master)
    }

    /// Dotted names and values of flat buffers that are laid out like [`master`](Parameters::master), in the order of
    /// the modules.
    pub(crate) fn named<'a>(&'a self, flat: &'a [Tensor]) -> impl Iterator<Item = (&'a str, Tensor)> {
        self.entries
            .iter()
            .map(|entry| (entry.name.as_str(), flat[entry.piece].part(entry.offset, entry.value.shape())))
    }

    /// In mixed precision, converts the master values to those that the passes read.
    pub(crate) fn refresh(&self) -> Result<()> {
        if self.is_mixed() {
            self.master.iter().zip(self.flat.iter()).try_for_each(|(master, flat)| master.copy_into(flat))?;
        }
        Ok(())
    }

    /// Overwrites the parameter `name`.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown name or another number of values.
    pub fn set(&self, name: &str, values: &[f32]) -> Result<()> {
        self.set_exact(name, &values.iter().map(|&value| value.into()).collect::<Vec<f64>>())
    }

    /// The same in f64, of which models in f64 keep all digits.
    pub(super) fn set_exact(&self, name: &str, values: &[f64]) -> Result<()> {
        let entry = self.entry(name)?;
        let shape = entry.value.shape();
        if shape.elements() != values.len() {
            let problem = format!("{} values given, {} needed for {shape}", values.len(), shape.elements());
            return Err(Error::Config { what: format!("parameter {name}"), problem });
        }
        let master = self.master[entry.piece].part(entry.offset, shape);
        upload_exact(entry.value.device(), master.dtype(), values, shape)?.copy_into(&master)?;
        if self.is_mixed() { master.copy_into(&entry.value) } else { Ok(()) }
    }

    /// Whether a parameter has this name.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name == name)
    }

    /// The parameter `name`, as the passes read it.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown name.
    pub fn get(&self, name: &str) -> Result<&Tensor> {
        self.entry(name).map(|entry| &entry.value)
    }

    fn entry(&self, name: &str) -> Result<&Entry> {
        self.entries.iter().find(|entry| entry.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.entries.iter().map(|e| e.name.as_str()).collect();
            let problem = format!("the model has none of this name; it has {}", listed(&names));
            Error::Config { what: format!("parameter {name}"), problem }
        })
    }

    /// Memory for gradients, zeroed: what lies between two gradients stays zero.
    pub(crate) fn gradients(&self) -> Result<FlatGradients> {
        let _category = allocating(Category::Gradients);
        let zeros = |t: &Tensor| Tensor::zeros(t.device(), t.dtype(), t.shape());
        let flat = self.flat.iter().map(zeros).collect::<Result<Vec<_>>>()?;
        let slots = self
            .entries
            .iter()
            .map(|entry| (leaf(&entry.value), flat[entry.piece].part(entry.offset, entry.value.shape())));
        Ok(FlatGradients { slots: slots.collect(), flat })
    }

    /// The gradients of `loss`, or of `loss` times `scale`, each written by the op that computes it into its place in
    /// `gradients`. A parameter that the loss does not depend on gets zeros.
    ///
    /// # Errors
    /// [`Error::Graph`] for a loss that depends on none of these parameters.
    pub(crate) fn backward(
        &self,
        loss: &Tensor,
        scale: Option<&Tensor>,
        gradients: &FlatGradients,
    ) -> Result<()> {
        if loss.graph().is_none() {
            let problem = "the loss has no graph; compute it from what Model::train returns, outside no_grad";
            return Err(Error::Graph(problem.to_string()));
        }
        let found = match scale {
            None => loss.backward_into(&gradients.slots)?,
            Some(scale) => loss.scaled_backward_into(scale, &gradients.slots)?,
        };
        let (reached, others): (Vec<&Entry>, Vec<&Entry>) =
            self.entries.iter().partition(|entry| found.get(&entry.value).is_some());
        if reached.is_empty() {
            let problem =
                "the loss depends on no parameter of this optimizer's model; it may be another model's";
            return Err(Error::Graph(problem.to_string()));
        }
        others.into_iter().try_for_each(|entry| gradients.get(&entry.value).fill(0.0))
    }
}

impl FlatGradients {
    /// The flat buffers, one for each of [`Parameters::flat`].
    pub(crate) fn flat(&self) -> &[Tensor] {
        &self.flat
    }

    /// The gradient of one of the parameters that these are of.
    pub(crate) fn get(&self, parameter: &Tensor) -> &Tensor {
        &self.slots[&leaf(parameter)]
    }
}

/// Identifies a parameter in a graph.
fn leaf(parameter: &Tensor) -> u64 {
    parameter.graph().expect("every parameter is a leaf of the graph").id()
}

/// Initial values of the parameter or buffer that is number `index` of its model.
pub(super) fn draw(declared: &Declared, seed: u64, index: usize) -> Vec<f32> {
    initial(declared, seed, index).take(elements(&declared.shape)).collect()
}

/// The same one by one, without end.
fn initial(declared: &Declared, seed: u64, index: usize) -> impl Iterator<Item = f32> {
    declared.initializer.values(fans(&declared.shape), seed, index as u64)
}

/// Values that one output sums over, and outputs that one input reaches: the last two axes are inputs and outputs, those
/// before them positions. As in Keras the fans of a depthwise kernel are those of an ordinary convolution with a kernel
/// of its shape.
fn fans(shape: &[usize]) -> (usize, usize) {
    match shape {
        [] => (1, 1),
        [one] => (*one, *one),
        [positions @ .., inputs, outputs] => {
            (elements(positions).saturating_mul(*inputs), elements(positions).saturating_mul(*outputs))
        }
    }
}

/// Copies `values` to the device, stored as `dtype`.
pub(super) fn upload(device: &Device, dtype: DType, values: &[f32], shape: Shape) -> Result<Tensor> {
    let tensor = Tensor::empty("parameters", device, dtype, shape)?;
    write(&tensor, 0, values)?;
    Ok(tensor)
}

/// Copies `values` into a tensor from element `offset` on, converted to its type.
fn write(tensor: &Tensor, offset: usize, values: &[f32]) -> Result<()> {
    match tensor.dtype() {
        DType::F64 => {
            let wide: Vec<f64> = values.iter().map(|&value| value as f64).collect();
            tensor.write(offset, &wide)
        }
        DType::F16 => {
            let mut halves = vec![f16::ZERO; values.len()];
            halves.convert_from_f32_slice(values);
            tensor.write(offset, &halves)
        }
        _ => tensor.write(offset, values),
    }
}

/// The same from f64.
pub(super) fn upload_exact(device: &Device, dtype: DType, values: &[f64], shape: Shape) -> Result<Tensor> {
    if dtype == DType::F64 {
        return Tensor::new(device, values, shape);
    }
    upload(device, dtype, &values.iter().map(|&value| value as f32).collect::<Vec<_>>(), shape)
}
