//! What a sample is: inputs, a function, and how far its results may be from the oracle's.

use super::input::{Input, input};
use allometry::bench::{TimedSample, Values, timed_samples};
use allometry::device::Kind;
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

    /// Adds the samples of `op` that benchmarks time, in their tested shapes. A sum has the bound of its terms, another
    /// result the usual one, unless `change` gives it another.
    pub fn add_timed(&mut self, op: &str, change: impl Fn(Sample) -> Sample) {
        self.samples.extend(timed(op).iter().map(Sample::of_timed).map(change));
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

/// The samples of an op that benchmarks time on any kind of device.
pub fn timed(op: &str) -> Vec<TimedSample> {
    let mut samples: Vec<TimedSample> = Vec::new();
    for sample in [Kind::Cpu, Kind::Gpu].into_iter().flat_map(timed_samples).filter(|sample| sample.op == op)
    {
        if !samples.iter().any(|known| timed_name(known) == timed_name(&sample)) {
            samples.push(sample);
        }
    }
    samples
}

/// The name among an op's samples.
pub fn timed_name(sample: &TimedSample) -> String {
    format!("timed as {} {}", sample.family, sample.name)
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
    fn of_timed(timed: &TimedSample) -> Sample {
        let differentiated = |i: usize| timed.rows.iter().any(|row| row.differentiated.contains(&i));
        let inputs = timed.inputs.iter().enumerate().map(|(i, timed)| {
            let input = match timed.values {
                Values::Signed => input(timed.tested),
                Values::Positive => input(timed.tested).uniform(1e-3, 1.0),
                Values::Labels(classes) => input(timed.tested).labels(classes),
            };
            if differentiated(i) { input } else { input.fixed() }
        });
        let (function, changed) = (timed.function.clone(), timed.changed);
        // The harness runs a sample more than once, so what the function changes is copied.
        let on_copies = move |t: &[Tensor]| {
            let mut tensors = t.to_vec();
            tensors[..changed].iter_mut().try_for_each(|t| t.linear().map(|copy| *t = copy))?;
            function(&tensors)
        };
        let sample = sample(timed_name(timed), inputs.collect::<Vec<_>>(), on_copies)
            .no_differences("the op's other samples, which are smaller, are compared with them");
        let sample = if timed.half_family.is_some() { sample.half(1) } else { sample };
        match timed.terms {
            0 => sample,
            terms => {
                let function = timed.function.clone();
                sample.forward(Bound::product(terms, move |t| function(t)))
            }
        }
    }

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
