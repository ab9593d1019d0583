//! Layers in a row, and the model that they become on a device.

use super::layer::{Layer, ParameterSpec, Pass};
use super::parameters::{Parameters, upload};
use super::precision::{Precision, Types};
use super::recompute::recomputed_segments;
use crate::autograd::{no_grad, recompute};
use crate::device::{DType, Device};
use crate::error::{Error, Result};
use crate::ops::RandomKey;
use crate::shape::{Shape, elements};
use crate::tensor::Tensor;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// The most parameters, multiply-adds or activations that a model is counted for: their bytes fit 64 bits as well.
const COUNTABLE: u64 = u64::MAX / 16;

/// Layers in a row: a model as data, before it has seen a device.
///
/// ```
/// use allometry::nn::{Activation, Dense, Sequential};
/// let layers = Sequential::new().add(Dense::new(64).activation(Activation::Relu)).add(Dense::new(1));
/// assert_eq!(layers.describe(&[20])?.iter().map(|layer| layer.parameters).sum::<u64>(), 20 * 64 + 64 + 64 + 1);
/// # Ok::<(), allometry::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sequential {
    layers: Vec<Arc<dyn Layer>>,
}

/// What a layer is and costs, for one sample.
#[derive(Clone, Debug, serde::Serialize)]
pub struct LayerReport {
    /// The class in Keras, with a number from the second of its kind on: `dense`, `dense_1`.
    pub name: String,
    pub kind: String,
    /// Without the batch.
    pub output_shape: Vec<usize>,
    pub parameters: u64,
    /// Multiply-accumulate operations of the forward pass.
    pub macs: u64,
    /// Values of the output.
    pub activations: u64,
}

impl Sequential {
    pub fn new() -> Sequential {
        Sequential::default()
    }

    /// Appends a layer.
    #[allow(clippy::should_implement_trait)] // Keras' name; layers don't add up to numbers.
    pub fn add(mut self, layer: impl Layer + 'static) -> Sequential {
        self.layers.push(Arc::new(layer));
        self
    }

    /// The layers, in order.
    pub fn layers(&self) -> &[Arc<dyn Layer>] {
        &self.layers
    }

    /// What each layer makes of a sample of shape `input`, and costs.
    ///
    /// # Errors
    /// The first layer that can't take what reaches it; [`Error::Uncountable`] where a sum over the layers is beyond 64
    /// bits.
    pub fn describe(&self, input: &[usize]) -> Result<Vec<LayerReport>> {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        let mut shape = input.to_vec();
        let mut totals = [("parameters", 0u64), ("multiply-adds", 0), ("activations", 0)];
        let mut reports = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let output = layer.output_shape(&shape)?;
            let counts =
                layer.parameters(&shape).iter().map(|spec| elements(&spec.shape)).collect::<Vec<_>>();
            let parameters = counts.into_iter().fold(0, usize::saturating_add) as u64;
            let (macs, activations) = (layer.macs(&shape), elements(&output) as u64);
            for ((counted, total), count) in totals.iter_mut().zip([parameters, macs, activations]) {
                *total = total.saturating_add(count);
                if *total > COUNTABLE {
                    return Err(Error::Uncountable { what: layer.kind().to_string(), counted });
                }
            }
            let before = seen.entry(layer.kind()).or_default();
            let base = snake_case(layer.kind());
            reports.push(LayerReport {
                name: if *before == 0 { base } else { format!("{base}_{before}") },
                kind: layer.kind().to_string(),
                parameters,
                macs,
                activations,
                output_shape: output.clone(),
            });
            *before += 1;
            shape = output;
        }
        Ok(reports)
    }

    /// Draws the parameters for samples of shape `input` and puts them on `device`, in f32.
    ///
    /// # Errors
    /// As [`describe`](Sequential::describe), and what the device says.
    pub fn build(&self, device: &Device, input: &[usize], seed: u64) -> Result<Model> {
        self.build_in(Precision::F32, device, input, seed)
    }

    /// The same in f32 or in mixed precision.
    pub fn build_in(
        &self,
        precision: Precision,
        device: &Device,
        input: &[usize],
        seed: u64,
    ) -> Result<Model> {
        self.build_of(precision.types(), device, input, seed)
    }

    /// The same in another float type: f64 on the CPU device, to check gradients.
    pub fn build_as(&self, device: &Device, dtype: DType, input: &[usize], seed: u64) -> Result<Model> {
        self.build_of(Types::of(dtype), device, input, seed)
    }

    fn build_of(&self, types: Types, device: &Device, input: &[usize], seed: u64) -> Result<Model> {
        let mut specs: Vec<(String, ParameterSpec)> = Vec::new();
        let mut counts = Vec::with_capacity(self.layers.len());
        let mut activations = Vec::with_capacity(self.layers.len());
        let mut shape = input.to_vec();
        for (index, layer) in self.layers.iter().enumerate() {
            let output = layer.output_shape(&shape)?;
            let wanted = layer.parameters(&shape);
            counts.push(wanted.len());
            activations.push(elements(&output) as u64);
            specs.extend(wanted.into_iter().map(|spec| (format!("layers.{index}.{}", spec.name), spec)));
            shape = output;
        }
        let parameters = Parameters::new(device, types, &specs, seed)?;
        let mut values = parameters.tensors().into_iter();
        let per_layer = counts.into_iter().map(|count| values.by_ref().take(count).collect()).collect();
        Ok(Model {
            layers: self.clone(),
            input: input.to_vec(),
            output: shape,
            parameters,
            per_layer,
            seed,
            activations,
            recomputed: Vec::new(),
        })
    }
}

