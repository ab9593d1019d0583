//! Matrix products.

use crate::harness::{Bound, Draw, Op, input, ones, refuse, sample};
use allometry::Error;

pub fn op(_draw: &mut Draw) -> Op {
    let mut op = Op::default();
    op.add(
        sample("7×13×5", [input([7, 13]), input([13, 5])], |t| t[0].matmul(&t[1]))
            .forward(Bound::product(13, |t| t[0].matmul(&t[1]))),
    );
    op.refuse(refuse(
        "inner extents that differ",
        |device| ones(device, [2, 3])?.matmul(&ones(device, [4, 2])?),
        |e| matches!(e, Error::Shape { op: "matmul", .. }),
    ));
    op
}
