//! Functions of one number.

use crate::harness::{Draw, Op, input, sample};

pub fn op(_draw: &mut Draw) -> Op {
    let mut op = Op::default();
    op.add(sample("tanh", [input([7, 13])], |t| t[0].tanh()));
    op
}
