// Functions of one number that kernels share.
//
// WGSL's own exp, log and tanh have loose bounds (an absolute error near 1 for log, NaN for large arguments of tanh
// on some drivers). The three functions here have errors of a few units in the last place.

const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.12194440e-4;

// e^x: x = n·ln 2 + r with |r| ≤ ln 2 / 2, a polynomial for e^r (Cephes expf), and 2^n as an exponent.
fn safe_exp(x: f32) -> f32 {
    let clamped = clamp(x, -104.0, 89.0);
    let n = floor(clamped * 1.44269504 + 0.5);
    let r = clamped - n * LN2_HIGH - n * LN2_LOW;
    var e = 1.9875691500e-4;
    e = e * r + 1.3981999507e-3;
    e = e * r + 8.3334519073e-3;
    e = e * r + 4.1665795894e-2;
    e = e * r + 1.6666665459e-1;
    e = e * r + 5.0000001201e-1;
    e = e * r * r + r + 1.0;
    // Two factors, because 2^n exceeds the range of f32 before the product does.
    let half = i32(n) / 2;
    return e * power_of_two(half) * power_of_two(i32(n) - half);
}

fn power_of_two(n: i32) -> f32 {
    return bitcast<f32>(u32(n + 127) << 23u);
}

// ln x: x = m·2^e with m in [√½, √2), and a polynomial for ln m (Cephes logf). -∞ for zero, NaN below it.
fn safe_log(x: f32) -> f32 {
    if !(x > 0.0) {
        // Variables, because WGSL rejects constants that are not finite.
        var nan = 0x7fc00000u;
        var minus_infinity = 0xff800000u;
        return bitcast<f32>(select(nan, minus_infinity, x == 0.0));
    }
    if x > 3.4028234e38 {
        return x;
    }
    // Subnormal numbers are scaled up first.
    let small = x < 1.17549435e-38;
    let bits = bitcast<u32>(select(x, x * 16777216.0, small));
    var e = f32(i32(bits >> 23u) - 126) - select(0.0, 24.0, small);
    var m = bitcast<f32>((bits & 0x007fffffu) | 0x3f000000u);
    if m < 0.70710678 {
        e -= 1.0;
        m = m + m;
    }
    let t = m - 1.0;
    let z = t * t;
    var y = 7.0376836292e-2;
    y = y * t - 1.1514610310e-1;
    y = y * t + 1.1676998740e-1;
    y = y * t - 1.2420140846e-1;
    y = y * t + 1.4249322787e-1;
    y = y * t - 1.6668057665e-1;
    y = y * t + 2.0000714765e-1;
    y = y * t - 2.4999993993e-1;
    y = y * t + 3.3333331174e-1;
    y = y * t * z;
    y = y + e * LN2_LOW - 0.5 * z;
    return t + y + e * LN2_HIGH;
}

// tanh: a polynomial near zero (Cephes tanhf), 1 - 2 / (e^2|x| + 1) elsewhere. In f32 it is ±1 from 9 on.
fn safe_tanh(x: f32) -> f32 {
    let a = min(abs(x), 9.0);
    let z = x * x;
    var q = -5.70498872745e-3;
    q = q * z + 2.06390887954e-2;
    q = q * z - 5.37397155531e-2;
    q = q * z + 1.33314422036e-1;
    q = q * z - 3.33332819422e-1;
    let near = q * z * x + x;
    let far = 1.0 - 2.0 / (safe_exp(2.0 * a) + 1.0);
    let y = select(select(far, -far, x < 0.0), near, a < 0.625);
    return select(x, y, x == x);
}

// erfc(x)·e^(x²) for x ≥ 0, to a relative error of 1.2e-7 (W. Press et al., Numerical Recipes, "erfcc").
fn scaled_erfc(x: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.5 * x);
    var q = 0.17087277;
    q = q * t - 0.82215223;
    q = q * t + 1.48851587;
    q = q * t - 1.13520398;
    q = q * t + 0.27886807;
    q = q * t - 0.18628806;
    q = q * t + 0.09678418;
    q = q * t + 0.37409196;
    q = q * t + 1.00002368;
    q = q * t - 1.26551223;
    return t * safe_exp(q);
}

// e^(factor·x²) for a factor below zero, corrected for the rounding of the square. Tails need the correction.
fn bell(x: f32, factor: f32) -> f32 {
    let a = clamp(x, -20.0, 20.0);
    let high = bitcast<f32>(bitcast<u32>(a) & 0xfffff000u);
    let low = a - high;
    return safe_exp(factor * high * high) * safe_exp(factor * low * (a + high));
}

fn gaussian(x: f32) -> f32 {
    return bell(x, -0.5);
}

