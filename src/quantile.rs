//! Quantiles of numbers.

/// The quantile `p` (0 to 1) of `sorted`, which rises: interpolated linearly between neighbours (type 7 of Hyndman &
/// Fan 1996, NumPy's default). NaN for an empty slice.
pub(crate) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = p * last as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    // The difference of infinite neighbours is not a number.
    if (above - below).is_finite() { below + (above - below) * place.fract() } else { below }
}

/// The median of numbers in any order. NaN if there are none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        let sorted = [1.0, 2.0, 4.0, f64::INFINITY];
        assert_eq!([0.0, 0.5, 2.0 / 3.0, 1.0].map(|p| quantile(&sorted, p)), [1.0, 3.0, 4.0, f64::INFINITY]);
        assert_eq!(median([5.0, 1.0, 3.0]), 3.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
