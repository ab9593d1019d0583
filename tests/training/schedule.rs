//! Learning rates over the steps.

use allometry::optim::{Decay, Schedule};

#[test]
fn rates_follow_their_schedule() {
    let schedule = Schedule { warmup: 4, decay: Decay::Cosine, total: 24, ..Schedule::constant(0.8) };
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

/// Rates that PyTorch 2.15 gives: `OneCycleLR(max_lr=0.8, total_steps=20, pct_start=0.3, cycle_momentum=False)` and
/// `StepLR(step_size=5, gamma=0.1)`.
#[test]
fn steps_and_one_cycle_are_those_of_torch() {
    let check = |schedule: Schedule, expected: [f64; 20]| {
        for (step, expected) in (0..).zip(expected) {
            let rate = schedule.rate(step);
            assert!((rate - expected).abs() < 1e-12, "{schedule:?}, step {step}: {rate}, not {expected}");
        }
    };
    let of = |decay: Decay, warmup: u64| Schedule { warmup, decay, total: 20, ..Schedule::constant(0.8) };
    #[rustfmt::skip]
    check(of(Decay::OneCycle, 6), [
        0.03200000000000003, 0.10533747416002026, 0.2973374741600202, 0.5346625258399798, 0.7266625258399798, 0.8,
        0.7899712049880699, 0.7603877056107791, 0.71273294205684, 0.6493965231598104, 0.5735544014330407,
        0.48900961754903144, 0.4000016, 0.3109935824509686, 0.22644879856695938, 0.1506066768401896,
        0.08727025794316003, 0.03961549438922103, 0.010031995011930044, 3.2e-06,
    ]);
    let drops = Schedule { factor: 0.1, every: 5, ..of(Decay::Step, 0) };
    check(drops, std::array::from_fn(|step| 0.8 * 0.1f64.powf((step / 5) as f64)));
    assert!((drops.rate(17) - 0.0008).abs() < 1e-12);
    for warmup in [0, 1] {
        let cycle = of(Decay::OneCycle, warmup);
        assert!((cycle.rate(0) - 0.8).abs() < 1e-12 && cycle.rate(500) < 1e-5);
    }
}

#[test]
fn a_stable_rate_falls_in_the_last_steps() {
    let schedule = Schedule { warmup: 2, decay: Decay::Wsd, total: 20, last: 4, ..Schedule::constant(0.8) };
    let rates: Vec<f64> = (0..21).map(|step| schedule.rate(step)).collect();
    assert_eq!(rates[..2], [0.4, 0.8]);
    assert!(rates[2..=16].iter().all(|&rate| rate == 0.8));
    for (rate, expected) in rates[17..].iter().zip([0.6, 0.4, 0.2, 0.0]) {
        assert!((rate - expected).abs() < 1e-12, "{rate}, not {expected}");
    }
}
