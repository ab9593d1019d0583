//! The forms of laws, one file each.
//!
//! A form is what implements [`Law`]: ln y as a function of the logarithms of the sizes and of a vector θ, which optimisers
//! move, with everything that a fit has to know of it. Another one is a file here, its `mod` line and its row in the table.
//!
//! Most are sums of falling powers with a constant; in logarithms
//!
//! `ln y = logsumexp(a₁ − α₁·ln x₁, a₂ − α₂·ln x₂, e)`
//!
//! with `A = exp(a₁)`, `B = exp(a₂)`, `E = exp(e)`, so that every coefficient stays above zero and no term can
//! swallow another by rounding. Their θ is `[a₁, α₁, a₂, α₂, e]`, without the places that a form does not have.

mod bnsl;
mod broken;
mod farseer;
mod floor;
mod joint;
mod power;
mod powers;

use super::Points;
use super::bounds::{Bounds, MOST_BELOW, MOST_LOG};
use super::doubling::searched;
use super::logs::Logs;
use super::objective::Curvature;
use super::warning::Doubts;
use serde::{Deserialize, Serialize};

/// The most elements of θ.
pub const MOST: usize = 9;

/// What a form is.
pub(super) trait Law: Sync {
    /// As the driver and its JSON call it.
    fn name(&self) -> &'static str;

    /// The formula, for people.
    fn formula(&self) -> &'static str;

    /// What it is for, in a few words.
    fn purpose(&self) -> &'static str;

