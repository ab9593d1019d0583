//! Scaling laws: what they are, how they are fitted, and how uncertain the fit is.
//!
//! A law ([`Form`]) gives a quantity y above zero (a loss, an error rate, a time) as a function of one size or two.
//! [`Form`] lists the laws with their formulas and sources.
//!
//! In reading order:
//!
//! - [`Form`]: the formulas, one file each, with their gradients, parameter names, starts of the search, and warnings.
//! - [`Points`]: the rows that a law is fitted to. [`read`] takes them from a table.
//! - [`objective`]: the Huber loss of the residuals of logarithms (`logs.rs`, `huber.rs`); [`delta`]: its δ;
//!   `bounds.rs`: the range of parameters.
//! - [`estimate`](mod@estimate): from starts (`starts.rs`, `projection.rs`, `linear.rs`) to the objective's minimum.
//! - [`bootstrap`](mod@bootstrap): how far the parameters move if the rows are resampled, by searches from starts along
//!   the valley around the minimum (`valley.rs`), in few steps (`newton.rs`).
//! - [`choice`]: which form to use, by the error on held-out largest rows and by AICc.
//! - [`doubling`]: what doubling a size gains, and up to which size that exceeds chance.
//! - [`allocation`]: the best N and D for a compute budget, from the joint law.
//! - [`isoflop`](mod@isoflop) (`budgets.rs`: which runs share a compute budget) and [`envelope`](mod@envelope): the
//!   best N from runs of equal compute, and from training curves; [`approaches`](mod@approaches) compares the three.
//! - [`repetition`]: the value of repeated samples; [`mod@turn`]: when repeating them does harm.
//! - [`progress`]: progress of a fit.
//! - [`fit`]: all of it together, with warnings (`warning.rs`) about what the data cannot tell.
//! - [`groups`](mod@groups): a law for each group of rows, and whether exponents differ.
//! - [`average`]: predictions beyond the data, by an average over models of the curve.
//! - [`benchmark`]: how well predictions hold on recorded sweeps.
//! - [`band`](mod@band) and [`plot`]: a law as a curve with its interval, and as a picture.
//! - [`PowerLaw`]: a quick fit for plots, a line through logarithms by least squares.

pub mod allocation;
pub mod approaches;
pub mod average;
pub mod band;
pub mod benchmark;
pub mod bootstrap;
mod bounds;
mod budgets;
pub mod choice;
pub mod delta;
pub(crate) mod distributions;
pub mod doubling;
pub mod envelope;
pub mod estimate;
pub mod fit;
mod form;
mod frontier;
pub mod groups;
mod huber;
mod identifiability;
pub mod isoflop;
mod least_squares;
mod limit;
pub(crate) mod linear;
mod logs;
mod newton;
pub mod objective;
pub mod plot;
mod points;
pub mod progress;
mod projection;
pub mod repetition;
mod starts;
mod table;
mod theta;
pub mod turn;
mod uncertain;
mod valley;
mod warning;

pub use budgets::{BudgetRun, Budgets, WIDEST};
pub use estimate::{FittedForm, Search};
pub use fit::{Fit, FitOptions};
pub use form::Form;
pub use frontier::Frontier;
pub use least_squares::PowerLaw;
pub use points::Points;
pub use table::{Columns, LeftOut, Selection, error_rate, read, read_groups};
pub use uncertain::{Interval, LEVEL, Uncertain};
pub(crate) use warning::narrow;
