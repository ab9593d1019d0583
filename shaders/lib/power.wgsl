// x^y as e^(y·ln |x|) with the sign of an odd whole y, for kernels that include lib/math.wgsl. The relative error
// is about 1.2e-7 times |y·ln x|, and none for the exponents 1 and 2. Zeros, infinities and NaN follow IEEE 754 where
// the driver keeps them.
fn power(x: f32, y: f32) -> f32 {
    if y == 0.0 || x == 1.0 { return 1.0; }
    if is_nan(x) || y == 1.0 { return x; }
    if is_nan(y) { return y; }
    if y == 2.0 { return x * x; }
    let whole = floor(y) == y;
    let odd = whole && floor(0.5 * y) * 2.0 != y;
    // Variables, because WGSL rejects constants that are not finite.
    var nan = 0x7fc00000u;
    var infinity = 0x7f800000u;
    if x == 0.0 {
        let sign = select(0u, bitcast<u32>(x) & 0x80000000u, odd);
        return bitcast<f32>(select(0u, infinity, y < 0.0) | sign);
    }
    if x < 0.0 && !whole { return bitcast<f32>(nan); }
    let size = select(safe_exp(y * safe_log(abs(x))), 1.0, x == -1.0);
    return select(size, -size, x < 0.0 && odd);
}

// y·x^(y - 1), and 0 where y is 0: the derivative of x^y by x.
fn power_slope(x: f32, y: f32) -> f32 {
    if y == 0.0 { return 0.0; }
    return y * power(x, y - 1.0);
}

// x^y·ln x, and 0 where x is 0 and y is at least 0: the derivative of x^y by y.
fn power_logarithm(x: f32, y: f32) -> f32 {
    if x == 0.0 && y >= 0.0 { return 0.0; }
    return power(x, y) * safe_log(x);
}
