//! The tensor handle: elements of a buffer, a shape, and the node of the graph that computed them.

use crate::autograd::Node;
use crate::device::{ALIGNMENT, Buffer, DType, Device, Element, Operand};
use crate::error::{Error, Result};
use crate::shape::{Layout, Shape};
use std::fmt;
use std::sync::Arc;

/// A tensor: a view of device memory with a shape, and its place in the graph. Clones share the memory.
///
/// Tensors do not change: an op returns a new one. Views (reshape, permute, slice, broadcast) share memory where the
/// layout allows it.
#[derive(Clone)]
pub struct Tensor {
    buffer: Buffer,
    dtype: DType,
    layout: Layout,
    node: Option<Arc<Node>>,
}

impl Tensor {
    /// Copies `values`, row-major, to `device`.
    ///
    /// # Errors
    /// [`Error::Shape`] when their number is not the shape's, or an extent is 0; what
    /// [`allocate`](Device::allocate) returns.
    pub fn new<E: Element>(device: &Device, values: &[E], shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into();
        if shape.elements() != values.len() {
            let expected =
                format!("the shape has {} elements, {} values are given", shape.elements(), values.len());
            return Err(Error::shape("tensor", &[shape], expected));
        }
        let tensor = Tensor::empty("tensor", device, E::DTYPE, shape)?;
        tensor.write(0, values)?;
        Ok(tensor)
    }

    /// Copies `values` from the host into a row-major tensor, from element `offset` on.
    pub(crate) fn write<E: Element>(&self, offset: usize, values: &[E]) -> Result<()> {
        self.device().write(&self.buffer, self.layout.offset + offset, values)
    }

    /// Memory for an op's result; what it holds is not defined.
    pub(crate) fn empty(op: &'static str, device: &Device, dtype: DType, shape: Shape) -> Result<Tensor> {
        if shape.elements() == 0 {
            return Err(Error::shape(op, &[shape], "every extent must be at least 1"));
        }
        let buffer = device.allocate(op, dtype, shape.elements())?;
        Ok(Tensor { buffer, dtype, layout: Layout::row_major(shape), node: None })
    }

    /// A row-major tensor of `shape` inside `self`'s memory, `offset` elements from its start: a parameter in the flat
    /// buffer of all parameters.
    pub(crate) fn part(&self, offset: usize, shape: Shape) -> Tensor {
        let layout = Layout { offset: self.layout.offset + offset, ..Layout::row_major(shape) };
        debug_assert!(layout.end() * self.dtype.size() <= self.buffer.bytes() as usize, "a part lies inside");
        Tensor { buffer: self.buffer.clone(), dtype: self.dtype, layout, node: None }
    }

    /// The extents of its axes, outermost first.
    pub fn shape(&self) -> Shape {
        self.layout.shape
    }

    /// The type of its elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The device that holds its memory.
    pub fn device(&self) -> &Device {
        self.buffer.device()
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn with_node(mut self, node: Option<Arc<Node>>) -> Tensor {
        self.node = node;
        self
    }

    /// The same elements seen through another layout, without a graph.
    pub(crate) fn with_layout(&self, layout: Layout) -> Tensor {
        Tensor { buffer: self.buffer.clone(), dtype: self.dtype, layout, node: None }
    }

    /// The same memory as a new leaf of the graph: [`backward`](Tensor::backward) computes its gradient.
    pub fn requires_grad(&self) -> Tensor {
        self.clone().with_node(Some(Node::leaf(self.shape())))
    }

    /// The same memory without a graph: the backward pass stops here.
    pub fn detach(&self) -> Tensor {
        self.clone().with_node(None)
    }

    /// The node that computed this tensor, if a graph was recorded.
    pub fn graph(&self) -> Option<&Arc<Node>> {
        self.node.as_ref()
    }

    /// Whether nobody else holds this tensor's memory, so that it may be written to.
    pub(crate) fn is_sole_handle(&self) -> bool {
        self.buffer.is_sole_handle()
    }

    /// A number that stands for the present contents of its buffer: equal numbers, equal contents.
    pub(crate) fn version(&self) -> u64 {
        self.buffer.version()
    }

    /// Whether two tensors lie in the same buffer.
    pub(crate) fn shares_memory(&self, other: &Tensor) -> bool {
        self.buffer.same(&other.buffer)
    }

    /// Whether the elements lie row-major from an aligned offset, as most kernels require.
    pub(crate) fn is_packed(&self) -> bool {
        self.layout.is_row_major()
            && (self.layout.offset * self.dtype.size()).is_multiple_of(ALIGNMENT as usize)
    }

    /// What a kernel binds for a packed tensor: exactly its elements.
    pub(crate) fn operand(&self) -> Operand<'_> {
        debug_assert!(self.is_packed(), "kernels that take operands by extent take packed tensors");
        Operand {
            buffer: &self.buffer,
            dtype: self.dtype,
            offset: self.layout.offset,
            len: self.layout.shape.elements(),
        }
    }

    /// What a kernel binds for any view, and how many elements after the start of the binding the view begins: bindings
    /// start at aligned offsets.
    pub(crate) fn strided_operand(&self) -> (Operand<'_>, usize) {
        let align = ALIGNMENT as usize / self.dtype.size();
        let start = self.layout.offset / align * align;
        let len = self.layout.end() - start;
        (Operand { buffer: &self.buffer, dtype: self.dtype, offset: start, len }, self.layout.offset - start)
    }

    /// The elements, row-major. Waits for the device.
    ///
    /// # Errors
    /// [`Error::DType`] if they are not of type `E`; what the device has reported since the last wait.
    pub fn to_vec<E: Element>(&self) -> Result<Vec<E>> {
        if E::DTYPE != self.dtype {
            let expected = format!("{} (as the tensor holds)", self.dtype);
            return Err(Error::DType { op: "to_vec", found: E::DTYPE.name(), expected });
        }
        let Layout { shape, strides, offset } = self.layout;
        let all: Vec<E> = self.device().read(&self.buffer, offset, self.layout.end() - offset)?;
        if self.layout.is_row_major() {
            return Ok(all);
        }
        let mut values = Vec::with_capacity(shape.elements());
        let mut index = [0; crate::shape::MAX_RANK];
        for _ in 0..shape.elements() {
            values.push(all[index.iter().zip(strides).map(|(i, s)| i * s).sum::<usize>()]);
            for axis in (0..shape.rank()).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Ok(values)
    }

    /// The elements as f64, row-major, for every element type. Waits for the device.
    ///
    /// # Errors
    /// What the device has reported since the last wait.
    pub fn to_f64(&self) -> Result<Vec<f64>> {
        match self.dtype {
            DType::F16 => Ok(self.to_vec::<half::f16>()?.into_iter().map(f64::from).collect()),
            DType::F32 => Ok(self.to_vec::<f32>()?.into_iter().map(f64::from).collect()),
            DType::F64 => self.to_vec(),
            DType::U32 => Ok(self.to_vec::<u32>()?.into_iter().map(f64::from).collect()),
        }
    }

    /// The element of a tensor that has one. Waits for the device.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of elements; what the device has reported since the last wait.
    pub fn item(&self) -> Result<f64> {
        let values = if self.shape().elements() == 1 { self.to_f64()? } else { Vec::new() };
        values.first().copied().ok_or_else(|| {
            Error::shape("item", &[self.shape()], "one element is needed; reduce the tensor first")
        })
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Tensor({} {} on {})", self.dtype, self.shape(), self.device().name())
    }
}
