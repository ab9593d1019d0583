//! Dropout: a random fraction of the elements becomes zero, and the others are scaled up so that the mean stays the
//! same (Srivastava et al. 2014, in the inverted form). The gradient draws the same mask again instead of storing it.

use super::{INDEX, WORKGROUP, check_float, no_constants};
use crate::autograd::record;
use crate::device::cpu::parallel_rows;
use crate::device::kernel::{Kernel, KernelArgs, Shader};
use crate::device::real::Real;
use crate::error::{Error, Result};
use crate::reference;
use crate::tensor::Tensor;

/// The key of random numbers: they are a function of the key and the element's index. Equal keys give equal numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RandomKey {
    /// The seed of the training.
    pub seed: u32,
    /// The number of the training step.
    pub step: u32,
    /// The CRC-32 of the dotted name of the module that draws.
    pub module: u32,
}

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    seed: u32,
    step: u32,
    module_hash: u32,
    threshold: u32,
    scale: f32,
}

static FORWARD: Kernel<Params> = Kernel {
    name: "dropout.forward",
    gpu: Shader {
        source: &[
            INDEX,
            include_str!("../../shaders/lib/random.wgsl"),
            include_str!("../../shaders/dropout.wgsl"),
        ],
        entry: "forward",
        constants: no_constants,
        groups: |p| (p.count.div_ceil(4) as u64).div_ceil(WORKGROUP),
    },
    cooperative: None,
    flops: |p| p.count as u64,
    reference: reference!(forward),
    fast: None,
};

fn forward<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x], [y]) = args.reals();
    let scale = T::of(p.scale as f64);
    parallel_rows(y, 4, 32, |first, y| {
        for (quad, y) in (first..).zip(y.chunks_mut(4)) {
            let words = random([quad as u32, p.seed, p.step, p.module_hash]);
            for ((y, &x), word) in y.iter_mut().zip(&x[quad * 4..]).zip(words) {
                *y = if word >= p.threshold { x * scale } else { T::ZERO };
            }
        }
    });
}

/// Four random words from four counters. It is `random` of `shaders/lib/random.wgsl`, which names the source.
fn random(counter: [u32; 4]) -> [u32; 4] {
    let [mut x, mut y, mut z, mut w] = counter.map(|c| c.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let mix = |x: &mut u32, y: &mut u32, z: &mut u32, w: &mut u32| {
        *x = x.wrapping_add(y.wrapping_mul(*w));
        *y = y.wrapping_add(z.wrapping_mul(*x));
        *z = z.wrapping_add(x.wrapping_mul(*y));
        *w = w.wrapping_add(y.wrapping_mul(*z));
    };
    mix(&mut x, &mut y, &mut z, &mut w);
    for word in [&mut x, &mut y, &mut z, &mut w] {
        *word ^= *word >> 16;
    }
    mix(&mut x, &mut y, &mut z, &mut w);
    [x, y, z, w]
}

impl Tensor {
    /// Sets a fraction `rate` of the elements, chosen by `key`, to 0 and divides the others by `1 - rate`.
    ///
    /// # Errors
    /// [`Error::Argument`] for a rate below 0, or 1 and above; [`Error::DType`] for u32.
    pub fn dropout(&self, rate: f32, key: RandomKey) -> Result<Tensor> {
        check_float("dropout", self, self)?;
        if !(0.0..1.0).contains(&rate) {
            return Err(Error::argument("dropout", "rate", rate, "at least 0 and below 1"));
        }
        let output = launch(self, rate, key)?;
        Ok(record("dropout", output, &[self], move |context| {
            context.accumulate(0, launch(&context.gradient(), rate, key)?)
        }))
    }
}

fn launch(x: &Tensor, rate: f32, key: RandomKey) -> Result<Tensor> {
    let x = x.packed("dropout")?;
    let output = Tensor::empty("dropout", x.device(), x.dtype(), x.shape())?;
    let params = Params {
        count: x.shape().elements() as u32,
        seed: key.seed,
        step: key.step,
        module_hash: key.module,
        threshold: (rate as f64 * (1u64 << 32) as f64) as u32,
        scale: 1.0 / (1.0 - rate),
    };
    x.device().run(&FORWARD, &params, &[x.operand()], &[output.operand()])?;
    Ok(output)
}
