//! Kernels of dynamic loss scaling (Micikevicius et al. 2018, by the rule of PyTorch's `GradScaler`). The loss is
//! multiplied by a scale, so that f16 can represent its gradients. If a gradient is not finite, the scale halves and
//! the step is skipped. After a number of finite steps in a row the scale doubles. All of this happens on the device;
//! nothing is read back to the host.

use crate::device::DType;
use crate::device::kernel::{Kernel, KernelArgs, Out, Shader};
use crate::device::real::Real;
use crate::error::{Error, Result};
use crate::ops::{INDEX, WORKGROUP, check_float};
use crate::reference;
use crate::tensor::Tensor;
use rayon::prelude::*;

const OP: &str = "loss_scale";

/// Index in the state of the scale of the next loss.
pub const SCALE: usize = 0;
/// Index in the state of the number of finite steps since the scale changed.
pub const GOOD: usize = 1;
/// Index in the state of the number of skipped steps.
pub const SKIPPED: usize = 2;
/// Index in the state of 1 / scale of this step's gradients; 0 if the step is skipped.
pub const UNSCALE: usize = 3;
/// Index in the state of the number of updates.
pub const UPDATES: usize = 4;
/// Indices in the state of 1 − βᵗ after t updates, for Adam's two betas.
const WEIGHTS: [usize; 2] = [5, 6];
/// The length of the state.
const NUMBERS: usize = 7;

/// The same indices for WGSL: `shaders/lib/loss_scale.wgsl`.
pub(crate) const STATE: &str = include_str!("../../../shaders/lib/loss_scale.wgsl");

/// The smallest and the largest scale.
const RANGE: [f64; 2] = [1.0 / (1u64 << 24) as f64, (1u64 << 24) as f64];

#[derive(Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    half: u32,
    interval: u32,
    beta1: f32,
    beta2: f32,
}

static FIND: Kernel<Params> = Kernel {
    name: "loss_scale.find",
    gpu: Shader {
        source: &[INDEX, STATE, include_str!("../../../shaders/loss_scale.wgsl")],
        entry: "find",
        constants: |p| vec![("HALF", p.half)],
        groups: |p| (p.count.div_ceil(if p.half == 1 { 8 } else { 4 }) as u64).div_ceil(WORKGROUP),
    },
    cooperative: None,
    flops: |_| 0,
    reference: reference!(find),
    fast: None,
};
static UPDATE: Kernel<Params> = Kernel {
    name: "loss_scale.update",
    gpu: Shader { entry: "update", groups: |_| 1, ..FIND.gpu },
    reference: reference!(advance),
    ..FIND
};

fn find<T: Real>(p: &Params, mut args: KernelArgs<T>) {
    let Some(Out::Index(found)) = args.outputs.pop() else { unreachable!("`found` is of u32") };
    let largest = T::of(if p.half == 1 { 65504.0 } else { f32::MAX as f64 });
    // NaN has a test of its own, because every comparison with NaN is false.
    let is_beyond = |g: &T| g.is_nan() || g.abs() >= largest;
    if args.inputs[0].real().par_iter().with_min_len(1 << 14).any(is_beyond) {
        found[0] = 1;
    }
}

fn advance<T: Real>(p: &Params, args: KernelArgs<T>) {
    let [Out::Index(found), Out::Real(state)]: [Out<T>; 2] =
        args.outputs.into_vec().try_into().ok().expect("two outputs")
    else {
        unreachable!("`found` is of u32, the state of floats")
    };
    let scale = state[SCALE];
    if found[0] != 0 {
        found[0] = 0;
        state[SCALE] = (T::of(0.5) * scale).max(T::of(RANGE[0]));
        state[GOOD] = T::ZERO;
        state[SKIPPED] += T::ONE;
        state[UNSCALE] = T::ZERO;
        return;
    }
    state[GOOD] += T::ONE;
    if state[GOOD] >= T::of(p.interval.into()) {
        state[GOOD] = T::ZERO;
        state[SCALE] = (scale + scale).min(T::of(RANGE[1]));
    }
    state[UNSCALE] = T::ONE / scale;
    state[UPDATES] += T::ONE;
    for (at, beta) in WEIGHTS.into_iter().zip([p.beta1, p.beta2]) {
        let beta = T::of(beta.into());
        state[at] = beta * state[at] + (T::ONE - beta);
    }
}

/// The state at the start of training, for parameters of the type and on the device of `like`.
///
/// # Errors
/// Errors of the device.
pub fn state(like: &Tensor, scale: f32) -> Result<Tensor> {
    let state = Tensor::zeros(like.device(), like.dtype(), [NUMBERS])?;
    state.part(SCALE, crate::shape::Shape::SCALAR).fill(scale)?;
    Ok(state)
}

/// Sets `found`, one u32, to 1 if an element of `gradient` is not finite or has the largest magnitude of its type.
///
/// # Errors
/// [`Error::Shape`] if the gradient is not packed or `found` is not one element; [`Error::DType`] if `found` is not
/// u32; [`Error::Placement`] for operands on different devices.
pub fn find_overflow(gradient: &Tensor, found: &Tensor) -> Result<()> {
    check_float(OP, gradient, gradient)?;
    check_found(found)?;
    if !gradient.is_packed() {
        return Err(Error::shape(OP, &[gradient.shape()], "the gradient must be packed"));
    }
    let params = Params {
        count: gradient.shape().elements() as u32,
        half: (gradient.dtype() == DType::F16) as u32,
        ..Params::default()
    };
    gradient.device().run(&FIND, &params, &[gradient.operand()], &[found.operand()])
}

/// Advances the state by one step and resets `found`. The scale doubles after `interval` finite steps in a row.
/// `betas` are Adam's; their corrections count the updates.
///
/// # Errors
/// [`Error::Shape`] if `state` is not a state or `found` not one element; [`Error::DType`] if `found` is not u32;
/// [`Error::Placement`] for operands on different devices.
pub fn update(state: &Tensor, found: &Tensor, interval: u32, betas: [f64; 2]) -> Result<()> {
    check(OP, state, state)?;
    check_found(found)?;
    let [beta1, beta2] = betas.map(|beta| beta as f32);
    let params = Params { interval, beta1, beta2, ..Params::default() };
    state.device().run(&UPDATE, &params, &[], &[found.operand(), state.operand()])
}

/// Checks that `state` is a state for parameters of the type and on the device of `like`.
pub(crate) fn check(op: &'static str, state: &Tensor, like: &Tensor) -> Result<()> {
    check_float(op, state, like)?;
    if *state.shape() != [NUMBERS] || !state.is_packed() {
        return Err(Error::shape(
            op,
            &[state.shape()],
            format!("the state must be {NUMBERS} packed numbers"),
        ));
    }
    Ok(())
}

fn check_found(found: &Tensor) -> Result<()> {
    if found.dtype() != DType::U32 {
        let expected = "u32 (1 if a gradient is not finite)".to_string();
        return Err(Error::DType { op: OP, found: found.dtype().name(), expected });
    }
    if found.shape().elements() != 1 || !found.is_packed() {
        return Err(Error::shape(OP, &[found.shape()], "`found` must be one number"));
    }
    Ok(())
}
