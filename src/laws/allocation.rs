//! Compute-optimal allocation: the best N and D for a compute budget C = 6·N·D.
//!
//! The joint law's minimum along C = 6·N·D is at `N = G·(C/6)^a` and `D = G⁻¹·(C/6)^b` with `a = β/(α+β)`,
//! `b = α/(α+β)` and `G = (αA/βB)^(1/(α+β))` (Hoffmann et al. 2022, arXiv:2203.15556, equation 4).

use super::bootstrap::Bootstrap;
use super::{Form, Uncertain};
use serde::{Deserialize, Serialize};

/// FLOPs of training, per parameter and sample (token): two forward, four backward.
pub const FLOPS: f64 = 6.0;

/// How the best size grows with compute, and the best sizes for some budgets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Allocation {
    /// The exponent of N: the compute-optimal number of parameters grows as C^a, and that of samples as C^(1−a).
    pub a: Uncertain,
    /// The best sizes for each of the budgets.
    pub samples_per_parameter: Vec<Optimum>,
}

/// The best N and D for one budget.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Optimum {
    /// The budget C, in FLOPs.
    pub budget: f64,
    /// Samples (tokens) per parameter, D/N.
    #[serde(flatten)]
    pub ratio: Uncertain,
    /// Parameters, N.
    pub parameters: Uncertain,
    /// Samples (tokens), D.
    pub samples: Uncertain,
    /// The y that the law predicts there.
    pub loss: Uncertain,
}

/// The allocation of a joint law for budgets in FLOPs. `None` for other forms, and if an exponent is not above zero,
/// because the law then has no optimum.
pub fn allocation(bootstrap: &Bootstrap, form: Form, theta: &[f64], budgets: &[f64]) -> Option<Allocation> {
    if form != Form::Joint || !(theta[1] > 0.0 && theta[3] > 0.0) {
        return None;
    }
    let best = |&budget: &f64| Optimum {
        budget,
        ratio: bootstrap.quantity(|theta| {
            let [n, d] = optimum(theta, budget);
            d / n
        }),
        parameters: bootstrap.quantity(|theta| optimum(theta, budget)[0]),
        samples: bootstrap.quantity(|theta| optimum(theta, budget)[1]),
        loss: bootstrap.quantity(|theta| form.predict(theta, optimum(theta, budget))),
    };
    Some(Allocation {
        a: bootstrap.quantity(|theta| theta[3] / (theta[1] + theta[3])),
        samples_per_parameter: budgets.iter().map(best).collect(),
    })
}

/// The best N and D of a joint law, by its θ, for a budget in FLOPs. NaN for a θ of another length than 5.
pub fn optimum(theta: &[f64], budget: f64) -> [f64; 2] {
    let &[a, alpha, b, beta, _] = theta else { return [f64::NAN; 2] };
    let both = alpha + beta;
    let log_g = ((alpha / beta).ln() + a - b) / both;
    let log_c = (budget / FLOPS).ln();
    [(log_g + beta / both * log_c).exp(), (-log_g + alpha / both * log_c).exp()]
}
