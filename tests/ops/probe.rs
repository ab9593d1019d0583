//! The probes of the roofline: they must compute what they say, or their figures mean nothing.

use crate::harness::{Bound, Draw, Op, input, ones, refuse, sample};
use allometry::bench::probe;
use allometry::{Error, Tensor};

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    for (i, count) in [1, 3, 4, 31, 257, 2048, 4099, draw.extent(5000)].into_iter().enumerate() {
        let name = |what: &str| format!("{what} {i}, {count} elements");
        op.add(
            sample(name("copy"), [input([count]).fixed()], |t| probe::copy(&t[0])).forward(Bound::exact()),
        );
        // A round rounds once or twice, and a sum may come close to zero.
        let fma = sample(name("fma"), [input([count]).fixed()], |t| probe::fma(&t[0], 7));
        op.add(fma.forward(Bound::elementwise().floor(14.0 * 2f64.powi(-24))));
    }
    op.add(sample("a copy of a view", [input([9, 70]).transposed().fixed()], |t| probe::copy(&t[0])));
    // A round adds an error of two roundings and keeps 0.999 of those before: a thousand rounds' worth stays.
    op.add(
        sample("many rounds", [input([300]).fixed()], |t| probe::fma(&t[0], 3000))
            .forward(Bound::elementwise().relative(2000.0 * 2f64.powi(-24))),
    );
    op.refuse(refuse(
        "whole numbers",
        |device| probe::copy(&Tensor::new(device, &[1u32; 4], [4])?),
        |e| matches!(e, Error::DType { op: "probe_copy", .. }),
    ));
    op.refuse(refuse(
        "whole numbers, multiplied",
        |device| probe::fma(&ones(device, [2])?.argmax(0)?, 1),
        |e| matches!(e, Error::DType { op: "probe_fma", .. }),
    ));
    op
}
