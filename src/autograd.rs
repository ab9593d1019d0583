//! Reverse-mode differentiation: a graph of nodes, and the backward pass through it. This module names no op.
//!
//! An op with an input that has a graph creates a [`Node`]. The node holds the nodes of the inputs and a closure, which
//! computes the gradients of the inputs from the gradient of the output. Nodes are numbered in the order in which they
//! are created, so a node's number is larger than the numbers of all nodes it depends on. The backward pass visits nodes
//! from the largest number down. That is a topological order: it needs a sorted map and no recursion.
//!
//! A closure holds only the buffers that its gradient reads. The backward pass consumes each closure when it runs it, so
//! memory that the forward pass kept is freed as the backward pass proceeds. A graph can be used once.

mod recompute;

pub use recompute::recompute;

use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Computes the gradients of an op's inputs from the gradient of its output.
pub type Backward = Box<dyn FnOnce(&mut BackwardContext) -> Result<()> + Send>;

/// The op that computed a tensor, and the nodes of its inputs.
pub struct Node {
    id: u64,
    op: &'static str,
    /// Of the op's output.
    shape: Shape,
    /// One per input of the op; `None` where the input has no graph.
    inputs: Vec<Option<Arc<Node>>>,
    /// `None` in a leaf, and after the backward pass.
    backward: Mutex<Option<Backward>>,
    leaf: bool,
}

impl Node {
    fn new(
        op: &'static str,
        shape: Shape,
        inputs: Vec<Option<Arc<Node>>>,
        backward: Option<Backward>,
    ) -> Arc<Node> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let leaf = backward.is_none();
        Arc::new(Node {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            op,
            shape,
            inputs,
            backward: Mutex::new(backward),
            leaf,
        })
    }

    /// The node of a tensor of this shape whose gradient is wanted.
    pub(crate) fn leaf(shape: Shape) -> Arc<Node> {
        Node::new("leaf", shape, Vec::new(), None)
    }

    /// Identifies a leaf in [`Gradients`].
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The name of the op, and the nodes of those inputs that have one.
    pub fn describe(&self) -> (&'static str, impl Iterator<Item = &Arc<Node>>) {
        (self.op, self.inputs.iter().flatten())
    }
}

impl Drop for Node {
    /// Drops a chain of nodes one by one. The default would recurse.
    fn drop(&mut self) {
        let mut waiting: Vec<Arc<Node>> = self.inputs.drain(..).flatten().collect();
        while let Some(node) = waiting.pop() {
            if let Some(mut last) = Arc::into_inner(node) {
                waiting.extend(last.inputs.drain(..).flatten());
            }
        }
    }
}

thread_local! {
    static RECORDING: Cell<bool> = const { Cell::new(true) };
}

/// Runs `body` without recording a graph, for evaluation.
pub fn no_grad<R>(body: impl FnOnce() -> R) -> R {
    recording(false, body)
}

/// Runs `body` with or without recording a graph.
fn recording<R>(on: bool, body: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            RECORDING.set(self.0);
        }
    }
    let _restore = Restore(RECORDING.replace(on));
    body()
}

/// Attaches the graph to an op's result. `backward` is kept if an input has a graph and recording is on.
///
/// The closure must capture results and inputs [detached](Tensor::detach), so that nodes hold other nodes only as their
/// inputs: a long chain is then dropped without recursion.
pub fn record(
    op: &'static str,
    output: Tensor,
    inputs: &[&Tensor],
    backward: impl FnOnce(&mut BackwardContext) -> Result<()> + Send + 'static,
) -> Tensor {
    if !wanted(inputs) {
        return output;
    }
    let inputs = inputs.iter().map(|t| t.graph().cloned()).collect();
    let shape = output.shape();
    output.with_node(Some(Node::new(op, shape, inputs, Some(Box::new(backward)))))
}

/// Whether the backward pass will need the gradient of an op on these inputs. If not, the op need not keep anything.
pub fn wanted(inputs: &[&Tensor]) -> bool {
    RECORDING.get() && inputs.iter().any(|t| t.graph().is_some())
}

/// What an op's backward closure reads and writes: the gradient of its output, and the gradients of its inputs.
pub struct BackwardContext<'a> {
    op: &'static str,
    gradient: Option<Tensor>,
    inputs: &'a [Option<Arc<Node>>],
    slots: &'a HashMap<u64, Tensor>,
    arrived: &'a mut Arrived,
    arithmetic: &'a dyn Arithmetic,
}

/// Gradients of nodes that the backward pass has not visited.
type Arrived = BTreeMap<u64, (Arc<Node>, Tensor)>;

/// The computations of the backward pass itself, which the ops provide.
pub(crate) trait Arithmetic {
    /// `a + b` in new memory.
    fn add(&self, a: &Tensor, b: &Tensor) -> Result<Tensor>;
    /// Adds `from` to the memory of `to`.
    fn add_into(&self, to: &Tensor, from: &Tensor) -> Result<()>;
    /// Writes `from` into the memory of `to`.
    fn copy(&self, from: &Tensor, to: &Tensor) -> Result<()>;
}

