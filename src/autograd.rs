//! Reverse-mode differentiation: a graph of nodes, and the pass back through it. Names no op.
//!
//! Each op that has an input with a graph makes a [`Node`]: the nodes it came from, and a closure that turns the
//! gradient of its output into gradients of its inputs. Nodes are numbered as they are made, so a node's number
//! is larger than those of all it depends on: visiting them from the largest number down is a topological order,
//! and a sorted map is all the pass needs. Nothing recurses, however long the chain.
//!
//! A closure holds only the buffers that its gradient reads, and it is consumed when it runs: what the forward
//! pass kept is freed as the backward pass goes, and a graph can be used once.

mod recompute;

pub use recompute::recompute;

use crate::error::{Error, Result};
use crate::tensor::Tensor;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Turns the gradient of an op's output into those of its inputs.
pub type Backward = Box<dyn FnOnce(&mut BackwardContext) -> Result<()> + Send>;

/// What a tensor came from.
pub struct Node {
    id: u64,
    op: &'static str,
    /// One per input of the op; `None` where the input has no graph.
    inputs: Vec<Option<Arc<Node>>>,
    /// `None` in a leaf, and in a node that was used.
    backward: Mutex<Option<Backward>>,
    leaf: bool,
}

impl Node {
    fn new(op: &'static str, inputs: Vec<Option<Arc<Node>>>, backward: Option<Backward>) -> Arc<Node> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let leaf = backward.is_none();
        Arc::new(Node {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            op,
            inputs,
            backward: Mutex::new(backward),
            leaf,
        })
    }

    /// A tensor whose gradient is asked for.
    pub(crate) fn leaf() -> Arc<Node> {
        Node::new("leaf", Vec::new(), None)
    }

    /// Identifies a leaf in [`Gradients`].
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The name of the op, and the nodes it came from.
    pub fn describe(&self) -> (&'static str, impl Iterator<Item = &Arc<Node>>) {
        (self.op, self.inputs.iter().flatten())
    }
}

impl Drop for Node {
    /// A chain of nodes would drop recursively; this takes it apart one by one.
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

/// Runs `body` without recording a graph: for evaluation, and for the arithmetic of gradients.
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

/// Attaches the graph to an op's result: `backward` is kept if any input has a graph and recording is on.
///
/// The closure must capture results and inputs [detached](Tensor::detach): nodes hold nodes only through their
/// inputs, which is what lets a long chain be dropped without recursion.
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
    output.with_node(Some(Node::new(op, inputs, Some(Box::new(backward)))))
}

/// Whether a gradient will be asked of an op on these inputs: if not, it need not keep anything.
pub fn wanted(inputs: &[&Tensor]) -> bool {
    RECORDING.get() && inputs.iter().any(|t| t.graph().is_some())
}

/// What an op's backward closure is given: the gradient of its output, and where those of its inputs go.
pub struct BackwardContext<'a> {
    gradient: Option<Tensor>,
    inputs: &'a [Option<Arc<Node>>],
    slots: &'a HashMap<u64, Tensor>,
    arrived: &'a mut Arrived,
    arithmetic: &'a dyn Arithmetic,
}

/// Gradients that wait for their node's turn.
type Arrived = BTreeMap<u64, (Arc<Node>, Tensor)>;

/// The computations of the backward pass itself, which the ops provide.
pub trait Arithmetic {
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

    /// The same for the last time: the pass keeps no handle of its own, so that an op may reuse the memory if nobody
    /// else holds it.
    pub fn take_gradient(&mut self) -> Tensor {
        self.gradient.take().expect("an op takes the gradient once")
    }

    /// How many inputs the op has.
    pub fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// Whether the gradient of input `i` is asked for.
    pub fn wants(&self, i: usize) -> bool {
        self.inputs[i].is_some()
    }

    /// Where the gradient of input `i` may be written directly: its slice of the flat gradient, if it is a
    /// parameter to which nothing has been added yet. An op that writes there then [accumulates](BackwardContext::accumulate)
    /// that tensor.
    pub fn slot(&self, i: usize) -> Option<Tensor> {
        let node = self.inputs[i].as_ref()?;
        if self.arrived.contains_key(&node.id) { None } else { self.slots.get(&node.id).cloned() }
    }

    /// Adds to the gradient of input `i`. The first to arrive is kept as it is; later ones are added.
    pub fn accumulate(&mut self, i: usize, gradient: Tensor) -> Result<()> {
        let Some(node) = &self.inputs[i] else { return Ok(()) };
        let sum = match self.arrived.remove(&node.id) {
            None => gradient,
            // In a slot the sum grows in place. Elsewhere the memory may be shared: an op may give one tensor to
            // several inputs.
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

/// The gradients of the leaves, after a backward pass.
#[derive(Debug, Default)]
pub struct Gradients(HashMap<u64, Tensor>);

impl Gradients {
    /// The gradient of a leaf, if the loss depends on it.
    pub fn get(&self, leaf: &Tensor) -> Option<&Tensor> {
        self.0.get(&leaf.graph()?.id)
    }
}

/// Runs the closures of all nodes from `root`, whose gradient is `seed`, to the leaves. A leaf with a slot in `slots` ends with its
/// gradient in that memory.
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
            "the tensor depends on nothing that requires a gradient; call requires_grad() on a leaf".into(),
        )
    })?;
    propagate_from(node.clone(), seed, slots, arithmetic)
}

/// The same from a node, which needs nothing to be held of the root but its graph.
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
