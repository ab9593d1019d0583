//! Power laws: fits, what they refuse, and intervals.

use allometry::laws::{PowerLaw, error_rate};
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_law_without_noise_is_found(k in 1e-6f64..1e6, alpha in -3.0f64..3.0) {
        let points: Vec<(f64, f64)> = [1e3, 3e4, 5e5, 7e8].map(|n: f64| (n, k * n.powf(alpha))).to_vec();
        let law = PowerLaw::fit(&points).unwrap();
        prop_assert!((law.alpha - alpha).abs() < 1e-9);
        prop_assert!((law.k / k - 1.0).abs() < 1e-7);
        prop_assert!((law.predict(1e5) / (k * 1e5f64.powf(alpha)) - 1.0).abs() < 1e-7);
    }
}

#[test]
fn laws_refuse_what_they_cannot_fit() {
    let refused = |points: &[(f64, f64)], reason: &str| {
        let message = PowerLaw::fit(points).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    };
    refused(&[], "at least 2");
    refused(&[(1.0, 1.0)], "at least 2");
    refused(&[(1.0, 1.0), (2.0, 0.0), (3.0, 1.0)], "P is 0");
    refused(&[(-1.0, 1.0), (2.0, 1.0), (3.0, 1.0)], "N is -1");
    refused(&[(1.0, f64::NAN), (2.0, 1.0), (3.0, 1.0)], "P is NaN");
    refused(&[(5.0, 1.0), (5.0, 2.0), (5.0, 3.0)], "different");
    refused(&[(0.3, 1.0), (0.1 + 0.2, 2.0), (0.3, 3.0)], "different");
    // k would be e to the power of 15,000.
    refused(&[(1e9, 3.0), (1e9 + 1e6, 1.5)], "more spread out");
}

#[test]
fn two_points_have_a_law_but_no_interval() {
    let law = PowerLaw::fit(&[(10.0, 3.0), (1000.0, 30.0)]).unwrap();
    assert!((law.alpha - 0.5).abs() < 1e-12);
    assert_eq!((law.alpha_interval, law.n), (None, 2));
}

#[test]
fn an_interval_is_that_of_the_textbook() {
    // ln N = 0, 1, 2, 3 and ln P = 0, 1, 1, 2: slope 0.6, residual 0.2, standard error √(0.1/5), t(2) =
    // 4.302653.
    let e = std::f64::consts::E;
    let law = PowerLaw::fit(&[(1.0, 1.0), (e, e), (e.powi(2), e), (e.powi(3), e.powi(2))]).unwrap();
    let interval = law.alpha_interval.unwrap();
    assert!((law.alpha - 0.6).abs() < 1e-12);
    assert!((interval.high - 0.6 - 4.302653 * 0.02f64.sqrt()).abs() < 1e-6);
    assert!((interval.high + interval.low - 1.2).abs() < 1e-12);
    assert!((law.r2 - 0.9).abs() < 1e-12);
    assert_eq!(error_rate(0.75), 0.25);
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    // Noise: twelve uniform numbers from a linear congruential generator, centred, are nearly normal.
    let mut state = 1u64;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut normal = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
    let held = (0..2000)
        .filter(|_| {
            let points: Vec<(f64, f64)> = (1..=5)
                .map(|i| (2f64.powi(i), 3.0 * 2f64.powf(-0.3 * f64::from(i)) * (0.05 * normal()).exp()))
                .collect();
            PowerLaw::fit(&points).unwrap().alpha_interval.unwrap().contains(-0.3)
        })
        .count();
    assert!((1870..=1930).contains(&held), "{held} of 2000");
}
