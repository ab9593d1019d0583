//! The samples of every op and every other kernel: one file per file of `src/ops`, and one for each word that labels of
//! kernels elsewhere begin with.
//!
//! A file `x.rs` here has one function, and its name stands in the list of `tests/conformance.rs`:
//!
//! ```ignore
//! use crate::harness::{Bound, Draw, Op, input, refuse, sample};
//!
//! pub fn op(draw: &mut Draw) -> Op {
//!     let mut op = Op::default();
//!     // A name, the inputs, and the function: it must do the same on every device.
//!     op.add(sample("odd extents", [input([7, 13]), input([13, 5])], |t| t[0].matmul(&t[1]))
//!         .forward(Bound::product(13, |t| t[0].matmul(&t[1]))));
//!     // Random extents, a transposed operand, an operand without a gradient.
//!     let (m, n) = (draw.extent(40), draw.extent(40));
//!     op.add(sample("drawn", [input([m, n]).transposed(), input([m, n]).fixed()], |t| t[0].mul(&t[1])));
//!     // What must be refused, and how.
//!     op.refuse(refuse("extents that differ", |device| {
//!         ones(device, [2, 3])?.matmul(&ones(device, [4, 2])?)
//!     }, |e| matches!(e, Error::Shape { op: "matmul", .. })));
//!     op
//! }
//! ```
//!
//! - [`input`](crate::harness::input): a shape, with values drawn evenly from [-1, 1] and stored row-major. Its
//!   methods change the values (`uniform`, `magnitudes`, `positive`, `distinct`, `interleaved`, `ties`, `labels`,
//!   `values`, `avoid`), the way it lies in memory (`transposed`, `rows`, `sliced`, `repeated`), and whether it is
//!   differentiated (`fixed`). Memory around a view is filled with NaN.
//! - [`Bound`](crate::harness::Bound): what a result may differ from the oracle by. Without `forward` a relative
//!   1e-5 per element, without `gradient` 1e-4 of the gradient's norm. A looser one needs a reason, written where
//!   it stands.
//! - [`Draw`](crate::harness::Draw): random extents and choices, from the run's seed.
//! - `half(n)` runs the sample in f16 too, where results are rounded `n` times on their way.
//! - `op.add_timed("x", …)` adds the samples of the op that benchmarks time (`src/bench/families.rs`), in the shapes
//!   that are tested.
//! - `no_differences("reason")` leaves out the comparison with central differences (kinks, sheer size).

pub mod batch_norm;
pub mod binary;
pub mod binary_cross_entropy;
pub mod cast;
pub mod clip;
pub mod conv2d;
pub mod copy;
pub mod cross_entropy;
pub mod depthwise_conv2d;
pub mod dropout;
pub mod fill;
pub mod gather;
pub mod group_norm;
pub mod huber;
pub mod logsumexp;
pub mod loss_scale;
pub mod mae;
pub mod matmul;
pub mod metric;
pub mod mse;
pub mod optimizer;
pub mod pad;
pub mod parametric;
pub mod pool2d;
pub mod probe;
pub mod reduce;
pub mod resize;
pub mod select;
pub mod softmax;
pub mod unary;
pub mod variance;
pub mod view;
