//! The law with a break, for curves that bend: near L₀ at small sizes, then falling as a power, near E at large ones.
//!
//! `(y − E) / (L₀ − y)^γ = A·x^−α`, the estimator M4 of Alabdulmohsin, Neyshabur and Zhai 2022, "Revisiting neural
//! scaling laws in language and vision" (arXiv:2209.06640), who write ε∞ for E, ε₀ for L₀ (the loss of guessing), β
//! for A, c for −α and α for γ. With γ = 0 it is the law with a floor; a larger γ holds y longer near L₀.
//!
//! y stands on both sides. With the height `u = (y − E) / (L₀ − E)` between 0 and 1 and its logit `s = ln(u/(1−u))`,
//! the logarithm of the equation is
//!
//! `f(s) = γ·softplus(s) − softplus(−s) = t`, where `t = a − α·ln x` and `a = ln A + (γ − 1)·ln(L₀ − E)`.
//!
//! f rises, with a slope `(1−u) + γ·u` between 1 and γ, and its curvature `(γ−1)·u·(1−u)` has the same sign everywhere,
//! so Newton's method finds the only root from any start. θ is `[a, α, e, w, g]` with `E = exp(e)`, `L₀ = E + exp(w)`,
//! `γ = exp(g)`: for every θ, 0 < E < y < L₀.

use super::law::Law;
use crate::laws::Points;
use crate::laws::bounds::{Bounds, MOST_BELOW, MOST_LOG};
use crate::laws::identifiability::Identifiability;
use crate::laws::least_squares::Line;
use crate::laws::logs::Logs;
use crate::laws::theta::MOST;

/// The most steps of Newton's method, which doubles the digits in each step once it is near the root.
const STEPS: usize = 100;
const NEAR: f64 = 1e-8;

/// Bounds of L₀ − E, as a fraction of the largest y, and of γ. Beyond them the law does not change any more.
const HEIGHT: [f64; 2] = [1e-6, 1e4];
const LEAST_LOG_GAMMA: f64 = -25.0;
/// Logarithms of γ from which a resample's search also starts.
const BREAKS: [f64; 5] = [-3.0, -1.5, 0.0, 1.0, 2.0];
/// If the interval of γ reaches below this, the rows show no break.
const NO_BREAK: f64 = 0.03;
/// If the interval of L₀ reaches above this many times the largest y, L₀ is not identified.
const SPAN: f64 = 4.0;

pub(super) struct Formula;

