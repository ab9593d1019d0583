//! Starts of the search for the joint law, by variable projection.
//!
//! For given α and β, y is linear in E, A and B, so the best of them need no search (Golub and Pereyra 1973, "The
//! differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate"). What remains is
//! a function of two variables, which a coarse grid shows completely: descents of all five parameters from its lowest
//! minima find the same minimum as descents from every point of the published grid; `tests/laws` checks that on
//! published tables. The grid is evaluated twice, with E and with E = 0: if the best law has no floor, a descent would
//! approach it without end.

use super::huber::huber;
use super::linear::least_squares_above_zero;
use super::logs::Logs;
use rayon::prelude::*;

/// By how many e-foldings a term falls over the rows. Exponents are these divided by the range of the size's logarithm.
const FALLS: [f64; 16] =
    [-4.0, -1.0, 0.1, 0.3, 0.6, 1.0, 1.5, 2.1, 2.8, 3.6, 4.6, 6.0, 8.0, 11.0, 16.0, 25.0];
/// The grid uses at most this many rows, drawn at random.
const ROWS: usize = 250;
/// Rounds of least squares; each weights the rows by the residuals of the previous one.
const ROUNDS: usize = 4;
/// Minima of the grid that are starts, with a floor and without one.
const MINIMA: [usize; 2] = [6, 2];
/// The start of a coefficient that is best left out, as a fraction of y, and that of a floor of zero, which no sum of
/// losses shows.
const SMALL: f64 = 1e-2;
const NONE: f64 = 1e-12;

/// θ of joint laws at the lowest minima of the grid, for centred logarithms and this δ of the Huber loss.
pub(super) fn projected_starts(logs: &Logs, delta: f64) -> Vec<Vec<f64>> {
    let some = logs.some(ROWS);
    let exponents = [0, 1].map(|size| {
        let (low, high) = logs.range(size);
        FALLS.map(|fall| fall / (high - low))
    });
    let middle = some.y.iter().sum::<f64>() / some.y.len() as f64;
    // The constant and each power, as fractions of y.
    let part = |size: usize, exponent: f64| -> Vec<f64> {
        let rows =
            some.cells.iter().flat_map(|cell| cell.rows.clone().map(|row| (cell.x[size], some.y[row])));
        rows.map(|(x, y)| (middle - y - exponent * x).exp()).collect()
    };
    let constant = part(0, 0.0);
    let powers = [0, 1].map(|size| exponents[size].map(|exponent| part(size, exponent)));
    let least = some.y.iter().copied().fold(f64::INFINITY, f64::min);
    let starts = |with_floor: bool| -> Vec<Vec<f64>> {
        let node = |place: usize| {
            let (first, second) = (&powers[0][place / FALLS.len()], &powers[1][place % FALLS.len()]);
            Node::of([&constant, first, second], &some.weight, with_floor, delta)
        };
        let nodes: Vec<Node> = (0..FALLS.len() * FALLS.len()).into_par_iter().map(node).collect();
        let mut minima: Vec<usize> = (0..nodes.len()).filter(|&place| is_least(&nodes, place)).collect();
        minima.sort_by(|&a, &b| nodes[a].value.total_cmp(&nodes[b].value));
        minima.truncate(MINIMA[usize::from(!with_floor)]);
        let theta = |place: usize| {
            let smallest = SMALL.ln() + least - middle;
            let [e, a, b] = nodes[place].coefficients.map(|part| part.ln().max(smallest) + middle);
            let e = if with_floor { e } else { least + NONE.ln() };
            vec![a, exponents[0][place / FALLS.len()], b, exponents[1][place % FALLS.len()], e]
        };
        minima.into_iter().map(theta).collect()
    };
    [starts(true), starts(false)].concat()
}

/// The best coefficients for given exponents.
struct Node {
    coefficients: [f64; 3],
    value: f64,
}

impl Node {
    /// Fits columns in fractions of y by least squares of `1 − f/y`, which nearly equals the residual of ln y. The
    /// weights turn squares into Huber losses.
    fn of(columns: [&Vec<f64>; 3], weight: &[f64], with_floor: bool, delta: f64) -> Node {
        let rows = || (0..weight.len()).map(|row| columns.map(|column| column[row]));
        let sum = |coefficients: &[f64; 3], row: &[f64; 3]| -> f64 {
            coefficients.iter().zip(row).map(|(coefficient, part)| coefficient * part).sum()
        };
        let first = usize::from(!with_floor);
        let mut weights = weight.to_vec();
        let mut coefficients = [0.0; 3];
        for _ in 0..ROUNDS {
            coefficients = least_squares_above_zero(
                rows().zip(&weights).map(|(row, &weight)| (row, 1.0, weight)),
                first,
            );
            for ((weighted, &weight), row) in weights.iter_mut().zip(weight).zip(rows()) {
                *weighted = weight * delta / (1.0 - sum(&coefficients, &row)).abs().max(delta);
            }
        }
        let loss = |(row, weight): ([f64; 3], &f64)| weight * huber(sum(&coefficients, &row).ln(), delta).0;
        let value: f64 = rows().zip(weight).map(loss).sum();
        // Exponents that exceed the range of floats are no candidates.
        Node { coefficients, value: if value.is_nan() { f64::INFINITY } else { value } }
    }
}

/// Whether a grid point has the least value of its neighbourhood; of equal values the first one counts.
fn is_least(nodes: &[Node], place: usize) -> bool {
    let side = FALLS.len();
    let (row, column) = (place / side, place % side);
    let near = |at: usize| at.saturating_sub(1)..(at + 2).min(side);
    let neighbours = near(row).flat_map(|row| near(column).map(move |column| row * side + column));
    nodes[place].value.is_finite()
        && neighbours.filter(|&other| other != place).all(|other| {
            let (here, there) = (nodes[place].value, nodes[other].value);
            here < there || here == there && place < other
        })
}
