//! What the rows of a fit cannot tell about the law's parameters, in words.

use super::identifiability::Identifiability;
use super::points::MIN_STEP;
use super::{Form, Points, Uncertain};
use crate::rounding::constant;

/// The smallest range of a size (as a factor) that determines an exponent.
const MIN_RANGE: f64 = 4.0;
/// Beside a floor, an exponent whose interval spans more than this factor is not identified.
const MAX_EXPONENT_SPAN: f64 = 10.0;
/// A parameter whose interval spans more than this factor is not identified.
const MAX_SPAN: f64 = 1e6;
/// A floor whose interval spans more than this factor is not identified.
const MAX_FLOOR_SPAN: f64 = 4.0;
/// A floor whose interval reaches below this fraction of the smallest y is not distinguished from zero.
const ZERO_FLOOR: f64 = 0.01;
/// A floor below this fraction of the smallest y is an extrapolation.
const DISTANT_FLOOR: f64 = 0.1;
/// Correlation of ln N and ln D from which on their exponents cannot be separated.
const COLLINEAR: f64 = 0.98;

/// Returns for each parameter whether the rows identify it, and a sentence for each thing they do not tell.
pub(super) fn identifiability(
    form: Form,
    points: &Points,
    parameters: &[Uncertain],
) -> (Vec<bool>, Vec<String>) {
    let mut found = Identifiability::new(form.names(), points, parameters);
    for size in 0..form.sizes() {
        check_size(form, &mut found, size);
    }
    form.law().check_identifiability(&mut found);
    if form.sizes() == 2 && correlation(points).abs() > COLLINEAR {
        let [first, second] = [&points.sizes()[0], &points.sizes()[1]];
        let warning = format!(
            "{first} and {second} rise together in these rows, so their terms cannot be separated; vary one and keep \
             the other"
        );
        let terms: Vec<&str> = form.names().iter().copied().filter(|name| *name != "E").collect();
        found.warn(&terms, warning);
    }
    if form.has_floor() {
        check_floor(&mut found);
    }
    check_spans(form, &mut found);
    found.into_parts()
}

/// Why the rows hold too little variation of a size to determine how y depends on it; `None` if they hold enough.
pub(crate) fn narrow(points: &Points, size: usize) -> Option<String> {
    narrow_for(points, size, "the law", Form::Joint.values_needed())
}

/// The same for a parameter named `what` and a form that needs `needed` different values.
fn narrow_for(points: &Points, size: usize, what: &str, needed: usize) -> Option<String> {
    let name = &points.sizes()[size];
    let (low, high) = points.range(size);
    let factor = high / low;
    let different = points.steps(size).into_iter().max().map_or(0, |last| last + 1);
    if factor < MIN_RANGE {
        return Some(format!(
            "{name} spans only a factor of {factor:.2}; {what} needs a factor of {MIN_RANGE} or more"
        ));
    }
    (different < needed).then(|| {
        format!(
            "{name} has only {different} different values, a factor of {} or more apart; {what} needs {needed}",
            1.0 + MIN_STEP
        )
    })
}

/// Checks whether the rows vary a size enough, and whether y depends on it.
fn check_size(form: Form, found: &mut Identifiability, size: usize) {
    let points = found.points;
    let (exponent, of_size) = form.law().size_parameters(size);
    if let Some(warning) = narrow_for(points, size, exponent.unwrap_or("the law"), form.values_needed()) {
        found.warn(of_size, warning);
    } else if let Some(exponent) = exponent {
        check_exponent(form, found, &points.sizes()[size], exponent, of_size);
    }
}

/// Checks whether y depends on a size, and whether the exponent is known.
fn check_exponent(form: Form, found: &mut Identifiability, name: &str, exponent: &str, of_size: &[&str]) {
    let points = found.points;
    let parameter = found.parameter(exponent);
    let depends = !constant(points.y().iter().copied()) && (parameter.low > 0.0 || parameter.high < 0.0);
    let [near, far] = [parameter.low, parameter.high].map(f64::abs);
    let span = near.max(far) / near.min(far);
    if !depends && form.has_floor() {
        let coefficient = of_size[1];
        let warning =
            format!("the interval of {exponent} contains 0: {coefficient} and E cannot be separated");
        found.warn(of_size, warning);
    } else if !depends {
        found.warn(&[], format!("the interval of {exponent} contains 0: y may not depend on {name}"));
    } else if form.has_floor() && span > MAX_EXPONENT_SPAN {
        let warning = format!(
            "the interval of {exponent} spans a factor of {span:.1}: a slow fall to a low floor fits these rows as \
             well as a fast fall to a high floor"
        );
        found.warn(of_size, warning);
    }
}

fn check_floor(found: &mut Identifiability) {
    let floor = found.parameter("E");
    let smallest = found.points.y().iter().copied().fold(f64::INFINITY, f64::min);
    let quantity = found.points.quantity();
    if floor.low.is_nan() || floor.low < ZERO_FLOOR * smallest {
        let warning =
            format!("the interval of the floor E reaches down to zero: {quantity} does not show a floor yet");
        found.warn(&["E"], warning);
    } else if floor.high > MAX_FLOOR_SPAN * floor.low {
        let span = floor.high / floor.low;
        let warning = format!(
            "the interval of the floor E spans a factor of {span:.1}: {quantity} does not come near it"
        );
        found.warn(&["E"], warning);
    } else if floor.value < DISTANT_FLOOR * smallest {
        let below = smallest / floor.value;
        let warning = format!(
            "the floor E lies a factor of {below:.0} below the smallest {quantity}: it is an extrapolation"
        );
        found.warn(&[], warning);
    }
}

/// Marks parameters whose interval spans more than [`MAX_SPAN`], unless another check has marked them.
fn check_spans(form: Form, found: &mut Identifiability) {
    for name in form.names() {
        let Uncertain { value, se, low, high } = found.parameter(name);
        let finite = [value, se, low, high].iter().all(|number| number.is_finite());
        if !found.is_identified(name) || (finite && (low <= 0.0 || high < MAX_SPAN * low)) {
            continue;
        }
        let span = high / low;
        let warning = if span.is_finite() {
            format!("the interval of {name} spans a factor of {span:.1e}")
        } else {
            format!("the interval of {name} is unbounded")
        };
        found.warn(&[name], warning);
    }
}

/// The correlation of the logarithms of the two sizes.
fn correlation(points: &Points) -> f64 {
    let count = points.len() as f64;
    let logs = || points.x().iter().map(|x| x.map(f64::ln));
    let mean = [0, 1].map(|size| logs().map(|x| x[size]).sum::<f64>() / count);
    let product = |one: usize, other: usize| -> f64 {
        logs().map(|x| (x[one] - mean[one]) * (x[other] - mean[other])).sum()
    };
    product(0, 1) / (product(0, 0) * product(1, 1)).sqrt()
}
