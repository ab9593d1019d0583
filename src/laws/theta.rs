//! θ, the vector of numbers that an optimiser moves to fit a law.

/// The largest number of elements of θ.
pub(super) const MOST: usize = 9;

/// Second derivatives by θ, in the lower triangle of the first rows, one for each element.
pub(super) type Curvature = [[f64; MOST]; MOST];