impl Law for Formula {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn formula(&self) -> &'static str {
        "y = E + A·x^−α·(L₀ − y)^γ"
    }

    fn purpose(&self) -> &'static str {
        "a curve that bends: near guessing (L₀) at small sizes"
    }

    fn names(&self) -> &'static [&'static str] {
        &["E", "A", "alpha", "L0", "gamma"]
    }

    /// Finds y by bisection: the left side of the equation rises with y.
    fn value(&self, parameters: &[f64], x: [f64; 2]) -> f64 {
        let &[e, a, alpha, top, gamma] = parameters else {
            unreachable!("a law with a break has five parameters")
        };
        let right = a.ln() - alpha * x[0].ln();
        let (mut low, mut high) = (e, top);
        for _ in 0..200 {
            let y = 0.5 * (low + high);
            if (y - e).ln() - gamma * (top - y).ln() > right { high = y } else { low = y }
        }
        0.5 * (low + high)
    }

    fn parameters(&self, theta: &[f64]) -> Vec<f64> {
        parameters(theta)
    }

    fn log_with_gradient(&self, theta: &[f64], x: [f64; 2], gradient: &mut [f64; MOST]) -> f64 {
        log_with_gradient(theta, x[0], gradient)
    }

    fn bound(&self, logs: &Logs, bounds: &mut Bounds) {
        let most = MOST_LOG / logs.mean[0].abs().max(1.0);
        bounds.narrow(1, -most, most);
        bounds.narrow(2, logs.largest - MOST_BELOW, f64::INFINITY);
        let [low, high] = HEIGHT.map(|part| logs.largest + part.ln());
        bounds.narrow(3, low, high);
        let most = low.abs().max(high.abs()).max(1.0);
        bounds.narrow(4, LEAST_LOG_GAMMA, (MOST_LOG / most).ln_1p());
    }

    /// Combines floors below the smallest y, values of L₀ above the largest y and a few γ. For given E, L₀ and γ, a and
    /// α follow from the line through t(ln x), as in the published estimator.
    fn starts(&self, points: &Points) -> Vec<Vec<f64>> {
        let (smallest, largest) =
            points.y().iter().fold((f64::INFINITY, 0.0f64), |(low, high), &y| (y.min(low), y.max(high)));
        let mut starts = Vec::new();
        for share in [0.02, 0.3, 0.6, 0.85, 0.97] {
            let floor = share * smallest;
            for factor in [1.01, 1.1, 1.5, 3.0] {
                let width = factor * largest - floor;
                for gamma in [0.1, 0.3, 1.0, 3.0] {
                    let rows = points.x().iter().zip(points.y());
                    let line: Vec<(f64, f64)> =
                        rows.map(|(x, y)| (x[0].ln(), drive((y - floor) / width, gamma))).collect();
                    let Line { mean, slope, .. } = Line::through(&line);
                    starts.push(vec![
                        mean.1 - slope * mean.0,
                        -slope,
                        floor.ln(),
                        width.ln(),
                        f64::ln(gamma),
                    ]);
                }
            }
        }
        // An extreme start can exceed the range of floats; the others suffice.
        starts.retain(|theta| theta.iter().all(|element| element.is_finite()));
        starts
    }

    fn heights(&self) -> &'static [usize] {
        &[3]
    }

    fn trade_off(&self) -> Option<(usize, &'static [f64])> {
        Some((4, &BREAKS))
    }

    fn doubling_limit(&self, theta: &[f64], _: usize, _: [f64; 2], spread: f64) -> Option<f64> {
        Some(limit(theta, spread))
    }

    fn size_parameters(&self, _: usize) -> (Option<&'static str>, &'static [&'static str]) {
        (Some("alpha"), self.names())
    }

    fn check_identifiability(&self, found: &mut Identifiability) {
        let largest = found.points.y().iter().copied().fold(0.0, f64::max);
        let [top, gamma] = ["L0", "gamma"].map(|name| found.parameter(name));
        let unidentified = ["L0", "gamma", "A"];
        if gamma.low.is_nan() || gamma.low < NO_BREAK {
            let warning = "the interval of gamma reaches down to zero: these rows show no break, the floor law describes \
                           them as well";
            found.warn(&unidentified, warning.to_string());
        } else if top.high.is_nan() || top.high >= SPAN * largest {
            let warning = format!(
                "the interval of L0 reaches {:.1} times the largest {}: no row lies before the break",
                top.high / largest,
                found.points.quantity()
            );
            found.warn(&unidentified, warning);
        }
    }

    #[cfg(test)]
    fn samples(&self) -> Vec<Vec<f64>> {
        vec![vec![0.3, 0.4, 0.7, 1.2, -0.6], vec![-0.2, 0.8, 0.1, 0.9, 0.7]]
    }
}

/// The formula's parameters E, A, α, L₀, γ.
fn parameters(theta: &[f64]) -> Vec<f64> {
    let &[a, alpha, e, w, g] = theta else { unreachable!("θ of a law with a break has five elements") };
    let gamma = g.exp();
    vec![e.exp(), (a + (1.0 - gamma) * w).exp(), alpha, e.exp() + w.exp(), gamma]
}

