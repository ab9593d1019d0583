//! Element-wise functions of two numbers, with NumPy's broadcasting.

use super::parametric::power_slope;
use super::unary::sigmoid;
use super::{INDEX, MATH, MergedAxes, POWER, WORKGROUP, broadcast, check_float};
use crate::autograd::{record, wanted};
use crate::device::cpu::{Strided, elementwise, parallel_elements};
use crate::device::kernel::{Constants, Kernel, KernelArgs, Shader};
use crate::device::real::Real;
use crate::error::Result;
use crate::reference;
use crate::shape::place;
use crate::tensor::Tensor;

/// Declares the functions. The number of a variant is its code in `shaders/binary.wgsl`. The row
/// `/// a + b. ⏎ Add = 0, add, |a, b| a + b;` becomes
///
/// ```ignore
/// pub enum Binary {
///     /// a + b.
///     Add = 0,
/// }
///
/// impl Binary {
///     pub const ALL: &[Binary] = &[Binary::Add];
///     pub fn name(self) -> &'static str {
///         match self { Binary::Add => "add" }
///     }
/// }
///
/// fn apply<T: Real>(function: Binary, a: T, b: T) -> T {
///     match function { Binary::Add => a + b }
/// }
///
/// // A loop with the function as a constant, so that its body has no branch on it.
/// fn zip<T: Real>(function: Binary, run: &mut [T], a: (&[T], usize), b: (&[T], usize)) {
///     match function { Binary::Add => elementwise::zip(run, a, b, |a, b| a + b) }
/// }
///
/// impl Tensor {
///     /// a + b.
///     pub fn add(&self, other: &Tensor) -> Result<Tensor> {
///         self.combine(Binary::Add, other)
///     }
/// }
/// ```
macro_rules! functions {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:ident, |$a:ident, $b:ident| $value:expr;)*) => {
        /// A function of two numbers.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u32)]
        pub enum Binary { $($(#[$doc])* $variant = $code,)* }

        impl Binary {
            /// Every function, in the order of its code.
            pub const ALL: &[Binary] = &[$(Binary::$variant),*];

            /// The name of the method on [`Tensor`].
            pub fn name(self) -> &'static str {
                match self { $(Binary::$variant => stringify!($name),)* }
            }
        }

        /// f(a, b).
        fn apply<T: Real>(function: Binary, a: T, b: T) -> T {
            match function { $(Binary::$variant => { let ($a, $b) = (a, b); $value })* }
        }

        fn zip<T: Real>(function: Binary, run: &mut [T], a: (&[T], usize), b: (&[T], usize)) {
            match function { $(Binary::$variant => elementwise::zip(run, a, b, |$a: T, $b: T| $value),)* }
        }

        impl Tensor {
            $($(#[$doc])*
            ///
            /// # Errors
            /// Errors of [`combine`](Tensor::combine).
            pub fn $name(&self, other: &Tensor) -> Result<Tensor> {
                self.combine(Binary::$variant, other)
            })*
        }
    };
}

functions! {
    /// a + b.
    Add = 0, add, |a, b| a + b;
    /// a - b.
    Sub = 1, sub, |a, b| a - b;
    /// a · b.
    Mul = 2, mul, |a, b| a * b;
    /// a / b.
    Div = 3, div, |a, b| a / b;
    /// The larger of both. If they are equal, each gets half the gradient.
    Max = 4, maximum, |a, b| if a > b || a.is_nan() { a } else { b };
    /// The smaller of both. If they are equal, each gets half the gradient.
    Min = 5, minimum, |a, b| if a < b || a.is_nan() { a } else { b };
    /// 1 where a > b, else 0.
    Greater = 6, greater, |a, b| flag(a > b);
    /// 1 where a ≥ b, else 0.
    GreaterEqual = 7, greater_equal, |a, b| flag(a >= b);
    /// 1 where a < b, else 0.
    Less = 8, less, |a, b| flag(a < b);
    /// 1 where a ≤ b, else 0.
    LessEqual = 9, less_equal, |a, b| flag(a <= b);
    /// 1 where a = b, else 0.
    Equal = 10, equal, |a, b| flag(a == b);
    /// 1 where a ≠ b, else 0.
    NotEqual = 11, not_equal, |a, b| flag(a != b);
    /// 1 where a > b, ½ where a = b, else 0: the fraction of `maximum`'s gradient that a gets.
    Share = 12, share, |a, b| T::of(0.5) * (flag::<T>(a > b) + flag::<T>(a >= b));
    /// a to the power of b: NaN for a negative a unless b is whole; 1 where b is 0. [`powf`](Tensor::powf) takes a
    /// number.
    Pow = 13, pow, |a, b| a.powf(b);
    /// b·a^(b - 1), and 0 where b is 0: the derivative of `pow` by a.
    PowSlope = 14, pow_slope, |a, b| power_slope(a, b);
    /// aᵇ·ln a, and 0 where a is 0 and b at least 0: the derivative of `pow` by b.
    PowLogarithm = 15, pow_logarithm, |a, b| power_logarithm(a, b);
    /// -b·ln σ(a) - (1 - b)·ln(1 - σ(a)), σ the sigmoid: the cross-entropy of an event of probability b from the logit
    /// a.
    BinaryCrossEntropy = 16, binary_cross_entropy_each, |a, b| logit_loss(a, b);
    /// σ(a) - b: the derivative of `binary_cross_entropy_each` by a.
    BinaryCrossEntropySlope = 17, binary_cross_entropy_slope, |a, b| sigmoid(a) - b;
}

/// max(a, 0) - a·b + ln(1 + e^-|a|). The first two terms are exact for b = 0 and b = 1, and the third is small where
/// they cancel.
fn logit_loss<T: Real>(a: T, b: T) -> T {
    (if a < T::ZERO { T::ZERO } else { a }) - a * b + (-a.abs()).exp().ln_1p()
}

fn power_logarithm<T: Real>(a: T, b: T) -> T {
    if a == T::ZERO && b >= T::ZERO { T::ZERO } else { a.powf(b) * a.ln() }
}

fn flag<T: Real>(condition: bool) -> T {
    if condition { T::ONE } else { T::ZERO }
}

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    rank: u32,
    function: u32,
    offset_a: u32,
    offset_b: u32,
    extents: [u32; 6],
    strides_a: [u32; 6],
    strides_b: [u32; 6],
}

/// The constants of the contiguous kernel. Either side may be a single number, whose index never advances.
fn constants(p: &Params) -> Constants {
    let repeats = |strides: &[u32; 6]| (strides[0] == 0) as u32;
    vec![
        ("FUNCTION", p.function),
        ("A_REPEATS", repeats(&p.strides_a)),
        ("B_REPEATS", repeats(&p.strides_b)),
        ("RANK", 0),
    ]
}

fn constants_strided(p: &Params) -> Constants {
    vec![("FUNCTION", p.function), ("A_REPEATS", 0), ("B_REPEATS", 0), ("RANK", p.rank)]
}

static FORWARD: Kernel<Params> = Kernel {
    name: "binary.forward",
    gpu: Shader {
        source: &[INDEX, MATH, POWER, include_str!("../../shaders/binary.wgsl")],
        entry: "forward",
        constants,
        groups: |p| (p.count.div_ceil(4) as u64).div_ceil(WORKGROUP),
    },
    cooperative: None,
    flops: |p| p.count as u64,
    reference: reference!(forward),
    fast: Some(forward_fast),
};
static FORWARD_STRIDED: Kernel<Params> = Kernel {
    name: "binary.forward_strided",
    gpu: Shader {
        entry: "forward_strided",
        constants: constants_strided,
        groups: |p| (p.count as u64).div_ceil(WORKGROUP),
        ..FORWARD.gpu
    },
    ..FORWARD
};

/// y = f(a, b).
fn forward<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([a, b], [y]) = args.reals();
    let (rank, function) = (p.rank as usize, Binary::ALL[p.function as usize]);
    parallel_elements(y, 8, |i| {
        let at = |strides: &[u32; 6], offset| place(i, &p.extents[..rank], &strides[..rank], offset);
        apply(function, a[at(&p.strides_a, p.offset_a)], b[at(&p.strides_b, p.offset_b)])
    });
}

