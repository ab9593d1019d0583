//! What all update rules share: the kernels of a rule in f32, with clipped gradients, and in mixed precision, all made
//! from one formula; and the check of their operands.

use crate::device::kernel::{In, Kernel, KernelArgs, Out, Reference, Shader};
use crate::device::real::Real;
use crate::error::{Error, Result};
use crate::ops::{INDEX, WORKGROUP, check_float, no_constants};
use crate::optim::loss_scale::{self, UNSCALE, UPDATES};
use crate::tensor::Tensor;
use rayon::prelude::*;

pub(super) const OP: &str = "optimizer";

const F32: &str = include_str!("../../../shaders/lib/optimizer_f32.wgsl");
const SINGLE: &str = include_str!("../../../shaders/lib/optimizer.wgsl");
const CLIPPED: &str = include_str!("../../../shaders/lib/optimizer_clipped.wgsl");
const MIXED: &str = include_str!("../../../shaders/lib/optimizer_mixed.wgsl");

/// The arithmetic of an update rule, from which [`kernels`] makes its kernels.
pub(super) trait Formula: 'static {
    /// The scalars: `struct Params` in the shader, which begins with the number of parameters, `count`.
    type Params: bytemuck::Pod;

    /// The text of the shader. It takes its operands from one of the files `shaders/lib/optimizer*.wgsl`.
    const SHADER: &'static str;
    /// The entry point of the shader.
    const ENTRY: &'static str;
    /// FLOPs for each parameter.
    const FLOPS: u64;

    /// The number of parameters.
    fn count(p: &Self::Params) -> u32;

    /// The scalars for step number `step`. In mixed precision the device counts the steps, because it skips some.
    fn at_step(p: &Self::Params, _step: u32) -> Self::Params {
        *p
    }

    /// Updates the parameters and their moments, the outputs, with the gradient, the input.
    fn reference<T: Real>(p: &Self::Params, args: KernelArgs<T>);

    /// The texts of the shader in f32.
    const IN_F32: &'static [&'static str] = &[INDEX, SINGLE, F32, Self::SHADER];
    /// The texts of the shader with clipped gradients.
    const WITH_FACTOR: &'static [&'static str] = &[INDEX, CLIPPED, F32, Self::SHADER];
    /// The texts of the shader in mixed precision.
    const IN_MIXED: &'static [&'static str] = &[INDEX, loss_scale::STATE, MIXED, Self::SHADER];
}

/// The kernels of a formula, in the order of [`With`].
pub(super) const fn kernels<F: Formula>(names: [&'static str; 3]) -> [Kernel<F::Params>; 3] {
    let plain = Kernel {
        name: names[0],
        gpu: Shader {
            source: F::IN_F32,
            entry: F::ENTRY,
            constants: no_constants,
            groups: |p| (F::count(p).div_ceil(4) as u64).div_ceil(WORKGROUP),
        },
        cooperative: None,
        flops: |p| F::FLOPS * F::count(p) as u64,
        reference: Reference { f32: F::reference::<f32>, f64: F::reference::<f64> },
        fast: None,
    };
    let clipped = Kernel {
        name: names[1],
        gpu: Shader { source: F::WITH_FACTOR, ..plain.gpu },
        reference: Reference { f32: clipped_reference::<F, f32>, f64: clipped_reference::<F, f64> },
        ..plain
    };
    let mixed = Kernel {
        name: names[2],
        gpu: Shader { source: F::IN_MIXED, ..plain.gpu },
        reference: Reference { f32: mixed_reference::<F, f32>, f64: mixed_reference::<F, f64> },
        ..plain
    };
    [plain, clipped, mixed]
}

/// The fewest gradients that a thread scales at a time.
const PIECE: usize = 1 << 14;

fn scaled<T: Real>(g: &[T], factor: T) -> Vec<T> {
    g.par_iter().with_min_len(PIECE).map(|&g| g * factor).collect()
}

/// Calls the reference with the gradients multiplied by the factor.
fn clipped_reference<F: Formula, T: Real>(p: &F::Params, args: KernelArgs<T>) {
    let (g, factor) = (args.inputs[0].real(), args.inputs[1].real()[0]);
    let gradient = scaled(g, factor);
    // A `Vec` can have the short lifetime of the scaled gradient.
    let outputs: Vec<Out<T>> = args.outputs.into_vec();
    F::reference(
        p,
        KernelArgs { inputs: [In::Real(&gradient[..])].into_iter().collect(), outputs: outputs.into() },
    );
}

/// Calls the reference with the unscaled gradients, for the step number in the state of the loss scale, and copies the
/// updated weights. Does nothing if the step is skipped.
fn mixed_reference<F: Formula, T: Real>(p: &F::Params, args: KernelArgs<T>) {
    let (g, state) = (args.inputs[0].real(), args.inputs[1].real());
    if state[UNSCALE] == T::ZERO {
        return;
    }
    let params = F::at_step(p, state[UPDATES].to_f64() as u32);
    let gradient = scaled(g, state[UNSCALE]);
    let mut outputs = args.outputs.into_iter().map(Out::real);
    let (Some(w), Some(weights)) = (outputs.next(), outputs.next()) else {
        unreachable!("the weights and their copy come first")
    };
    let mut of_formula = vec![Out::Real(&mut *w)];
    of_formula.extend(outputs.map(|moment| Out::Real(moment)));
    F::reference(
        &params,
        KernelArgs { inputs: [In::Real(&gradient[..])].into_iter().collect(), outputs: of_formula.into() },
    );
    weights.copy_from_slice(w);
}

/// The further operands of a step, beside parameters, gradients and moments.
#[derive(Clone, Copy)]
pub enum With<'a> {
    /// None.
    Nothing,
    /// A factor for the gradients, one number of the parameters' type: see [`crate::optim::clip`].
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
    /// The state of the [loss scale](crate::optim::loss_scale), [updated](crate::optim::loss_scale::update) for this
    /// step. It has the step number.
    pub scale: &'a Tensor,
}

/// Checks the operands and runs the kernel for `with`. The kernels are in the order of [`With`].
pub(super) fn run<P: bytemuck::Pod>(
    [plain, clipped, in_mixed]: &'static [Kernel<P>; 3],
    params: &P,
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
