//! The arithmetic of an optimiser's step on flat buffers, one dispatch for all parameters. The formulas are those of
//! `torch.optim`, and of Lion's paper; `shaders/optimizer.wgsl` states them.

use super::loss_scale::{self, UNSCALE, UPDATES};
use crate::device::cpu::{elementwise, parallel_rows};
use crate::device::kernel::{In, Kernel, KernelArgs, Out, Reference, Shader};
use crate::device::real::Real;
use crate::error::{Error, Result};
use crate::ops::{INDEX, WORKGROUP, check_float, no_constants};
use crate::reference;
use crate::tensor::Tensor;
use rayon::prelude::*;

const OP: &str = "optimizer";

/// The constants of one step of stochastic gradient descent.
#[derive(Clone, Copy, Debug)]
pub struct SgdStep {
    /// The learning rate.
    pub rate: f64,
    /// The fraction of the velocity that the step keeps.
    pub momentum: f64,
    /// Whether to use Nesterov momentum.
    pub nesterov: bool,
    /// The factor of the weights that is added to their gradients.
    pub weight_decay: f64,
    /// Whether this is the first step, which sets the velocity to the gradient.
    pub first: bool,
}

/// The constants of one step of Adam or AdamW.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// The learning rate.
    pub rate: f64,
    /// The fraction of the mean of gradients that the step keeps.
    pub beta1: f64,
    /// The fraction of the mean of squared gradients that the step keeps.
    pub beta2: f64,
    /// Added to the square root of the mean of squared gradients.
    pub epsilon: f64,
    /// The weight decay.
    pub weight_decay: f64,
    /// Whether the decay applies to the weights (AdamW) or to the gradient.
    pub decoupled: bool,
    /// The number of the step, counted from 1.
    pub step: u64,
}

/// The constants of one step of Lion.
#[derive(Clone, Copy, Debug)]
pub struct LionStep {
    /// The learning rate.
    pub rate: f64,
    /// The weight of the earlier mean in the mean whose sign is taken.
    pub beta1: f64,
    /// The fraction of the mean of gradients that the step keeps.
    pub beta2: f64,
    /// The weight decay. It applies to the weights, separately from the sign.
    pub weight_decay: f64,
}

#[derive(Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    rate: f32,
    decay: f32,
    momentum: f32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    step_size: f32,
    v_scale: f32,
    decoupled: u32,
    nesterov: u32,
    first: u32,
    step: u32,
}

impl Params {
    /// rate / (1 − β₁ᵗ) and 1 / √(1 − β₂ᵗ), with the betas rounded to f32 as in the kernel. 1 − β₂ is so small that
    /// the rounding of β₂ changes it by 1e-5; a correction for the exact β₂ would leave this error in every step.
    fn corrections(&self) -> (f64, f64) {
        let weight = |beta: f32| 1.0 - f64::from(beta).powf(self.step.into());
        (f64::from(self.rate) / weight(self.beta1), 1.0 / weight(self.beta2).sqrt())
    }
}

const TEXT: &str = include_str!("../../shaders/optimizer.wgsl");
const F32: &str = include_str!("../../shaders/lib/optimizer_f32.wgsl");
const SINGLE: &[&str] = &[INDEX, include_str!("../../shaders/lib/optimizer.wgsl"), F32, TEXT];
const CLIPPED: &[&str] = &[INDEX, include_str!("../../shaders/lib/optimizer_clipped.wgsl"), F32, TEXT];
const MIXED: &[&str] =
    &[INDEX, loss_scale::STATE, include_str!("../../shaders/lib/optimizer_mixed.wgsl"), TEXT];

static SGD: Kernel<Params> = Kernel {
    name: "optimizer.sgd",
    gpu: Shader {
        source: SINGLE,
        entry: "sgd",
        constants: no_constants,
        groups: |p| (p.count.div_ceil(4) as u64).div_ceil(WORKGROUP),
    },
    cooperative: None,
    flops: |p| 4 * p.count as u64,
    reference: reference!(sgd_reference),
    fast: None,
};
static MOMENTUM: Kernel<Params> = Kernel {
    name: "optimizer.momentum",
    gpu: Shader { entry: "momentum", ..SGD.gpu },
    flops: |p| 6 * p.count as u64,
    reference: reference!(momentum_reference),
    ..SGD
};
static ADAM: Kernel<Params> = Kernel {
    name: "optimizer.adam",
    gpu: Shader { entry: "adam", ..SGD.gpu },
    flops: |p| 14 * p.count as u64,
    reference: reference!(adam_reference),
    ..SGD
};
static LION: Kernel<Params> = Kernel {
    name: "optimizer.lion",
    gpu: Shader { entry: "lion", ..SGD.gpu },
    flops: |p| 10 * p.count as u64,
    reference: reference!(lion_reference),
    ..SGD
};

