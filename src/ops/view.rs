//! The same elements in another arrangement: reshape, permute, slice, split, broadcast, concat, stack. These have no
//! kernels. If the result can't be a view, [`copy`](super::copy) copies the elements.

use super::{check_axis, check_float};
use crate::autograd::record;
use crate::error::{Error, Result};
use crate::shape::{MAX_ELEMENTS, Shape};
use crate::tensor::Tensor;
use std::ops::Range;

impl Tensor {
    /// The elements, in row-major order, in another shape. A view if the layout allows it, else a copy.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of elements differs.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        let (from, to) = (self.shape(), shape.into());
        if from.elements() != to.elements() {
            let expected = format!("{} elements can't become {}", from.elements(), to.elements());
            return Err(Error::shape("reshape", &[from, to], expected));
        }
        let output = match self.layout().reshape(to) {
            Some(layout) => self.with_layout(layout),
            None => {
                let packed = self.packed("reshape")?;
                let layout = packed.layout().reshape(to).expect("packed elements take any shape");
                packed.with_layout(layout)
            }
        };
        Ok(record("reshape", output, &[self], move |context| {
            context.accumulate(0, context.gradient().reshape(from)?)
        }))
    }

    /// All axes but the first become one: `[n, …]` to `[n, product]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for a scalar.
    pub fn flatten(&self) -> Result<Tensor> {
        let shape = self.shape();
        if shape.rank() == 0 {
            return Err(Error::shape("flatten", &[shape], "at least one axis is needed"));
        }
        self.reshape([shape[0], shape.elements() / shape[0]])
    }

    /// The axes in another order: axis `i` of the result is axis `axes[i]` of this tensor. A view.
    ///
    /// # Errors
    /// [`Error::Argument`] if `axes` is not a permutation of this tensor's axes.
    pub fn permute(&self, axes: &[usize]) -> Result<Tensor> {
        let layout = self.layout().permute(axes).ok_or_else(|| {
            let expected = format!("a permutation of the {} axes", self.shape().rank());
            Error::argument("permute", "axes", format!("{axes:?}"), expected)
        })?;
        let mut inverse = vec![0; axes.len()];
        for (to, &from) in axes.iter().enumerate() {
            inverse[from] = to;
        }
        let output = self.with_layout(layout);
        Ok(record("permute", output, &[self], move |context| {
            context.accumulate(0, context.gradient().permute(&inverse)?)
        }))
    }

    /// The last two axes exchanged. A view.
    ///
    /// # Errors
    /// [`Error::Shape`] for fewer than two axes.
    pub fn transpose(&self) -> Result<Tensor> {
        let rank = self.shape().rank();
        if rank < 2 {
            return Err(Error::shape("transpose", &[self.shape()], "at least two axes are needed"));
        }
        let mut axes: Vec<usize> = (0..rank).collect();
        axes.swap(rank - 1, rank - 2);
        self.permute(&axes)
    }

    /// The elements of `range` along `axis`. A view.
    ///
    /// # Errors
    /// [`Error::Argument`] for an axis or a range outside the shape, and for an empty range.
    pub fn slice(&self, axis: usize, range: Range<usize>) -> Result<Tensor> {
        check_axis("slice", self, axis)?;
        let shape = self.shape();
        let layout = self.layout().slice(axis, range.clone()).ok_or_else(|| {
            let expected = format!("not empty and within 0..{}", shape[axis]);
            Error::argument("slice", "range", format!("{range:?}"), expected)
        })?;
        let output = self.with_layout(layout);
        Ok(record("slice", output, &[self], move |context| {
            let dy = context.gradient();
            let dx = Tensor::zeros(dy.device(), dy.dtype(), shape)?;
            dy.copy_into(&dx.slice(axis, range)?)?;
            context.accumulate(0, dx)
        }))
    }

    /// The elements repeated to fill `shape` by NumPy's broadcasting rule. A view.
    ///
    /// # Errors
    /// [`Error::Shape`] if the shapes don't allow it, and for an extent of 0; [`Error::TooManyElements`] above
    /// [`MAX_ELEMENTS`].
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        let (from, to) = (self.shape(), shape.into());
        if to.elements() == 0 {
            return Err(Error::shape("broadcast_to", &[from, to], "every extent must be at least 1"));
        }
        if to.elements() > MAX_ELEMENTS {
            return Err(Error::TooManyElements { what: "broadcast_to".to_string(), elements: to.elements() });
        }
        let layout = self.layout().broadcast_to(to).ok_or_else(|| {
            Error::shape("broadcast_to", &[from, to], "aligned at the last axis, extents must be equal or 1")
        })?;
        let output = self.with_layout(layout);
        Ok(record("broadcast_to", output, &[self], move |context| {
            context.accumulate(0, context.gradient().sum_to(from)?)
        }))
    }

    /// The tensors joined along `axis`; their other extents must be equal.
    ///
    /// # Errors
    /// [`Error::Argument`] for no tensors or an axis that does not exist; [`Error::Shape`] for extents that differ;
    /// [`Error::DType`] and [`Error::Placement`] for tensors of different types or devices.
    pub fn concat(tensors: &[&Tensor], axis: usize) -> Result<Tensor> {
        let first = *tensors
            .first()
            .ok_or_else(|| Error::argument("concat", "tensors", "an empty list", "at least one tensor"))?;
        check_axis("concat", first, axis)?;
        let mut total = 0;
        for tensor in tensors {
            check_float("concat", tensor, first)?;
            let same = tensor.shape().rank() == first.shape().rank()
                && tensor.shape().with(axis, 1) == first.shape().with(axis, 1);
            if !same {
                let expected = format!("all extents but axis {axis} must be equal");
                return Err(Error::shape("concat", &[first.shape(), tensor.shape()], expected));
            }
            total += tensor.shape()[axis];
        }
        let output = Tensor::empty("concat", first.device(), first.dtype(), first.shape().with(axis, total))?;
        let mut start = 0;
        let mut ranges = Vec::with_capacity(tensors.len());
        for tensor in tensors {
            let range = start..start + tensor.shape()[axis];
            start = range.end;
            tensor.copy_into(&output.slice(axis, range.clone())?)?;
            ranges.push(range);
        }
        Ok(record("concat", output, tensors, move |context| {
            let dy = context.gradient();
            ranges
                .into_iter()
                .enumerate()
                .try_for_each(|(i, range)| context.accumulate(i, dy.slice(axis, range)?))
        }))
    }

    /// The tensors as the elements of a new axis, which is `axis` of the result; their shapes must be equal.
    ///
    /// # Errors
    /// [`Error::Argument`] for no tensors, for an axis above their rank, and for a result of more than six axes;
    /// [`Error::Shape`] for shapes that differ; [`Error::DType`] and [`Error::Placement`] for tensors of different
    /// types or devices.
    pub fn stack(tensors: &[&Tensor], axis: usize) -> Result<Tensor> {
        const OP: &str = "stack";
        let first = *tensors
            .first()
            .ok_or_else(|| Error::argument(OP, "tensors", "an empty list", "at least one tensor"))?;
        let shape = first.shape();
        if axis > shape.rank() {
            return Err(Error::argument(OP, "axis", axis, format!("at most the rank {}", shape.rank())));
        }
        let longer = Shape::new(&[&shape[..axis], &[1], &shape[axis..]].concat())?;
        let mut slices = Vec::with_capacity(tensors.len());
        for tensor in tensors {
            check_float(OP, tensor, first)?;
            if tensor.shape() != shape {
                return Err(Error::shape(OP, &[shape, tensor.shape()], "all shapes must be equal"));
            }
            slices.push(tensor.reshape(longer)?);
        }
        Tensor::concat(&slices.iter().collect::<Vec<_>>(), axis)
    }

    /// The tensor in pieces of the given extents along `axis`. Views.
    ///
    /// # Errors
    /// [`Error::Argument`] for an axis that does not exist, for an extent of 0, and for extents whose sum is not that
    /// of the axis.
    pub fn split(&self, axis: usize, extents: &[usize]) -> Result<Vec<Tensor>> {
        check_axis("split", self, axis)?;
        let (extent, total) = (self.shape()[axis], extents.iter().fold(0usize, |a, &b| a.saturating_add(b)));
        if total != extent || extents.contains(&0) {
            let expected = format!("at least 1 each and {extent} in all, the extent of axis {axis}");
            return Err(Error::argument("split", "extents", format!("{extents:?}"), expected));
        }
        let ends = extents.iter().scan(0, |end, &extent| {
            *end += extent;
            Some((*end - extent, *end))
        });
        ends.map(|(start, end)| self.slice(axis, start..end)).collect()
    }

    /// The gradient of a broadcast: the sum over the axes along which `shape` was repeated to give this shape.
    pub(crate) fn sum_to(&self, shape: Shape) -> Result<Tensor> {
        if self.shape() == shape {
            return Ok(self.detach());
        }
        let axes = shape.broadcast_axes(&self.shape());
        self.detach().sum(&axes, true)?.reshape(shape)
    }
}
