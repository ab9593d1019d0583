//! Runs the samples of one op on every device and compares.

use super::draw::{Draw, SEED};
use super::input::{Input, Storage};
use super::kernels;
use super::sample::{Bound, HALF_ROUNDING, HALF_SUBNORMAL, Op, Sample, timed, timed_name};
use allometry::device::{DType, GpuOptions};
use allometry::gradcheck::{GradCheckOptions, gradcheck};
use allometry::{Device, Error, Result, Shape, Tensor};
use half::f16;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

/// A device in f32, or why there is none.
struct Place {
    name: &'static str,
    device: Result<Device, String>,
    /// Whether it has 16-bit floats. Where it has none, what needs them is skipped and counted.
    has_f16: bool,
    /// Whether samples run here only where they are the first of a kernel of the tested op. Compiling a pipeline takes up
    /// to a second on a software adapter, and this device differs from another in how scalars reach a kernel, whatever
    /// their values and the types of the elements.
    first_of_kernel: bool,
}

impl Place {
    fn new(name: &'static str, device: Result<Device, String>) -> Place {
        let has_f16 = device.as_ref().is_ok_and(|device| Tensor::zeros(device, DType::F16, [1]).is_ok());
        Place { name, device, has_f16, first_of_kernel: false }
    }

    /// Whether it refused 16-bit floats that it does not have.
    fn lacks(&self, error: &Error) -> bool {
        !self.has_f16 && matches!(error, Error::DType { found: "f16", .. })
    }
}

/// What is wrong with an op, and how often it was not tried for want of 16-bit floats.
#[derive(Default)]
struct Findings {
    failures: Vec<String>,
    skipped: usize,
}

static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let gpu = |options| Device::gpu(options).map_err(|e| e.to_string());
    let as_it_is = GpuOptions::default();
    let mut places = vec![
        Place::new("the CPU device", Ok(Device::cpu())),
        Place::new("the adapter", gpu(as_it_is)),
        Place {
            first_of_kernel: true,
            ..Place::new("the adapter without immediates", gpu(GpuOptions { immediates: false, ..as_it_is }))
        },
    ];
    // Above, products of f16 run on cooperative matrices if there are any.
    if allometry::device::adapters().iter().any(|adapter| adapter.cooperative_matrices.is_some()) {
        let options = GpuOptions { cooperative_matrices: 0, ..as_it_is };
        places.push(Place::new("the adapter without cooperative matrices", gpu(options)));
    }
    places
});

/// How many elements of each input central differences are computed for.
const COORDINATES: usize = 24;

/// What a sample gave: its result, and the gradient of every differentiated input.
struct Outcome {
    shape: Shape,
    values: Vec<f64>,
    gradients: Vec<(usize, Vec<f64>)>,
}

/// Tests everything about an op; fails with a list of all that is wrong.
pub fn check(name: &str, op: fn(&mut Draw) -> Op) {
    let op = op(&mut Draw::of(name));
    assert!(!op.samples.is_empty(), "{name} has no samples");
    let mut names: Vec<&str> = op.samples.iter().map(|s| s.name.as_str()).collect();
    names.sort_unstable();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
    assert!(twice.is_none(), "{name}: two samples have the name {:?}", twice.unwrap()[0]);

    for timed in timed(name).iter().map(timed_name) {
        assert!(names.binary_search(&timed.as_str()).is_ok(), "{name}: no sample is {timed:?}");
    }

    let mut all = Findings::default();
    // In f64: what all others are compared with.
    let oracle = Device::cpu();
    // The labels of the kernels that samples have run.
    let mut ran = BTreeSet::new();
    for sample in &op.samples {
        guarded(&sample.name, &mut all, |found| check_sample(name, sample, None, &oracle, (&mut ran, found)));
        if let Some(roundings) = sample.roundings {
            let what = format!("{} in f16", sample.name);
            guarded(&what, &mut all, |found| {
                check_sample(name, sample, Some(roundings), &oracle, (&mut ran, found))
            });
        }
    }
    let elsewhere = |label: &str| kernels::TESTED_ELSEWHERE.iter().any(|(kernel, _)| *kernel == label);
    for (label, path) in kernels::labels() {
        if is_of(name, &label) && !ran.contains(label.as_str()) && !elsewhere(&label) {
            all.failures.push(format!("no sample runs the kernel {label} of {}", path.display()));
        }
    }
    for timed in timed(name) {
        // A prefix that no kernel has would leave what it should hide in the times.
        for prefix in timed.rows.iter().filter_map(|row| row.hidden) {
            if !ran.iter().any(|label| label.starts_with(prefix)) {
                all.failures.push(format!("{} hides {prefix}, which no sample runs", timed_name(&timed)));
            }
        }
    }
    for refusal in &op.refusals {
        for place in PLACES.iter() {
            let Ok(device) = &place.device else { continue };
            guarded(refusal.what, &mut all, |found| match (refusal.attempt)(device) {
                Err(error) if (refusal.expected)(&error) => {}
                Err(error) if place.lacks(&error) => found.skipped += 1,
                Err(error) => found
                    .failures
                    .push(format!("on {}: refused with another error: {error} ({error:?})", place.name)),
                Ok(result) => found.failures.push(format!("on {}: not refused, gave {result:?}", place.name)),
            });
        }
    }
    let Findings { mut failures, skipped } = all;
    for place in PLACES.iter() {
        if let Err(reason) = &place.device {
            failures.push(format!("{}: {reason}", place.name));
        }
    }
    if skipped > 0 {
        // Past the capture of the test runner.
        let _ = writeln!(
            std::io::stderr(),
            "{name}: {skipped} uses of 16-bit floats skipped: the adapter has none"
        );
    }
    if !failures.is_empty() {
        let mut text =
            format!("{name}: {} failures; ALLOMETRY_TEST_SEED={} repeats them", failures.len(), *SEED);
        for failure in &failures {
            let _ = write!(text, "\n  {name} · {failure}");
        }
        panic!("{text}");
    }
}

