//! Compares the gradients of the graph with central differences, in double precision.

use crate::autograd::no_grad;
use crate::device::DType;
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fmt;

/// How [`gradcheck`] compares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GradCheckOptions {
    /// Elements of each input that are varied; all of them in smaller inputs.
    pub coordinates: usize,
    /// The relative difference that is allowed, in addition to the rounding error of the differences and of the graph.
    pub tolerance: f64,
    /// The seed for the choice of elements, and for the weights of the sum over a result of several elements.
    pub seed: u64,
}

impl Default for GradCheckOptions {
    fn default() -> Self {
        GradCheckOptions { coordinates: 32, tolerance: 1e-6, seed: 0 }
    }
}

/// The rounding error of the graph's sums, as a share of the largest gradient: some thousand units in the last place.
const CANCELLED: f64 = 1e-12;

/// The result of [`gradcheck`].
#[derive(Clone, Debug, PartialEq)]
pub struct GradCheck {
    /// Elements that were varied, over all inputs.
    pub compared: usize,
    /// The element with the largest difference, relative to the difference allowed there.
    pub worst: Difference,
}

impl GradCheck {
    /// Whether every difference is allowed.
    pub fn passed(&self) -> bool {
        self.worst.excess() <= 1.0
    }
}

impl fmt::Display for GradCheck {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Difference { input, element, graph, numeric, allowed } = self.worst;
        let verdict = if self.passed() { "the gradient is right" } else { "the gradient is wrong" };
        write!(
            f,
            "{verdict} ({} elements compared); the largest difference is at element {element} of input {input}: \
             {graph:e} by the graph, {numeric:e} by central differences, a difference of {:e} ({allowed:e} allowed)",
            self.compared,
            (graph - numeric).abs()
        )
    }
}

/// The derivative with respect to one element, both ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Which input.
    pub input: usize,
    /// Which of its elements, row-major.
    pub element: usize,
    /// The derivative by the graph.
    pub graph: f64,
    /// The derivative by central differences.
    pub numeric: f64,
    /// The largest allowed difference between the two.
    pub allowed: f64,
}

impl Difference {
    /// The difference as a multiple of the allowed one; infinite if one of the two is not a number.
    fn excess(&self) -> f64 {
        if self.graph == self.numeric {
            return 0.0;
        }
        let excess = (self.graph - self.numeric).abs() / self.allowed;
        if excess.is_nan() { f64::INFINITY } else { excess }
    }
}

/// Compares the gradients of `function` at `inputs` with central differences. The function may be one op, a module, or a
/// whole model as a function of its parameters (`nn::Model::train_at`). It must return the same result each time it is
/// called with the same inputs, and be smooth around them: a ReLU whose input is close to zero has no derivative to
/// compare.
///
/// Inputs are f64 and on the CPU device. Inputs of type u32 (labels) are passed to the function and not varied.
///
/// ```
/// use allometry::gradcheck::{GradCheckOptions, gradcheck};
/// use allometry::{Device, Tensor};
///
/// let device = Device::cpu();
/// let x = Tensor::new(&device, &[0.3, -1.2, 0.7, 2.0], [2, 2])?;
/// let w = Tensor::new(&device, &[1.0, 0.5, -0.25, 2.0], [2, 2])?;
/// let report = gradcheck(|t| t[0].matmul(&t[1])?.tanh(), &[x, w], GradCheckOptions::default())?;
/// assert!(report.passed(), "{report}");
/// # Ok::<(), allometry::Error>(())
/// ```
///
/// # Errors
/// [`Error::DType`] for an input in f32, [`Error::Argument`] if no input is of type f64, [`Error::Graph`] if the
/// result does not depend on any, and whatever the function returns.
pub fn gradcheck(
    function: impl Fn(&[Tensor]) -> Result<Tensor>,
    inputs: &[Tensor],
    options: GradCheckOptions,
) -> Result<GradCheck> {
    if let Some(single) = inputs.iter().find(|t| t.dtype() == DType::F32) {
        let expected = "f64 on the CPU device: f32 is too coarse for central differences".to_string();
        return Err(Error::DType { op: "gradcheck", found: single.dtype().name(), expected });
    }
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let leaves: Vec<Tensor> =
        inputs.iter().map(|t| if t.dtype() == DType::F64 { t.requires_grad() } else { t.clone() }).collect();
    let output = function(&leaves)?;
    let weights: Vec<f64> = (0..output.shape().elements()).map(|_| random.random_range(-1.0..=1.0)).collect();
    let seed = Tensor::new(output.device(), &weights, output.shape())?;
    let gradients = output.backward_from(&seed)?;

    // Where terms cancel, such as in a bias in front of a batch norm, the graph leaves their rounding error.
    let mut cancelled = 0.0f64;
    for leaf in &leaves {
        if let Some(gradient) = gradients.get(leaf) {
            cancelled = gradient.to_f64()?.iter().fold(cancelled, |most, g| most.max(CANCELLED * g.abs()));
        }
    }
    let mut compared = 0;
    let mut worst: Option<Difference> = None;
    for (input, leaf) in leaves.iter().enumerate().filter(|(_, leaf)| leaf.dtype() == DType::F64) {
        let values: Vec<f64> = leaf.to_vec()?;
        let gradient = match gradients.get(leaf) {
            Some(gradient) => gradient.to_vec::<f64>()?,
            // The result does not depend on this input; differences will show whether that is so.
            None => vec![0.0; values.len()],
        };
        let mean_square = gradient.iter().map(|g| g * g).sum::<f64>() / gradient.len() as f64;
        let at = |element: usize, value: f64| -> Result<Vec<f64>> {
            let mut varied = values.clone();
            varied[element] = value;
            let mut all: Vec<Tensor> = inputs.to_vec();
            all[input] = Tensor::new(leaf.device(), &varied, leaf.shape())?;
            no_grad(|| function(&all))?.to_vec()
        };
        for element in chosen(values.len(), options.coordinates, &mut random) {
            let (numeric, rounding) = derivative(values[element], &weights, |value| at(element, value))?;
            let graph = gradient[element];
            let scale = graph.abs().max(numeric.abs()).max(1e-3 * mean_square.sqrt());
            let allowed = options.tolerance * scale + rounding + cancelled;
            let difference = Difference { input, element, graph, numeric, allowed };
            if worst.is_none_or(|w| difference.excess() > w.excess()) {
                worst = Some(difference);
            }
            compared += 1;
        }
    }
    let worst = worst.ok_or_else(|| {
        Error::argument("gradcheck", "inputs", format!("{} of type u32", inputs.len()), "at least one of f64")
    })?;
    Ok(GradCheck { compared, worst })
}

