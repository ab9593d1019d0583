//! The arguments of samples: which values, and how they lie in memory.

use super::draw::Draw;
use allometry::{Device, Result, Shape, Tensor};

/// An argument of a sample.
#[derive(Clone)]
pub struct Input {
    pub shape: Shape,
    pub differentiated: bool,
    pub storage: Storage,
    values: Values,
    avoided: Vec<(f32, f32)>,
}

#[derive(Clone)]
enum Values {
    Uniform(f32, f32),
    /// Evenly over the exponents, with either sign.
    Magnitudes(f32, f32),
    /// Evenly over the exponents.
    Positive(f32, f32),
    /// On a grid of step 0.02 that is shifted by this much of a step.
    Distinct(f32),
    Ties,
    Labels(usize),
    Given(Vec<f32>),
}

/// How an input lies in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Storage {
    /// Row-major from the start of a buffer.
    Packed,
    /// The last two axes exchanged.
    Transposed,
    /// All axes in the opposite order.
    Reversed,
    /// Rows (of the first axis) out of something longer: contiguous, from an odd offset.
    Rows,
    /// The inside of something larger along every axis.
    Sliced,
    /// Along this axis one element, seen again and again.
    Repeated(usize),
}

/// An input with values from [-1, 1], row-major.
pub fn input(shape: impl Into<Shape>) -> Input {
    Input {
        shape: shape.into(),
        differentiated: true,
        storage: Storage::Packed,
        values: Values::Uniform(-1.0, 1.0),
        avoided: Vec::new(),
    }
}

impl Input {
    /// Evenly from [low, high].
    pub fn uniform(mut self, low: f32, high: f32) -> Input {
        self.values = Values::Uniform(low, high);
        self
    }

    /// Magnitudes from `low` to `high`, evenly over the exponents, with either sign.
    pub fn magnitudes(mut self, low: f32, high: f32) -> Input {
        self.values = Values::Magnitudes(low, high);
        self
    }

    /// From `low` to `high`, evenly over the exponents.
    pub fn positive(mut self, low: f32, high: f32) -> Input {
        self.values = Values::Positive(low, high);
        self
    }

    /// No two closer than 0.01, in random order: for functions with kinks at ties.
    pub fn distinct(mut self) -> Input {
        self.values = Values::Distinct(0.25);
        self
    }

    /// The same, and none closer than 0.002 to one of `distinct`: for functions with kinks where two inputs meet.
    pub fn interleaved(mut self) -> Input {
        self.values = Values::Distinct(0.75);
        self
    }

    /// Whole numbers from -2 to 2: many ties.
    pub fn ties(mut self) -> Input {
        self.values = Values::Ties;
        self
    }

    /// Integers below `classes`, as u32.
    pub fn labels(mut self, classes: usize) -> Input {
        self.values = Values::Labels(classes);
        self.fixed()
    }

    /// These values.
    pub fn values(mut self, values: impl Into<Vec<f32>>) -> Input {
        self.values = Values::Given(values.into());
        self
    }

    /// Nothing closer than `gap` to `point`, where the function has a kink.
    pub fn avoid(mut self, point: f32, gap: f32) -> Input {
        self.avoided.push((point, gap));
        self
    }

    /// Without a gradient.
    pub fn fixed(mut self) -> Input {
        self.differentiated = false;
        self
    }

    /// The last two axes exchanged in memory.
    pub fn transposed(self) -> Input {
        self.stored(Storage::Transposed)
    }

    /// Rows of something longer.
    pub fn rows(self) -> Input {
        self.stored(Storage::Rows)
    }

    /// The inside of something larger.
    pub fn sliced(self) -> Input {
        self.stored(Storage::Sliced)
    }

    /// One element along `axis`, repeated.
    pub fn repeated(self, axis: usize) -> Input {
        self.stored(Storage::Repeated(axis))
    }

    pub fn stored(mut self, storage: Storage) -> Input {
        self.storage = storage;
        self
    }

    pub fn is_labels(&self) -> bool {
        matches!(self.values, Values::Labels(_))
    }

    /// The shape of what is drawn: repeated elements are drawn once.
    fn drawn_shape(&self) -> Shape {
        match self.storage {
            Storage::Repeated(axis) => self.shape.with(axis, 1),
            _ => self.shape,
        }
    }