/// Layers with parameters on a device.
pub struct Model {
    layers: Sequential,
    input: Vec<usize>,
    output: Vec<usize>,
    parameters: Parameters,
    per_layer: Vec<Vec<Tensor>>,
    seed: u64,
    /// Values of each layer's output, for one sample.
    activations: Vec<u64>,
    /// Layers from the first on that run again for their gradients, in the segments that do so together.
    recomputed: Vec<Range<usize>>,
}

impl Model {
    /// Whether [`train`](Model::train) keeps of most layers nothing for their gradients, and the backward pass runs
    /// them again: less memory for at most another forward pass, and the same numbers. Layers run again in segments, of
    /// which one after the other is kept; how they are cut follows from the layers' sizes.
    pub fn with_recompute(self, recompute: bool) -> Model {
        let recomputed = if recompute { recomputed_segments(&self.activations) } else { Vec::new() };
        Model { recomputed, ..self }
    }

    /// The layers that this model was built from.
    pub fn layers(&self) -> &Sequential {
        &self.layers
    }

    /// The shape of a sample.
    pub fn input_shape(&self) -> &[usize] {
        &self.input
    }

    /// The shape of a sample's output.
    pub fn output_shape(&self) -> &[usize] {
        &self.output
    }

    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The forward pass of training step `step`, with a graph; the step decides what dropout drops. In mixed
    /// precision the output is f32, for the loss.
    pub fn train(&self, x: &Tensor, step: u64) -> Result<Tensor> {
        self.run(x, &self.recomputed, |layer| {
            Pass::Training(RandomKey { seed: self.seed as u32, step: step as u32, layer: layer as u32 })
        })
    }

    /// The forward pass without a graph, dropout or memory of intermediate results.
    pub fn predict(&self, x: &Tensor) -> Result<Tensor> {
        no_grad(|| self.run(x, &[], |_| Pass::Evaluation))
    }

    /// The forward pass of evaluation with a graph: gradients with respect to the input, say.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.run(x, &[], |_| Pass::Evaluation)
    }

    fn run(&self, x: &Tensor, recomputed: &[Range<usize>], pass: impl Fn(usize) -> Pass) -> Result<Tensor> {
        let shape = x.shape();
        if shape.rank() != self.input.len() + 1 || shape[1..] != self.input {
            let expected = format!(
                "[batch, {}]",
                self.input.iter().map(|e| e.to_string()).collect::<Vec<_>>().join(", ")
            );
            return Err(Error::shape("model", &[shape], format!("this model takes {expected}")));
        }
        let weights = self.parameters.flat()[0].dtype();
        let mut x = if self.parameters.is_mixed() { x.cast(weights)? } else { x.clone() };
        for segment in recomputed {
            x = self.run_recomputed(x, segment.clone(), &pass)?;
        }
        for index in recomputed.last().map_or(0, |segment| segment.end)..self.per_layer.len() {
            x = self.layers.layers[index].forward(&x, &self.per_layer[index], &pass(index))?;
        }
        if self.parameters.is_mixed() { x.cast(self.parameters.master()[0].dtype()) } else { Ok(x) }
    }

    /// A segment of layers that keeps its input and its output.
    fn run_recomputed(
        &self,
        x: Tensor,
        segment: Range<usize>,
        pass: impl Fn(usize) -> Pass,
    ) -> Result<Tensor> {
        let parameters = self.per_layer[segment.clone()].iter().flatten().cloned();
        let inputs: Vec<Tensor> = std::iter::once(x).chain(parameters).collect();
        let layers: Vec<_> = segment
            .map(|index| (self.layers.layers[index].clone(), self.per_layer[index].len(), pass(index)))
            .collect();
        recompute(&inputs, move |inputs| {
            let (mut x, mut parameters) = (inputs[0].clone(), &inputs[1..]);
            for (layer, count, pass) in &layers {
                let (own, others) = parameters.split_at(*count);
                x = layer.forward(&x, own, pass)?;
                parameters = others;
            }
            Ok(x)
        })
    }

    /// A batch of samples on the model's device, from host values, stored like the weights.
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

/// `MaxPooling2D` to `max_pooling2d`, as Keras names layers.
fn snake_case(kind: &str) -> String {
    let mut name = String::with_capacity(kind.len() + 4);
    let mut previous_is_lower = false;
    for c in kind.chars() {
        if c.is_uppercase() && previous_is_lower {
            name.push('_');
        }
        previous_is_lower = c.is_lowercase();
        name.extend(c.to_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn names_are_those_of_keras() {
        let names = ["Dense", "Conv2D", "MaxPooling2D", "GlobalAveragePooling2D", "Dropout"];
        let expected = ["dense", "conv2d", "max_pooling2d", "global_average_pooling2d", "dropout"];
        assert_eq!(names.map(snake_case), expected);
    }
}
