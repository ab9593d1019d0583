//! The axes of PyTorch's tensors and of ours.

/// How the axes of a tensor of torchvision's become those of one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The same: a vector.
    Vector,
    /// `[outputs, inputs]` becomes `[inputs, outputs]`.
    Dense,
    /// `[outputs, inputs, 1, 1]` becomes `[inputs, outputs]`.
    Pointwise,
    /// `[outputs, inputs, height, width]` becomes `[height, width, inputs, outputs]`.
    Convolution,
    /// `[channels, 1, height, width]` becomes `[height, width, channels, 1]`.
    Depthwise,
}

impl Layout {
    /// The extents in torchvision's layout of a tensor that has the extents `ours` here.
    pub(super) fn theirs(self, ours: &[usize]) -> Vec<usize> {
        match (self, ours) {
            (Layout::Dense, &[i, o]) => vec![o, i],
            (Layout::Pointwise, &[i, o]) => vec![o, i, 1, 1],
            (Layout::Convolution, &[h, w, i, o]) => vec![o, i, h, w],
            (Layout::Depthwise, &[h, w, c, m]) => vec![c, m, h, w],
            _ => ours.to_vec(),
        }
    }

    /// For each axis of a tensor of torchvision's without its extents of 1 × 1, the place of this axis in ours.
    fn axes(self) -> &'static [usize] {
        match self {
            Layout::Vector => &[0],
            Layout::Dense | Layout::Pointwise => &[1, 0],
            Layout::Convolution => &[3, 2, 0, 1],
            Layout::Depthwise => &[2, 3, 0, 1],
        }
    }

    /// The elements, row-major, in torchvision's order; `shape` is ours.
    pub(super) fn export(self, values: &[f32], shape: &[usize]) -> Vec<f32> {
        self.places(shape).map(|place| values[place]).collect()
    }

    /// The elements, row-major, in our order; `shape` is ours.
    pub(super) fn import(self, values: &[f32], shape: &[usize]) -> Vec<f32> {
        let mut ours = vec![0.0; values.len()];
        for (&value, place) in values.iter().zip(self.places(shape)) {
            ours[place] = value;
        }
        ours
    }

    /// For each element in torchvision's order its place in ours.
    fn places(self, shape: &[usize]) -> impl Iterator<Item = usize> {
        let step = |axis: usize| shape[axis + 1..].iter().product::<usize>();
        // Extents and steps of four axes, of which the first may be blank.
        let (mut extents, mut steps) = ([1; 4], [0; 4]);
        let axes = self.axes();
        for (slot, &axis) in (4 - axes.len()..).zip(axes) {
            (extents[slot], steps[slot]) = (shape[axis], step(axis));
        }
        let [a, b, c, d] = extents;
        (0..a * b * c * d).map(move |at| {
            let index = [at / (b * c * d), at / (c * d) % b, at / d % c, at % d];
            index.iter().zip(steps).map(|(i, step)| i * step).sum()
        })
    }
}
