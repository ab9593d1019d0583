//! The loss scale: what counts as an overflow, and what the state becomes.

use crate::harness::{Bound, Draw, Input, Op, input, ones, refuse, sample};
use allometry::optim::loss_scale::{GOOD, SCALE, SKIPPED, UNSCALE, UPDATES, find_overflow, state, update};
use allometry::{DType, Error, Result, Tensor};

const INTERVAL: u32 = 3;
const BETAS: [f64; 2] = [0.9, 0.999];

fn found(gradient: &Tensor) -> Result<Tensor> {
    let found = Tensor::new(gradient.device(), &[0u32], [1])?;
    find_overflow(gradient, &found)?;
    Ok(found)
}

/// The state after a step for each of `bad`.
fn after(t: &[Tensor], scale: f32, bad: &[bool]) -> Result<Tensor> {
    let state = state(&t[0], scale)?;
    let found = Tensor::new(t[0].device(), &[0u32], [1])?;
    for &bad in bad {
        let value = if bad { f32::NAN } else { 1.0 };
        find_overflow(&Tensor::full(t[0].device(), t[0].dtype(), [5], value)?, &found)?;
        update(&state, &found, INTERVAL, BETAS)?;
    }
    let (numbers, skipped) = (state.to_f64()?, bad.iter().filter(|&&bad| bad).count());
    assert_eq!(numbers[SKIPPED], skipped as f64);
    assert_eq!(numbers[UPDATES], (bad.len() - skipped) as f64);
    assert_eq!(numbers[UNSCALE] == 0.0, bad.last() == Some(&true));
    let since = bad.iter().rev().take_while(|&&bad| !bad).count();
    assert_eq!(numbers[GOOD], (since % INTERVAL as usize) as f64);
    assert!((1.0 / (1 << 24) as f64..=(1 << 24) as f64).contains(&numbers[SCALE]));
    Ok(state)
}

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    let mut look = |what: &str, input: Input| {
        op.add(sample(what, [input.fixed()], |t| found(&t[0])).forward(Bound::exact()).half(0));
    };
    look("small numbers", input([draw.extent(3000)]));
    look("large numbers", input([draw.extent(3000)]).magnitudes(1e-4, 6e4));
    // One that is not finite, wherever it is.
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for length in [1, 2, 7, 8, 9, 2049, 2_000_003] {
            let mut values = vec![1.0; length];
            values[draw.below(length)] = bad;
            look(&format!("{bad} among {length}"), input([length]).values(values));
        }
    }
    // What lies behind the gradient in its buffer does not count.
    op.add(
        sample(
            "the start of a buffer",
            [input([10]).values([[1.0; 5], [f32::NAN; 5]].concat()).fixed()],
            |t| found(&t[0].slice(0, 0..5)?),
        )
        .forward(Bound::exact())
        .half(0),
    );
    // Too large for f16, and as large as it gets: drivers that round towards zero store the first as the second.
    for value in [65504.0, 1e5] {
        op.add(
            sample(format!("{value} in f16"), [input([3]).values([1.0, value, 0.0]).fixed()], |t| {
                found(&t[0].cast(DType::F16)?)
            })
            .forward(Bound::exact()),
        );
    }

    let (good, bad) = (false, true);
    for (what, scale, steps) in [
        ("one good step", 8.0, &[good][..]),
        ("one bad step", 8.0, &[bad]),
        ("doubled", 8.0, &[good, good, good]),
        ("doubled late", 8.0, &[good, good, bad, good, good, good, good]),
        ("halved twice", 8.0, &[bad, good, bad]),
        ("no larger than it may be", (1 << 24) as f32, &[good, good, good]),
        ("no smaller than it may be", 1.0 / (1 << 24) as f32, &[bad]),
    ] {
        let steps = steps.to_vec();
        // Powers of two are exact; the weights of Adam's averages are sums.
        op.add(sample(what, [input([]).fixed()], move |t| after(t, scale, &steps)));
    }
    // 1 - βᵗ.
    op.add(sample("corrections", [input([]).fixed()], |t| {
        let numbers = after(t, 1.0, &[false; 50])?.to_f64()?;
        for (weight, beta) in numbers[UPDATES + 1..].iter().zip(BETAS) {
            let want = 1.0 - f64::from(beta as f32).powi(50);
            assert!((weight - want).abs() < 1e-6 * want, "{weight}, {want} expected");
        }
        Ok(t[0].clone())
    }));

    op.refuse(refuse(
        "a flag that is a float",
        |device| ones(device, [3]).and_then(|g| find_overflow(&g, &ones(device, [1])?).map(|()| g)),
        |e| matches!(e, Error::DType { op: "loss_scale", .. }),
    ));
    op.refuse(refuse(
        "a gradient that is a view",
        |device| found(&ones(device, [4, 2])?.slice(1, 0..1)?),
        |e| matches!(e, Error::Shape { op: "loss_scale", .. }),
    ));
    op.refuse(refuse(
        "a state of another length",
        |device| {
            let state = ones(device, [3])?;
            update(&state, &Tensor::new(device, &[0u32], [1])?, INTERVAL, BETAS).map(|()| state)
        },
        |e| matches!(e, Error::Shape { op: "loss_scale", .. }),
    ));
    op
}
