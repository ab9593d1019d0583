//! Equality of numbers except for rounding.
//!
//! The same quantity, computed in two ways, differs in its last bits. So computed numbers are not compared exactly:
//! numbers that differ by no more than [`ROUNDING`] count as equal.

/// The largest relative error by rounding: 64 times the distance between neighbouring doubles.
pub const ROUNDING: f64 = 64.0 * f64::EPSILON;

/// Whether all numbers are equal except for rounding; also true without numbers.
pub fn constant(values: impl IntoIterator<Item = f64>) -> bool {
    let ends = values.into_iter().fold(None, |ends: Option<(f64, f64)>, value| {
        let (low, high) = ends.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    });
    ends.is_none_or(|(low, high)| high - low <= ROUNDING * low.abs().max(high.abs()))
}

/// For each number, all above zero, its rank among the different ones, the smallest at 0. A number gets a new rank if
/// it is more than `1 + apart` times the smallest number of the rank below.
pub fn levels(values: &[f64], apart: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut levels = vec![0; values.len()];
    let mut level = 0;
    let mut first = order.first().map_or(0.0, |&row| values[row]);
    for row in order {
        if values[row] > (1.0 + apart) * first {
            first = values[row];
            level += 1;
        }
        levels[row] = level;
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rounding_changes_is_constant() {
        assert!(constant([0.1 + 0.2, 0.3, 0.7 - 0.4]));
        assert!(constant([-1e30, -1e30 * (1.0 + 2e-16)]) && constant([0.0, -0.0]) && constant([]));
        assert!(!constant([1.0, 1.0 + 1e-12]) && !constant([0.0, 1e-300]) && !constant([-1e-3, 1e-3]));
    }

    #[test]
    fn levels_are_counted_from_below() {
        let values = [0.3, 7.0, 0.1 + 0.2, 1.1, 1.0, 1.2];
        assert_eq!(levels(&values, ROUNDING), [0, 4, 0, 2, 1, 3]);
        // 1.2 is near 1.1, but not near 1, where that level begins.
        assert_eq!(levels(&values, 0.15), [0, 3, 0, 1, 1, 2]);
        assert_eq!(levels(&values, 0.25), [0, 2, 0, 1, 1, 1]);
        assert!(levels(&[], 0.1).is_empty());
    }
}
