//! δ of the Huber loss: estimated from the rows' scatter, or asked for.

use allometry::laws::delta::{EFFICIENT, PUBLISHED};
use allometry::laws::estimate::estimate;
use allometry::laws::{Fit, FitOptions, FittedForm, Form, Points, Search};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ALPHA: f64 = -0.3;

/// Rows around a power law with this scatter of ln y; of each ten, `bad` are three times too large.
fn rows(count: usize, scatter: f64, bad: usize, seed: u64) -> Points {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let x: Vec<f64> = (0..count).map(|row| 1e3 * 1e4f64.powf(row as f64 / (count - 1) as f64)).collect();
    // The sum of twelve uniform numbers is nearly normal.
    let mut normal = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
    let factor = |row: usize| if (3 * row + seed as usize) % 10 < bad { 3.0 } else { 1.0 };
    let law = |(row, x): (usize, &f64)| 5.0 * x.powf(ALPHA) * (scatter * normal()).exp() * factor(row);
    let y: Vec<f64> = x.iter().enumerate().map(law).collect();
    Points::single(("N", &x), ("loss", &y)).unwrap()
}

fn power(points: &Points, delta: Option<f64>) -> FittedForm {
    estimate(Form::Power, points, Search::Screened, delta).unwrap()
}

#[test]
fn delta_follows_the_scatter_down_to_the_published_one() {
    for scatter in [0.005, 0.05, 0.3] {
        for bad in [0, 1] {
            let delta = power(&rows(300, scatter, bad, 1), None).delta;
            let part = delta.value / (EFFICIENT * scatter);
            // One row in ten that is off moves the median of sizes from the 50th to the 56th percentile.
            assert!(delta.estimated && (0.85..1.3).contains(&part), "{delta:?} for {scatter}, {bad}");
        }
    }
    let noiseless = power(&rows(20, 0.0, 0, 1), None);
    assert_eq!((noiseless.delta.value, noiseless.delta.estimated), (PUBLISHED, true));
    // Two parameters: six rows are enough, five are not.
    let [few, enough] = [5, 6].map(|count| power(&rows(count, 0.05, 0, 1), None).delta);
    assert!(few == noiseless.delta && enough.value > 5.0 * PUBLISHED, "{few:?} and {enough:?}");
    let asked = power(&rows(20, 0.05, 0, 1), Some(PUBLISHED)).delta;
    assert_eq!((asked.value, asked.estimated), (PUBLISHED, false));
}

#[test]
fn eight_noisy_rows_tell_more_than_by_their_sizes_and_bad_rows_less_than_by_squares() {
    // The mean square of what the exponent is off by, over data sets of so many rows.
    let off = |count: usize, bad: usize, delta: Option<f64>| -> f64 {
        let squares = (0..200).map(|seed| {
            let alpha = power(&rows(count, 0.05, bad, seed), delta).parameters()[1];
            (alpha - ALPHA).powi(2)
        });
        squares.sum::<f64>() / 200.0
    };
    let (estimated, published) = (off(8, 0, None), off(8, 0, Some(PUBLISHED)));
    assert!(estimated < 0.85 * published, "{estimated} and {published}");
    let (estimated, squares) = (off(20, 1, None), off(20, 1, Some(10.0)));
    assert!(estimated < 0.3 * squares, "{estimated} and {squares}");
}

#[test]
fn a_large_delta_is_least_squares() {
    let points = rows(15, 0.1, 0, 3);
    let logs = || points.x().iter().zip(points.y()).map(|(x, y)| (x[0].ln(), y.ln()));
    let count = points.len() as f64;
    let [x, y] = [logs().map(|log| log.0).sum::<f64>() / count, logs().map(|log| log.1).sum::<f64>() / count];
    let slope = logs().map(|log| (log.0 - x) * (log.1 - y)).sum::<f64>()
        / logs().map(|log| (log.0 - x).powi(2)).sum::<f64>();
    let found = power(&points, Some(10.0)).parameters();
    assert!((found[1] - slope).abs() < 1e-9, "{found:?} for {slope}");
    assert!((found[0] / (y - slope * x).exp() - 1.0).abs() < 1e-7, "{found:?}");
}

#[test]
fn a_delta_that_means_nothing_is_refused() {
    for delta in [0.0, -1.0, 11.0, f64::NAN, f64::INFINITY] {
        let options = FitOptions { delta: Some(delta), resamples: 40, ..FitOptions::default() };
        let said = Fit::new(&rows(20, 0.05, 0, 1), &options).unwrap_err().to_string();
        assert!(said.contains("δ of the Huber loss") && said.contains("1e-9 to 10"), "{said}");
    }
}
