//! The forms of laws. All but the one with a [break](super::broken) are a sum of falling powers, with or without a
//! constant; in logarithms
//!
//! `ln y = logsumexp(a₁ − α₁·ln x₁, a₂ − α₂·ln x₂, e)`
//!
//! with `A = exp(a₁)`, `B = exp(a₂)`, `E = exp(e)`, so that every coefficient stays above zero and no term can
//! swallow another by rounding. The vector θ that optimisers move is `[a₁, α₁, a₂, α₂, e]`, without the places
//! that a form does not have. The law with a break has `[a, α, e]` in the same places, and two elements more.

use super::broken;
use serde::{Deserialize, Serialize};

/// The most elements of θ.
pub const MOST: usize = 5;

/// A formula with free parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `y = k·x^α`
    Power,
    /// `y = E + A·x^−α`
    Floor,
    /// `y = E + A·x^−α·(L₀ − y)^γ`: from L₀ at small sizes down to E, for curves that bend.
    Broken,
    /// `y = E + A·N^−α + B·D^−β`
    Joint,
}

impl Form {
    /// Every form, the simplest first.
    pub const ALL: [Form; 4] = [Form::Power, Form::Floor, Form::Broken, Form::Joint];

    /// As the driver and its JSON call it.
    pub fn name(self) -> &'static str {
        match self {
            Form::Power => "power",
            Form::Floor => "floor",
            Form::Broken => "broken",
            Form::Joint => "joint",
        }
    }

    /// Its formula.
    pub fn formula(self) -> &'static str {
        match self {
            Form::Power => "y = k·x^α",
            Form::Floor => "y = E + A·x^−α",
            Form::Broken => "y = E + A·x^−α·(L₀ − y)^γ",
            Form::Joint => "y = E + A·N^−α + B·D^−β",
        }
    }

    /// How many sizes it takes: one power of each.
    pub fn sizes(self) -> usize {
        if self == Form::Joint { 2 } else { 1 }
    }

    /// Whether it has an irreducible part E.
    pub fn has_floor(self) -> bool {
        self != Form::Power
    }

    /// Names of the parameters, in the order of [`Form::parameters`].
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Form::Power => &["k", "alpha"],
            Form::Floor => &["E", "A", "alpha"],
            Form::Broken => &["E", "A", "alpha", "L0", "gamma"],
            Form::Joint => &["E", "A", "alpha", "B", "beta"],
        }
    }

    /// How many parameters it has.
    pub fn count(self) -> usize {
        self.names().len()
    }

    /// How many different values of each size tell its parameters apart: a power and a constant go through any two,
    /// whatever the exponent.
    pub(super) fn steps(self) -> usize {
        if self == Form::Joint { 3 } else { self.count() }
    }

    /// From θ to the parameters of the formula. The exponent of a power law stands there with its sign.
    pub fn parameters(self, theta: &[f64]) -> Vec<f64> {
        match self {
            Form::Power => vec![theta[0].exp(), -theta[1]],
            Form::Floor => vec![theta[2].exp(), theta[0].exp(), theta[1]],
            Form::Broken => broken::parameters(theta),
            Form::Joint => vec![theta[4].exp(), theta[0].exp(), theta[1], theta[2].exp(), theta[3]],
        }
    }

    /// ln y at the logarithms of the sizes, and its derivatives by θ in the first [`Form::count`] places of
    /// `gradient`.
    pub(super) fn log_with_gradient(self, theta: &[f64], x: [f64; 2], gradient: &mut [f64; MOST]) -> f64 {
        match self {
            Form::Power => {
                gradient[..2].copy_from_slice(&[1.0, -x[0]]);
                return theta[0] - theta[1] * x[0];
            }
            Form::Broken => return broken::log_with_gradient(theta, x[0], gradient),
            Form::Floor | Form::Joint => {}
        }
        let sizes = self.sizes();
        let mut terms = [f64::NEG_INFINITY; 3];
        for size in 0..sizes {
            terms[size] = theta[2 * size] - theta[2 * size + 1] * x[size];
        }
        terms[sizes] = theta[2 * sizes];
        let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let exponentials = terms.map(|term| if term == largest { 1.0 } else { (term - largest).exp() });
        let sum: f64 = exponentials.iter().sum();
        for size in 0..sizes {
            let share = exponentials[size] / sum;
            gradient[2 * size] = share;
            gradient[2 * size + 1] = -share * x[size];
        }
        gradient[2 * sizes] = exponentials[sizes] / sum;
        largest + sum.ln()
    }

    /// y at these sizes; a form of one size looks at the first alone.
    pub fn predict(self, theta: &[f64], x: [f64; 2]) -> f64 {
        self.log_with_gradient(theta, x.map(f64::ln), &mut [0.0; MOST]).exp()
    }
}

impl std::fmt::Display for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
