//! What the data can't tell, in words.

use super::points::APART;
use super::{Form, Points, Quantity};
use crate::rounding::constant;

/// A size that spans less than this says nothing about an exponent.
const RANGE: f64 = 4.0;
/// Beside a floor, an exponent whose interval spans more than this is not known.
const FREE: f64 = 10.0;
/// A coefficient whose interval spans more than this is not known.
const WIDE: f64 = 1e6;
/// A floor whose interval spans more than this is not known.
const SPAN: f64 = 4.0;
/// A floor with an interval that reaches under this part of the smallest y may as well be zero.
const NOTHING: f64 = 0.01;
/// A floor under this part of the smallest y has not been come near.
const FAR: f64 = 0.1;
/// Correlation of ln N and ln D from which their exponents can't be told apart.
const TOGETHER: f64 = 0.98;

/// For each parameter whether the data identify it, and sentences about what they don't.
pub(super) fn doubts(form: Form, points: &Points, parameters: &[Quantity]) -> (Vec<bool>, Vec<String>) {
    let mut doubts =
        Doubts { form, points, parameters, known: vec![true; parameters.len()], said: Vec::new() };
    for size in 0..form.sizes() {
        doubts.of_size(size);
    }
    form.law().doubt(&mut doubts);
    if form.sizes() == 2 && correlation(points).abs() > TOGETHER {
        let [first, second] = [&points.sizes()[0], &points.sizes()[1]];
        let said = format!(
            "{first} and {second} rise together in these rows, so that their parts can't be told apart; vary one with \
             the other held"
        );
        let terms: Vec<&str> = form.names().iter().copied().filter(|name| *name != "E").collect();
        doubts.add(&terms, said);
    }
    if form.has_floor() {
        doubts.of_floor();
    }
    doubts.of_numbers();
    (doubts.known, doubts.said)
}

/// Why rows have too little of a size to tell how y depends on it; none where they have enough.
pub(crate) fn narrow(points: &Points, size: usize) -> Option<String> {
    narrow_for(points, size, "the law", Form::Joint.steps())
}

/// The same for a form that needs so many different values.
fn narrow_for(points: &Points, size: usize, what: &str, needed: usize) -> Option<String> {
    let name = &points.sizes()[size];
    let (low, high) = points.range(size);
    let factor = high / low;
    let different = points.steps(size).into_iter().max().map_or(0, |last| last + 1);
    if factor < RANGE {
        return Some(format!(
            "{name} spans a factor of {factor:.2} only; {what} needs a factor of {RANGE} or more"
        ));
    }
    (different < needed).then(|| {
        format!(
            "{name} has {different} different values only, a factor of {} or more apart; {what} needs {needed}",
            1.0 + APART
        )
    })
}

/// What is found out about a law's parameters.
pub(super) struct Doubts<'a> {
    form: Form,
    pub points: &'a Points,
    parameters: &'a [Quantity],
    known: Vec<bool>,
    said: Vec<String>,
}

impl Doubts<'_> {
    /// A sentence, and the parameters that mean nothing by it.
    pub fn add(&mut self, unknown: &[&str], said: String) {
        for (known, name) in self.known.iter_mut().zip(self.form.names()) {
            *known &= !unknown.contains(name);
        }
        self.said.push(said);
    }

    /// A parameter of the form, by its name.
    pub fn parameter(&self, name: &str) -> Quantity {
        let place = self.form.names().iter().position(|known| *known == name);
        self.parameters[place.expect("a parameter of this form")]
    }

    /// Whether the rows have enough of a size, and y depends on it.
    fn of_size(&mut self, size: usize) {
        let Doubts { form, points, .. } = *self;
        let (exponent, of_size) = form.law().of_size(size);
        if let Some(said) = narrow_for(points, size, exponent.unwrap_or("the law"), form.steps()) {
            self.add(of_size, said);
        } else if let Some(exponent) = exponent {
            self.of_exponent(&points.sizes()[size], exponent, of_size);
        }
    }

    /// Whether y depends on a size, and how.
    fn of_exponent(&mut self, name: &str, exponent: &str, of_size: &[&str]) {
        let Doubts { form, points, .. } = *self;
        let found = self.parameter(exponent);
        let depends = !constant(points.y().iter().copied()) && (found.low > 0.0 || found.high < 0.0);
        let [near, far] = [found.low, found.high].map(f64::abs);
        let span = near.max(far) / near.min(far);
        if !depends && form.has_floor() {
            let coefficient = of_size[1];
            let said =
                format!("the interval of {exponent} contains 0: {coefficient} and E can't be told apart");
            self.add(of_size, said);
        } else if !depends {
            self.add(&[], format!("the interval of {exponent} contains 0: y may not depend on {name}"));
        } else if form.has_floor() && span > FREE {
            let said = format!(
                "the interval of {exponent} spans a factor of {span:.1}: a slow fall to a low floor meets these rows as \
                 well as a fast one to a high floor"
            );
            self.add(of_size, said);
        }
    }

    fn of_floor(&mut self) {
        let floor = self.parameter("E");
        let smallest = self.points.y().iter().copied().fold(f64::INFINITY, f64::min);
        let quantity = self.points.quantity();
        if floor.low.is_nan() || floor.low < NOTHING * smallest {
            let said =
                format!("the interval of the floor E reaches down to zero: {quantity} does not show one yet");
            self.add(&["E"], said);
        } else if floor.high > SPAN * floor.low {
            let span = floor.high / floor.low;
            let said = format!(
                "the interval of the floor E spans a factor of {span:.1}: {quantity} does not come near it"
            );
            self.add(&["E"], said);
        } else if floor.value < FAR * smallest {
            let below = smallest / floor.value;
            let said = format!(
                "the floor E lies a factor of {below:.0} under the smallest {quantity}: it is an extrapolation"
            );
            self.add(&[], said);
        }
    }

    /// What is left has to be known, if only to a power of ten.
    fn of_numbers(&mut self) {
        for (place, name) in self.form.names().iter().enumerate() {
            let Quantity { value, se, low, high } = self.parameters[place];
            let finite = [value, se, low, high].iter().all(|number| number.is_finite());
            if !self.known[place] || (finite && (low <= 0.0 || high < WIDE * low)) {
                continue;
            }
            let span = high / low;
            let said = if span.is_finite() {
                format!("the interval of {name} spans a factor of {span:.1e}")
            } else {
                format!("the interval of {name} has no end")
            };
            self.add(&[name], said);
        }
    }
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
