//! Timed samples on a device.

use super::families::{DETAILS, FAMILIES, timed_samples};
use super::sample::{TimedInput, TimedRow, TimedSample, Values};
use super::{noise, repeated_noise};
use crate::device::profile::Dispatch;
use crate::device::{DType, Device};
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A benchmark case: work that is timed.
pub struct Case {
    /// The family: one of [`FAMILIES`] or [`DETAILS`].
    pub family: &'static str,
    /// Shapes and direction, for tables.
    pub name: String,
    work: Box<dyn FnMut() -> Result<()>>,
    /// Prefix of the names of kernels that the work needs but that are not timed, such as a gradient's forward pass.
    hidden: Option<&'static str>,
    /// Bytes of outputs that kernels read before they write them.
    changed: u64,
}

/// The cost of one call of a case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// Floating-point operations.
    pub flops: u64,
    /// Bytes read, each operand once.
    pub read: u64,
    /// Bytes written, each result once.
    pub written: u64,
}

impl Cost {
    /// Bytes read and written.
    pub fn bytes(&self) -> u64 {
        self.read + self.written
    }
}

impl Case {
    pub(super) fn new(
        family: &'static str,
        name: impl Into<String>,
        work: impl FnMut() -> Result<()> + 'static,
    ) -> Case {
        Case { family, name: name.into(), work: Box::new(work), hidden: None, changed: 0 }
    }

    /// A row of a sample, on tensors of the timed shapes.
    fn of(
        family: &'static str,
        sample: &TimedSample,
        row: &TimedRow,
        tensors: &[Tensor],
        incoming: Option<Tensor>,
    ) -> Case {
        let mut leaves = tensors.to_vec();
        row.differentiated.iter().for_each(|&i| leaves[i] = leaves[i].requires_grad());
        let function = sample.function.clone();
        let incoming = incoming.filter(|_| !row.differentiated.is_empty());
        let work = move || {
            let result = function(&leaves)?;
            match &incoming {
                Some(gradient) => result.backward_from(gradient).map(drop),
                None => Ok(()),
            }
        };
        let bytes = |tensor: &Tensor| (tensor.shape().elements() * tensor.dtype().size()) as u64;
        Case {
            hidden: row.hidden,
            changed: tensors[..sample.changed].iter().map(bytes).sum(),
            ..Case::new(family, sample.row_name(row), work)
        }
    }

    /// Runs the case once and returns its cost, as counted by its kernels.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn cost(&mut self, device: &Device) -> Result<Cost> {
        let dispatches = self.run(device, 1)?;
        let sum = |part: fn(&Dispatch) -> u64| dispatches.iter().map(part).sum::<u64>();
        Ok(Cost {
            flops: sum(|d| d.flops),
            read: sum(|d| d.read) + self.changed,
            written: sum(|d| d.written),
        })
    }

    /// The part of a cost that the roofline limits. The roofline does not include matrix units, which run products of
    /// f16, so their FLOPs don't count.
    pub(super) fn bounded(&self, cost: Cost) -> Cost {
        if self.family == "matmul_f16" { Cost { flops: 0, ..cost } } else { cost }
    }

    /// Runs the case `calls` times and returns the seconds inside its kernels, by the device's clock.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn seconds(&mut self, device: &Device, calls: u64) -> Result<f64> {
        Ok(self.run(device, calls)?.iter().map(|d| d.seconds).sum())
    }

    /// Runs the case once, the kernels that are not timed included.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn call(&mut self) -> Result<()> {
        (self.work)()
    }

    /// The timed dispatches of `calls` calls.
    fn run(&mut self, device: &Device, calls: u64) -> Result<Vec<Dispatch>> {
        let (_, profile) = device.profile(|| (0..calls).try_for_each(|_| self.call()))?;
        let mut dispatches = profile.dispatches;
        dispatches.retain(|d| self.hidden.is_none_or(|prefix| !d.kernel.starts_with(prefix)));
        Ok(dispatches)
    }
}

/// The cases of a family: the rows of its samples, with sizes for the kind of device. A family of f16 has none on a
/// device without f16.
///
/// # Errors
/// [`Error::Argument`] for a name that is neither in [`FAMILIES`] nor in [`DETAILS`]; errors of the device, such as
/// [`Error::OutOfMemory`].
pub fn cases(device: &Device, family: &str) -> Result<Vec<Case>> {
    let families = [FAMILIES, DETAILS].concat();
    let Some(family) = families.iter().copied().find(|&name| name == family) else {
        return Err(Error::argument("bench", "family", family, format!("one of {}", families.join(", "))));
    };
    let mut operands = Operands { device, made: Vec::new() };
    let mut cases = Vec::new();
    for sample in timed_samples(device.kind()) {
        let dtype = match () {
            () if sample.family == family => DType::F32,
            () if sample.half_family == Some(family) => DType::F16,
            () => continue,
        };
        match operands.of(&sample, dtype) {
            Ok((tensors, incoming)) => cases.extend(
                sample.rows.iter().map(|row| Case::of(family, &sample, row, &tensors, incoming.clone())),
            ),
            Err(Error::DType { .. }) if dtype == DType::F16 => return Ok(Vec::new()),
            Err(error) => return Err(error),
        }
    }
    Ok(cases)
}

