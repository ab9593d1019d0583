//! What the data can't tell, in words.

use super::{Form, Points, Quantity};

/// A size that spans less than this says nothing about an exponent.
const RANGE: f64 = 4.0;
/// A floor whose interval spans more than this is not known, nor an L₀ that may be more than this times the largest y.
const SPAN: f64 = 4.0;
/// A floor with an interval that reaches under this part of the smallest y may as well be zero.
const NOTHING: f64 = 0.01;
/// A floor under this part of the smallest y has not been come near.
const FAR: f64 = 0.1;
/// A γ with an interval that reaches under this makes no break.
const NO_BREAK: f64 = 0.03;
/// Correlation of ln N and ln D from which their exponents can't be told apart.
const TOGETHER: f64 = 0.98;

/// For each parameter whether the data identify it, and sentences about what they don't.
pub(super) fn doubts(form: Form, points: &Points, parameters: &[Quantity]) -> (Vec<bool>, Vec<String>) {
    let mut identified = vec![true; parameters.len()];
    let mut warnings = Vec::new();
    let place = |name: &str| form.names().iter().position(|known| *known == name);
    let mut mark = |names: &[&str]| {
        for place in names.iter().filter_map(|name| place(name)) {
            identified[place] = false;
        }
    };
    for size in 0..form.sizes() {
        let name = &points.sizes()[size];
        let (low, high) = points.range(size);
        let (exponent, coefficient) =
            [("alpha", if form == Form::Power { "k" } else { "A" }), ("beta", "B")][size];
        let found = place(exponent).map(|place| parameters[place]);
        let factor = high / low;
        if factor < RANGE {
            mark(&[exponent, coefficient]);
            warnings.push(format!(
                "{name} spans a factor of {factor:.2} only; {exponent} needs a factor of {RANGE} or more"
            ));
        } else if found.is_some_and(|found| !(found.low > 0.0 || found.high < 0.0)) {
            let consequence = if form.has_floor() {
                mark(&[exponent, coefficient, "E"]);
                format!("{coefficient} and E can't be told apart")
            } else {
                format!("y may not depend on {name}")
            };
            warnings.push(format!("the interval of {exponent} contains 0: {consequence}"));
        }
    }
    if form == Form::Broken {
        let largest = points.y().iter().copied().fold(0.0, f64::max);
        let [top, gamma] =
            ["L0", "gamma"].map(|name| parameters[place(name).expect("a parameter of this form")]);
        if gamma.low.is_nan() || gamma.low < NO_BREAK {
            mark(&["L0", "gamma", "A"]);
            warnings.push(
                "the interval of gamma reaches down to zero: these rows need no break, the floor law says as much"
                    .to_string(),
            );
        } else if top.high.is_nan() || top.high >= SPAN * largest {
            mark(&["L0", "gamma", "A"]);
            warnings.push(format!(
                "the interval of L0 reaches {:.1} times the largest {}: no row lies before the break",
                top.high / largest,
                points.quantity()
            ));
        }
    }
    if form == Form::Joint && correlation(points).abs() > TOGETHER {
        mark(&["alpha", "A", "beta", "B"]);
        let [first, second] = [&points.sizes()[0], &points.sizes()[1]];
        warnings.push(format!(
            "{first} and {second} rise together in these rows, so that their parts can't be told apart; vary \
             one with the other held"
        ));
    }
    if let Some(floor) = place("E").map(|place| parameters[place]) {
        let smallest = points.y().iter().copied().fold(f64::INFINITY, f64::min);
        let quantity = points.quantity();
        if floor.low.is_nan() || floor.low < NOTHING * smallest {
            mark(&["E"]);
            warnings.push(format!(
                "the interval of the floor E reaches down to zero: {quantity} does not show one yet"
            ));
        } else if floor.high > SPAN * floor.low {
            mark(&["E"]);
            let span = floor.high / floor.low;
            warnings.push(format!(
                "the interval of the floor E spans a factor of {span:.1}: {quantity} does not come near it"
            ));
        } else if floor.value < FAR * smallest {
            let below = smallest / floor.value;
            warnings.push(format!(
                "the floor E lies a factor of {below:.0} under the smallest {quantity}: it is an extrapolation"
            ));
        }
    }
    (identified, warnings)
}

/// Of the logarithms of the two sizes.
fn correlation(points: &Points) -> f64 {
    let count = points.len() as f64;
    let logs = || points.x().iter().map(|x| x.map(f64::ln));
    let mean = [0, 1].map(|size| logs().map(|x| x[size]).sum::<f64>() / count);
    let product = |one: usize, other: usize| -> f64 {
        logs().map(|x| (x[one] - mean[one]) * (x[other] - mean[other])).sum()
    };
    product(0, 1) / (product(0, 0) * product(1, 1)).sqrt()
}
