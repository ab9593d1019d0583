//! The mean absolute error.

use crate::harness::{Draw, Op, input, ones, refuse, sample};
use allometry::Error;

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    op.add(
        sample("numbers", [input([19]).distinct(), input([19]).interleaved()], |t| t[0].mae(&t[1])).half(3),
    );
    op.add(sample(
        "rows of images",
        [input([3, 5, 4, 2]).distinct(), input([3, 5, 4, 2]).interleaved().sliced()],
        |t| t[0].mae_rows(&t[1]),
    ));
    op.add(
        sample("a batch of one", [input([1, draw.extent(40)]).distinct(), input([1, 1]).fixed()], |t| {
            t[0].mae_rows(&t[1].broadcast_to(t[0].shape())?)
        })
        .no_differences("may be at the kink"),
    );
    // The gradient is ±1/n, and 0 where nothing differs.
    let (x, y) =
        (input([2, 2]).values([1.0, -2.0, 3.0, 5.0]), input([2, 2]).values([0.0, 0.0, 3.0, 7.0]).fixed());
    op.add(
        sample("written out", [x, y], |t| {
            let rows = t[0].mae_rows(&t[1])?;
            assert_eq!(rows.to_f64()?, [1.5, 1.0]);
            t[0].mae(&t[1])
        })
        .no_differences("a kink"),
    );

    op.refuse(refuse(
        "a column and a row",
        |device| ones(device, [4, 1])?.mae(&ones(device, [4])?),
        |e| matches!(e, Error::Shape { op: "mae", .. }),
    ));
    op.refuse(refuse(
        "scalars",
        |device| ones(device, [])?.mae(&ones(device, [])?),
        |e| matches!(e, Error::Shape { op: "mae", .. }),
    ));
    op
}