/// Makes the tensors of samples. Samples of a family share the tensors of equal inputs, so that they fit into memory.
struct Operands<'a> {
    device: &'a Device,
    made: Vec<(usize, TimedInput, DType, Tensor)>,
}

impl Operands<'_> {
    /// The inputs of a sample, and the gradient of its result if any of its rows asks for gradients.
    fn of(&mut self, sample: &TimedSample, dtype: DType) -> Result<(Vec<Tensor>, Option<Tensor>)> {
        let mut tensors = Vec::new();
        // An input is shared with inputs at its own place only, since reading one tensor twice would cost less.
        for (place, input) in sample.inputs.iter().enumerate() {
            let same = |made: &&(usize, TimedInput, DType, Tensor)| {
                (made.0, &made.1, made.2) == (place, input, dtype)
            };
            if let Some((.., tensor)) = self.made.iter().find(same) {
                tensors.push(tensor.clone());
                continue;
            }
            let tensor = fill(self.device, input.shape, input.values, dtype)?;
            self.made.push((place, input.clone(), dtype, tensor.clone()));
            tensors.push(tensor);
        }
        let differentiates = sample.rows.iter().any(|row| !row.differentiated.is_empty());
        let incoming = match differentiates {
            true => Some(fill(self.device, result_shape(sample, dtype)?, Values::Signed, dtype)?),
            false => None,
        };
        Ok((tensors, incoming))
    }
}

/// A tensor of values that follow no pattern; long vectors repeat some.
fn fill(device: &Device, shape: Shape, values: Values, dtype: DType) -> Result<Tensor> {
    let signed = || match shape.rank() {
        1 => repeated_noise(device, shape.elements())?.cast(dtype),
        _ => noise(device, shape)?.cast(dtype),
    };
    match values {
        Values::Signed => signed(),
        Values::Positive => signed()?.abs(),
        Values::Labels(classes) => {
            let labels: Vec<u32> = (0..shape.elements()).map(|i| (i % classes) as u32).collect();
            Tensor::new(device, &labels, shape)
        }
    }
}

/// The shape of a sample's result, found without computing it.
fn result_shape(sample: &TimedSample, dtype: DType) -> Result<Shape> {
    let device = Device::dry();
    let zeros = |input: &TimedInput| match input.values {
        Values::Labels(_) => fill(&device, input.shape, input.values, DType::U32),
        _ => Tensor::zeros(&device, dtype, input.shape),
    };
    let inputs: Vec<Tensor> = sample.inputs.iter().map(zeros).collect::<Result<_>>()?;
    Ok((sample.function)(&inputs)?.shape())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Kind;

    #[test]
    fn every_sample_computes_in_its_timed_shapes() {
        for sample in [Kind::Cpu, Kind::Gpu].into_iter().flat_map(timed_samples) {
            let halves = sample.half_family.map(|_| DType::F16);
            for dtype in [Some(DType::F32), halves].into_iter().flatten() {
                let shape = result_shape(&sample, dtype);
                assert!(shape.is_ok(), "{} {}: {shape:?}", sample.family, sample.name);
            }
        }
    }

    #[test]
    fn samples_share_equal_operands_but_no_sample_reads_one_twice() {
        let device = Device::cpu();
        let mut operands = Operands { device: &device, made: Vec::new() };
        let input = |elements: usize| crate::bench::sample::input([elements]);
        let sample = |inputs: [TimedInput; 2]| {
            TimedSample::new(["binary", "elementwise"], "add", inputs, |t| t[0].add(&t[1]))
        };
        let mut of = |inputs| operands.of(&sample(inputs), DType::F32).unwrap().0;
        of([input(8), input(8)]);
        of([input(8), input(8).positive()]);
        assert_eq!(of([input(8), input(8)])[1].to_vec::<f32>().unwrap(), super::super::noise_values(8));
        assert_eq!(operands.made.len(), 3);
    }

    #[test]
    fn a_row_times_what_it_names() {
        let device = Device::cpu();
        let mut cases = cases(&device, "cross_entropy").unwrap();
        let kernels = |case: &mut Case| -> Vec<&str> {
            case.run(&device, 2).unwrap().iter().map(|dispatch| dispatch.kernel).collect()
        };
        assert_eq!(cases[0].name, "4096×10, forward");
        assert_eq!(kernels(&mut cases[0]), ["cross_entropy.forward"; 2]);
        assert_eq!(cases[1].name, "4096×10, gradient");
        assert_eq!(kernels(&mut cases[1]), ["cross_entropy.gradient"; 2]);
        assert!(matches!(super::cases(&device, "sorting"), Err(Error::Argument { argument: "family", .. })));
    }
}
