//! Functions of one number.

use crate::harness::{Bound, Draw, HALF_ROUNDING, Input, Op, input, refuse, sample};
use allometry::ops::Function;
use allometry::{Error, Tensor};
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

/// The bound on a derivative, times a seed of at most 1.
fn slope(function: Function) -> Bound {
    let floor = match function {
        // s·(1 - s) and (1 - s)·(1 + s) are made from the result s, which is rounded: next to 1 the difference
        // holds what rounding, a few times 2⁻²⁴, left of it.
        Function::Sigmoid => 3e-7,
        Function::Tanh => 6e-7,
        // s + 1 of a rounded s, likewise.
        Function::Elu => 3e-7,
        // As of the functions themselves.
        Function::Sin | Function::Cos => 3e-7,
        // Sums of two terms of up to 1 that cancel where the function has its minimum, each with a relative error
        // of 1e-5 at most.
        Function::Gelu | Function::Silu | Function::GeluTanh | Function::HardSwish => 2e-6,
        _ => Bound::elementwise().floor,
    };
    Bound::elementwise().floor(floor)
}

/// The bound on the function.
fn value(function: Function) -> Bound {
    let floor = match function {
        // x·Φ(x) and x·sigmoid(x): where the second factor is below f32's normal range a driver may take it for
        // zero, and |x| is up to 13 and 88 there.
        Function::Gelu => 14.0 * f64::from(f32::MIN_POSITIVE),
        Function::Silu => 90.0 * f64::from(f32::MIN_POSITIVE),
        // e⁻ᵗ with t = √(8/π)·(x + 0.044715·x³): the rounding of t counts t times, and where t is above 46 the result
        // is below 10·e⁻⁴⁶.
        Function::GeluTanh => 1e-19,
        // The remainder of x modulo π/2 has an absolute error, and results may be near zero.
        Function::Sin | Function::Cos => 3e-7,
        _ => Bound::elementwise().floor,
    };
    Bound::elementwise().floor(floor)
}

/// Inputs over the range on which the function is ordinary, away from its kinks.
fn ordinary(function: Function, input: Input) -> Input {
    match function {
        Function::Log | Function::Sqrt => input.positive(1e-2, 1e2),
        Function::Rsqrt => input.positive(1e-1, 1e1),
        Function::Reciprocal => input.uniform(-3.0, 3.0).avoid(0.0, 0.2),
        _ => without_kinks(function, input.uniform(-3.0, 3.0)),
    }
}

/// Inputs away from the function's kinks.
fn without_kinks(function: Function, input: Input) -> Input {
    match function {
        Function::Relu | Function::Abs | Function::LeakyRelu | Function::Elu => input.avoid(0.0, 1e-3),
        Function::Relu6 => input.avoid(0.0, 1e-3).avoid(6.0, 1e-3),
        Function::HardSigmoid | Function::HardSwish => input.avoid(-3.0, 1e-3).avoid(3.0, 1e-3),
        _ => input,
    }
}

/// Inputs over the range that the function can be asked to take.
fn wide(function: Function, input: Input) -> Input {
    match function {
        Function::Log | Function::Sqrt | Function::Rsqrt => input.positive(1e-3, 1e4),
        // From where the result is subnormal to just before it is infinite in f32.
        Function::Exp => input.uniform(-110.0, 88.0),
        _ => without_kinks(function, input.magnitudes(1e-3, 1e4)),
    }
}

/// Points on every side of the kinks.
const POINTS: [f32; 9] = [-4.0, -3.0, -2.5, -1.0, 0.5, 2.0, 3.0, 5.0, 7.0];

