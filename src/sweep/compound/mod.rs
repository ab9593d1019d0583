//! Searches the coefficients of compound scaling.
//!
//! EfficientNet (Tan & Le 2019, [arXiv:1905.11946](https://arxiv.org/abs/1905.11946)) scales depth by α^φ, width by β^φ
//! and resolution by γ^φ. Section 3.3, step 1, fixes φ = 1 and searches α, β, γ ≥ 1 with α·β²·γ² ≈ 2; step 2 fixes the
//! coefficients and raises φ. This module is step 1; a sweep of the axis [`Compound`](crate::models::Axis::Compound) is
//! step 2.
//!
//! In reading order:
//!
//! - [`search`]: what is searched, as data: the file `search.toml`.
//! - [`candidate`]: the models that are compared.
//! - [`rounds`]: the trainings: every candidate once, then the best with more seeds.
//! - [`store`]: the directory of a search.
//! - [`run`](mod@run): trains what has no record.
//! - [`ranking`]: which candidate is best, and which can't be told from it.
//! - [`answer`]: the file `compound.toml`, which a sweep reads.

pub mod answer;
pub mod candidate;
pub mod ranking;
pub mod rounds;
pub mod run;
pub mod search;
pub mod store;

pub use answer::Answer;
pub use candidate::Candidate;
pub use ranking::{Ranked, Ranking};
pub use search::CompoundSearch;
pub use store::SearchStore;