impl BackwardContext<'_> {
    /// The gradient of the op's output.
    pub fn gradient(&self) -> Tensor {
        self.gradient.clone().expect("an op that takes the gradient asks no further")
    }

    /// The same, without a handle that the backward pass keeps: the op may write to the memory if it is the sole holder.
    /// An op calls it at most once, and [`gradient`](BackwardContext::gradient) not after it.
    pub(crate) fn take_gradient(&mut self) -> Tensor {
        self.gradient.take().expect("an op takes the gradient once")
    }

    /// Number of inputs of the op.
    pub fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// Whether the gradient of input `i` is needed. An op need not compute others.
    pub fn wants(&self, i: usize) -> bool {
        self.inputs.get(i).is_some_and(Option::is_some)
    }

    /// Memory to which the op may write the gradient of input `i` directly: the input's part of the flat gradient, if
    /// the input is a parameter and its gradient is empty so far. The op then passes this tensor to
    /// [`accumulate`](BackwardContext::accumulate).
    pub fn slot(&self, i: usize) -> Option<Tensor> {
        let node = self.inputs.get(i)?.as_ref()?;
        if self.arrived.contains_key(&node.id) { None } else { self.slots.get(&node.id).cloned() }
    }

    /// Adds `gradient`, which has the shape of input `i`, to the gradient of that input. Does nothing if the gradient
    /// is not [wanted](BackwardContext::wants).
    ///
    /// # Errors
    /// [`Error::Graph`] if the op has no input `i`; [`Error::Shape`] for another shape than the input's; what the
    /// addition returns.
    pub fn accumulate(&mut self, i: usize, gradient: Tensor) -> Result<()> {
        let Some(input) = self.inputs.get(i) else {
            let problem = format!("{} has {} inputs, none of number {i}", self.op, self.inputs.len());
            return Err(Error::Graph(problem));
        };
        let Some(node) = input else { return Ok(()) };
        if gradient.shape() != node.shape {
            let expected =
                format!("the gradient of input {i} has the shape of that input, the second of these");
            return Err(Error::shape(self.op, &[gradient.shape(), node.shape], expected));
        }
        let sum = match self.arrived.remove(&node.id) {
            None => gradient,
            // In a slot the sum is updated in place. Other memory may be shared: an op may pass one tensor for several
            // inputs.
            Some((_, earlier))
                if self.slots.get(&node.id).is_some_and(|slot| slot.shares_memory(&earlier)) =>
            {
                self.arithmetic.add_into(&earlier, &gradient)?;
                earlier
            }
            Some((_, earlier)) => self.arithmetic.add(&earlier, &gradient)?,
        };
        self.arrived.insert(node.id, (node.clone(), sum));
        Ok(())
    }
}

/// The gradients of the leaves that a backward pass reached.
#[derive(Debug, Default)]
pub struct Gradients(HashMap<u64, Tensor>);

impl Gradients {
    /// The gradient of a leaf, of its shape; `None` if the loss does not depend on it.
    pub fn get(&self, leaf: &Tensor) -> Option<&Tensor> {
        self.0.get(&leaf.graph()?.id)
    }
}

/// Runs the closures of all nodes from `root`, whose gradient is `seed`, to the leaves. The gradient of a leaf that has a
/// slot in `slots` is written to that memory.
///
/// # Errors
/// [`Error::Graph`] if `root` has no graph, or its graph was used before.
pub(crate) fn propagate(
    root: &Tensor,
    seed: Tensor,
    slots: &HashMap<u64, Tensor>,
    arithmetic: &dyn Arithmetic,
) -> Result<Gradients> {
    let node = root.graph().ok_or_else(|| {
        Error::Graph(
            "the tensor depends on nothing that requires a gradient; call requires_grad() on a leaf, outside no_grad"
                .into(),
        )
    })?;
    propagate_from(node.clone(), seed, slots, arithmetic)
}

/// The same from a node: nothing of the root is held but its graph.
fn propagate_from(
    root: Arc<Node>,
    seed: Tensor,
    slots: &HashMap<u64, Tensor>,
    arithmetic: &dyn Arithmetic,
) -> Result<Gradients> {
    let mut gradients = Gradients::default();
    let mut arrived = Arrived::from([(root.id, (root, seed))]);
    while let Some((_, (node, gradient))) = arrived.pop_last() {
        if node.leaf {
            let gradient = match slots.get(&node.id) {
                Some(slot) if !slot.shares_memory(&gradient) => {
                    arithmetic.copy(&gradient, slot)?;
                    slot.clone()
                }
                _ => gradient,
            };
            gradients.0.insert(node.id, gradient);
            continue;
        }
        let backward = node.backward.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        let backward = backward.ok_or_else(|| {
            Error::Graph(format!(
                "the graph was used before (at {}); what it kept is freed by the backward pass, so run the forward \
                 pass again",
                node.op
            ))
        })?;
        let mut context = BackwardContext {
            op: node.op,
            gradient: Some(gradient),
            inputs: &node.inputs,
            slots,
            arrived: &mut arrived,
            arithmetic,
        };
        backward(&mut context)?;
    }
    Ok(gradients)
}
