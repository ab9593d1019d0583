//! Recomputation of activations: a block of ops keeps only its inputs, and runs again in the backward pass (Chen et al.
//! 2016, [arXiv:1604.06174](https://arxiv.org/abs/1604.06174)).

use super::{BackwardContext, Node, propagate_from, record, recording, wanted};
use crate::device::memory::{Category, allocating};
use crate::error::Result;
use crate::tensor::Tensor;
use std::collections::HashMap;

/// Runs `block` on `inputs` and keeps nothing of it but the inputs and the output. The backward pass runs it again with
/// its graph, and then passes through that graph.
///
/// Both runs must compute the same: the block depends on its inputs alone, and its random numbers have fixed keys. The
/// gradients then equal those of the block without recomputation, bit for bit. All tensors whose gradients the block
/// contributes to must be among `inputs`.
///
/// # Errors
/// What `block` returns; the backward pass returns what it returns the second time.
pub fn recompute(
    inputs: &[Tensor],
    block: impl Fn(&[Tensor]) -> Result<Tensor> + Send + 'static,
) -> Result<Tensor> {
    // This run records a graph too, which is dropped at once. Ops may choose other kernels where no gradient is wanted,
    // and both runs must use the same kernels.
    let output = block(inputs)?.detach();
    let references: Vec<&Tensor> = inputs.iter().collect();
    if !wanted(&references) {
        return Ok(output);
    }
    let kept: Vec<Tensor> = inputs.iter().map(Tensor::detach).collect();
    Ok(record("recompute", output, &references, move |context| run_again(context, kept, block)))
}

/// The gradient of a block that was run on `kept`.
fn run_again(
    context: &mut BackwardContext,
    kept: Vec<Tensor>,
    block: impl Fn(&[Tensor]) -> Result<Tensor>,
) -> Result<()> {
    // The block's own graph ends at leaves in place of its inputs. Two inputs of one node share a leaf.
    let (mut leaves, mut slots) = (HashMap::new(), HashMap::new());
    let mut inputs = Vec::with_capacity(kept.len());
    for (i, input) in kept.into_iter().enumerate() {
        let node = context.inputs[i].as_ref();
        let leaf = node.map(|node| leaves.entry(node.id).or_insert_with(|| Node::leaf(node.shape)));
        if let (Some(leaf), Some(slot)) = (&leaf, context.slot(i)) {
            slots.insert(leaf.id, slot);
        }
        inputs.push(input.with_node(leaf.cloned()));
    }
    let output = {
        let _activations = allocating(Category::Activations);
        recording(true, || block(&inputs))?
    };
    // From here on the graph alone decides what is kept of the block.
    drop(inputs);
    let Some(root) = output.graph().cloned() else { return Ok(()) };
    drop(output);
    let mut gradients = propagate_from(root, context.gradient(), &slots, context.arithmetic)?;
    for i in 0..context.inputs() {
        let leaf = context.inputs[i].as_ref().and_then(|node| leaves.remove(&node.id));
        if let Some(gradient) = leaf.and_then(|leaf| gradients.0.remove(&leaf.id)) {
            context.accumulate(i, gradient)?;
        }
    }
    Ok(())
}
