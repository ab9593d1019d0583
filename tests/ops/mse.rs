//! The mean squared error.

use crate::harness::{Draw, Op, input, ones, refuse, sample};
use allometry::Error;

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    op.add(sample("a column", [input([17, 1]), input([17, 1]).fixed()], |t| t[0].mse(&t[1])).half(4));
    op.add(sample("both differentiated", [input([5, 3]), input([5, 3]).transposed()], |t| t[0].mse(&t[1])));
    op.add(sample("one number", [input([1]), input([1])], |t| t[0].mse(&t[1])));
    op.add(sample("rows of numbers", [input([19]), input([19])], |t| t[0].mse_rows(&t[1])));
    op.add(sample("rows of images", [input([3, 5, 4, 2]), input([3, 5, 4, 2]).sliced()], |t| {
        t[0].mse_rows(&t[1])
    }));
    let shape = draw.shape(3, 20);
    op.add(sample("drawn", [input(shape).uniform(-100.0, 100.0), input(shape)], |t| t[0].mse_rows(&t[1])));

    op.refuse(refuse(
        "a column and a row",
        |device| ones(device, [4, 1])?.mse(&ones(device, [4])?),
        |e| matches!(e, Error::Shape { op: "mse", .. }),
    ));
    op.refuse(refuse(
        "scalars",
        |device| ones(device, [])?.mse(&ones(device, [])?),
        |e| matches!(e, Error::Shape { op: "mse", .. }),
    ));
    op
}
