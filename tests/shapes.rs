//! Shapes, strides and broadcasting, compared with a reference without strides: a view is a list of elements of the
//! buffer, in row-major order.

use allometry::shape::{Layout, MAX_RANK, merge};
use allometry::{Device, Shape, Tensor};
use proptest::prelude::*;
use std::ops::Range;

/// A view, spelled out.
#[derive(Clone, Debug)]
struct Naive {
    shape: Vec<usize>,
    elements: Vec<usize>,
}

/// Every index of a shape, in row-major order.
fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for &extent in shape {
        all = all.iter().flat_map(|i| (0..extent).map(|e| [&i[..], &[e]].concat())).collect();
    }
    all
}

impl Naive {
    fn packed(shape: &[usize]) -> Naive {
        Naive { shape: shape.to_vec(), elements: (0..shape.iter().product()).collect() }
    }

    fn at(&self, index: &[usize]) -> usize {
        self.elements[index.iter().zip(&self.shape).fold(0, |at, (i, extent)| at * extent + i)]
    }

    /// The view of another shape whose element at an index is this view's at `source` of that index.
    fn map(&self, shape: Vec<usize>, source: impl Fn(&[usize]) -> Vec<usize>) -> Naive {
        let elements = indices(&shape).iter().map(|index| self.at(&source(index))).collect();
        Naive { shape, elements }
    }

    fn permute(&self, axes: &[usize]) -> Naive {
        self.map(axes.iter().map(|&a| self.shape[a]).collect(), |index| {
            (0..axes.len()).map(|axis| index[axes.iter().position(|&a| a == axis).unwrap()]).collect()
        })
    }

    fn slice(&self, axis: usize, range: Range<usize>) -> Naive {
        let mut shape = self.shape.clone();
        shape[axis] = range.len();
        self.map(shape, |index| {
            let mut index = index.to_vec();
            index[axis] += range.start;
            index
        })
    }

    fn broadcast(&self, wide: &[usize]) -> Naive {
        let added = wide.len() - self.shape.len();
        self.map(wide.to_vec(), |index| {
            index[added..]
                .iter()
                .zip(&self.shape)
                .map(|(&i, &extent)| if extent == 1 { 0 } else { i })
                .collect()
        })
    }

    fn reshape(&self, shape: &[usize]) -> Naive {
        Naive { shape: shape.to_vec(), elements: self.elements.clone() }
    }

    /// Whether strides from the first element reach all the others.
    fn has_strides(&self) -> bool {
        let origin = self.elements[0];
        let strides: Vec<Option<usize>> = (0..self.shape.len())
            .map(|axis| {
                let mut index = vec![0; self.shape.len()];
                index[axis] = (self.shape[axis] > 1) as usize;
                self.at(&index).checked_sub(origin)
            })
            .collect();
        indices(&self.shape).iter().all(|index| {
            let walk = index.iter().zip(&strides).try_fold(origin, |at, (i, s)| s.map(|s| at + i * s));
            walk == Some(self.at(index))
        })
    }
}

/// What a layout shows, spelled out.
fn spelled(layout: &Layout) -> Vec<usize> {
    let element = |index: &Vec<usize>| {
        layout.offset + index.iter().zip(layout.strides).map(|(i, s)| i * s).sum::<usize>()
    };
    indices(&layout.shape).iter().map(element).collect()
}

/// A step from one view to another; numbers are reduced to what the view allows.
#[derive(Clone, Debug)]
enum Step {
    Permute(Vec<u16>),
    Slice(usize, usize, usize),
    Broadcast(usize, usize, bool),
    Reshape(Vec<usize>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        proptest::collection::vec(any::<u16>(), MAX_RANK).prop_map(Step::Permute),
        (any::<usize>(), any::<usize>(), any::<usize>()).prop_map(|(a, b, c)| Step::Slice(a, b, c)),
        (any::<usize>(), 1usize..4, any::<bool>()).prop_map(|(a, b, c)| Step::Broadcast(a, b, c)),
        proptest::collection::vec(any::<usize>(), MAX_RANK).prop_map(Step::Reshape),
    ];
    proptest::collection::vec(step, 0..6)
}

fn shapes() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(1usize..5, 0..=4)
}

/// A step made to fit a view.
enum Fitting {
    Permute(Vec<usize>),
    Slice(usize, Range<usize>),
    Broadcast(Vec<usize>),
    Reshape(Vec<usize>),
}