/// Some different numbers below `count`, or all of them.
fn chosen(count: usize, most: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
    if count <= most {
        return (0..count).collect();
    }
    let mut chosen = std::collections::BTreeSet::new();
    while chosen.len() < most {
        chosen.insert(random.random_range(0..count));
    }
    chosen.into_iter().collect()
}

/// The derivative of Σ `weights`·f at `x` by the difference of fourth order,
/// (8·(f(x+h) - f(x-h)) - (f(x+2h) - f(x-2h))) / 12h, and a bound on what rounding adds to it.
///
/// The step is a power of two near x/8192: the truncation error, of the order of h⁴, and the rounding error, of
/// the order of ε/h, are then both near 1e-11. Outputs that don't depend on x cancel exactly.
fn derivative(x: f64, weights: &[f64], f: impl Fn(f64) -> Result<Vec<f64>>) -> Result<(f64, f64)> {
    let h = (x.abs() / 8192.0).clamp(2f64.powi(-17), 2f64.powi(-9)).log2().floor().exp2();
    let [left2, left, right, right2] = [f(x - 2.0 * h)?, f(x - h)?, f(x + h)?, f(x + 2.0 * h)?];
    let (mut slope, mut size) = (0.0, 0.0);
    for (j, weight) in weights.iter().enumerate() {
        let change = 8.0 * (right[j] - left[j]) - (right2[j] - left2[j]);
        if change != 0.0 {
            slope += weight * change;
            size += weight.abs() * (right[j].abs() + left[j].abs());
        }
    }
    Ok((slope / (12.0 * h), 16.0 * f64::EPSILON * size / h))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::record;
    use crate::device::Device;

    fn input() -> Tensor {
        Tensor::new(&Device::cpu(), &[0.5, -1.5, 2.0, 0.25, -0.75, 3.0], [2, 3]).unwrap()
    }

    #[test]
    fn a_right_gradient_passes_and_a_wrong_one_is_found() {
        let right = gradcheck(|t| t[0].square()?.sum(&[1], false), &[input()], Default::default()).unwrap();
        assert!(right.passed(), "{right}");
        assert_eq!(right.compared, 6);
        // 3x where 2x is right.
        let wrong = |t: &[Tensor]| {
            let x = t[0].detach();
            Ok(record("wrong", x.square()?, &[&t[0]], move |context| {
                context.accumulate(
                    0,
                    context.gradient().mul(&x)?.mul(&Tensor::full(x.device(), x.dtype(), [], 3.0)?)?,
                )
            }))
        };
        let report = gradcheck(wrong, &[input()], Default::default()).unwrap();
        assert!(!report.passed());
        assert!((report.worst.graph / report.worst.numeric - 1.5).abs() < 1e-6, "{report}");
    }

    #[test]
    fn a_forgotten_gradient_is_found() {
        let forgets = |t: &[Tensor]| t[0].mul(&t[1].detach());
        let x = input();
        assert!(!gradcheck(forgets, &[x.clone(), x], Default::default()).unwrap().passed());
    }

    #[test]
    fn inputs_it_cannot_check_are_refused() {
        let single = Tensor::new(&Device::cpu(), &[1.0f32], [1]).unwrap();
        let checked = gradcheck(|t| t[0].exp(), &[single], Default::default());
        assert!(matches!(checked, Err(Error::DType { op: "gradcheck", .. })));
        let constant = gradcheck(|t| t[0].detach().exp(), &[input()], Default::default());
        assert!(matches!(constant, Err(Error::Graph(_))));
    }
}