/// ln y at ln x, and its derivatives by θ; those of s follow from `f(s) = t` by the implicit function theorem.
fn log_with_gradient(theta: &[f64], x: f64, gradient: &mut [f64; MOST]) -> f64 {
    let &[a, alpha, e, w, g] = theta else { unreachable!("θ of a law with a break has five elements") };
    let gamma = g.exp();
    let s = logit(a - alpha * x, gamma);
    let Height { height, rest, below, above } = Height::of(s);
    let part = w - below;
    // The larger of E and the part above it, and the other as a fraction of it.
    let (largest, other) = if e > part { (e, (part - e).exp()) } else { (part, (e - part).exp()) };
    let log_y = largest + other.ln_1p();
    let (most, least) = (1.0 / (1.0 + other), other / (1.0 + other));
    let (floor, share) = if e > part { (most, least) } else { (least, most) };
    // ∂ln y/∂t = share · d ln u/ds · ds/dt
    let by_t = share * rest / (rest + gamma * height);
    gradient[..5].copy_from_slice(&[by_t, -by_t * x, floor, share, -by_t * gamma * above]);
    log_y
}

/// The largest size from which on a doubling lowers y by less than the fraction `spread`. The search starts at the
/// right, because left of the break a doubling gains little as well.
fn limit(theta: &[f64], spread: f64) -> f64 {
    /// Of t, which changes by α·ln 2 with a doubling.
    const STEP: f64 = 0.25;
    let (alpha, e, w) = (theta[1], theta[2], theta[3]);
    let gain = |t: f64| {
        let log_x = log_size(theta, t);
        let y = |log_x: f64| log_with_gradient(theta, log_x, &mut [0.0; MOST]).exp();
        1.0 - y(log_x + std::f64::consts::LN_2) / y(log_x)
    };
    if alpha <= 0.0 {
        return 0.0;
    }
    // A gain is at most the fraction of y above the floor, which is at most exp(w + t − e).
    let mut below = spread.ln() + e - w;
    let last = drive(1.0 - 1e-6, theta[4].exp());
    while below < last && gain(below + STEP) < spread {
        below += STEP;
    }
    if below >= last {
        return 0.0;
    }
    let mut above = below + STEP;
    for _ in 0..50 {
        let middle = 0.5 * (below + above);
        if gain(middle) < spread { below = middle } else { above = middle }
    }
    log_size(theta, above).exp()
}

/// ln x from t.
fn log_size(theta: &[f64], t: f64) -> f64 {
    (theta[0] - t) / theta[1]
}

/// t of a height u.
fn drive(height: f64, gamma: f64) -> f64 {
    height.ln() - gamma * (-height).ln_1p()
}

/// The root of f(s) = t.
fn logit(t: f64, gamma: f64) -> f64 {
    // The asymptotes are s on the left and γ·s on the right; f(0) says which of the two is near.
    let mut s = if t < (gamma - 1.0) * std::f64::consts::LN_2 { t } else { t / gamma };
    for _ in 0..STEPS {
        let Height { height, rest, below, above } = Height::of(s);
        let step = (gamma * above - below - t) / (rest + gamma * height);
        s -= step;
        // The remaining error is of the order of the step's square.
        if step.abs() <= NEAR * s.abs().max(1.0) {
            break;
        }
    }
    s
}

/// Functions of the logit s of a height u, all from one exponential.
struct Height {
    height: f64,
    /// 1 − u
    rest: f64,
    /// softplus(−s) = −ln u
    below: f64,
    /// softplus(s) = −ln(1 − u)
    above: f64,
}

impl Height {
    fn of(s: f64) -> Height {
        let small = (-s.abs()).exp();
        let common = small.ln_1p();
        let (larger, smaller) = (1.0 / (1.0 + small), small / (1.0 + small));
        let (height, rest) = if s > 0.0 { (larger, smaller) } else { (smaller, larger) };
        Height { height, rest, below: (-s).max(0.0) + common, above: s.max(0.0) + common }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_fulfils_the_equation_everywhere() {
        for gamma in [1e-6, 0.02, 0.4, 1.0, 2.5, 60.0] {
            for t in [-600.0, -30.0, -2.0, -0.7, 0.0, 1e-3, 0.8, 5.0, 400.0] {
                let s = logit(t, gamma);
                let Height { below, above, .. } = Height::of(s);
                let found = gamma * above - below;
                assert!((found - t).abs() <= 1e-12 * t.abs().max(1.0), "γ {gamma}: {found} for {t} at {s}");
            }
        }
    }
}
