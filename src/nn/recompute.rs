//! Which layers a training step computes twice to save memory (Chen et al. 2016,
//! [arXiv:1604.06174](https://arxiv.org/abs/1604.06174)).
//!
//! A row of modules is divided into segments. The forward pass keeps the input of each segment. The backward pass runs
//! the segments again, the last one first, and keeps the activations of one segment while it computes its gradients.
//! The last segment is not run again: the backward pass begins where the forward pass ends. With n equal layers in √n
//! segments of √n layers, 2√n of n activations are held at once.

use super::module::Module;
use super::scope::{Pass, State};
use crate::autograd::recompute;
use crate::error::Result;
use crate::tensor::Tensor;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A module that is run again as a whole, with what it owns.
#[derive(Clone)]
pub(super) struct Unit {
    module: Arc<dyn Module>,
    state: Arc<State>,
}

impl Unit {
    /// The modules that `module` runs one after the other, those of rows inside rows one by one; none if it is no row.
    pub fn of(module: &Arc<dyn Module>, state: &Arc<State>) -> Vec<Unit> {
        let Some(row) = module.row() else { return Vec::new() };
        let inside = row.into_iter().enumerate().map(|(index, module)| (module, state.module(index).clone()));
        inside.fold(Vec::new(), |mut units, (module, state)| {
            match module.row() {
                Some(_) => units.extend(Unit::of(&module, &state)),
                None => units.push(Unit { module, state }),
            }
            units
        })
    }

    /// Values of its output for one sample.
    pub fn activations(&self) -> u64 {
        self.state.activations()
    }

    pub fn forward(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        self.state.forward(&self.module, x, pass)
    }

    /// The same module with other parameters, taken from `parameters`.
    fn with_parameters(&self, parameters: &mut impl Iterator<Item = Tensor>) -> Unit {
        Unit { module: self.module.clone(), state: Arc::new(self.state.with_parameters(parameters)) }
    }
}

/// Runs a segment of which only the input and the output are kept.
pub(super) fn run_recomputed(x: Tensor, segment: &[Unit], pass: Pass) -> Result<Tensor> {
    let parameters = segment.iter().flat_map(|unit| unit.state.parameters());
    let inputs: Vec<Tensor> = std::iter::once(x).chain(parameters).collect();
    // The second run reads the buffers as the first one found them, and discards what it sets.
    let again: Vec<Unit> = (segment.iter())
        .map(|unit| Unit { module: unit.module.clone(), state: Arc::new(unit.state.snapshot()) })
        .collect();
    let segment = segment.to_vec();
    let is_first = AtomicBool::new(true);
    recompute(&inputs, move |inputs| {
        let units = if is_first.swap(false, Ordering::Relaxed) { &segment } else { &again };
        let mut parameters = inputs[1..].iter().cloned();
        units
            .iter()
            .try_fold(inputs[0].clone(), |x, unit| unit.with_parameters(&mut parameters).forward(&x, pass))
    })
}

/// The segments that are run again, from the first layer on, for layers whose outputs have these sizes. As in the
/// paper's planner, each budget yields one division, whose segments end as soon as they exceed the budget. Here the
/// budgets are equal shares of the whole. The division that holds least at once is taken; of equals, the one with the
/// fewest segments.
pub(super) fn recomputed_segments(activations: &[u64]) -> Vec<Range<usize>> {
    let total: u64 = activations.iter().sum();
    let most = 2 * activations.len().isqrt() as u64 + 1;
    let mut segments = (1..=most)
        .map(|share| cut(activations, total.div_ceil(share)))
        .min_by_key(|segments| held(activations, segments))
        .unwrap_or_default();
    segments.pop();
    segments
}

/// Segments that end as soon as they hold `budget`.
fn cut(activations: &[u64], budget: u64) -> Vec<Range<usize>> {
    let mut segments = Vec::new();
    let (mut start, mut sum) = (0, 0);
    for (index, size) in activations.iter().enumerate() {
        sum += size;
        if sum >= budget || index + 1 == activations.len() {
            segments.push(start..index + 1);
            (start, sum) = (index + 1, 0);
        }
    }
    segments
}

/// The most that is held at once: all of one segment, and the outputs of earlier ones.
fn held(activations: &[u64], segments: &[Range<usize>]) -> u64 {
    let mut handed_on = 0;
    let mut most = 0;
    for segment in segments {
        most = most.max(handed_on + activations[segment.clone()].iter().sum::<u64>());
        handed_on += activations[segment.end - 1];
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_layers_are_cut_into_about_their_root() {
        let held_of = |layers: usize| {
            let segments = recomputed_segments(&vec![10; layers]);
            let end = segments.last().map_or(0, |segment| segment.end);
            assert!(segments.iter().map(|segment| segment.len()).sum::<usize>() == end && end < layers);
            let all: Vec<_> = segments.into_iter().chain(std::iter::once(end..layers)).collect();
            held(&vec![10; layers], &all)
        };
        assert_eq!(held_of(1), 10);
        for layers in [16, 100, 400] {
            let root = (layers as f64).sqrt();
            assert!(held_of(layers) as f64 <= 20.0 * root, "{layers}: {}", held_of(layers));
        }
    }

    #[test]
    fn where_the_first_layers_are_the_largest_they_are_cut_most() {
        let sizes = [100, 100, 100, 100, 1, 1, 1, 1];
        let segments = recomputed_segments(&sizes);
        assert!(segments.iter().all(|segment| segment.end <= 4) && !segments.is_empty(), "{segments:?}");
        assert!(held(&sizes, &segments) < 400);
    }

    #[test]
    fn nothing_to_gain_nothing_recomputed() {
        assert_eq!(recomputed_segments(&[]), []);
        assert_eq!(recomputed_segments(&[7]), []);
        assert_eq!(recomputed_segments(&[7, 7]), []);
    }
}
