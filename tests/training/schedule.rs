//! Learning rates over the steps.

use allometry::optim::{Decay, Schedule};

#[test]
fn rates_follow_their_schedule() {
    let schedule = Schedule { peak: 0.8, warmup: 4, decay: Decay::Cosine, total: 24 };
    let rates: Vec<f64> = (0..30).map(|step| schedule.rate(step)).collect();
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} and {b}");
    // Warm-up in equal steps to the peak, ...
    [0.2, 0.4, 0.6, 0.8].iter().zip(&rates).for_each(|(&expected, &rate)| close(rate, expected));
    // ... then half a cosine: the peak, its half in the middle, zero at the end and after it.
    close(rates[4], 0.8);
    close(rates[14], 0.4);
    close(rates[9], 0.4 * (1.0 + std::f64::consts::FRAC_1_SQRT_2));
    assert!(rates[4..24].windows(2).all(|pair| pair[0] > pair[1]));
    rates[24..].iter().for_each(|&rate| close(rate, 0.0));

    let constant = Schedule::constant(0.3);
    assert!((0..1000).all(|step| constant.rate(step) == 0.3));
    let warm = Schedule { warmup: 3, ..constant };
    assert_eq!((warm.rate(2), warm.rate(100)), (0.3, 0.3));
    close(warm.rate(0), 0.1);
}