    /// The values, row-major.
    pub fn draw(&self, draw: &mut Draw) -> Vec<f32> {
        let count = self.drawn_shape().elements();
        if let Values::Given(values) = &self.values {
            assert_eq!(values.len(), count, "the values given fit the shape");
            return values.clone();
        }
        if let Values::Distinct(shift) = self.values {
            let mut values: Vec<f32> =
                (0..count).map(|i| (i as f32 - (count / 2) as f32 + shift) * 0.02).collect();
            values.iter_mut().for_each(|v| *v += draw.uniform(-0.004, 0.004));
            draw.shuffle(&mut values);
            return values;
        }
        let one = |draw: &mut Draw| match self.values {
            Values::Uniform(low, high) => draw.uniform(low, high),
            Values::Positive(low, high) => draw.uniform(low.ln(), high.ln()).exp().clamp(low, high),
            Values::Magnitudes(low, high) => {
                let size = draw.uniform(low.ln(), high.ln()).exp().clamp(low, high);
                if draw.toss() { size } else { -size }
            }
            Values::Ties => draw.below(5) as f32 - 2.0,
            Values::Labels(classes) => draw.below(classes) as f32,
            Values::Distinct(_) | Values::Given(_) => unreachable!("drawn above"),
        };
        let near = |value: f32| self.avoided.iter().any(|&(point, gap)| (value - point).abs() < gap);
        (0..count)
            .map(|_| {
                let mut value = one(draw);
                while near(value) {
                    value = one(draw);
                }
                value
            })
            .collect()
    }

    /// A tensor of `values` (row-major) on `device`, stored as this input says.
    pub fn build<E: allometry::device::Element>(
        &self,
        device: &Device,
        values: &[E],
        around: E,
    ) -> Result<Tensor> {
        let shape = self.drawn_shape();
        let rank = shape.rank();
        let in_order = |axes: &[usize]| {
            let stored: Vec<usize> = axes.iter().map(|&a| shape[a]).collect();
            let mut lying = Vec::with_capacity(values.len());
            each_index(&stored, |index| {
                let mut at = 0;
                for axis in 0..rank {
                    let place = axes.iter().position(|&a| a == axis).expect("a permutation");
                    at = at * shape[axis] + index[place];
                }
                lying.push(values[at]);
            });
            let mut back = vec![0; rank];
            axes.iter().enumerate().for_each(|(place, &axis)| back[axis] = place);
            Tensor::new(device, &lying, Shape::new(&stored)?)?.permute(&back)
        };
        let inside = |before: &[usize], after: &[usize]| {
            let stored: Vec<usize> = (0..rank).map(|a| before[a] + shape[a] + after[a]).collect();
            let mut lying = vec![around; stored.iter().product()];
            let mut next = values.iter();
            each_index(&shape, |index| {
                let at = (0..rank).fold(0, |at, a| at * stored[a] + before[a] + index[a]);
                lying[at] = *next.next().expect("as many values as elements");
            });
            let mut tensor = Tensor::new(device, &lying, Shape::new(&stored)?)?;
            for a in 0..rank {
                tensor = tensor.slice(a, before[a]..before[a] + shape[a])?;
            }
            Ok(tensor)
        };
        let axes: Vec<usize> = (0..rank).collect();
        match self.storage {
            Storage::Packed => Tensor::new(device, values, shape),
            Storage::Transposed => {
                let mut axes = axes;
                axes.swap(rank - 1, rank - 2);
                in_order(&axes)
            }
            Storage::Reversed => in_order(&axes.into_iter().rev().collect::<Vec<_>>()),
            Storage::Rows => {
                let only_first = |n: usize| (0..rank).map(|a| if a == 0 { n } else { 0 }).collect::<Vec<_>>();
                inside(&only_first(1), &only_first(2))
            }
            Storage::Sliced => inside(&vec![1; rank], &vec![2; rank]),
            Storage::Repeated(_) => Tensor::new(device, values, shape)?.broadcast_to(self.shape),
        }
    }
}

/// Calls `body` with every index of `extents`, in row-major order.
fn each_index(extents: &[usize], mut body: impl FnMut(&[usize])) {
    let mut index = vec![0; extents.len()];
    for _ in 0..extents.iter().product() {
        body(&index);
        for axis in (0..extents.len()).rev() {
            index[axis] += 1;
            if index[axis] < extents[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}
