//! The size beyond which a doubling gains less than chance, found by a search.

/// The size (0 or 1) from which on a doubling lowers y by less than the fraction `spread`. The search starts at `from`:
/// it goes right while doublings gain more, else left to where they do. Infinite if every doubling gains more, 0 if
/// none does. `law` maps the logarithms of the sizes to ln y.
pub(super) fn search_limit(law: impl Fn([f64; 2]) -> f64, size: usize, from: [f64; 2], spread: f64) -> f64 {
    /// The step in the logarithm of the size, and the number of steps.
    const STEP: f64 = 0.25;
    const STEPS: usize = 240;
    let origin = from.map(f64::ln);
    let worth = |log: f64| {
        let at = |log: f64| {
            let mut sizes = origin;
            sizes[size] = log;
            law(sizes)
        };
        -(at(log + std::f64::consts::LN_2) - at(log)).exp_m1() >= spread
    };
    let start = origin[size];
    let direction = if worth(start) { STEP } else { -STEP };
    let place = |step: usize| start + direction * step as f64;
    let Some(step) = (1..=STEPS).find(|&step| worth(place(step)) != worth(start)) else {
        return if direction > 0.0 { f64::INFINITY } else { 0.0 };
    };
    let (mut one, mut other) = (place(step - 1), place(step));
    for _ in 0..50 {
        let middle = 0.5 * (one + other);
        if worth(middle) == worth(start) { one = middle } else { other = middle }
    }
    other.exp()
}

#[cfg(test)]
mod tests {
    use super::super::Form;
    use super::*;

    #[test]
    fn a_search_ends_where_the_formula_says() {
        let theta = [6.0, 0.4, 0.7];
        let law = |x: [f64; 2]| Form::Floor.predict(&theta, x.map(f64::exp)).ln();
        for spread in [1e-4, 1e-3, 0.05] {
            let expected = Form::Floor.law().doubling_limit(&theta, 0, [1e5, 1.0], spread).unwrap();
            for from in [1e3, 1e5, 1e9] {
                let found = search_limit(law, 0, [from, 1.0], spread);
                assert!(
                    (found / expected - 1.0).abs() < 1e-6,
                    "{spread} from {from}: {found} for {expected}"
                );
            }
        }
        assert_eq!(search_limit(law, 0, [1e5, 1.0], 0.9), 0.0);
        assert_eq!(search_limit(|x| -0.2 * x[0], 0, [1e5, 1.0], 0.01), f64::INFINITY);
    }
}
