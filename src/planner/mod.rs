//! Which training to run: from a sweep's laws and the speed of this device, the model and the number of samples that
//! are expected to be best within a budget.
//!
//! In reading order:
//!
//! - [`budget`]: time, compute, memory.
//! - [`grid`]: the sweep that a training is planned from.
//! - [`evidence`]: the law of the loss on each axis, from a sweep's records.
//! - `turns.rs`: how many times samples can be seen before more passes teach a model nothing.
//! - `expectation.rs`: the expected loss of a training, and the law interpolated between nodes.
//! - [`candidate`]: every model that could be trained, and which of them fit into memory.
//! - [`speed`]: how long each takes, by a law of seconds per sample and by pilot runs.
//! - [`mod@search`]: the best of them for the whole budget, what limits it, and how far it extrapolates.
//! - [`training`]: one training as a file.
//! - [`pilot`]: a training that starts and is cut short, to measure its speed and memory.
//! - `measured.rs`: runs that ended below what is expected of the best.
//! - `recommendation.rs`: the question and the answer; `recommend.rs`, `recommender.rs`: from one to the other.
//! - [`soundness`]: whether a sweep can answer what its law is asked.
//!
//! Trainings are compared by the loss that they end below in four of five cases ([`CAUTION`]), not by the law's median:
//! of two trainings with equal expectations, the one nearer to the runs is better. The base model, trained for the
//! whole budget, is always among them. It is what one has without a plan, so another model must be clearly better.
//!
//! A law of throughput is accurate to tens of percent. So the search is repeated after each pilot run, until the best
//! and the next best have all been measured, the best twice, and with a budget of time for a good part of its training.
//!
//! The law of the loss is trusted up to [`FURTHEST`] times the compute of the largest run that it was fitted to. If a
//! budget of time or FLOPs allows a better training beyond, the plan is an error rather than a smaller training. A
//! budget of memory alone does not limit compute; then the same distance is the limit.

pub mod budget;
pub mod candidate;
pub mod evidence;
mod expectation;
pub mod grid;
mod limit;
mod measured;
pub mod pilot;
mod recommend;
mod recommendation;
mod recommender;
pub mod search;
pub mod soundness;
pub mod speed;
pub mod training;
mod turns;

pub use budget::Budget;
pub use evidence::AxisWithoutLaw;
pub use expectation::{CAUTION, Expectation, LEVEL};
pub use limit::Limit;
pub use recommend::recommend;
pub use recommendation::{Options, RANKS, Reach, Recommendation, Repeats, Suggestion};
pub use search::FURTHEST;
pub use training::{Comparison, Expected, Training};