/// Whether a kernel with this label is one of this op.
fn is_of(op: &str, label: &str) -> bool {
    label.split_once('.').is_some_and(|(of, _)| of == op)
}

/// Runs `body` and puts what it finds, or its panic, under `what`.
fn guarded(what: &str, all: &mut Findings, body: impl FnOnce(&mut Findings)) {
    let mut found = Findings::default();
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(&mut found))) {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        found.failures.push(format!("panicked: {text}"));
    }
    all.failures.extend(found.failures.into_iter().map(|problem| format!("{what} · {problem}")));
    all.skipped += found.skipped;
}

/// In f32, or in f16 where results are rounded `half` times on their way.
fn check_sample(
    op: &str,
    sample: &Sample,
    half: Option<u32>,
    oracle: &Device,
    (ran, Findings { failures, skipped }): (&mut BTreeSet<&'static str>, &mut Findings),
) {
    let mut draw = Draw::of(&format!("{op}/{}", sample.name));
    let mut values: Vec<Vec<f32>> = sample.inputs.iter().map(|input| input.draw(&mut draw)).collect();
    if half.is_some() {
        // The oracle gets what f16 can hold.
        values.iter_mut().flatten().for_each(|v| *v = f16::from_f32(*v).to_f32());
    }
    let of_gradient = match half {
        Some(roundings) => &Bound::half_gradient(roundings, sample.half_floor),
        None => &sample.gradient,
    };
    let double = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
    let inputs: Result<Vec<Tensor>> = (sample.inputs.iter().zip(&values))
        .map(|(input, values)| build(input, oracle, &double(values), f64::NAN, values))
        .collect();
    let inputs = match inputs {
        Ok(inputs) => inputs,
        Err(error) => return failures.push(format!("the inputs can't be made: {error}")),
    };
    let mut seed = Seed { values: Vec::new(), storage: *draw.pick(&SEED_STORAGE), half: half.is_some() };
    let (want, profile) = match oracle.profile(|| run(sample, &inputs, &mut seed, Some(&mut draw))) {
        Ok(outcome) => outcome,
        Err(error) => return failures.push(format!("in f64: {error}")),
    };
    let mut is_first = false;
    for kernel in profile.dispatches.iter().map(|dispatch| dispatch.kernel) {
        is_first |= ran.insert(kernel) && is_of(op, kernel);
    }
    let magnitude = match magnitude(sample, &values, oracle, &want) {
        Ok(magnitude) => magnitude,
        Err(problem) => return failures.push(problem),
    };
    if half.is_none() && sample.no_differences.is_none() && !want.gradients.is_empty() {
        failures.extend(differences(sample, &inputs, draw.seed()));
    }
    for place in PLACES.iter().filter(|place| is_first || !place.first_of_kernel) {
        let Ok(device) = &place.device else { continue };
        let mut report = |problem: String| failures.push(format!("on {}: {problem}", place.name));
        let inputs: Result<Vec<Tensor>> = (sample.inputs.iter().zip(&values))
            .map(|(input, values)| match half {
                Some(_) => build(input, device, &halves(values), f16::NAN, values),
                None => build(input, device, values, f32::NAN, values),
            })
            .collect();
        let results = inputs.and_then(|inputs| {
            let first = run(sample, &inputs, &mut seed, None)?;
            let again = run(sample, &inputs, &mut seed, None)?;
            // Without a graph an op may take another path, as a fused activation does.
            let without_graph = match first.gradients.is_empty() {
                true => first.values.clone(),
                false => (sample.function)(&inputs)?.to_f64()?,
            };
            Ok((first, again, without_graph))
        });
        let (first, again, without_graph) = match results {
            Ok(results) => results,
            Err(error) if place.lacks(&error) => {
                *skipped += 1;
                continue;
            }
            Err(error) => {
                report(error.to_string());
                continue;
            }
        };
        if first.shape != want.shape {
            report(format!("the shape is {}, in f64 {}", first.shape, want.shape));
            continue;
        }
        let forward = |got: &[f64]| {
            compare(got, &want.values, &want.shape, &sample.forward, half.unwrap_or(0), &magnitude)
        };
        if let Some(problem) = forward(&first.values) {
            report(format!("forward: {problem}"));
        }
        if !same_bits(&first.values, &without_graph)
            && let Some(problem) = forward(&without_graph)
        {
            report(format!("forward without a graph: {problem}"));
        }
        if !same_bits(&first.values, &again.values) {
            report("forward: other bits the second time".to_string());
        }
        for (i, ((input, got), (_, want))) in first.gradients.iter().zip(&want.gradients).enumerate() {
            let shape = &sample.inputs[*input].shape;
            if let Some(problem) = compare(got, want, shape, of_gradient, 0, &[]) {
                report(format!("gradient of input {input}: {problem}"));
            }
            if !same_bits(got, &again.gradients[i].1) {
                report(format!("gradient of input {input}: other bits the second time"));
            }
        }
    }
}

fn halves(values: &[f32]) -> Vec<f16> {
    values.iter().map(|&v| f16::from_f32(v)).collect()
}

/// A float input of `values`, or labels.
fn build<E: allometry::device::Element>(
    input: &Input,
    device: &Device,
    values: &[E],
    around: E,
    drawn: &[f32],
) -> Result<Tensor> {
    if input.is_labels() {
        let labels: Vec<u32> = drawn.iter().map(|&v| v as u32).collect();
        return input.build(device, &labels, u32::MAX);
    }
    input.build(device, values, around)
}

/// The gradient that a backward pass starts from, and how it lies in memory: an op must take any view.
struct Seed {
    values: Vec<f32>,
    storage: Storage,
    /// Whether the values are those that f16 can hold.
    half: bool,
}

const SEED_STORAGE: [Storage; 4] = [Storage::Packed, Storage::Packed, Storage::Reversed, Storage::Sliced];

/// The result and the gradients. The seed's values are drawn when the result's shape is known for the first time.
fn run(sample: &Sample, inputs: &[Tensor], seed: &mut Seed, draw: Option<&mut Draw>) -> Result<Outcome> {
    let leaves: Vec<Tensor> = (sample.inputs.iter().zip(inputs))
        .map(|(input, tensor)| if input.differentiated { tensor.requires_grad() } else { tensor.clone() })
        .collect();
    let output = (sample.function)(&leaves)?;
    let (shape, values) = (output.shape(), output.to_f64()?);
    let mut outcome = Outcome { shape, values, gradients: Vec::new() };
    if !sample.inputs.iter().any(|input| input.differentiated) {
        return Ok(outcome);
    }
    if let Some(draw) = draw {
        let rounded = |v: f32| if seed.half { f16::from_f32(v).to_f32() } else { v };
        seed.values = (0..shape.elements()).map(|_| rounded(draw.uniform(-1.0, 1.0))).collect();
    }
    let layout = super::input(shape).stored(if shape.rank() == 0 { Storage::Packed } else { seed.storage });
    let start = match output.dtype() {
        DType::F64 => {
            let values: Vec<f64> = seed.values.iter().map(|&v| f64::from(v)).collect();
            layout.build(output.device(), &values, f64::NAN)?
        }
        DType::F16 => layout.build(output.device(), &halves(&seed.values), f16::NAN)?,
        _ => layout.build(output.device(), &seed.values, f32::NAN)?,
    };
    let gradients = output.backward_from(&start)?;
    for (i, leaf) in leaves.iter().enumerate().filter(|(i, _)| sample.inputs[*i].differentiated) {
        let values = match gradients.get(leaf) {
            Some(gradient) => {
                assert_eq!(gradient.shape(), leaf.shape(), "a gradient has its input's shape");
                gradient.to_f64()?
            }
            None => vec![0.0; leaf.shape().elements()],
        };
        outcome.gradients.push((i, values));
    }
    Ok(outcome)
}

/// The sum of the absolute values of all terms behind each element of the result, where the bound asks for it.
fn magnitude(
    sample: &Sample,
    values: &[Vec<f32>],
    oracle: &Device,
    want: &Outcome,
) -> Result<Vec<f64>, String> {
    let Some((_, function)) = &sample.forward.rounding else { return Ok(Vec::new()) };
    let inputs: Result<Vec<Tensor>> = (sample.inputs.iter().zip(values))
        .map(|(input, values)| {
            let sizes: Vec<f64> = values.iter().map(|v| f64::from(v.abs())).collect();
            build(input, oracle, &sizes, f64::NAN, values)
        })
        .collect();
    let magnitude = inputs.and_then(|inputs| function(&inputs)).map_err(|e| format!("its bound: {e}"))?;
    if magnitude.shape() != want.shape {
        return Err(format!("its bound has the shape {}, the result {}", magnitude.shape(), want.shape));
    }
    magnitude.to_f64().map_err(|e| e.to_string())
}

/// The oracle's own gradient against central differences.
fn differences(sample: &Sample, inputs: &[Tensor], seed: u64) -> Option<String> {
    let varied: Vec<usize> = (0..inputs.len()).filter(|&i| sample.inputs[i].differentiated).collect();
    let function = |some: &[Tensor]| {
        let mut all = inputs.to_vec();
        varied.iter().zip(some).for_each(|(&i, tensor)| all[i] = tensor.clone());
        (sample.function)(&all)
    };
    let some: Vec<Tensor> = varied.iter().map(|&i| inputs[i].clone()).collect();
    let options = GradCheckOptions { coordinates: COORDINATES, seed, ..Default::default() };
    match gradcheck(function, &some, options) {
        Ok(report) if report.passed() => None,
        Ok(report) => Some(format!("in f64: {report}")),
        Err(error) => Some(format!("in f64, central differences: {error}")),
    }
}

fn same_bits(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// The largest number of f32; results beyond it must be infinite.
const LARGEST: f64 = f32::MAX as f64;

/// Describes the worst element, if one is outside the bound. `halves` of the roundings were to f16.
fn compare(
    got: &[f64],
    want: &[f64],
    shape: &Shape,
    bound: &Bound,
    halves: u32,
    magnitude: &[f64],
) -> Option<String> {
    if got.len() != want.len() {
        return Some(format!("{} elements, in f64 {}", got.len(), want.len()));
    }
    // Infinities and NaN must be where they are in the oracle; within rounding of the largest number either goes.
    let agrees = |got: f64, want: f64| {
        if want.is_nan() || got.is_nan() {
            return want.is_nan() && got.is_nan();
        }
        let near = want.abs() > LARGEST * (1.0 - 1e-5);
        let beyond = want.abs() > LARGEST * (1.0 + 1e-5);
        match (got.is_finite(), near) {
            (true, _) => !beyond,
            (false, true) => got.signum() == want.signum(),
            (false, false) => false,
        }
    };
    let error = |got: f64, want: f64| {
        if !agrees(got, want) {
            f64::INFINITY
        } else if want.abs() > LARGEST * (1.0 - 1e-5) || want.is_nan() {
            0.0
        } else {
            (got - want).abs()
        }
    };
    let errors: Vec<f64> = got.iter().zip(want).map(|(&got, &want)| error(got, want)).collect();
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let of_norm = bound.norm * length(&mut want.iter().copied().filter(|w| w.is_finite()));
    let allowed = |i: usize| {
        let rounding = bound.rounding.as_ref().map_or(0.0, |(factor, _)| factor * magnitude[i]);
        let stored = f64::from(halves) * (HALF_ROUNDING * want[i].abs() + HALF_SUBNORMAL);
        bound.floor + bound.relative * want[i].abs() + rounding + stored + of_norm
    };
    let excess = |i: usize| if errors[i] == 0.0 { 0.0 } else { errors[i] / allowed(i) };
    let worst = (0..got.len()).max_by(|&i, &j| excess(i).total_cmp(&excess(j)))?;
    let place = || {
        let mut left = worst;
        let mut index: Vec<usize> = Vec::new();
        for &extent in shape.iter().rev() {
            index.insert(0, left % extent);
            left /= extent;
        }
        let (got, want, allowed) = (got[worst], want[worst], allowed(worst));
        format!("at {index:?} got {got:e}, want {want:e} ± {allowed:e}")
    };
    if bound.norm > 0.0 {
        let total = length(&mut errors.iter().copied());
        let most = of_norm + bound.floor * (got.len() as f64).sqrt();
        return (total > most).then(|| format!("off by {total:e} of {most:e} in norm; {}", place()));
    }
    let wrong = (0..got.len()).filter(|&i| excess(i) > 1.0).count();
    (wrong > 0).then(|| format!("{wrong} of {} elements; {}", got.len(), place()))
}
