//! What a kernel is: a WGSL entry point, its reference, which is the same function in Rust, and maybe a fast path for the
//! CPU.

use super::real::Real;
use std::fmt;

/// Element types. Floats are f32 everywhere and f64 on the CPU device; u32 holds labels and indices. f16 is a way to
/// store floats: kernels load it, compute in f32 and round once when they store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum DType {
    F16,
    F32,
    F64,
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

    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            DType::F16 => "f16",
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::U32 => "u32",
        }
    }

    /// The type of sums over elements of this one, and of losses: f16 has too few digits and too small a range.
    pub fn of_sums(self) -> DType {
        match self {
            DType::F16 => DType::F32,
            other => other,
        }
    }

    /// Whether elements are numbers with a fraction.
    pub fn is_float(self) -> bool {
        self != DType::U32
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A Rust type that tensors hold.
pub trait Element: bytemuck::Pod + Send + Sync {
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

/// Values that become `const` declarations in front of the WGSL text, so that the compiler can fold them.
pub type Constants = Vec<(&'static str, u32)>;

/// An op's smallest computation, written twice or three times. `P` is its block of scalars: `struct Params` in the WGSL file,
/// at most 128 bytes, read there as the global `p`.
///
/// Bindings are numbered inputs first, then outputs. An output is never also an input. What the elements of binding i
/// are stored as, f16, f32 or u32, is the WGSL type `Elementi`, which the device declares in front of the text: a
/// kernel loads floats as `f32(x[j])`, computes in f32, and stores `y[j] = Elementi(value)`. It is written once.
#[derive(Clone, Copy)]
pub struct Kernel<P: 'static> {
    /// `op.entry`, and the variant where there are several: the label in tools and messages.
    pub name: &'static str,
    /// What runs on an adapter.
    pub gpu: Shader<P>,
    /// What runs instead on an adapter with cooperative matrices (tensor cores) where the first two operands are f16.
    pub cooperative: Option<Cooperative<P>>,
    /// Floating-point operations of one dispatch (a multiplication and an addition are two).
    pub flops: fn(&P) -> u64,
    /// The same function in plain Rust loops. In f64 it is what everything else is tested against.
    pub reference: Reference<P>,
    /// What the CPU device runs in f32 instead of the reference, where that would cost users time.
    pub fast: Option<FastPath<P>>,
}

/// One WGSL entry point.
#[derive(Clone, Copy)]
pub struct Shader<P: 'static> {
    /// The files that are joined, pieces from `shaders/lib` first.
    pub source: &'static [&'static str],
    /// The name of the entry point, a `@compute` function.
    pub entry: &'static str,
    /// Constants in front of the text.
    pub constants: fn(&P) -> Constants,
    /// How many workgroups. The device folds the count into two dimensions (65,535 is the most in one); the
    /// kernel unfolds it with `group_index` and returns where the index is beyond its work.
    pub groups: fn(&P) -> u64,
}

/// A kernel's form for cooperative matrices. The device declares their types, `FragmentA`, `FragmentB` and
/// `FragmentC`, and their extent `FRAGMENT` in front of the text.
#[derive(Clone, Copy)]
pub struct Cooperative<P: 'static> {
    /// What runs instead of [`Kernel::gpu`].
    pub shader: Shader<P>,
    /// Whether a problem is large enough to fill fragments.
    pub pays: fn(&P) -> bool,
}

/// Fast code for the CPU: it computes what the reference does, but for rounding.
pub type FastPath<P> = fn(&P, KernelArgs<f32>);

/// A kernel's Rust form, for both kinds of float.
#[derive(Clone, Copy)]
pub struct Reference<P: 'static> {
    /// The CPU device.
    pub f32: fn(&P, KernelArgs<f32>),
    /// Tests, and models in f64.
    pub f64: fn(&P, KernelArgs<f64>),
}

/// A generic `fn f<T: Real>(p: &P, args: KernelArgs<T>)` for both kinds of float: `reference!(f)` is
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
    /// Floats of any type, as the reference's type.
    Real(&'a [T]),
    /// u32.
    Index(&'a [u32]),
}

/// An output of a reference.
pub enum Out<'a, T> {
    /// Floats of any type, as the reference's type.
    Real(&'a mut [T]),
    /// u32.
    Index(&'a mut [u32]),
}

/// A reference's operands, in binding order. The op that dispatches the kernel checks its operands, so their number and
/// kind are those that the reference expects. A mismatch is a defect of that op: the accessors panic and say so.
pub struct KernelArgs<'a, T> {
    /// The operands that are read, row-major as they were bound.
    pub inputs: Operands<In<'a, T>>,
    /// The operands that are written.
    pub outputs: Operands<Out<'a, T>>,
}

/// A list with an element per operand. Small ones need no allocation, which would cost more than a small kernel.
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
    /// The floats.
    ///
    /// # Panics
    /// If the operand is of u32.
    pub fn real(&self) -> &'a [T] {
        match self {
            In::Real(values) => values,
            In::Index(_) => panic!("a float operand was declared, an index operand bound"),
        }
    }

    /// The whole numbers.
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
    /// The floats.
    ///
    /// # Panics
    /// If the operand is of u32.
    pub fn real(self) -> &'a mut [T] {
        match self {
            Out::Real(values) => values,
            Out::Index(_) => panic!("a float operand was declared, an index operand bound"),
        }
    }

    /// The whole numbers.
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
