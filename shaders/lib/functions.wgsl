// The function whose code is FUNCTION: src/ops/unary/table.rs in WGSL. `apply` is the function, `derivative` its
// derivative as a function of the input or the output, as the table says. lib/math.wgsl comes before this.

fn apply(x: f32) -> f32 {
    switch FUNCTION {
        case 1u: { return select(x, 0.0, x < 0.0); }
        case 2u: { return sigmoid(x); }
        case 3u: { return safe_tanh(x); }
        case 4u: { return x * normal_cdf(x); }
        case 5u: { return x * sigmoid(x); }
        case 6u: { return exponential(x); }
        case 7u: { return logarithm(x); }
        case 8u: { return sqrt(x); }
        case 9u: { return x * x; }
        case 10u: { return -x; }
        case 11u: { return abs(x); }
        case 12u: { return softplus(x); }
        case 13u: { return between(x, 6.0); }
        case 14u: { return between(x + 3.0, 6.0) / 6.0; }
        case 15u: { return x * (between(x + 3.0, 6.0) / 6.0); }
        case 16u: { return x * sigmoid(gelu_exponent(x)); }
        case 17u: { return 1.0 / sqrt(x); }
        case 18u: { return 1.0 / x; }
        case 19u: { return select(0.01 * x, x, x > 0.0); }
        case 20u: { return elu(x); }
        case 21u: { return error_function(x); }
        case 22u: { return safe_sin(x, 0u); }
        case 23u: { return safe_sin(x, 1u); }
        default: { return x; }
    }
}

// Its derivative. `s` is the function's input or output, as the table says.
fn derivative(s: f32) -> f32 {
    switch FUNCTION {
        case 1u: { return select(0.0, 1.0, s > 0.0); }
        case 2u: { return s * (1.0 - s); }
        case 3u: { return (1.0 - s) * (1.0 + s); }
        case 4u: { return normal_cdf(s) + s * 0.39894228 * gaussian(s); }
        case 5u: { let g = sigmoid(s); return g * (1.0 + s * (1.0 - g)); }
        case 6u: { return s; }
        case 7u: { return 1.0 / s; }
        case 8u: { return 0.5 / s; }
        case 9u: { return 2.0 * s; }
        case 10u: { return -1.0; }
        case 11u: { return f32(s > 0.0) - f32(s < 0.0); }
        case 12u: { return sigmoid(s); }
        case 13u: { return f32(s > 0.0 && s < 6.0); }
        case 14u: { return f32(s > 0.0 && s < 1.0) / 6.0; }
        case 15u: { return select(select(s / 3.0 + 0.5, 1.0, s > 3.0), 0.0, s < -3.0); }
        case 16u: { return gelu_tanh_slope(s); }
        case 17u: { return -0.5 * s * s * s; }
        case 18u: { return -s * s; }
        case 19u: { return select(0.01, 1.0, s > 0.0); }
        case 20u: { return select(s + 1.0, 1.0, s > 0.0); }
        case 21u: { return 1.12837917 * bell(s, -1.0); }
        case 22u: { return safe_sin(s, 1u); }
        case 23u: { return -safe_sin(s, 0u); }
        default: { return 1.0; }
    }
}
