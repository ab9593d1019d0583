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
//! f rises, with a slope `(1−u) + γ·u` between 1 and γ, and its curvature `(γ−1)·u·(1−u)` has one sign everywhere, so
//! that Newton's method finds the only root from any start. θ is `[a, α, e, w, g]` with `E = exp(e)`,
//! `L₀ = E + exp(w)`, `γ = exp(g)`: whatever an optimiser tries, 0 < E < y < L₀.

use super::form::MOST;

/// Newton doubles the digits in each step, after as many steps as it takes to come near the root.
const STEPS: usize = 100;
const NEAR: f64 = 1e-8;

/// The formula's parameters E, A, α, L₀, γ.
pub(super) fn parameters(theta: &[f64]) -> Vec<f64> {
    let &[a, alpha, e, w, g] = theta else { unreachable!("θ of a law with a break has five elements") };
    let gamma = g.exp();
    vec![e.exp(), (a + (1.0 - gamma) * w).exp(), alpha, e.exp() + w.exp(), gamma]
}

/// ln y at ln x, and its derivatives by θ: those of s from `f(s) = t` by the implicit function theorem.
pub(super) fn log_with_gradient(theta: &[f64], x: f64, gradient: &mut [f64; MOST]) -> f64 {
    let &[a, alpha, e, w, g] = theta else { unreachable!("θ of a law with a break has five elements") };
    let gamma = g.exp();
    let s = logit(a - alpha * x, gamma);
    let Height { height, rest, below, above } = Height::of(s);
    let part = w - below;
    // The larger of E and what lies above it, and the other as a part of it.
    let (largest, other) = if e > part { (e, (part - e).exp()) } else { (part, (e - part).exp()) };
    let log_y = largest + other.ln_1p();
    let (most, least) = (1.0 / (1.0 + other), other / (1.0 + other));
    let (floor, share) = if e > part { (most, least) } else { (least, most) };
    // ∂ln y/∂t = share · d ln u/ds · ds/dt
    let by_t = share * rest / (rest + gamma * height);
    *gradient = [by_t, -by_t * x, floor, share, -by_t * gamma * above];
    log_y
}

/// ln x from t.
pub(super) fn log_size(theta: &[f64], t: f64) -> f64 {
    (theta[0] - t) / theta[1]
}

/// t of a height u.
pub(super) fn drive(height: f64, gamma: f64) -> f64 {
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
        // What is left is of the order of the step's square.
        if step.abs() <= NEAR * s.abs().max(1.0) {
            break;
        }
    }
    s
}

/// What follows from the logit s of a height u, all from one exponential.
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

    #[test]
    fn predictions_fulfil_the_published_formula() {
        let theta = [2.0, 0.4, 0.3, 1.1, -0.5];
        let [e, a, alpha, top, gamma] = parameters(&theta)[..] else { panic!("five parameters") };
        for x in [1e-3f64, 1.0, 1e2, 1e5, 1e9] {
            let y = log_with_gradient(&theta, x.ln(), &mut [0.0; MOST]).exp();
            assert!(e < y && y < top, "{y} at {x}");
            let (left, right) = ((y - e) / (top - y).powf(gamma), a * x.powf(-alpha));
            assert!((left / right - 1.0).abs() < 1e-9, "{left} for {right} at {x}");
        }
    }
}
