//! Uses of ops that are both timed and tested, as data.

use crate::error::Result;
use crate::shape::Shape;
use crate::tensor::Tensor;
use std::sync::Arc;

/// A use of an op: inputs, and a function of them. Benchmarks time it; the conformance suite compares it with the f64
/// reference.
#[derive(Clone)]
pub struct TimedSample {
    /// The op among whose samples it is tested: the first word in the names of its kernels.
    pub op: &'static str,
    /// The family of benchmarks.
    pub family: &'static str,
    /// The family that times the same in f16, if there is one.
    pub half_family: Option<&'static str>,
    /// Name within the family, with the timed shapes.
    pub name: String,
    /// The inputs.
    pub inputs: Vec<TimedInput>,
    /// Computes the result from tensors of the timed or of the tested shapes.
    pub function: TimedFunction,
    /// What is timed.
    pub rows: Vec<TimedRow>,
    /// Number of terms that an element of the result sums in the tested shapes, which bounds its rounding; 0 for a result
    /// that is no plain sum.
    pub terms: usize,
    /// The function changes this many of its first inputs in place.
    pub changed: usize,
}

/// A function of tensors on any device.
pub type TimedFunction = Arc<dyn Fn(&[Tensor]) -> Result<Tensor> + Send + Sync>;

/// An input of a sample.
#[derive(Clone, PartialEq, Debug)]
pub struct TimedInput {
    /// The shape that is timed.
    pub shape: Shape,
    /// The shape that is tested: the same channels, window and columns, with fewer images, rows or elements.
    pub tested: Shape,
    /// The values.
    pub values: Values,
}

/// The values of an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Values {
    /// From -1 to 1.
    Signed,
    /// From 0 to 1.
    Positive,
    /// Labels of this many classes, in u32.
    Labels(usize),
}

/// A row of a benchmark: a sample with the gradients that are computed.
#[derive(Clone, Copy, Debug)]
pub struct TimedRow {
    /// Name of the row after the sample's name; empty if the sample has one row.
    pub part: &'static str,
    /// Indices of the inputs whose gradients are computed.
    pub differentiated: &'static [usize],
    /// Prefix of the names of kernels that the row needs but that are not timed, such as a gradient's forward pass.
    pub hidden: Option<&'static str>,
}

impl TimedRow {
    /// The result alone.
    pub(super) fn forward(part: &'static str) -> TimedRow {
        TimedRow { part, differentiated: &[], hidden: None }
    }

    /// The result and the gradients of these inputs.
    pub(super) fn with_gradients(part: &'static str, differentiated: &'static [usize]) -> TimedRow {
        TimedRow { part, differentiated, hidden: None }
    }

    /// The gradient of an input without the kernels whose names begin with `forward`.
    pub(super) fn gradient(
        part: &'static str,
        differentiated: &'static [usize],
        forward: &'static str,
    ) -> TimedRow {
        TimedRow { part, differentiated, hidden: Some(forward) }
    }
}

/// An input with signed values that is tested in the timed shape.
pub(super) fn input(shape: impl Into<Shape>) -> TimedInput {
    let shape = shape.into();
    TimedInput { shape, tested: shape, values: Values::Signed }
}

impl TimedInput {
    pub(super) fn tested(self, tested: impl Into<Shape>) -> TimedInput {
        TimedInput { tested: tested.into(), ..self }
    }

    pub(super) fn positive(self) -> TimedInput {
        TimedInput { values: Values::Positive, ..self }
    }

    pub(super) fn labels(self, classes: usize) -> TimedInput {
        TimedInput { values: Values::Labels(classes), ..self }
    }
}

impl TimedSample {
    /// A sample whose result is timed.
    pub(super) fn new(
        [op, family]: [&'static str; 2],
        name: impl Into<String>,
        inputs: impl Into<Vec<TimedInput>>,
        function: impl Fn(&[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
    ) -> TimedSample {
        TimedSample {
            op,
            family,
            half_family: None,
            name: name.into(),
            inputs: inputs.into(),
            function: Arc::new(function),
            rows: vec![TimedRow::forward("")],
            terms: 0,
            changed: 0,
        }
    }

    pub(super) fn rows(self, rows: impl Into<Vec<TimedRow>>) -> TimedSample {
        TimedSample { rows: rows.into(), ..self }
    }

    pub(super) fn sum_of(self, terms: usize) -> TimedSample {
        TimedSample { terms, ..self }
    }

    pub(super) fn half(self, family: &'static str) -> TimedSample {
        TimedSample { half_family: Some(family), ..self }
    }

    pub(super) fn changes(self, changed: usize) -> TimedSample {
        TimedSample { changed, ..self }
    }

    /// The name of a row.
    pub fn row_name(&self, row: &TimedRow) -> String {
        if row.part.is_empty() { self.name.clone() } else { format!("{}, {}", self.name, row.part) }
    }
}
