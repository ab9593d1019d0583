//! A joint law: the full grid of starts and the screened one on 245 points, and 4,000 resamples; with the published δ.

use allometry::laws::bootstrap::bootstrap;
use allometry::laws::delta::PUBLISHED;
use allometry::laws::estimate::estimate;
use allometry::laws::{Form, Points, Search};
use criterion::{Criterion, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

/// As many runs as the published fit had, with 1 % of noise.
fn points() -> Points {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut columns = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..245 {
        let n = 1e7 * 1e3f64.powf(random.random());
        let d = 2e8 * 1e3f64.powf(random.random());
        let loss = 1.8 + 480.0 * n.powf(-0.35) + 2100.0 * d.powf(-0.37);
        let noise = 0.01 * 12f64.sqrt() * (random.random::<f64>() - 0.5);
        for (column, value) in columns.iter_mut().zip([n, d, loss * noise.exp()]) {
            column.push(value);
        }
    }
    Points::joint(("N", &columns[0]), ("D", &columns[1]), ("loss", &columns[2]))
        .expect("every value is above 0")
}

fn law(criterion: &mut Criterion) {
    let points = points();
    let fitted =
        estimate(Form::Joint, &points, Search::Screened, Some(PUBLISHED)).expect("there are rows enough");
    let mut group = criterion.benchmark_group("law");
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(1));
    group.bench_function("joint, 4,500 starts, 245 points", |bencher| {
        bencher.iter(|| estimate(Form::Joint, &points, Search::Full, Some(PUBLISHED)));
    });
    group.bench_function("joint, screened starts, 245 points", |bencher| {
        bencher.iter(|| estimate(Form::Joint, &points, Search::Screened, Some(PUBLISHED)));
    });
    group.bench_function("joint, 4,000 resamples, 245 points", |bencher| {
        bencher.iter(|| bootstrap(&fitted, &points, 4000, 0));
    });
    group.finish();
}

criterion_group!(benches, law);
criterion_main!(benches);
