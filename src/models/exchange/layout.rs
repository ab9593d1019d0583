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

#[cfg(test)]
mod tests {
    use super::Layout;

    #[test]
    fn layouts_move_every_element_to_its_place() {
        let theirs = |layout: Layout, ours: &[usize]| {
            let values: Vec<f32> = (0..ours.iter().product::<usize>()).map(|value| value as f32).collect();
            let moved = layout.export(&values, ours);
            assert_eq!(layout.import(&moved, ours), values, "{layout:?}");
            (layout.theirs(ours), moved)
        };
        assert_eq!(theirs(Layout::Vector, &[3]), (vec![3], vec![0.0, 1.0, 2.0]));
        assert_eq!(theirs(Layout::Dense, &[2, 3]), (vec![3, 2], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
        assert_eq!(theirs(Layout::Pointwise, &[2, 2]), (vec![2, 2, 1, 1], vec![0.0, 2.0, 1.0, 3.0]));
        // Element [h, w, i, o] of ours has the number ((h·2 + w)·2 + i)·3 + o.
        let (shape, moved) = theirs(Layout::Convolution, &[1, 2, 2, 3]);
        assert_eq!(shape, [3, 2, 1, 2]);
        assert_eq!(moved, [0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11].map(|value| value as f32));
        let (shape, moved) = theirs(Layout::Depthwise, &[2, 1, 3, 1]);
        assert_eq!((shape, moved), (vec![3, 1, 2, 1], [0, 3, 1, 4, 2, 5].map(|value| value as f32).to_vec()));
    }
}
