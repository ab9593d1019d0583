//! The forms of laws, one file each.
//!
//! A form is a type that implements [`Law`](law::Law). To add one, write a file here, its `mod` line, and its row in
//! the table below.
//!
//! Most forms are sums of falling powers and a constant. In logarithms
//!
//! `ln y = logsumexp(a₁ − α₁·ln x₁, a₂ − α₂·ln x₂, e)`
//!
//! with `A = exp(a₁)`, `B = exp(a₂)`, `E = exp(e)`, so that every coefficient stays above zero and no term loses digits
//! to another by rounding. Their θ is `[a₁, α₁, a₂, α₂, e]`, without the elements that a form does not have.

mod bnsl;
mod broken;
mod farseer;
mod floor;
mod joint;
mod law;
mod power;
mod powers;

use super::Points;
use super::bounds::Bounds;
use super::logs::Logs;
use super::theta::MOST;
use crate::error::{Error, Result};
use crate::rounding::constant;
pub(super) use law::Law;
use serde::{Deserialize, Serialize};

/// Declares the enumeration of the forms, from rows of variants and modules. The row
///
/// ```text
/// /// `y = k·x^α`
/// Power = power,
/// ```
///
/// expands to the variant `Form::Power` with its documentation, its element of `Form::ALL`, and the arm
/// `Form::Power => &power::Formula` of `Form::law`.
macro_rules! forms {
    ($($(#[$doc:meta])* $form:ident = $module:ident,)*) => {
        /// A law's formula with free parameters.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Form { $($(#[$doc])* $form,)* }

        impl Form {
            /// Every form, the simplest first.
            pub const ALL: [Form; [$(stringify!($form)),*].len()] = [$(Form::$form),*];

            pub(super) fn law(self) -> &'static dyn Law {
                match self { $(Form::$form => &$module::Formula,)* }
            }
        }
    };
}

forms! {
    /// `y = k·x^α`, with the parameters k, α.
    Power = power,
    /// `y = E + A·x^−α`, with the parameters E, A, α. E is the irreducible loss.
    Floor = floor,
    /// `y = E + A·x^−α·(L₀ − y)^γ`, with the parameters E, A, α, L₀, γ: from L₀, the loss of guessing, at small sizes
    /// down to E. The estimator M4 of Alabdulmohsin et al. 2022 (arXiv:2209.06640).
    Broken = broken,
    /// `y = E + A·x^−c₀·(1 + (x/d₁)^(1/f₁))^(−c₁·f₁)`, with the parameters E, A, c₀, c₁, d₁, f₁: a smooth transition
    /// from one power to another. Caballero et al. 2022 (arXiv:2210.14891).
    Bnsl = bnsl,
    /// `y = E + A·N^−α + B·D^−β`, with the parameters E, A, α, B, β; N is the number of parameters and D that of
    /// training samples or tokens. Hoffmann et al. 2022 (arXiv:2203.15556, approach 3).
    Joint = joint,
    /// `y = exp(a₃·N^γ + b₃) + exp(a₂·N^β + b₂)·D^(−exp(a₁·N^α + b₁))`, with the parameters a₃, b₃, γ, a₂, b₂, β, a₁,
    /// b₁, α: larger models gain more from data. Farseer, Li et al. 2025 (arXiv:2506.10972).
    Farseer = farseer,
}

impl Form {
    /// The forms that a fit considers if none is asked for.
    pub fn automatic() -> impl Iterator<Item = Form> {
        Form::ALL.into_iter().filter(|form| form.law().automatic())
    }

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        self.law().name()
    }

    /// The formula as text.
    pub fn formula(self) -> &'static str {
        self.law().formula()
    }

    /// What the form is for, in a few words.
    pub fn purpose(self) -> &'static str {
        self.law().purpose()
    }

    /// The number of sizes: 1 or 2.
    pub fn sizes(self) -> usize {
        self.law().sizes()
    }

    /// Whether the form has an irreducible part E.
    pub fn has_floor(self) -> bool {
        self.names().contains(&"E")
    }

    /// Names of the parameters, in the order of [`Form::parameters`].
    pub fn names(self) -> &'static [&'static str] {
        self.law().names()
    }

    /// The number of parameters.
    pub fn count(self) -> usize {
        self.names().len()
    }

    /// How many different values of each size determine the parameters.
    pub(super) fn values_needed(self) -> usize {
        self.law().values_needed()
    }

    /// The parameters of the formula, from θ. The exponent of a power law has its sign.
    pub fn parameters(self, theta: &[f64]) -> Vec<f64> {
        self.law().parameters(theta)
    }

    /// ln y at the logarithms of the sizes. Writes the derivatives by θ to the first [`Form::count`] elements of
    /// `gradient`.
    pub(super) fn log_with_gradient(self, theta: &[f64], x: [f64; 2], gradient: &mut [f64; MOST]) -> f64 {
        self.law().log_with_gradient(theta, x, gradient)
    }

    /// y at these sizes, from θ. A form of one size ignores the second.
    pub fn predict(self, theta: &[f64], x: [f64; 2]) -> f64 {
        self.log_with_gradient(theta, x.map(f64::ln), &mut [0.0; MOST]).exp()
    }

    /// y at these sizes by the formula, from its [parameters](Form::parameters). A form of one size ignores the second.
    pub fn value(self, parameters: &[f64], x: [f64; 2]) -> f64 {
        self.law().value(parameters, x)
    }

    /// Logarithms of points, with the form's origin.
    pub(super) fn logs(self, points: &Points) -> Logs {
        Logs::new(points, self.sizes(), |mean| self.law().origin(mean))
    }

    /// The bounds of θ for rows with these logarithms.
    pub(super) fn bounds(self, logs: &Logs) -> Bounds {
        let mut bounds = Bounds::unbounded();
        self.law().bound(logs, &mut bounds);
        bounds
    }

    /// θ for centred logarithms, from θ for plain logarithms.
    pub(super) fn centred(self, logs: &Logs, theta: &[f64]) -> Vec<f64> {
        self.shifted(theta, logs.mean.map(|mean| -mean))
    }

    /// θ for plain logarithms, from θ for centred logarithms.
    pub(super) fn plain(self, logs: &Logs, theta: &[f64]) -> Vec<f64> {
        self.shifted(theta, logs.mean)
    }

    fn shifted(self, theta: &[f64], by: [f64; 2]) -> Vec<f64> {
        let mut theta = theta.to_vec();
        self.law().shift(&mut theta, by);
        theta
    }

    /// Checks whether the form can be fitted to points.
    ///
    /// # Errors
    /// Points with fewer sizes than the form; fewer than two rows more than parameters; a size that takes one value
    /// only; fewer different sizes than parameters.
    pub fn check(self, points: &Points) -> Result<()> {
        if self.sizes() > points.sizes().len() {
            let found = format!("only {}", points.sizes()[0]);
            let needed = format!("two columns, x and x2, for the {self} law");
            return Err(Error::argument("fit", "size", found, needed));
        }
        if points.len() < self.count() + 2 {
            let needed =
                format!("at least {}, two more than the parameters of the {self} law", self.count() + 2);
            return Err(Error::argument("fit", "number of rows", points.len(), needed));
        }
        for (size, name) in points.sizes().iter().enumerate().take(self.sizes()) {
            if constant(points.x().iter().map(|x| x[size])) {
                let found =
                    format!("{} in every row of column {name:?}, except for rounding", points.x()[0][size]);
                return Err(Error::argument("fit", "size", found, "different in at least two rows"));
            }
        }
        let different = *points.groups(self.sizes()).iter().max().unwrap_or(&0) + 1;
        if different < self.count() {
            let needed = format!("at least {}, the parameters of the {self} law", self.count());
            return Err(Error::argument("fit", "number of different sizes", different, needed));
        }
        Ok(())
    }
}

impl std::fmt::Display for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_law_predicts_what_its_formula_says() {
        for form in Form::ALL {
            let samples = form.law().samples();
            assert!(!samples.is_empty(), "{form} has no samples");
            for theta in samples {
                let parameters = form.parameters(&theta);
                assert_eq!(parameters.len(), form.count(), "{form}");
                for x in [[0.1, 5.0], [0.9, 0.2], [3.0, 1.0], [40.0, 30.0]] {
                    let (found, expected) = (form.predict(&theta, x), form.value(&parameters, x));
                    assert!(
                        (found / expected - 1.0).abs() < 1e-7,
                        "{form}, {theta:?}: {found} for {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn shifting_and_shifting_back_changes_nothing() {
        let points =
            Points::joint(("N", &[1e3, 1e5, 1e8]), ("D", &[1e4, 1e5, 1e9]), ("loss", &[3.0, 2.0, 1.0]));
        let points = points.unwrap();
        for form in Form::ALL {
            let logs = form.logs(&points);
            for theta in form.law().samples() {
                let back = form.centred(&logs, &form.plain(&logs, &theta));
                assert!(theta.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-9), "{form}: {back:?}");
            }
        }
    }
}
