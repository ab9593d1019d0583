//! Shapes, strides and broadcasting: arithmetic on small arrays.

use crate::error::{Error, Result};
use smallvec::SmallVec;
use std::fmt;
use std::ops::{Deref, Range};

/// The most axes of a tensor.
pub const MAX_RANK: usize = 6;

/// The most elements of a tensor, because kernels count in 32 bits.
pub const MAX_ELEMENTS: usize = u32::MAX as usize;

/// The product of extents; `usize::MAX` if it overflows.
pub fn elements(extents: &[usize]) -> usize {
    extents.iter().fold(1, |product, &extent| product.saturating_mul(extent))
}

/// The extents of a tensor, outermost first. A scalar has no axes and one element.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    rank: usize,
    extents: [usize; MAX_RANK],
}

impl Shape {
    /// The shape of a scalar.
    pub const SCALAR: Shape = Shape { rank: 0, extents: [1; MAX_RANK] };

    /// A shape from any list of extents.
    ///
    /// # Errors
    /// [`Error::Argument`] for more than [`MAX_RANK`] axes.
    pub fn new(extents: &[usize]) -> Result<Shape> {
        if extents.len() > MAX_RANK {
            return Err(Error::argument(
                "shape",
                "rank",
                format!("{} ({extents:?})", extents.len()),
                format!("at most {MAX_RANK}"),
            ));
        }
        Ok(Shape::truncated(extents))
    }

