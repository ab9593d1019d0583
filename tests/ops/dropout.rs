//! Dropout. The harness compares the masks of all devices with the oracle's: a zero must be a zero everywhere.

use crate::harness::{Draw, Op, input, ones, refuse, sample};
use allometry::ops::RandomKey;
use allometry::{Error, Tensor};

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    let key = RandomKey { seed: draw.below(1 << 31) as u32, step: draw.below(1000) as u32, module: 3 };
    op.add(sample("half", [input([7, 13])], move |t| t[0].dropout(0.5, key)).half(1));
    op.add(sample("a tenth", [input([3, 5, 7, 11])], move |t| t[0].dropout(0.1, key)).half(1));
    op.add(sample("nearly all", [input([1001])], move |t| t[0].dropout(0.99, key)));
    op.add(sample("nothing", [input([17])], move |t| t[0].dropout(0.0, key)));
    op.add(sample("one element", [input([1])], move |t| t[0].dropout(0.5, key)));
    op.add(sample("a view", [input([5, 9]).sliced()], move |t| t[0].dropout(0.3, key)).half(1));
    let (shape, rate) = (draw.shape(3, 20), draw.uniform(0.0, 0.95));
    op.add(sample("drawn", [input(shape)], move |t| t[0].dropout(rate, key)));
    op.add(sample("the share that is dropped", [input([40_000]).fixed()], move |t| {
        let kept = |key| -> allometry::Result<Vec<f64>> {
            Tensor::ones(t[0].device(), t[0].dtype(), t[0].shape())?.dropout(0.25, key)?.to_f64()
        };
        let first = kept(key)?;
        let zeros = first.iter().filter(|&&y| y == 0.0).count() as f64;
        // Five standard deviations of a binomial distribution.
        assert!((zeros / 40_000.0 - 0.25).abs() < 5.0 * (0.25f64 * 0.75 / 40_000.0).sqrt(), "{zeros} zeros");
        // Masks of other seeds, steps and layers agree no more often than by chance.
        for other in [
            RandomKey { seed: key.seed + 1, ..key },
            RandomKey { step: key.step + 1, ..key },
            RandomKey { module: key.module + 1, ..key },
        ] {
            let same = first.iter().zip(kept(other)?).filter(|(a, b)| **a == *b).count() as f64 / 40_000.0;
            assert!(
                (same - 0.625).abs() < 5.0 * (0.625f64 * 0.375 / 40_000.0).sqrt(),
                "{same} for {other:?}"
            );
        }
        t[0].dropout(0.25, key)
    }));

    for rate in [1.0, -0.1, f32::NAN] {
        op.refuse(refuse(
            "a rate outside [0, 1)",
            move |device| ones(device, [3])?.dropout(rate, RandomKey::default()),
            |e| matches!(e, Error::Argument { op: "dropout", argument: "rate", .. }),
        ));
    }
    op.refuse(refuse(
        "labels",
        |device| Tensor::new(device, &[1u32, 2], [2])?.dropout(0.5, RandomKey::default()),
        |e| matches!(e, Error::DType { op: "dropout", .. }),
    ));
    op
}
