//! The Huber loss (Huber 1964, "Robust estimation of a location parameter").

/// Huber's loss of a residual, and its derivative. It is a parabola up to `delta` and a line beyond.
pub(super) fn huber(residual: f64, delta: f64) -> (f64, f64) {
    if residual.abs() <= delta {
        (0.5 * residual * residual, residual)
    } else {
        (delta * (residual.abs() - 0.5 * delta), delta * residual.signum())
    }
}