/// Functions at [`POINTS`]: lines by hand, `gelu_tanh` by its formula with a hyperbolic tangent, the others by the
/// functions of Python's `math`.
#[rustfmt::skip]
const WRITTEN_OUT: [(Function, [f64; 9]); 11] = [
    (Function::Relu6, [0.0, 0.0, 0.0, 0.0, 0.5, 2.0, 3.0, 5.0, 6.0]),
    (Function::HardSigmoid, [0.0, 0.0, 1.0 / 12.0, 1.0 / 3.0, 7.0 / 12.0, 5.0 / 6.0, 1.0, 1.0, 1.0]),
    (Function::HardSwish, [0.0, 0.0, -2.5 / 12.0, -1.0 / 3.0, 7.0 / 24.0, 5.0 / 3.0, 3.0, 5.0, 7.0]),
    (Function::GeluTanh, [
        -7.024594819227126e-05, -0.0036373920817729943, -0.015084266089998577, -0.15880800939172324, 0.34571400982514394,
        1.954597694087775, 2.996362607918227, 4.999999770820381, 6.999999999999997,
    ]),
    (Function::Rsqrt, [
        f64::NAN, f64::NAN, f64::NAN, f64::NAN, SQRT_2, FRAC_1_SQRT_2, 0.5773502691896258, 0.4472135954999579, 0.3779644730092272,
    ]),
    (Function::Reciprocal, [-0.25, -1.0 / 3.0, -0.4, -1.0, 2.0, 0.5, 1.0 / 3.0, 0.2, 1.0 / 7.0]),
    (Function::LeakyRelu, [
        -0.04, -0.03, -0.025, -0.01, 0.5,
        2.0, 3.0, 5.0, 7.0,
    ]),
    (Function::Elu, [
        -0.9816843611112658, -0.950212931632136, -0.9179150013761013, -0.6321205588285577, 0.5,
        2.0, 3.0, 5.0, 7.0,
    ]),
    (Function::Erf, [
        -0.9999999845827421, -0.9999779095030014, -0.999593047982555, -0.8427007929497149, 0.5204998778130465,
        0.9953222650189527, 0.9999779095030014, 0.9999999999984626, 1.0,
    ]),
    (Function::Sin, [
        0.7568024953079282, -0.1411200080598672, -0.5984721441039565, -0.8414709848078965, 0.479425538604203,
        0.9092974268256817, 0.1411200080598672, -0.9589242746631385, 0.6569865987187891,
    ]),
    (Function::Cos, [
        -0.6536436208636119, -0.9899924966004454, -0.8011436155469337, 0.5403023058681398, 0.8775825618903728,
        -0.4161468365471424, -0.9899924966004454, 0.28366218546322625, 0.7539022543433046,
    ]),
];

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    for &function in Function::ALL {
        let name = function.name();
        let apply = move |t: &[Tensor]| t[0].map(function);
        let mut in_half = |what: &str, input: Input| {
            let sample = sample(format!("{name}, {what}"), [ordinary(function, input)], apply);
            let sample = sample.forward(value(function)).gradient(slope(function)).half(1);
            // s·(1 - s), (1 - s)·(1 + s) and s + 1 of a rounded s: where s is near ±1, most digits are lost.
            let saturates = matches!(function, Function::Sigmoid | Function::Tanh | Function::Elu);
            op.add(if saturates { sample.half_floor(2.0 * HALF_ROUNDING) } else { sample });
        };
        in_half("odd extents", input([7, 13]));
        in_half("transposed", input([5, draw.extent(40)]).transposed());
        // The gradient that arrives is nobody else's, and is written over.
        let followed = move |t: &[Tensor]| t[0].map(function)?.neg();
        let inner = sample(format!("{name}, followed"), [ordinary(function, input([3, 31]))], followed);
        op.add(inner.forward(value(function)).gradient(slope(function)));
        let mut add = |what: &str, input: Input| {
            let sample = sample(format!("{name}, {what}"), [input], apply);
            op.add(sample.forward(value(function)).gradient(slope(function)));
        };
        add("wide range", wide(function, input([1 + draw.extent(600)])));
        // Where tails die out and polynomials change over.
        if !matches!(function, Function::Log | Function::Sqrt | Function::Rsqrt) {
            let middle = input([3, 5, 67]).uniform(-20.0, 20.0).avoid(0.0, 1e-3);
            add("middle range", without_kinks(function, middle));
        }
        // Any driver lets NaN pass, or a run that diverged would look as if it went well.
        let values = [f32::NAN, 1.0, f32::NAN];
        op.add(sample(format!("{name}, NaN"), [input([3]).values(values).fixed()], apply));
        // IEEE 754's results at infinity and at both zeros. (WGSL lets a driver assume that there is neither NaN nor
        // infinity. The drivers that this ran on do not.)
        let values = [f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0];
        op.add(sample(format!("{name}, infinity"), [input([4]).values(values).fixed()], apply));
    }

    // The gradient of an infinite result is infinite too, whatever it is multiplied by in f64.
    op.add(sample("exp, too large for f32", [input([50]).uniform(80.0, 200.0).fixed()], |t| t[0].exp()));

    // Φ(x) before it is subnormal: the relative error of the argument is multiplied by x² ≈ 170 there.
    let tail = input([draw.extent(3000)]).uniform(-13.0, -12.0);
    op.add(
        sample("gelu, far tail", [tail], |t| t[0].gelu())
            .forward(value(Function::Gelu))
            .gradient(slope(Function::Gelu)),
    );

    // Written out, and far from zero on both sides: `torch.nn.functional.softplus` is x beyond 20.
    let values = [-1e4, -100.0, -80.0, -20.0, -1.0, -1e-3, 0.0, 0.5, 1.0, 19.0, 21.0, 100.0, 1e4];
    let expected = |x: f64| if x > 20.0 { x } else { x.exp().ln_1p() };
    op.add(sample("softplus, of PyTorch", [input([13]).values(values)], move |t| {
        let y = t[0].softplus()?;
        for (x, y) in t[0].to_f64()?.into_iter().zip(y.to_f64()?) {
            let want = expected(x);
            assert!((y - want).abs() <= 1e-5 * want + 1e-37, "softplus({x}) = {y}, {want} expected");
        }
        Ok(y)
    }));

    for (function, expected) in WRITTEN_OUT {
        let x = POINTS;
        op.add(sample(
            format!("{}, written out", function.name()),
            [input([9]).values(x).fixed()],
            move |t| {
                let y = t[0].map(function)?;
                for ((x, y), want) in x.iter().zip(y.to_f64()?).zip(expected) {
                    let near = (y - want).abs() <= 1e-5 * want.abs() + 1e-7;
                    assert!(
                        near || y.is_nan() && want.is_nan(),
                        "{}({x}) = {y}, {want} expected",
                        function.name()
                    );
                }
                Ok(y)
            },
        ));
    }

    // The strided kernel at every rank, on the cheapest function; the other kernels share the walk.
    let neg = |t: &[Tensor]| t[0].neg();
    let mut add = |what: &str, input: Input| {
        op.add(sample(what, [input], neg).forward(Bound::exact()).gradient(Bound::exact()).half(0));
    };
    add("a scalar", input([]));
    add("one element, six axes", input([1; 6]));
    add("sliced", input([3, 5, 7]).sliced());
    add("sliced, four axes", input([3, 2, 5, 3]).sliced());
    add("sliced, six axes", input([2, 3, 1, 2, 3, 2]).sliced());
    add("reversed axes", input([4, 3, 2, 5, 3]).stored(crate::harness::Storage::Reversed));
    add("rows", input([7, 5]).rows());
    add("repeated inside", input([7, 5, 3]).repeated(1));
    add("repeated outside", input(draw.shape(3, 9)).repeated(0));

    // More than 65,535 workgroups, which one dimension does not hold, of the kernels that walk by strides: 256
    // elements each. The result is cut to its end so that little has to be compared.
    let rows = 4099;
    let end = move |t: &[Tensor]| t[0].broadcast_to([rows, 4097])?.neg()?.slice(0, rows - 2..rows);
    op.add(
        sample("65,600 workgroups", [input([4097])], end)
            .forward(Bound::exact())
            .no_differences("each of them would walk sixteen million elements"),
    );

    op.add(
        sample("tanh, large enough for every thread", [input([131, 127])], |t| t[0].tanh())
            .forward(value(Function::Tanh))
            .gradient(slope(Function::Tanh)),
    );

    let at_kink = |function: Function| {
        let values = vec![0.0, -0.0, 1e-30, -1e-30, 1.0];
        sample(format!("{}, at zero", function.name()), [input([5]).values(values)], move |t| {
            t[0].map(function)
        })
        .no_differences("a kink")
    };
    op.add(at_kink(Function::Relu));
    op.add(at_kink(Function::LeakyRelu));
    op.add(at_kink(Function::Abs));
    op.add(
        sample("log of zero and below", [input([4]).values([0.0, -0.0, -1.0, 1.0])], |t| t[0].log())
            .no_differences("not defined there"),
    );
    op.add(
        sample("sqrt of zero", [input([3]).values([0.0, 1.0, 4.0])], |t| t[0].sqrt())
            .no_differences("not defined below"),
    );

    op.add_timed("unary", |sample| sample);

    op.refuse(refuse(
        "whole numbers",
        |device| Tensor::new(device, &[1u32, 2], [2])?.relu(),
        |e| matches!(e, Error::DType { op: "relu", found: "u32", .. }),
    ));
    op
}