fn fit(step: &Step, shape: &[usize]) -> Option<Fitting> {
    let (rank, count) = (shape.len(), shape.iter().product::<usize>());
    match step {
        Step::Permute(keys) => {
            let mut axes: Vec<usize> = (0..rank).collect();
            axes.sort_by_key(|&axis| keys[axis]);
            Some(Fitting::Permute(axes))
        }
        Step::Slice(axis, start, length) => {
            let axis = axis.checked_rem(rank)?;
            let start = start % shape[axis];
            Some(Fitting::Slice(axis, start..start + 1 + length % (shape[axis] - start)))
        }
        Step::Broadcast(axis, extent, add) => {
            let mut wide = shape.to_vec();
            if let Some(axis) = axis.checked_rem(rank)
                && wide[axis] == 1
            {
                wide[axis] = *extent;
            }
            if *add && rank < MAX_RANK {
                wide.insert(0, *extent);
            }
            (wide.iter().product::<usize>() <= 2000).then_some(Fitting::Broadcast(wide))
        }
        Step::Reshape(choices) => {
            // Divisors of what is left, and the rest at the end.
            let mut left = count;
            let mut to = Vec::new();
            for choice in &choices[..choices[0] % MAX_RANK] {
                let divisors: Vec<usize> = (1..=left).filter(|d| left.is_multiple_of(*d)).collect();
                to.push(divisors[choice % divisors.len()]);
                left /= to[to.len() - 1];
            }
            if left > 1 || to.is_empty() && rank > 0 {
                to.push(left);
            }
            Some(Fitting::Reshape(to))
        }
    }
}