static SGD_CLIPPED: Kernel<Params> = clipped::<Sgd>("optimizer.sgd_clipped", SGD);
static MOMENTUM_CLIPPED: Kernel<Params> = clipped::<Momentum>("optimizer.momentum_clipped", MOMENTUM);
static ADAM_CLIPPED: Kernel<Params> = clipped::<Adam>("optimizer.adam_clipped", ADAM);
static LION_CLIPPED: Kernel<Params> = clipped::<Lion>("optimizer.lion_clipped", LION);
static SGD_MIXED: Kernel<Params> = mixed::<Sgd>("optimizer.sgd_mixed", SGD);
static MOMENTUM_MIXED: Kernel<Params> = mixed::<Momentum>("optimizer.momentum_mixed", MOMENTUM);
static ADAM_MIXED: Kernel<Params> = mixed::<Adam>("optimizer.adam_mixed", ADAM);
static LION_MIXED: Kernel<Params> = mixed::<Lion>("optimizer.lion_mixed", LION);

/// The kernel whose gradients are multiplied by a factor.
const fn clipped<R: Rule>(name: &'static str, plain: Kernel<Params>) -> Kernel<Params> {
    let gpu = Shader { source: CLIPPED, ..plain.gpu };
    let reference = Reference { f32: clipped_reference::<R, f32>, f64: clipped_reference::<R, f64> };
    Kernel { name, gpu, reference, ..plain }
}

/// The kernel for mixed precision.
const fn mixed<R: Rule>(name: &'static str, plain: Kernel<Params>) -> Kernel<Params> {
    let gpu = Shader { source: MIXED, ..plain.gpu };
    let reference = Reference { f32: mixed_reference::<R, f32>, f64: mixed_reference::<R, f64> };
    Kernel { name, gpu, reference, ..plain }
}

/// The reference of an update rule. The kernels above call it with different gradients.
trait Rule {
    /// Updates the parameters and their moments with the gradient.
    fn update<T: Real>(p: &Params, args: KernelArgs<T>);
}

struct Sgd;
struct Momentum;
struct Adam;
struct Lion;

impl Rule for Sgd {
    fn update<T: Real>(p: &Params, args: KernelArgs<T>) {
        sgd_reference(p, args);
    }
}

impl Rule for Momentum {
    fn update<T: Real>(p: &Params, args: KernelArgs<T>) {
        momentum_reference(p, args);
    }
}

impl Rule for Adam {
    fn update<T: Real>(p: &Params, args: KernelArgs<T>) {
        adam_reference(p, args);
    }
}

impl Rule for Lion {
    fn update<T: Real>(p: &Params, args: KernelArgs<T>) {
        lion_reference(p, args);
    }
}

/// w = w − rate·(g + decay·w).
fn sgd_reference<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([g], [w]) = args.reals();
    let (rate, decay) = (T::of(p.rate as f64), T::of(p.decay as f64));
    parallel_rows(w, 1, 2, |first, w| {
        elementwise::zip_in_place(w, &g[first..], |w, g| w - rate * (g + decay * w));
    });
}

/// With g the gradient of the loss plus weight decay: m = momentum·m + g; w = w − rate·m, or Nesterov's w − rate·(g +
/// momentum·m).
fn momentum_reference<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([g], [w, m]) = args.reals();
    let (rate, decay, momentum) = (T::of(p.rate as f64), T::of(p.decay as f64), T::of(p.momentum as f64));
    let (first, nesterov) = (p.first == 1, p.nesterov == 1);
    elementwise::update_two(w, m, g, |[w, m], g| {
        let gradient = g + decay * w;
        let m = if first { gradient } else { gradient + momentum * m };
        [w - rate * if nesterov { gradient + momentum * m } else { m }, m]
    });
}

/// m = β₁·m + (1 − β₁)·g; v = β₂·v + (1 − β₂)·g²; w = w − rate·m̂ / (√v̂ + ε), with the corrected m̂ and v̂.
fn adam_reference<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([g], [w, m, v]) = args.reals();
    let of = |scalar: f32| T::of(scalar as f64);
    let (beta1, beta2, epsilon) = (of(p.beta1), of(p.beta2), of(p.epsilon));
    // Computed here in f64, because the scalars have them rounded to f32.
    let (step_size, v_scale) = p.corrections();
    let (step_size, v_scale, decay) = (T::of(step_size), T::of(v_scale), of(p.decay));
    // One of the two decays is zero.
    let (shrink, coupled) =
        if p.decoupled == 1 { (T::ONE - of(p.rate) * decay, T::ZERO) } else { (T::ONE, decay) };
    elementwise::update_three(w, m, v, g, |[w, m, v], g| {
        let gradient = g + coupled * w;
        let m = beta1 * m + (T::ONE - beta1) * gradient;
        let v = beta2 * v + (T::ONE - beta2) * gradient * gradient;
        [w * shrink - step_size * m / (v.sqrt() * v_scale + epsilon), m, v]
    });
}

