//! Shapes, strides and broadcasting: arithmetic on small arrays, nothing else.

use crate::error::{Error, Result};
use smallvec::SmallVec;
use std::fmt;
use std::ops::{Deref, Range};

/// Tensors have at most this many axes.
pub const MAX_RANK: usize = 6;

/// Tensors have at most this many elements, since kernels count in 32 bits.
pub const MAX_ELEMENTS: usize = u32::MAX as usize;

/// The product of extents; `usize::MAX` if it is larger.
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

    /// The first [`MAX_RANK`] of `extents`; callers know that there are no more.
    pub(crate) fn truncated(extents: &[usize]) -> Shape {
        let rank = extents.len().min(MAX_RANK);
        let mut all = [1; MAX_RANK];
        all[..rank].copy_from_slice(&extents[..rank]);
        Shape { rank, extents: all }
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Number of elements; `usize::MAX` if there are more.
    pub fn elements(&self) -> usize {
        elements(self)
    }

    /// The extent of `axis`, counted from the last (0 is the innermost); 1 beyond the outermost.
    pub fn from_end(&self, axis: usize) -> usize {
        if axis < self.rank { self.extents[self.rank - 1 - axis] } else { 1 }
    }

    /// The same shape with `extent` at `axis`.
    pub fn with(mut self, axis: usize, extent: usize) -> Shape {
        self.extents[..self.rank][axis] = extent;
        self
    }

    /// The shape that both broadcast to by NumPy's rule: aligned at the last axis, equal or 1.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
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

    /// The axes that were stretched or added when `self` was broadcast to `wide`.
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

/// How a tensor's elements lie in its buffer: element (i, j, …) at `offset + i·strides[0] + j·strides[1] + …`.
/// A stride of 0 repeats an element (broadcasting).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    pub shape: Shape,
    pub strides: [usize; MAX_RANK],
    pub offset: usize,
}

impl Layout {
    /// Row-major (the last axis is contiguous), from the start of a buffer.
    pub fn row_major(shape: Shape) -> Layout {
        let mut strides = [0; MAX_RANK];
        let mut step: usize = 1;
        for axis in (0..shape.rank()).rev() {
            strides[axis] = step;
            step = step.saturating_mul(shape[axis]);
        }
        Layout { shape, strides, offset: 0 }
    }

    /// Whether the elements lie row-major without gaps (at any offset). Axes of extent 1 never matter.
    pub fn is_row_major(&self) -> bool {
        let dense = Layout::row_major(self.shape);
        (0..self.shape.rank()).all(|a| self.shape[a] == 1 || self.strides[a] == dense.strides[a])
    }

    /// A view of the same elements in another shape, if the strides allow it without a copy.
    pub fn reshape(&self, shape: Shape) -> Option<Layout> {
        if shape.elements() != self.shape.elements() {
            return None;
        }
        let old: Vec<(usize, usize)> = merge(&[*self]).into_iter().map(|(e, s)| (e, s[0])).collect();
        // Split the merged runs of the old layout from the inside; each new axis must fit in one run.
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

    /// Axes in the order `axes`, which must be a permutation of `0..rank`.
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

    /// The elements of `range` along `axis`, which must lie inside the extent and not be empty.
    pub fn slice(&self, axis: usize, range: Range<usize>) -> Option<Layout> {
        if axis >= self.shape.rank() || range.start >= range.end || range.end > self.shape[axis] {
            return None;
        }
        let mut out = *self;
        out.offset += range.start * self.strides[axis];
        out.shape = self.shape.with(axis, range.len());
        Some(out)
    }

    /// The view that repeats these elements to fill `wide` (NumPy's rule).
    pub fn broadcast_to(&self, wide: Shape) -> Option<Layout> {
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

    /// One past the last buffer element that this layout touches.
    pub fn end(&self) -> usize {
        1 + self.offset + self.shape.iter().zip(self.strides).map(|(&e, s)| (e - 1) * s).sum::<usize>()
    }
}

/// Where element `index` lies, counted in row-major order over `extents`: Σ indexᵢ·strideᵢ + offset.
pub fn place(index: usize, extents: &[u32], strides: &[u32], offset: u32) -> usize {
    let (mut left, mut at) = (index, offset as usize);
    for (&extent, &stride) in extents.iter().zip(strides).rev() {
        at += left % extent as usize * stride as usize;
        left /= extent as usize;
    }
    at
}

/// The fewest axes that walk several layouts of one shape together: neighbouring axes are merged where every
/// layout steps through them as through one, axes of extent 1 vanish. Each entry is the extent and every
/// layout's stride. An element-wise kernel over contiguous tensors thus sees one axis, whatever the rank.
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
