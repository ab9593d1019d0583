//! What a sample is: inputs, a function, and how far its results may be from the oracle's.

use super::draw::Draw;
use allometry::{Device, Error, Result, Shape, Tensor};

/// A function of tensors. It runs on several devices and in f32 and f64, so it takes both from its arguments.
pub type Function = Box<dyn Fn(&[Tensor]) -> Result<Tensor> + Send + Sync>;

/// Everything that tests an op.
#[derive(Default)]
pub struct Op {
    pub samples: Vec<Sample>,
    pub refusals: Vec<Refusal>,
}

impl Op {
    pub fn add(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    pub fn refuse(&mut self, refusal: Refusal) {
        self.refusals.push(refusal);
    }
}

/// One use of an op.
pub struct Sample {
    pub name: String,
    pub inputs: Vec<Input>,
    pub function: Function,
    pub forward: Bound,
    pub gradient: Bound,
    /// Why central differences say nothing here, if they don't.
    pub no_differences: Option<&'static str>,
    /// How many times a result is rounded to f16 on its way, if the sample is also run in f16.
    pub roundings: Option<u32>,
    /// What each element of a gradient may then be off by, whatever its size.
    pub half_floor: f64,
}

/// A sample with the usual bounds.
pub fn sample(
    name: impl Into<String>,
    inputs: impl Into<Vec<Input>>,
    function: impl Fn(&[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
) -> Sample {
    Sample {
        name: name.into(),
        inputs: inputs.into(),
        function: Box::new(function),
        forward: Bound::elementwise(),
        gradient: Bound::gradient(),
        no_differences: None,
        roundings: None,
        half_floor: HALF_SUBNORMAL,
    }
}

impl Sample {
    /// The bound on the result.
    pub fn forward(mut self, bound: Bound) -> Sample {
        self.forward = bound;
        self
    }

    /// Runs the sample in f16 as well. Every result is rounded `roundings` times on its way (0: it is stored in f32),
    /// which the bound on it then allows for; what is computed in between is held to the bound for f32.
    pub fn half(mut self, roundings: u32) -> Sample {
        self.roundings = Some(roundings);
        self
    }

    /// In f16, allows each element of a gradient to be this far off, whatever its size.
    pub fn half_floor(mut self, floor: f64) -> Sample {
        self.half_floor = floor;
        self
    }

    /// The bound on the gradients.
    pub fn gradient(mut self, bound: Bound) -> Sample {
        self.gradient = bound;
        self
    }

    /// Leaves out the comparison with central differences.
    pub fn no_differences(mut self, reason: &'static str) -> Sample {
        self.no_differences = Some(reason);
        self
    }
}

/// What is tried on a device.
type Attempt = Box<dyn Fn(&Device) -> Result<Tensor> + Send + Sync>;

/// What must be refused.
pub struct Refusal {
    pub what: &'static str,
    pub attempt: Attempt,
    pub expected: fn(&Error) -> bool,
}

/// An `attempt` that must end in an error of which `expected` is true.
pub fn refuse(
    what: &'static str,
    attempt: impl Fn(&Device) -> Result<Tensor> + Send + Sync + 'static,
    expected: fn(&Error) -> bool,
) -> Refusal {
    Refusal { what, attempt: Box::new(attempt), expected }
}

/// Ones in f32, for refusals.
pub fn ones(device: &Device, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::ones(device, allometry::DType::F32, shape)
}

/// How far a result may be from the oracle's: |got - want| ≤ relative·|want| + floor + rounding·magnitude for
/// each element, or, where a norm is given, ‖got - want‖ ≤ norm·‖want‖ + floor over all of them.
pub struct Bound {
    pub relative: f64,
    pub floor: f64,
    pub norm: f64,
    /// A factor, and a function that is run on the inputs' absolute values in f64: the sum of the absolute values
    /// of all terms that an element adds up.
    pub rounding: Option<(f64, Function)>,
}

/// Below the normal range of f32 a driver may flush to zero.
const SUBNORMAL: f64 = 1.2e-38;

/// Half a unit in the last of f16's 11 binary digits. Drivers round to nearest or towards zero, which is twice as
/// far.
pub const HALF_ROUNDING: f64 = 1.0 / 1024.0;
/// The same below the normal range of f16.
pub const HALF_SUBNORMAL: f64 = 6.2e-5;

impl Bound {
    /// No difference.
    pub fn exact() -> Bound {
        Bound { relative: 0.0, floor: 0.0, norm: 0.0, rounding: None }
    }

    /// A relative 1e-5 of each element.
    pub fn elementwise() -> Bound {
        Bound { relative: 1e-5, floor: SUBNORMAL, ..Bound::exact() }
    }

    /// 1e-4 of the gradient's norm.
    pub fn gradient() -> Bound {
        Bound { floor: SUBNORMAL, norm: 1e-4, ..Bound::exact() }
    }

    /// In f16, where what is kept for the gradient is rounded as well.
    pub fn half_gradient(roundings: u32, floor: f64) -> Bound {
        let norm = 4.0 * f64::from(roundings.max(1)) * HALF_ROUNDING;
        Bound { floor, norm, ..Bound::exact() }
    }

    /// 4·K·2⁻²⁴·(|A|·|B|), for sums of K terms: `magnitude` adds up the terms' absolute values.
    pub fn product(
        terms: usize,
        magnitude: impl Fn(&[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
    ) -> Bound {
        let factor = 4.0 * terms as f64 * 2f64.powi(-24);
        Bound { floor: SUBNORMAL, rounding: Some((factor, Box::new(magnitude))), ..Bound::exact() }
    }

    /// Allows this much of each element's value.
    pub fn relative(self, relative: f64) -> Bound {
        Bound { relative, ..self }
    }

    /// Allows this much whatever the value.
    pub fn floor(self, floor: f64) -> Bound {
        Bound { floor, ..self }
    }
}

/// An argument of a sample.
#[derive(Clone)]
pub struct Input {
    pub shape: Shape,
    pub differentiated: bool,
    pub storage: Storage,
    values: Values,
    avoided: Vec<(f32, f32)>,
}

#[derive(Clone)]
enum Values {
    Uniform(f32, f32),
    /// Evenly over the exponents, with either sign.
    Magnitudes(f32, f32),
    /// Evenly over the exponents.
    Positive(f32, f32),
    /// On a grid of step 0.02 that is shifted by this much of a step.
    Distinct(f32),
    Ties,
    Labels(usize),
    Given(Vec<f32>),
}

/// How an input lies in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Storage {
    /// Row-major from the start of a buffer.
    Packed,
    /// The last two axes exchanged.
    Transposed,
    /// All axes in the opposite order.
    Reversed,
    /// Rows (of the first axis) out of something longer: contiguous, from an odd offset.
    Rows,
    /// The inside of something larger along every axis.
    Sliced,
    /// Along this axis one element, seen again and again.
    Repeated(usize),
}

/// An input with values from [-1, 1], row-major.
pub fn input(shape: impl Into<Shape>) -> Input {
    Input {
        shape: shape.into(),
        differentiated: true,
        storage: Storage::Packed,
        values: Values::Uniform(-1.0, 1.0),
        avoided: Vec::new(),
    }
}

impl Input {
    /// Evenly from [low, high].
    pub fn uniform(mut self, low: f32, high: f32) -> Input {
        self.values = Values::Uniform(low, high);
        self
    }

    /// Magnitudes from `low` to `high`, evenly over the exponents, with either sign.
    pub fn magnitudes(mut self, low: f32, high: f32) -> Input {
        self.values = Values::Magnitudes(low, high);
        self
    }

    /// From `low` to `high`, evenly over the exponents.
    pub fn positive(mut self, low: f32, high: f32) -> Input {
        self.values = Values::Positive(low, high);
        self
    }

    /// No two closer than 0.01, in random order: for functions with kinks at ties.
    pub fn distinct(mut self) -> Input {
        self.values = Values::Distinct(0.25);
        self
    }

    /// The same, and none closer than 0.002 to one of `distinct`: for functions with kinks where two inputs meet.
    pub fn interleaved(mut self) -> Input {
        self.values = Values::Distinct(0.75);
        self
    }

    /// Whole numbers from -2 to 2: many ties.
    pub fn ties(mut self) -> Input {
        self.values = Values::Ties;
        self
    }

    /// Integers below `classes`, as u32.
    pub fn labels(mut self, classes: usize) -> Input {
        self.values = Values::Labels(classes);
        self.fixed()
    }

    /// These values.
    pub fn values(mut self, values: impl Into<Vec<f32>>) -> Input {
        self.values = Values::Given(values.into());
        self
    }

    /// Nothing closer than `gap` to `point`, where the function has a kink.
    pub fn avoid(mut self, point: f32, gap: f32) -> Input {
        self.avoided.push((point, gap));
        self
    }

    /// Without a gradient.
    pub fn fixed(mut self) -> Input {
        self.differentiated = false;
        self
    }

    /// The last two axes exchanged in memory.
    pub fn transposed(self) -> Input {
        self.stored(Storage::Transposed)
    }

    /// Rows of something longer.
    pub fn rows(self) -> Input {
        self.stored(Storage::Rows)
    }

    /// The inside of something larger.
    pub fn sliced(self) -> Input {
        self.stored(Storage::Sliced)
    }

    /// One element along `axis`, repeated.
    pub fn repeated(self, axis: usize) -> Input {
        self.stored(Storage::Repeated(axis))
    }

    pub fn stored(mut self, storage: Storage) -> Input {
        self.storage = storage;
        self
    }

    pub fn is_labels(&self) -> bool {
        matches!(self.values, Values::Labels(_))
    }

    /// The shape of what is drawn: repeated elements are drawn once.
    fn drawn_shape(&self) -> Shape {
        match self.storage {
            Storage::Repeated(axis) => self.shape.with(axis, 1),
            _ => self.shape,
        }
    }

    /// The values, row-major.
    pub fn draw(&self, draw: &mut Draw) -> Vec<f32> {
        let count = self.drawn_shape().elements();
        if let Values::Given(values) = &self.values {
            assert_eq!(values.len(), count, "the values given fit the shape");
            return values.clone();
        }
        if let Values::Distinct(shift) = self.values {
            let mut values: Vec<f32> =
                (0..count).map(|i| (i as f32 - (count / 2) as f32 + shift) * 0.02).collect();
            values.iter_mut().for_each(|v| *v += draw.uniform(-0.004, 0.004));
            draw.shuffle(&mut values);
            return values;
        }
        let one = |draw: &mut Draw| match self.values {
            Values::Uniform(low, high) => draw.uniform(low, high),
            Values::Positive(low, high) => draw.uniform(low.ln(), high.ln()).exp().clamp(low, high),
            Values::Magnitudes(low, high) => {
                let size = draw.uniform(low.ln(), high.ln()).exp().clamp(low, high);
                if draw.toss() { size } else { -size }
            }
            Values::Ties => draw.below(5) as f32 - 2.0,
            Values::Labels(classes) => draw.below(classes) as f32,
            Values::Distinct(_) | Values::Given(_) => unreachable!("drawn above"),
        };
        let near = |value: f32| self.avoided.iter().any(|&(point, gap)| (value - point).abs() < gap);
        (0..count)
            .map(|_| {
                let mut value = one(draw);
                while near(value) {
                    value = one(draw);
                }
                value
            })
            .collect()
    }

    /// A tensor of `values` (row-major) on `device`, stored as this input says.
    pub fn build<E: allometry::device::Element>(
        &self,
        device: &Device,
        values: &[E],
        around: E,
    ) -> Result<Tensor> {
        let shape = self.drawn_shape();
        let rank = shape.rank();
        let in_order = |axes: &[usize]| {
            let stored: Vec<usize> = axes.iter().map(|&a| shape[a]).collect();
            let mut lying = Vec::with_capacity(values.len());
            each_index(&stored, |index| {
                let mut at = 0;
                for axis in 0..rank {
                    let place = axes.iter().position(|&a| a == axis).expect("a permutation");
                    at = at * shape[axis] + index[place];
                }
                lying.push(values[at]);
            });
            let mut back = vec![0; rank];
            axes.iter().enumerate().for_each(|(place, &axis)| back[axis] = place);
            Tensor::new(device, &lying, Shape::new(&stored)?)?.permute(&back)
        };
        let inside = |before: &[usize], after: &[usize]| {
            let stored: Vec<usize> = (0..rank).map(|a| before[a] + shape[a] + after[a]).collect();
            let mut lying = vec![around; stored.iter().product()];
            let mut next = values.iter();
            each_index(&shape, |index| {
                let at = (0..rank).fold(0, |at, a| at * stored[a] + before[a] + index[a]);
                lying[at] = *next.next().expect("as many values as elements");
            });
            let mut tensor = Tensor::new(device, &lying, Shape::new(&stored)?)?;
            for a in 0..rank {
                tensor = tensor.slice(a, before[a]..before[a] + shape[a])?;
            }
            Ok(tensor)
        };
        let axes: Vec<usize> = (0..rank).collect();
        match self.storage {
            Storage::Packed => Tensor::new(device, values, shape),
            Storage::Transposed => {
                let mut axes = axes;
                axes.swap(rank - 1, rank - 2);
                in_order(&axes)
            }
            Storage::Reversed => in_order(&axes.into_iter().rev().collect::<Vec<_>>()),
            Storage::Rows => {
                let only_first = |n: usize| (0..rank).map(|a| if a == 0 { n } else { 0 }).collect::<Vec<_>>();
                inside(&only_first(1), &only_first(2))
            }
            Storage::Sliced => inside(&vec![1; rank], &vec![2; rank]),
            Storage::Repeated(_) => Tensor::new(device, values, shape)?.broadcast_to(self.shape),
        }
    }
}

/// Calls `body` with every index of `extents`, in row-major order.
fn each_index(extents: &[usize], mut body: impl FnMut(&[usize])) {
    let mut index = vec![0; extents.len()];
    for _ in 0..extents.iter().product() {
        body(&index);
        for axis in (0..extents.len()).rev() {
            index[axis] += 1;
            if index[axis] < extents[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}