/// w = w − rate·(sign(β₁·m + (1 − β₁)·g) + decay·w); m = β₂·m + (1 − β₂)·g.
fn lion_reference<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([g], [w, m]) = args.reals();
    let of = |scalar: f32| T::of(scalar as f64);
    let (rate, decay, beta1, beta2) = (of(p.rate), of(p.decay), of(p.beta1), of(p.beta2));
    elementwise::update_two(w, m, g, |[w, m], g| {
        let direction = sign(beta1 * m + (T::ONE - beta1) * g);
        [w - rate * (direction + decay * w), beta2 * m + (T::ONE - beta2) * g]
    });
}

/// −1, 0 or 1. NaN stays NaN.
#[inline(always)]
fn sign<T: Real>(x: T) -> T {
    if x > T::ZERO {
        T::ONE
    } else if x < T::ZERO {
        -T::ONE
    } else {
        x
    }
}

/// The fewest gradients that a thread scales at a time.
const PIECE: usize = 1 << 14;

/// Calls the rule with the gradients multiplied by the factor.
fn clipped_reference<R: Rule, T: Real>(p: &Params, args: KernelArgs<T>) {
    let (g, factor) = (args.inputs[0].real(), args.inputs[1].real()[0]);
    let gradient: Vec<T> = g.par_iter().with_min_len(PIECE).map(|&g| g * factor).collect();
    // A `Vec` can have the short lifetime of the scaled gradient.
    let outputs: Vec<Out<T>> = args.outputs.into_vec();
    R::update(
        p,
        KernelArgs { inputs: [In::Real(&gradient[..])].into_iter().collect(), outputs: outputs.into() },
    );
}

/// Calls the rule with the unscaled gradients, for the step number in the state of the loss scale, and copies the
/// updated weights. Does nothing if the step is skipped.
fn mixed_reference<R: Rule, T: Real>(p: &Params, args: KernelArgs<T>) {
    let (g, state) = (args.inputs[0].real(), args.inputs[1].real());
    if state[UNSCALE] == T::ZERO {
        return;
    }
    let step = state[UPDATES].to_f64() as u32;
    let params = Params { step, first: (step == 1) as u32, ..*p };
    let gradient: Vec<T> = g.par_iter().with_min_len(PIECE).map(|&g| g * state[UNSCALE]).collect();
    let mut outputs = args.outputs.into_iter().map(Out::real);
    let (Some(w), Some(weights)) = (outputs.next(), outputs.next()) else {
        unreachable!("the weights and their copy come first")
    };
    let mut of_rule = vec![Out::Real(&mut *w)];
    of_rule.extend(outputs.map(|moment| Out::Real(moment)));
    R::update(
        &params,
        KernelArgs { inputs: [In::Real(&gradient[..])].into_iter().collect(), outputs: of_rule.into() },
    );
    weights.copy_from_slice(w);
}

/// The further operands of a step, beside parameters, gradients and moments.
#[derive(Clone, Copy)]
pub enum With<'a> {
    /// None.
    Nothing,
    /// A factor for the gradients, one number of the parameters' type: see [`super::clip`].
    Factor(&'a Tensor),
    /// The operands of mixed precision. The state of the loss scale has the factor for the gradients and the step
    /// number.
    Mixed(Mixed<'a>),
}

/// The further operands of a step in mixed precision, beside f32 parameters and the gradients of the scaled loss.
#[derive(Clone, Copy)]
pub struct Mixed<'a> {
    /// The copy of the parameters that the forward and backward passes read. The same dispatch writes it.
    pub weights: &'a Tensor,
    /// The state of the [loss scale](loss_scale), [updated](loss_scale::update) for this step. It has the step
    /// number.
    pub scale: &'a Tensor,
}