    /// A shape from the first [`MAX_RANK`] of `extents`. Callers ensure that there are no more.
    pub(crate) fn truncated(extents: &[usize]) -> Shape {
        let rank = extents.len().min(MAX_RANK);
        let mut all = [1; MAX_RANK];
        all[..rank].copy_from_slice(&extents[..rank]);
        Shape { rank, extents: all }
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The number of elements; `usize::MAX` if it overflows.
    pub fn elements(&self) -> usize {
        elements(self)
    }

    /// The extent of an axis, counted from the last: 0 is the innermost. 1 for axes beyond the outermost.
    pub fn from_end(&self, axis: usize) -> usize {
        if axis < self.rank { self.extents[self.rank - 1 - axis] } else { 1 }
    }

    /// The same shape with another `extent` at `axis`.
    ///
    /// # Panics
    /// If the shape has no such axis.
    pub fn with(mut self, axis: usize, extent: usize) -> Shape {
        self.extents[..self.rank][axis] = extent;
        self
    }

    /// The common shape of both by NumPy's broadcasting rule: aligned at the last axis, extents are equal or 1.
    /// `None` if they are not.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        // Most shapes are equal; the loop below would be a tenth of a small op's time.
        if self == other {
            return Some(*self);
        }
        let rank = self.rank.max(other.rank);
        let mut extents = [1; MAX_RANK];
        for axis in 0..rank {
            let (a, b) = (self.from_end(axis), other.from_end(axis));
            extents[rank - 1 - axis] = match (a, b) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                _ => return None,
            };
        }
        Some(Shape { rank, extents })
    }

    /// The axes that are repeated or added when `self` is broadcast to `wide`.
    pub fn broadcast_axes(&self, wide: &Shape) -> Vec<usize> {
        let added = wide.rank - self.rank;
        (0..wide.rank).filter(|&a| a < added || (self[a - added] == 1 && wide[a] != 1)).collect()
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.extents[..self.rank]
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(extents: [usize; N]) -> Shape {
        const { assert!(N <= MAX_RANK, "at most six axes") };
        Shape::truncated(&extents)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let extents: Vec<String> = self.iter().map(|e| e.to_string()).collect();
        write!(f, "[{}]", extents.join(", "))
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The positions of a tensor's elements in its buffer: element (i, j, …) is at
/// `offset + i·strides[0] + j·strides[1] + …`. A stride of 0 repeats an element (broadcasting).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    /// The shape.
    pub shape: Shape,
    /// For each axis, the number of buffer elements from one index to the next.
    pub strides: [usize; MAX_RANK],
    /// The position of the first element.
    pub offset: usize,
}

impl Layout {
    /// The row-major layout (the last axis is contiguous) that starts at the buffer's first element.
    pub fn row_major(shape: Shape) -> Layout {
        let mut strides = [0; MAX_RANK];
        let mut step: usize = 1;
        for axis in (0..shape.rank()).rev() {
            strides[axis] = step;
            step = step.saturating_mul(shape[axis]);
        }
        Layout { shape, strides, offset: 0 }
    }

    /// Whether the elements are row-major without gaps, at any offset. The strides of axes of extent 1 do not matter.
    pub fn is_row_major(&self) -> bool {
        let dense = Layout::row_major(self.shape);
        (0..self.shape.rank()).all(|a| self.shape[a] == 1 || self.strides[a] == dense.strides[a])
    }

    /// The layout of the same elements in another shape. `None` if the strides do not allow it without a copy.
    pub fn reshape(&self, shape: Shape) -> Option<Layout> {
        if shape.elements() != self.shape.elements() {
            return None;
        }
        let old: Vec<(usize, usize)> = merge(&[*self]).into_iter().map(|(e, s)| (e, s[0])).collect();
        // Splits the merged runs of the old layout from the inside; each new axis must fit in one run.
        let mut runs = old.into_iter().rev().peekable();
        let (mut left, mut stride) = runs.next().unwrap_or((1, 1));
        let mut strides = [0; MAX_RANK];
        for axis in (0..shape.rank()).rev() {
            if shape[axis] == 1 {
                continue;
            }
            if left == 1 {
                (left, stride) = runs.next()?;
            }
            if !left.is_multiple_of(shape[axis]) {
                return None;
            }
            strides[axis] = stride;
            stride *= shape[axis];
            left /= shape[axis];
        }
        Some(Layout { shape, strides, offset: self.offset })
    }

    /// The layout with its axes in the order `axes`. `None` if that is not a permutation of `0..rank`.
    pub fn permute(&self, axes: &[usize]) -> Option<Layout> {
        let rank = self.shape.rank();
        let mut seen = [false; MAX_RANK];
        if axes.len() != rank || axes.iter().any(|&a| a >= rank || std::mem::replace(&mut seen[a], true)) {
            return None;
        }
        let mut out = *self;
        for (to, &from) in axes.iter().enumerate() {
            out.shape = out.shape.with(to, self.shape[from]);
            out.strides[to] = self.strides[from];
        }
        Some(out)
    }

    /// The layout of the elements of `range` along `axis`. `None` for an empty range, or one outside the extent.
    pub fn slice(&self, axis: usize, range: Range<usize>) -> Option<Layout> {
        if axis >= self.shape.rank() || range.start >= range.end || range.end > self.shape[axis] {
            return None;
        }
        let mut out = *self;
        out.offset += range.start * self.strides[axis];
        out.shape = self.shape.with(axis, range.len());
        Some(out)
    }

    /// The layout that repeats these elements to fill `wide` by NumPy's rule. `None` if their shapes do not allow it.
    pub fn broadcast_to(&self, wide: Shape) -> Option<Layout> {
        if self.shape == wide {
            return Some(*self);
        }
        if self.shape.broadcast(&wide) != Some(wide) {
            return None;
        }
        let added = wide.rank() - self.shape.rank();
        let mut strides = [0; MAX_RANK];
        for axis in 0..self.shape.rank() {
            strides[axis + added] = if self.shape[axis] == 1 { 0 } else { self.strides[axis] };
        }
        Some(Layout { shape: wide, strides, offset: self.offset })
    }

    /// The position after the last buffer element of this layout.
    pub fn end(&self) -> usize {
        1 + self.offset + self.shape.iter().zip(self.strides).map(|(&e, s)| (e - 1) * s).sum::<usize>()
    }
}

/// The position of element `index`, counted in row-major order over `extents`: Σ indexᵢ·strideᵢ + offset.
pub fn place(index: usize, extents: &[u32], strides: &[u32], offset: u32) -> usize {
    let (mut left, mut at) = (index, offset as usize);
    for (&extent, &stride) in extents.iter().zip(strides).rev() {
        at += left % extent as usize * stride as usize;
        left /= extent as usize;
    }
    at
}

/// The merged axes of several layouts of one shape: neighbouring axes become one if every layout steps through them
/// as through one axis, and axes of extent 1 are dropped. Each entry has the extent and the stride of every layout.
/// So an element-wise kernel over contiguous tensors has one axis, whatever their rank.
pub fn merge<const N: usize>(layouts: &[Layout; N]) -> SmallVec<[(usize, [usize; N]); MAX_RANK]> {
    let mut merged = SmallVec::<[(usize, [usize; N]); MAX_RANK]>::new();
    for axis in 0..layouts[0].shape.rank() {
        let extent = layouts[0].shape[axis];
        if extent == 1 {
            continue;
        }
        let strides = layouts.map(|l| l.strides[axis]);
        match merged.last_mut() {
            Some((outer, steps)) if (0..N).all(|i| steps[i] == strides[i] * extent) => {
                *outer *= extent;
                *steps = strides;
            }
            _ => merged.push((extent, strides)),
        }
    }
    merged
}
