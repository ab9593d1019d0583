//! Kernels. A kernel is a WGSL entry point with its reference, which is the same function in Rust. Some have a fast
//! path for the CPU.

use super::real::Real;
use std::fmt;

/// The element type of a tensor. Floats are f32 on every device; f64 exists on the CPU device only. u32 holds labels
/// and indices. f16 is a storage type: kernels load it, compute in f32, and round once when they store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum DType {
    /// 16-bit floats.
    F16,
    /// 32-bit floats.
    F32,
    /// 64-bit floats.
    F64,
    /// 32-bit unsigned integers.
    U32,
}

impl DType {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            DType::F16 => 2,
            DType::F32 | DType::U32 => 4,
            DType::F64 => 8,
        }
    }

    /// The name that messages use, such as `f32`.
    pub fn name(self) -> &'static str {
        match self {
            DType::F16 => "f16",
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::U32 => "u32",
        }
    }

    /// The type of sums and losses over elements of this type: f32 for f16, whose precision and range are too small;
    /// else the type itself.
    pub fn of_sums(self) -> DType {
        match self {
            DType::F16 => DType::F32,
            other => other,
        }
    }

    /// Whether this is a floating-point type.
    pub fn is_float(self) -> bool {
        self != DType::U32
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A Rust type that tensors can hold.
pub trait Element: bytemuck::Pod + Send + Sync {
    /// Its element type.
    const DTYPE: DType;
}
impl Element for half::f16 {
    const DTYPE: DType = DType::F16;
}
impl Element for f32 {
    const DTYPE: DType = DType::F32;
}
impl Element for f64 {
    const DTYPE: DType = DType::F64;
}
impl Element for u32 {
    const DTYPE: DType = DType::U32;
}

/// Names and values of `const` declarations that precede the WGSL text, so that the compiler can fold them.
pub type Constants = Vec<(&'static str, u32)>;

/// The smallest unit of computation of an op. `P` is its block of scalars, at most 128 bytes: `struct Params` in the
/// WGSL file, which reads it as the global `p`.
///
/// Bindings are numbered: inputs first, then outputs. An output is never also an input. The elements of binding i are
/// stored as f16, f32 or u32. In WGSL this type is called `Elementi` (`Element0`, `Element1`, …); the device declares
/// it before the text. So a kernel is written once for all types: it loads floats as `f32(x[j])`, computes in f32,
/// and stores `y[j] = Elementi(value)`.
#[derive(Clone, Copy)]
pub struct Kernel<P: 'static> {
    /// `op.entry`, and the variant if there are several: the name in profiles and messages.
    pub name: &'static str,
    /// The shader that a GPU runs.
    pub gpu: Shader<P>,
    /// The shader that a GPU with cooperative matrices (tensor cores) runs if the first two operands are f16.
    pub cooperative: Option<Cooperative<P>>,
    /// FLOPs of one dispatch; a multiplication and an addition are two.
    pub flops: fn(&P) -> u64,
    /// The same function in plain Rust loops. In f64 it is the oracle of every test.
    pub reference: Reference<P>,
    /// The function that the CPU device runs in f32 instead of the reference, for kernels where the reference is
    /// slow.
    pub fast: Option<FastPath<P>>,
}

/// A WGSL entry point.
#[derive(Clone, Copy)]
pub struct Shader<P: 'static> {
    /// The texts that are joined, those of `shaders/lib` first.
    pub source: &'static [&'static str],
    /// The name of the entry point, a `@compute` function.
    pub entry: &'static str,
    /// Constants that precede the text.
    pub constants: fn(&P) -> Constants,
    /// The number of workgroups. The device splits it into two dimensions, because one dimension allows at most
    /// 65,535. The kernel computes the index back with `group_index`, and returns if the index is beyond its work.
    pub groups: fn(&P) -> u64,
}

/// A kernel's form for cooperative matrices. The device declares their types `FragmentA`, `FragmentB` and `FragmentC`
/// and their extent `FRAGMENT` before the text.
#[derive(Clone, Copy)]
pub struct Cooperative<P: 'static> {
    /// The shader that runs instead of [`Kernel::gpu`].
    pub shader: Shader<P>,
    /// Whether a problem is large enough to fill fragments.
    pub pays: fn(&P) -> bool,
}