// e^x - 1 for x ≤ 0: near zero the polynomial of safe_exp without the 1 that would hide the digits of the rest.
fn exp_minus_one(x: f32) -> f32 {
    var e = 1.9875691500e-4;
    e = e * x + 1.3981999507e-3;
    e = e * x + 8.3334519073e-3;
    e = e * x + 4.1665795894e-2;
    e = e * x + 1.6666665459e-1;
    e = e * x + 5.0000001201e-1;
    return select(safe_exp(x) - 1.0, e * x * x + x, x > -0.34);
}

fn elu(x: f32) -> f32 {
    return select(select(exp_minus_one(x), x, x > 0.0), x, is_nan(x));
}

// The error function: near zero a polynomial (Cephes erff), 1 - erfc elsewhere. In f32 it is ±1 from 4 on.
fn error_function(x: f32) -> f32 {
    let z = x * x;
    var q = 7.853861353153693e-5;
    q = q * z - 8.010193625184903e-4;
    q = q * z + 5.188327685732524e-3;
    q = q * z - 2.685381193529856e-2;
    q = q * z + 1.128358514861418e-1;
    q = q * z - 3.761262582423300e-1;
    q = q * z + 1.128379165726710;
    let a = min(abs(x), 4.0);
    let far = 1.0 - scaled_erfc(a) * safe_exp(-a * a);
    let y = select(select(far, -far, x < 0.0), q * x, a < 1.0);
    return select(y, x, is_nan(x));
}

// The sine of x + turn·π/2: x = j·π/2 + r with |r| ≤ π/4, and polynomials in r (Cephes sinf and cosf). π/2 is split
// into three parts; products of the first two with a j of 16 bits are exact. Beyond 50,000 the remainder would have no
// digits, and the driver's own function, of undefined precision, has to do. NaN for infinite x.
fn safe_sin(x: f32, turn: u32) -> f32 {
    if !(abs(x) < 50000.0) {
        var nan = 0x7fc00000u;
        if !(abs(x) < 3.4028234e38) { return bitcast<f32>(nan); }
        if turn == 0u { return sin(x); }
        return cos(x);
    }
    let j = floor(x * 0.63661977 + 0.5);
    let r = ((x - j * 1.5703125) - j * 4.837512969970703125e-4) - j * 7.54978995489188216e-8;
    let z = r * r;
    let sine = ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * r + r;
    let cosine = ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * z * z - 0.5 * z + 1.0;
    let quarter = u32(i32(j) + 65536) + turn;
    let y = select(sine, cosine, (quarter & 1u) == 1u);
    return select(y, -y, (quarter & 2u) == 2u);
}

// The normal distribution function, with a small relative error in the lower tail.
fn normal_cdf(x: f32) -> f32 {
    let tail = 0.5 * scaled_erfc(min(abs(x), 20.0) * 0.70710678) * gaussian(x);
    return select(tail, 1.0 - tail, x > 0.0);
}

fn sigmoid(x: f32) -> f32 {
    let e = safe_exp(-abs(x));
    return select(1.0, e, x < 0.0) / (1.0 + e);
}

// ln(1 + e) for e from 0 to 1: 2·artanh t with t = e / (2 + e) ≤ 1/3. The series does not compute 1 + e, so small e
// keep their precision. Its truncation error is below a relative 2e-9.
fn log_one_plus(e: f32) -> f32 {
    let t = e / (2.0 + e);
    let z = t * t;
    var q = 1.0 / 15.0;
    q = q * z + 1.0 / 13.0;
    q = q * z + 1.0 / 11.0;
    q = q * z + 1.0 / 9.0;
    q = q * z + 1.0 / 7.0;
    q = q * z + 1.0 / 5.0;
    q = q * z + 1.0 / 3.0;
    return 2.0 * t + 2.0 * t * z * q;
}

fn softplus(x: f32) -> f32 {
    return select(x, 0.0, x < 0.0) + log_one_plus(safe_exp(-abs(x)));
}

// x, but at least 0 and at most `most`. NaN stays NaN.
fn between(x: f32, most: f32) -> f32 {
    return select(select(x, most, x > most), 0.0, x < 0.0);
}

// √(8/π)·(x + 0.044715·x³): its sigmoid is (1 + tanh of half of it) / 2.
fn gelu_exponent(x: f32) -> f32 {
    return 1.59576912 * (x + 0.044715 * x * x * x);
}

// With g = sigmoid(gelu_exponent(x)): g + x·g·(1 - g)·√(8/π)·(1 + 0.134145·x²). Beyond ±20 the second term is zero.
fn gelu_tanh_slope(x: f32) -> f32 {
    let near = clamp(x, -20.0, 20.0);
    let exponent = gelu_exponent(near);
    let g = sigmoid(exponent);
    return g + near * g * sigmoid(-exponent) * 1.59576912 * (1.0 + 0.134145 * near * near);
}

// e^x and ln x, of NaN too.
fn exponential(x: f32) -> f32 {
    return select(safe_exp(x), x, is_nan(x));
}

fn logarithm(x: f32) -> f32 {
    return select(safe_log(x), x, is_nan(x));
}