/// Makes a step of stochastic gradient descent in place. `velocity` is needed if the momentum is not zero, and is
/// updated too.
///
/// # Errors
/// [`Error::Shape`] if the tensors are not packed or differ in shape; [`Error::Argument`] for momentum without a
/// velocity; [`Error::DType`] and [`Error::Placement`] if element types or devices differ.
pub fn sgd(
    parameters: &Tensor,
    gradient: &Tensor,
    velocity: Option<&Tensor>,
    step: &SgdStep,
    with: With,
) -> Result<()> {
    let params = Params {
        count: parameters.shape().elements() as u32,
        rate: step.rate as f32,
        decay: step.weight_decay as f32,
        momentum: step.momentum as f32,
        nesterov: step.nesterov as u32,
        first: step.first as u32,
        ..Params::default()
    };
    match velocity {
        None if step.momentum != 0.0 => Err(Error::argument(
            OP,
            "velocity",
            "absent",
            format!("given, because the momentum is {}", step.momentum),
        )),
        None => run([&SGD, &SGD_CLIPPED, &SGD_MIXED], &params, parameters, gradient, &[], with),
        Some(velocity) => {
            let kernels = [&MOMENTUM, &MOMENTUM_CLIPPED, &MOMENTUM_MIXED];
            run(kernels, &params, parameters, gradient, &[velocity], with)
        }
    }
}

/// Makes a step of Adam or AdamW in place. Updates `parameters` and the moments `m` and `v`.
///
/// # Errors
/// [`Error::Shape`] if the tensors are not packed or differ in shape; [`Error::DType`] and [`Error::Placement`] if
/// element types or devices differ.
pub fn adam(
    parameters: &Tensor,
    gradient: &Tensor,
    [m, v]: [&Tensor; 2],
    step: &AdamStep,
    with: With,
) -> Result<()> {
    let mut params = Params {
        count: parameters.shape().elements() as u32,
        rate: step.rate as f32,
        decay: step.weight_decay as f32,
        beta1: step.beta1 as f32,
        beta2: step.beta2 as f32,
        epsilon: step.epsilon as f32,
        decoupled: step.decoupled as u32,
        step: step.step as u32,
        ..Params::default()
    };
    let (step_size, v_scale) = params.corrections();
    (params.step_size, params.v_scale) = (step_size as f32, v_scale as f32);
    run([&ADAM, &ADAM_CLIPPED, &ADAM_MIXED], &params, parameters, gradient, &[m, v], with)
}

/// Makes a step of Lion in place (Chen et al. 2023, [arXiv:2302.06675](https://arxiv.org/abs/2302.06675)): moves
/// `parameters` by the sign of a mean of `gradient` and the moment `m`, then updates `m`. Where the mean is 0 nothing
/// moves.
///
/// # Errors
/// [`Error::Shape`] if the tensors are not packed or differ in shape; [`Error::DType`] and [`Error::Placement`] if
/// element types or devices differ.
pub fn lion(parameters: &Tensor, gradient: &Tensor, m: &Tensor, step: &LionStep, with: With) -> Result<()> {
    let params = Params {
        count: parameters.shape().elements() as u32,
        rate: step.rate as f32,
        decay: step.weight_decay as f32,
        beta1: step.beta1 as f32,
        beta2: step.beta2 as f32,
        ..Params::default()
    };
    run([&LION, &LION_CLIPPED, &LION_MIXED], &params, parameters, gradient, &[m], with)
}

/// Checks the operands and runs the kernel for `with`. The kernels are in the order of [`With`].
fn run(
    [plain, clipped, in_mixed]: [&'static Kernel<Params>; 3],
    params: &Params,
    parameters: &Tensor,
    gradient: &Tensor,
    moments: &[&Tensor],
    with: With,
) -> Result<()> {
    check_float(OP, parameters, parameters)?;
    moments.iter().try_for_each(|moment| check_float(OP, moment, parameters))?;
    let mut like_them = moments.to_vec();
    like_them.push(gradient);
    let (mut inputs, mut outputs) = (vec![gradient], vec![parameters]);
    check_float(OP, gradient, if let With::Mixed(mixed) = &with { mixed.weights } else { parameters })?;
    let kernel = match with {
        With::Nothing => plain,
        With::Factor(factor) => {
            check_float(OP, factor, parameters)?;
            if factor.shape().elements() != 1 || !factor.is_packed() {
                return Err(Error::shape(OP, &[factor.shape()], "the factor must be one number"));
            }
            inputs.push(factor);
            clipped
        }
        With::Mixed(mixed) => {
            loss_scale::check(OP, mixed.scale, parameters)?;
            like_them.push(mixed.weights);
            inputs.push(mixed.scale);
            outputs.push(mixed.weights);
            in_mixed
        }
    };
    outputs.extend(moments);
    for other in like_them {
        let shapes = [parameters.shape(), other.shape()];
        if shapes[0] != shapes[1] || !parameters.is_packed() || !other.is_packed() {
            return Err(Error::shape(OP, &shapes, "tensors must be packed and of one shape"));
        }
    }
    let inputs: Vec<_> = inputs.iter().map(|tensor| tensor.operand()).collect();
    let outputs: Vec<_> = outputs.iter().map(|tensor| tensor.operand()).collect();
    parameters.device().run(kernel, params, &inputs, &outputs)
}
