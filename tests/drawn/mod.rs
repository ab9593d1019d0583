//! Numbers that fixtures need not hold: `tests/fixtures/drawn.py` computes the same ones and says how.

/// `count` numbers of at least -1 and below 1.
pub fn uniform(seed: u32, name: &str, count: usize) -> impl Iterator<Item = f64> {
    let hash = crc32fast::hash(name.as_bytes());
    let quads = 0..count.div_ceil(4) as u32;
    let words = quads.flat_map(move |quad| words([quad, seed, 0, hash]));
    words.take(count).map(|word| f64::from(word >> 8) / f64::from(1 << 23) - 1.0)
}

/// He et al.'s uniform weights, of the variance 2 / `fan_in`.
pub fn kernel(seed: u32, name: &str, count: usize, fan_in: usize) -> Vec<f32> {
    about(0.0, (6.0 / fan_in as f64).sqrt(), seed, name, count)
}

/// Numbers from `centre - spread` to `centre + spread`.
pub fn about(centre: f64, spread: f64, seed: u32, name: &str, count: usize) -> Vec<f32> {
    uniform(seed, name, count).map(|u| (centre + spread * u) as f32).collect()
}

/// The hash pcg4d.
fn words(counters: [u32; 4]) -> [u32; 4] {
    let mut v = counters.map(|counter| counter.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    mix(&mut v);
    v = v.map(|word| word ^ (word >> 16));
    mix(&mut v);
    v
}

fn mix(v: &mut [u32; 4]) {
    for (to, a, b) in [(0, 1, 3), (1, 2, 0), (2, 0, 1), (3, 1, 2)] {
        v[to] = v[to].wrapping_add(v[a].wrapping_mul(v[b]));
    }
}
