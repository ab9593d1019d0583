// Octets of the operands of matmul.wgsl, for lib/octets.wgsl.
//
// A_OCTETS and B_OCTETS say that eight neighbours are aligned, and are inside the matrix together.

@group(0) @binding(0) var<storage, read> a_eights: array<Eight>;
@group(0) @binding(1) var<storage, read> b_eights: array<Eight>;

// Where row m of A begins.
struct LineOfA {
    start: u32,
}

fn line_of_a(m: u32) -> LineOfA {
    return LineOfA(matrix * p.a_batch + m * p.a_row);
}

fn octet_of_a(line: LineOfA, m: u32, k: u32, last_k: u32) -> Octet {
    let start = line.start + k * p.a_column;
    var inside = select(0u, bits_below(k, last_k), m < p.m);
    if A_ALONG_K == 0u { inside = select(0u, bits_below(m, p.m), k < last_k); }
    if A_OCTETS == 1u { return Octet(a_eights[start / 8u], inside); }
    let step = select(p.a_row, p.a_column, A_ALONG_K == 1u);
    var octet = Octet(Eight(), inside);
    for (var i = 0u; i < 4u; i++) {
        let at = start + i * step;
        let next = at + 4u * step;
        octet.numbers.low[i] = one_of(a_eights[at / 8u], at % 8u);
        octet.numbers.high[i] = one_of(a_eights[next / 8u], next % 8u);
    }
    return octet;
}

fn octet_of_b(k: u32, n: u32, last_k: u32) -> Octet {
    let start = matrix * p.b_batch + k * p.b_row + n * p.b_column;
    var inside = select(0u, bits_below(n, p.n), k < last_k);
    if B_ALONG_N == 0u { inside = select(0u, bits_below(k, last_k), n < p.n); }
    if B_OCTETS == 1u { return Octet(b_eights[start / 8u], inside); }
    let step = select(p.b_row, p.b_column, B_ALONG_N == 1u);
    var octet = Octet(Eight(), inside);
    for (var i = 0u; i < 4u; i++) {
        let at = start + i * step;
        let next = at + 4u * step;
        octet.numbers.low[i] = one_of(b_eights[at / 8u], at % 8u);
        octet.numbers.high[i] = one_of(b_eights[next / 8u], next % 8u);
    }
    return octet;
}