fn forward_fast(p: &Params, args: KernelArgs<f32>) {
    let ([a, b], [y]) = args.reals();
    let function = Binary::ALL[p.function as usize];
    let strides = [&p.strides_a, &p.strides_b];
    let axes = Strided { rank: p.rank, extents: &p.extents, strides, offsets: [p.offset_a, p.offset_b] };
    axes.for_each_run(y, 1, |run, [at_a, at_b], [a_step, b_step]| {
        zip(function, run, (&a[at_a..], a_step), (&b[at_b..], b_step))
    });
}

impl Tensor {
    /// `function` of the elements of both tensors, broadcast to a common shape.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for shapes that don't broadcast; [`Error::DType`](crate::Error::DType)
    /// and [`Error::Placement`](crate::Error::Placement) for operands of different types or devices.
    pub fn combine(&self, function: Binary, other: &Tensor) -> Result<Tensor> {
        let name = function.name();
        check_float(name, self, self)?;
        check_float(name, other, self)?;
        let output = launch(function, self, other)?;
        if !wanted(&[self, other]) {
            return Ok(output);
        }
        let (a_shape, b_shape) = (self.shape(), other.shape());
        // The gradients of these functions read the operands; those of the others read nothing.
        let reads_operands = matches!(
            function,
            Binary::Mul | Binary::Div | Binary::Max | Binary::Min | Binary::Pow | Binary::BinaryCrossEntropy
        );
        let kept = reads_operands.then(|| (self.detach(), other.detach()));
        Ok(match function {
            Binary::Add => record(name, output, &[self, other], move |context| {
                let dy = context.gradient();
                context.accumulate(0, dy.sum_to(a_shape)?)?;
                context.accumulate(1, dy.sum_to(b_shape)?)
            }),
            Binary::Sub => record(name, output, &[self, other], move |context| {
                let dy = context.gradient();
                context.accumulate(0, dy.sum_to(a_shape)?)?;
                if context.wants(1) { context.accumulate(1, dy.neg()?.sum_to(b_shape)?) } else { Ok(()) }
            }),
            Binary::Mul
            | Binary::Div
            | Binary::Max
            | Binary::Min
            | Binary::Pow
            | Binary::BinaryCrossEntropy => record(name, output, &[self, other], move |context| {
                let (a, b) = kept.expect("these functions keep their operands");
                let dy = context.gradient();
                if context.wants(0) {
                    let da = match function {
                        Binary::Mul => dy.mul(&b)?,
                        Binary::Div => dy.div(&b)?,
                        Binary::Max => dy.mul(&a.share(&b)?)?,
                        Binary::Pow => dy.mul(&a.pow_slope(&b)?)?,
                        Binary::BinaryCrossEntropy => dy.mul(&a.binary_cross_entropy_slope(&b)?)?,
                        _ => dy.mul(&b.share(&a)?)?,
                    };
                    context.accumulate(0, da.sum_to(a_shape)?)?;
                }
                if context.wants(1) {
                    let db = match function {
                        Binary::Mul => dy.mul(&a)?,
                        Binary::Div => dy.mul(&a.div(&b)?.div(&b)?.neg()?)?,
                        Binary::Max => dy.mul(&b.share(&a)?)?,
                        Binary::Pow => dy.mul(&a.pow_logarithm(&b)?)?,
                        Binary::BinaryCrossEntropy => dy.mul(&a.neg()?)?,
                        _ => dy.mul(&a.share(&b)?)?,
                    };
                    context.accumulate(1, db.sum_to(b_shape)?)?;
                }
                Ok(())
            }),
            // Comparisons are piecewise constant, so their gradient is zero. Derivatives have none of their own.
            _ => output,
        })
    }
}

fn launch(function: Binary, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let name = function.name();
    let shape = broadcast(name, &[a, b])?;
    let wide = |t: &Tensor| t.layout().broadcast_to(shape).expect("the common shape was computed from both");
    let output = Tensor::empty(name, a.device(), a.dtype(), shape)?;
    let axes = MergedAxes::new(&[wide(a), wide(b)]);
    let ((a_operand, a_offset), (b_operand, b_offset)) = (a.strided_operand(), b.strided_operand());
    let params = Params {
        count: shape.elements() as u32,
        rank: axes.rank,
        function: function as u32,
        offset_a: a_offset as u32,
        offset_b: b_offset as u32,
        extents: axes.extents,
        strides_a: axes.strides[0],
        strides_b: axes.strides[1],
    };
    // (Merging drops axes of extent 1, so a single number has stride 0 and any other packed tensor has stride 1.)
    let simple = |t: &Tensor| t.shape().elements() == 1 || t.shape() == shape && t.is_packed();
    let kernel = if simple(a) && simple(b) { &FORWARD } else { &FORWARD_STRIDED };
    a.device().run(kernel, &params, &[a_operand, b_operand], &[output.operand()])?;
    Ok(output)
}