    /// Names of the formula's parameters, as many as θ has elements.
    fn names(&self) -> &'static [&'static str];

    /// How many sizes it takes.
    fn sizes(&self) -> usize {
        1
    }

    /// Whether it is among those that a fit chooses from where none is asked for.
    fn automatic(&self) -> bool {
        true
    }

    /// How many different values of each size tell its parameters apart.
    fn steps(&self) -> usize {
        self.names().len()
    }

    /// The formula's parameters.
    fn parameters(&self, theta: &[f64]) -> Vec<f64>;

    /// ln y at the logarithms of the sizes, and its derivatives by θ in the first places of `gradient`.
    fn log_with_gradient(&self, theta: &[f64], x: [f64; 2], gradient: &mut [f64; MOST]) -> f64;

    /// Adds `by` times the second derivatives of ln y to the lower triangle of `curvature`, given the first ones there. A
    /// form that does not say them has a search that takes a few steps more.
    fn bend(&self, _gradient: &[f64; MOST], _x: [f64; 2], _by: f64, _curvature: &mut Curvature) {}

    /// From where the logarithms of the sizes are taken inside of a fit, given their means: a form may have a size whose
    /// logarithm can't be shifted.
    fn origin(&self, mean: [f64; 2]) -> [f64; 2] {
        mean
    }

    /// Changes θ for logarithms of sizes into θ for those `by` larger. Unless said otherwise, θ begins with a coefficient
    /// and an exponent for each size.
    fn shift(&self, theta: &mut [f64], by: [f64; 2]) {
        for (size, by) in by.into_iter().enumerate().take(self.sizes()) {
            theta[2 * size] += theta[2 * size + 1] * by;
        }
    }

    /// Narrows the box that θ is searched in, for rows with these logarithms.
    fn bound(&self, logs: &Logs, bounds: &mut Bounds) {
        for size in 0..self.sizes() {
            let most = MOST_LOG / logs.mean[size].abs().max(1.0);
            bounds.narrow(2 * size + 1, -most, most);
        }
        for place in self.heights().iter().copied().chain(self.floor()) {
            bounds.narrow(place, logs.largest - MOST_BELOW, f64::INFINITY);
        }
    }

    /// Where descents to the minimum begin: θ for plain logarithms.
    fn starts(&self, points: &Points) -> Vec<Vec<f64>>;

    /// A few starts that the minimum is found from as well, for logarithms from their mean and this δ of the Huber loss;
    /// none where all are needed.
    fn few_starts(&self, _logs: &Logs, _delta: f64) -> Option<Vec<Vec<f64>>> {
        None
    }

    /// The place in θ of the logarithm of the floor, which trades against a slower fall; none where there is no floor.
    fn floor(&self) -> Option<usize> {
        Some(2 * self.sizes())
    }

    /// Places in θ of the logarithms of what lies above the floor at the origin of the sizes.
    fn heights(&self) -> &'static [usize] {
        &[]
    }

    /// Another place in θ that trades against the others, with values to try.
    fn ridge(&self) -> Option<(usize, &'static [f64])> {
        None
    }

    /// The size, by its number, from which on a doubling lowers y by less than the part `spread`, the other size being
    /// that of `from`; 0 where none lowers it by more. None where the part is always the same.
    fn limit(&self, theta: &[f64], size: usize, from: [f64; 2], spread: f64) -> Option<f64> {
        Some(searched(|x| self.log_with_gradient(theta, x, &mut [0.0; MOST]), size, from, spread))
    }

    /// The exponent of a size, by its number, where a single parameter is that; and the parameters that mean nothing
    /// where that exponent is unknown or the rows have too little of the size.
    fn of_size(&self, size: usize) -> (Option<&'static str>, &'static [&'static str]);

    /// What else rows may not tell of its parameters.
    fn doubt(&self, _: &mut Doubts) {}
}

/// The enumeration of the forms, from a table of their names and modules, the simplest first.
macro_rules! forms {
    ($($(#[$doc:meta])* $form:ident = $module:ident,)*) => {
        /// A formula with free parameters.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Form { $($(#[$doc])* $form,)* }

        impl Form {
            /// Every form.
            pub const ALL: [Form; [$(stringify!($form)),*].len()] = [$(Form::$form),*];

            pub(super) fn law(self) -> &'static dyn Law {
                match self { $(Form::$form => &$module::Formula,)* }
            }
        }
    };
}

forms! {
    /// `y = k·x^α`
    Power = power,
    /// `y = E + A·x^−α`
    Floor = floor,
    /// `y = E + A·x^−α·(L₀ − y)^γ`: from L₀ at small sizes down to E, for curves that bend.
    Broken = broken,
    /// `y = E + A·x^−c₀·(1 + (x/d₁)^(1/f₁))^(−c₁·f₁)`: from one power to another, smoothly.
    Bnsl = bnsl,
    /// `y = E + A·N^−α + B·D^−β`
    Joint = joint,
    /// `y = exp(a₃·N^γ + b₃) + exp(a₂·N^β + b₂)·D^(−exp(a₁·N^α + b₁))`
    Farseer = farseer,
}

impl Form {
    /// The forms that a fit chooses from where none is asked for.
    pub fn automatic() -> impl Iterator<Item = Form> {
        Form::ALL.into_iter().filter(|form| form.law().automatic())
    }

    /// As the driver and its JSON call it.
    pub fn name(self) -> &'static str {
        self.law().name()
    }

    /// Its formula.
    pub fn formula(self) -> &'static str {
        self.law().formula()
    }

    /// What it is for, in a few words.
    pub fn purpose(self) -> &'static str {
        self.law().purpose()
    }

    /// How many sizes it takes.
    pub fn sizes(self) -> usize {
        self.law().sizes()
    }

    /// Whether it has an irreducible part E.
    pub fn has_floor(self) -> bool {
        self.names().contains(&"E")
    }

    /// Names of the parameters, in the order of [`Form::parameters`].
    pub fn names(self) -> &'static [&'static str] {
        self.law().names()
    }

    /// How many parameters it has.
    pub fn count(self) -> usize {
        self.names().len()
    }

    /// How many different values of each size tell its parameters apart.
    pub(super) fn steps(self) -> usize {
        self.law().steps()
    }

    /// From θ to the parameters of the formula. The exponent of a power law stands there with its sign.
    pub fn parameters(self, theta: &[f64]) -> Vec<f64> {
        self.law().parameters(theta)
    }

    /// ln y at the logarithms of the sizes, and its derivatives by θ in the first [`Form::count`] places of
    /// `gradient`.
    pub(super) fn log_with_gradient(self, theta: &[f64], x: [f64; 2], gradient: &mut [f64; MOST]) -> f64 {
        self.law().log_with_gradient(theta, x, gradient)
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
