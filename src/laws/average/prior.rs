//! The prior of the scatter of runs, which the members share.

/// The prior scatter of runs, in units of ln y, and how many runs it counts as.
pub(super) const PRIOR_SCATTER: f64 = 0.02;
pub(super) const PRIOR_FREEDOM: f64 = 1.0;
