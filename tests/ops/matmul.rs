//! Matrix products and dense layers, and with them the tiles of GPUs (src/ops/tiled.rs).

use crate::harness::{Bound, Draw, HALF_ROUNDING, Input, Op, Sample, Storage, input, ones, refuse, sample};
use allometry::bench::ladder::{self, Step};
use allometry::ops::Function;
use allometry::{Device, Error, Result, Tensor};

fn product(what: impl Into<String>, a: Input, b: Input) -> Sample {
    let terms = a.shape.from_end(0);
    let bound = Bound::product(terms, |t| t[0].matmul(&t[1]));
    sample(what, [a, b], |t| t[0].matmul(&t[1])).forward(bound).half(1)
}

fn dense(t: &[Tensor], function: Function) -> Result<Tensor> {
    t[0].dense(&t[1], t.get(2), function)
}

fn layer(what: impl Into<String>, inputs: Vec<Input>, function: Function) -> Sample {
    let terms = inputs[0].shape.from_end(0) + 1;
    // The error of the sum goes through the function: it grows by the function's steepest slope between the sum
    // and 0, which is what |x|·|W| + |b| bounds the sum by. What the function adds itself is relative.
    let magnitude = move |t: &[Tensor]| {
        let size = dense(t, Function::Linear)?;
        let times = |factor| size.mul(&Tensor::full(size.device(), size.dtype(), [], factor)?);
        match function {
            Function::Exp => size.mul(&size.exp()?),
            Function::Square => times(2.0)?.mul(&size),
            // Steepest: 1.13 and 1.1.
            Function::Gelu | Function::Silu => times(1.2),
            _ => Ok(size),
        }
    };
    let own = if function == Function::Linear { 0.0 } else { 1e-5 };
    let bound = Bound::product(terms, magnitude).relative(own);
    let sample = sample(what, inputs, move |t| dense(t, function)).forward(bound);
    // The others are two dispatches where a gradient is asked for, and what the second makes of the first's rounding
    // has no bound as simple as this.
    match function {
        Function::Linear | Function::Relu => sample.half(1),
        // Its slope is worked out from the rounded result, which next to ±1 leaves little of it.
        Function::Tanh => sample.half(1).half_floor(2.0 * HALF_ROUNDING),
        _ => sample,
    }
}

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    for (m, k, n) in [
        (1, 1, 1),
        (7, 13, 5),
        (64, 64, 64),
        (65, 127, 33),
        (130, 17, 1),
        (1, 300, 67),
        (3, 2, 129),
        (draw.extent(150), draw.extent(150), draw.extent(150)),
    ] {
        op.add(product(format!("{m} × {k} × {n}"), input([m, k]), input([k, n])));
    }
    // Enough tiles to make large ones of them.
    op.add(product("1,030 × 19 × 1,412", input([1030, 19]), input([19, 1412])).no_differences("sheer size"));
    // Every transposition, with extents that are and are not multiples of the vectors.
    for (m, k, n) in [(7, 13, 5), (68, 36, 72), (33, 65, 66)] {
        for (a, b, what) in [
            (Storage::Transposed, Storage::Packed, "AᵀB"),
            (Storage::Packed, Storage::Transposed, "ABᵀ"),
            (Storage::Transposed, Storage::Transposed, "AᵀBᵀ"),
        ] {
            op.add(product(
                format!("{what}, {m} × {k} × {n}"),
                input([m, k]).stored(a),
                input([k, n]).stored(b),
            ));
        }
    }
    // Larger than a tile of 128 × 128, where either factor may be read by vectors across its rows.
    for (m, k, n, a, b, what) in [
        (132, 133, 136, Storage::Transposed, Storage::Packed, "AᵀB"),
        (133, 132, 135, Storage::Packed, Storage::Transposed, "ABᵀ"),
        (132, 136, 134, Storage::Transposed, Storage::Transposed, "AᵀBᵀ"),
    ] {
        let name = format!("{what}, {m} × {k} × {n}");
        let large = product(name, input([m, k]).stored(a), input([k, n]).stored(b));
        op.add(large.no_differences("the sheer size"));
    }
    // A right factor that the CPU device copies in two pieces, of 192 and 8 rows: read in place, and in panels.
    for (m, a, what) in [(3, Storage::Packed, "AB"), (20, Storage::Transposed, "AᵀB")] {
        let right = input([200, 5500]).fixed();
        let wide = product(format!("{what}, {m} × 200 × 5,500"), input([m, 200]).stored(a), right);
        op.add(Sample { roundings: None, ..wide.no_differences("the sheer size") });
    }
    // Views: rows at an odd and (64 columns of 4 bytes) at an aligned offset, insides, repeated rows.
    op.add(product("rows of a longer matrix", input([9, 7]).rows(), input([7, 5]).rows()));
    op.add(product("aligned rows of a longer matrix", input([9, 64]).rows(), input([64, 128]).rows()));
    op.add(product("insides", input([9, 7]).sliced(), input([7, 5]).sliced()));
    op.add(product("a row repeated", input([9, 7]).repeated(0), input([7, 5]).repeated(0)));
    op.add(product("a column repeated", input([9, 7]).repeated(1), input([7, 5]).repeated(1)));
    // More than f16 holds.
    let wide = |m, n| input([m, n]).magnitudes(1e-3, 1e4);
    op.add(Sample { roundings: None, ..product("values of ±1e4", wide(9, 31), wide(31, 9)) });
    // Batches.
    op.add(product("a batch", input([3, 7, 5]), input([3, 5, 9])));
    op.add(product("a batch of one", input([1, 7, 5]), input([1, 5, 9])));
    op.add(product("one matrix for a batch", input([4, 7, 5]), input([5, 9])));
    op.add(product("a batch for one matrix", input([7, 5]), input([4, 5, 9])));
    op.add(product("batches broadcast", input([3, 1, 7, 5]), input([2, 5, 6])));
    op.add(product("a transposed batch", input([3, 7, 5]).transposed(), input([3, 5, 9]).transposed()));
    op.add(product("a batch as inner axis", input([3, 7, 5]).stored(Storage::Reversed), input([3, 5, 8])));
    op.add(product("a transposed batch with one matrix", input([3, 8, 4]).transposed(), input([4, 8])));
    op.add(product("a repeated batch", input([3, 7, 5]).repeated(0), input([3, 5, 4])));
    op.add(
        sample("a matrix with itself", [input([9, 9])], |t| t[0].matmul(&t[0].transpose()?))
            .forward(Bound::product(9, |t| t[0].matmul(&t[0].transpose()?))),
    );

    // The fused layer: every function that is defined for all sums.
    for &function in Function::ALL {
        if matches!(function, Function::Log | Function::Sqrt | Function::Rsqrt | Function::Reciprocal) {
            continue;
        }
        let inputs = vec![input([7, 13]), input([13, 9]), input([9])];
        let sample = layer(format!("dense, {}", function.name()), inputs, function);
        let kinks = matches!(
            function,
            Function::Relu
                | Function::Abs
                | Function::Relu6
                | Function::HardSigmoid
                | Function::HardSwish
                | Function::LeakyRelu
                | Function::Elu
        );
        op.add(if kinks { sample.no_differences("a kink that a sum may be next to") } else { sample });
    }
    let mut add = |what: &str, inputs: Vec<Input>| op.add(layer(what, inputs, Function::Tanh));
    add("dense without a bias", vec![input([7, 13]), input([13, 9])]);
    add("dense on one vector", vec![input([13]), input([13, 9]), input([9])]);
    add(
        "dense on four axes",
        vec![input([2, 3, 2, 13]).stored(Storage::Reversed), input([13, 9]), input([9])],
    );
    add("dense, views", vec![input([7, 13]).sliced(), input([13, 9]).transposed(), input([9]).rows()]);
    add("dense, a bias seen again and again", vec![input([7, 12]), input([12, 8]), input([8]).repeated(0)]);
    add("dense, data without a gradient", vec![input([7, 13]).fixed(), input([13, 9]), input([9])]);
    add("dense, only the bias learns", vec![input([7, 13]).fixed(), input([13, 9]).fixed(), input([9])]);
    add("dense, wider than a tile", vec![input([33, 70]), input([70, 131]), input([131])]);

    // Sums that are cut into pieces: those of a product, of a layer, and of a layer's gradient.
    for (m, k, n) in [(5, 1500, 7), (64, 1024, 64), (33, 2070, 20)] {
        op.add(product(format!("{m} × {k} × {n}"), input([m, k]), input([k, n])));
    }
    // Large enough for every thread, in the kernel that adds the pieces too.
    let large = product("183 × 1024 × 180", input([183, 1024]).fixed(), input([1024, 180]).fixed());
    op.add(Sample { roundings: None, ..large });
    op.add(product("AᵀBᵀ, 24 × 1028 × 40", input([24, 1028]).transposed(), input([1028, 40]).transposed()));
    op.add(product("a long sum over a view", input([9, 1100]).sliced(), input([1100, 6]).sliced()));
    op.add(layer("dense, a long sum", vec![input([6, 1300]), input([1300, 9]), input([9])], Function::Tanh));
    op.add(layer("dense, many rows", vec![input([1090, 20]), input([20, 9]), input([9])], Function::Tanh));
    // Results of many elements, of few rows and of few columns have tiles of their own.
    for (m, k, n) in [(650, 20, 580), (515, 9, 513), (16, 40, 200), (200, 40, 16)] {
        let name = format!("{m} × {k} × {n}");
        op.add(product(name, input([m, k]), input([k, n])).no_differences("the sheer size"));
    }
    let large = product("AᵀBᵀ, 516 × 12 × 520", input([516, 12]).transposed(), input([12, 520]).transposed());
    op.add(large.no_differences("the sheer size"));

    // Every step of the ladder.
    for step in Step::ALL {
        for (m, k, n) in [
            (1, 1, 1),
            (7, 13, 5),
            (64, 64, 64),
            (65, 127, 33),
            (128, 40, 256),
            (130, 17, 1),
            (131, 20, 262),
            (1, 300, 67),
            (draw.extent(150), draw.extent(150), draw.extent(150)),
        ] {
            let name = format!("{}, {m} × {k} × {n}", step.name());
            let inputs = [input([m, k]).fixed(), input([k, n]).fixed()];
            let bound = Bound::product(k, |t| t[0].matmul(&t[1]));
            op.add(sample(name, inputs, move |t| ladder::product(&t[0], &t[1], step)).forward(bound));
        }
        let inputs = [input([9, 31]).transposed().fixed(), input([31, 70]).sliced().fixed()];
        let bound = Bound::product(31, |t| t[0].matmul(&t[1]));
        let name = format!("{}, views", step.name());
        op.add(sample(name, inputs, move |t| ladder::product(&t[0], &t[1], step)).forward(bound));
    }

    op.add_timed("matmul", |sample| sample);

    op.refuse(refuse(
        "a batch of matrices for a step",
        |device| ladder::product(&ones(device, [2, 3, 3])?, &ones(device, [3, 3])?, Step::Naive),
        |e| matches!(e, Error::Shape { op: "ladder", .. }),
    ));
    op.refuse(refuse(
        "inner extents that differ, in a step",
        |device| ladder::product(&ones(device, [2, 3])?, &ones(device, [4, 2])?, Step::LargeTile),
        |e| matches!(e, Error::Shape { op: "ladder", .. }),
    ));

    op.refuse(refuse(
        "inner extents that differ",
        |device| ones(device, [2, 3])?.matmul(&ones(device, [4, 2])?),
        |e| matches!(e, Error::Shape { op: "matmul", .. }),
    ));
    op.refuse(refuse(
        "a vector",
        |device| ones(device, [3])?.matmul(&ones(device, [3, 2])?),
        |e| matches!(e, Error::Shape { op: "matmul", .. }),
    ));
    op.refuse(refuse(
        "batches that don't broadcast",
        |device| ones(device, [2, 3, 4])?.matmul(&ones(device, [3, 4, 5])?),
        |e| matches!(e, Error::Shape { op: "matmul", .. }),
    ));
    op.refuse(refuse(
        "whole numbers",
        |device| ones(device, [2, 2])?.matmul(&Tensor::new(device, &[1u32; 4], [2, 2])?),
        |e| matches!(e, Error::DType { op: "matmul", found: "u32", .. }),
    ));
    op.refuse(refuse(
        "two devices",
        |device| ones(device, [2, 2])?.matmul(&ones(&Device::cpu(), [2, 2])?),
        |e| matches!(e, Error::Placement { op: "matmul", .. }),
    ));
    op.refuse(refuse(
        "a bias of another extent",
        |device| {
            ones(device, [2, 3])?.dense(&ones(device, [3, 4])?, Some(&ones(device, [3])?), Function::Linear)
        },
        |e| matches!(e, Error::Shape { op: "dense", .. }),
    ));
    op.refuse(refuse(
        "a bias on another device",
        |device| {
            let bias = ones(&Device::cpu(), [4])?;
            ones(device, [2, 3])?.dense(&ones(device, [3, 4])?, Some(&bias), Function::Linear)
        },
        |e| matches!(e, Error::Placement { .. }),
    ));
    op.refuse(refuse(
        "a bias of whole numbers",
        |device| {
            let bias = Tensor::new(device, &[1u32; 4], [4])?;
            ones(device, [2, 3])?.dense(&ones(device, [3, 4])?, Some(&bias), Function::Linear)
        },
        |e| matches!(e, Error::DType { op: "dense", .. }),
    ));
    op.refuse(refuse(
        "a kernel of three axes",
        |device| ones(device, [2, 3])?.dense(&ones(device, [1, 3, 4])?, None, Function::Relu),
        |e| matches!(e, Error::Shape { op: "dense", .. }),
    ));
    op
}