proptest! {
    #[test]
    fn broadcasting_is_numpys(a in shapes(), b in shapes()) {
        let rank = a.len().max(b.len());
        let padded = |s: &[usize]| [vec![1; rank - s.len()], s.to_vec()].concat();
        let pairs: Vec<(usize, usize)> = padded(&a).into_iter().zip(padded(&b)).collect();
        let fits = pairs.iter().all(|&(a, b)| a == b || a == 1 || b == 1);
        let expected = fits.then(|| pairs.iter().map(|&(a, b)| a.max(b)).collect::<Vec<usize>>());
        let (a, b) = (Shape::new(&a).unwrap(), Shape::new(&b).unwrap());
        prop_assert_eq!(a.broadcast(&b).map(|s| s.to_vec()), expected);
        prop_assert_eq!(a.broadcast(&b), b.broadcast(&a));
        prop_assert_eq!(a.broadcast(&a), Some(a));
        prop_assert_eq!(a.broadcast(&Shape::SCALAR), Some(a));
    }

    #[test]
    fn stretched_axes_are_those_that_have_to_be_summed(narrow in shapes(), steps in any::<[bool; 4]>(), added in 0usize..3) {
        // Some axes of a wide shape become 1, some are left out.
        let wide: Vec<usize> = [vec![3; added], narrow.clone()].concat();
        let narrow: Vec<usize> = narrow.iter().zip(steps).map(|(&e, keep)| if keep { e } else { 1 }).collect();
        let (narrow, wide) = (Shape::new(&narrow).unwrap(), Shape::new(&wide).unwrap());
        prop_assert_eq!(narrow.broadcast(&wide), Some(wide));
        let axes = narrow.broadcast_axes(&wide);
        let mut summed = wide;
        axes.iter().for_each(|&axis| summed = summed.with(axis, 1));
        prop_assert_eq!(summed.elements(), narrow.elements());
        prop_assert!(axes.iter().all(|&axis| axis < added || wide[axis] > 1));
    }

    #[test]
    fn views_show_the_elements_that_they_should(shape in shapes(), steps in steps()) {
        let mut naive = Naive::packed(&shape);
        let mut layout = Layout::row_major(Shape::new(&shape).unwrap());
        let values: Vec<f32> = (0..naive.elements.len()).map(|i| i as f32).collect();
        let mut tensor = Tensor::new(&Device::cpu(), &values, layout.shape).unwrap();
        for step in &steps {
            match fit(step, &naive.shape) {
                None => continue,
                Some(Fitting::Permute(axes)) => {
                    naive = naive.permute(&axes);
                    layout = layout.permute(&axes).unwrap();
                    tensor = tensor.permute(&axes).unwrap();
                }
                Some(Fitting::Slice(axis, range)) => {
                    naive = naive.slice(axis, range.clone());
                    layout = layout.slice(axis, range.clone()).unwrap();
                    tensor = tensor.slice(axis, range).unwrap();
                }
                Some(Fitting::Broadcast(wide)) => {
                    naive = naive.broadcast(&wide);
                    let wide = Shape::new(&wide).unwrap();
                    layout = layout.broadcast_to(wide).unwrap();
                    tensor = tensor.broadcast_to(wide).unwrap();
                }
                Some(Fitting::Reshape(to)) => {
                    let reshaped = naive.reshape(&to);
                    let to = Shape::new(&to).unwrap();
                    tensor = tensor.reshape(to).unwrap();
                    match layout.reshape(to) {
                        Some(view) => (naive, layout) = (reshaped, view),
                        // It may ask for a copy only where strides can't do it. The layout goes on as it was, and
                        // the tensor as a view of the same elements.
                        None => {
                            prop_assert!(!reshaped.has_strides(), "{layout:?} to {to}");
                            tensor = tensor.reshape(layout.shape).unwrap();
                        }
                    }
                }
            }
            prop_assert_eq!(&naive.shape[..], &layout.shape[..]);
            prop_assert_eq!(&naive.elements, &spelled(&layout));
            let seen: Vec<usize> = tensor.to_vec::<f32>().unwrap().iter().map(|&v| v as usize).collect();
            prop_assert_eq!(&naive.elements, &seen);
        }
        // What kernels ask of a layout.
        let first = naive.elements[0];
        let dense = naive.elements.iter().enumerate().all(|(i, &e)| e == first + i);
        prop_assert_eq!(layout.is_row_major(), dense);
        prop_assert_eq!(layout.end(), 1 + naive.elements.iter().max().unwrap());
        // No element is repeated in memory that a kernel may write densely.
        if dense {
            prop_assert!(merge(&[layout]).len() <= 1);
        }
    }

    #[test]
    fn merged_axes_walk_the_same_elements(shape in shapes(), keys in any::<[u16; 6]>(), axis in any::<usize>()) {
        // Two layouts of one shape, as operands of an op: one permuted, one with a repeated axis.
        let extents = Shape::new(&shape).unwrap();
        let mut axes: Vec<usize> = (0..shape.len()).collect();
        axes.sort_by_key(|&a| keys[a]);
        let permuted = Layout::row_major(extents).permute(&axes).unwrap();
        let narrow = match axis.checked_rem(shape.len()) {
            Some(axis) => permuted.shape.with(axis, 1),
            None => permuted.shape,
        };
        let repeated = Layout::row_major(narrow).broadcast_to(permuted.shape).unwrap();
        let merged = merge(&[permuted, repeated]);
        prop_assert!(merged.iter().all(|(extent, _)| *extent > 1));
        let walked = |operand: usize| -> Vec<usize> {
            let extents: Vec<usize> = merged.iter().map(|(extent, _)| *extent).collect();
            let at = |index: &Vec<usize>| index.iter().zip(&merged).map(|(i, (_, s))| i * s[operand]).sum();
            indices(&extents).iter().map(at).collect()
        };
        prop_assert_eq!(walked(0), spelled(&permuted));
        prop_assert_eq!(walked(1), spelled(&repeated));
    }

    #[test]
    fn impossible_views_are_none(shape in shapes(), axis in 0usize..6, start in 0usize..6, end in 0usize..6) {
        let layout = Layout::row_major(Shape::new(&shape).unwrap());
        let possible = axis < shape.len() && start < end && end <= shape[axis];
        prop_assert_eq!(layout.slice(axis, start..end).is_some(), possible);
        let axes: Vec<usize> = vec![axis; shape.len()];
        prop_assert_eq!(layout.permute(&axes).is_some(), shape.is_empty() || (shape.len() == 1 && axis == 0));
        let other = Shape::new(&[layout.shape.elements() + 1]).unwrap();
        prop_assert!(layout.reshape(other).is_none());
    }
}

#[test]
fn six_axes_and_no_more() {
    assert_eq!(Shape::new(&[1; 6]).unwrap().rank(), 6);
    assert!(matches!(Shape::new(&[1; 7]), Err(allometry::Error::Argument { argument: "rank", .. })));
    assert_eq!(Shape::SCALAR.elements(), 1);
    assert_eq!(Shape::from([3, 4]).to_string(), "[3, 4]");
}
