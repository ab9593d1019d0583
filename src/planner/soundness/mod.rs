//! Whether runs can answer what a law of them is asked: the loss at a size that was not trained.
//!
//! Each kind of fault is a `Check` in a file of its own, with one line in `CHECKS` (`verdict.rs`). A check looks at one
//! [`Series`], the runs that one law is fitted to. It finds nothing, cannot tell, or returns a [`Fault`]: what is
//! wrong, by how much it can change the answer, and a [`Hint`] with the command that removes it.
//!
//! *The answer* is the loss at [`Asked::reach`] times the largest size (with two sizes: times the compute of the
//! largest run, each size growing as its root). Its interval is the 95 % interval of the curve or surface around which
//! the runs lie (`surface.rs`). A fault that moves the answer by less than a quarter of the interval's width, and makes
//! the interval less than twice as wide, is a remark: the sweep stays sound.
//!
//! Every test of significance shares one level, [`LEVEL`], among all of its comparisons and all series (Bonferroni's
//! correction), so that each kind of check calls at most one sound sweep in a hundred unsound by chance.
//!
//! - `sweep.rs`: the runs, from a directory or a table. `surface.rs`: the curve around which they lie. `statistics.rs`:
//!   parabolas and thresholds. `outlier_test.rs`: runs far from the others. `subject.rs`: a series, prepared for the
//!   checks. `hint.rs`: commands. `check.rs`: what a check is and returns. `verdict.rs`: all checks together.

mod asked;
mod check;
mod collinear;
mod convergence;
mod edge;
mod hint;
mod learning_rate;
mod outlier_test;
mod outliers;
mod overfitting;
mod range;
mod seeds;
mod statistics;
mod subject;
mod surface;
mod sweep;
mod verdict;

pub use asked::{Asked, REACH};
pub use check::{Fault, Hint};
pub use sweep::{Run, RunSource, Series, Sweep};
pub use verdict::{Finding, LEVEL, Summary, Unknown, Verdict, check};