/// Fast code for the CPU. It computes the same as the reference, except for rounding.
pub type FastPath<P> = fn(&P, KernelArgs<f32>);

/// A kernel's reference, for both types that it computes in.
#[derive(Clone, Copy)]
pub struct Reference<P: 'static> {
    /// For the CPU device.
    pub f32: fn(&P, KernelArgs<f32>),
    /// For tests, and for models in f64.
    pub f64: fn(&P, KernelArgs<f64>),
}

/// A [`Reference`] from a generic `fn f<T: Real>(p: &P, args: KernelArgs<T>)`: `reference!(f)` is
/// `Reference { f32: f::<f32>, f64: f::<f64> }`.
#[macro_export]
macro_rules! reference {
    ($function:ident) => {
        $crate::device::kernel::Reference { f32: $function::<f32>, f64: $function::<f64> }
    };
}

/// An input of a reference.
#[derive(Clone, Copy)]
pub enum In<'a, T> {
    /// Floats of any storage type, converted to the reference's type.
    Real(&'a [T]),
    /// Elements of u32.
    Index(&'a [u32]),
}

/// An output of a reference.
pub enum Out<'a, T> {
    /// Floats of any storage type, converted to the reference's type.
    Real(&'a mut [T]),
    /// Elements of u32.
    Index(&'a mut [u32]),
}

/// The operands of a reference, in binding order. The op that runs the kernel checks its operands, so their number
/// and types are those that the reference expects. A mismatch is a defect of that op: the methods panic and say so.
pub struct KernelArgs<'a, T> {
    /// The operands that are read, row-major as bound.
    pub inputs: Operands<In<'a, T>>,
    /// The operands that are written.
    pub outputs: Operands<Out<'a, T>>,
}

/// A list with one element per operand. Up to four need no allocation; an allocation would take longer than a small
/// kernel.
pub type Operands<T> = smallvec::SmallVec<[T; 4]>;

impl<'a, T: Real> KernelArgs<'a, T> {
    /// All operands of a kernel that reads and writes floats only.
    ///
    /// # Panics
    /// For another number of operands, and for operands of u32.
    pub fn reals<const I: usize, const O: usize>(self) -> ([&'a [T]; I], [&'a mut [T]; O]) {
        assert!(self.inputs.len() == I && self.outputs.len() == O, "the kernel has other operands");
        let mut outputs = self.outputs.into_iter().map(Out::real);
        (
            std::array::from_fn(|i| self.inputs[i].real()),
            std::array::from_fn(|_| outputs.next().expect("their number was compared above")),
        )
    }

    /// The only output, of floats.
    ///
    /// # Panics
    /// If there is another number of outputs, or the output is of u32.
    pub fn output(self) -> &'a mut [T] {
        assert!(self.outputs.len() == 1, "the kernel has more than one output");
        self.outputs.into_iter().next().expect("there is one").real()
    }
}

impl<'a, T> In<'a, T> {
    /// The floats of the operand.
    ///
    /// # Panics
    /// If the operand is of u32.
    pub fn real(&self) -> &'a [T] {
        match self {
            In::Real(values) => values,
            In::Index(_) => panic!("a float operand was declared, an index operand bound"),
        }
    }

    /// The integers of the operand.
    ///
    /// # Panics
    /// If the operand is of floats.
    pub fn index(&self) -> &'a [u32] {
        match self {
            In::Index(values) => values,
            In::Real(_) => panic!("an index operand was declared, a float operand bound"),
        }
    }
}

impl<'a, T> Out<'a, T> {
    /// The floats of the operand.
    ///
    /// # Panics
    /// If the operand is of u32.
    pub fn real(self) -> &'a mut [T] {
        match self {
            Out::Real(values) => values,
            Out::Index(_) => panic!("a float operand was declared, an index operand bound"),
        }
    }

    /// The integers of the operand.
    ///
    /// # Panics
    /// If the operand is of floats.
    pub fn index(self) -> &'a mut [u32] {
        match self {
            Out::Index(values) => values,
            Out::Real(_) => panic!("an index operand was declared, a float operand bound"),
        }
    }
}
