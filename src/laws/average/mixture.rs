//! Mixtures of normal distributions.

/// The range that a quantile is searched in, in deviations around each mean.
const FAR: f64 = 9.0;
/// Number of bisections for a quantile.
const HALVINGS: usize = 60;

/// The middles of equal parts of the range from 0 to 1, which stand for a uniform distribution.
const UNIFORM: [f64; 5] = [0.1, 0.3, 0.5, 0.7, 0.9];

/// A weighted sum of normal distributions.
#[derive(Debug, Clone)]
pub struct Mixture {
    /// Weight, mean and deviation of each part; the weights sum to 1.
    parts: Vec<(f64, f64, f64)>,
}

impl Mixture {
    /// A mixture of parts with weight, mean and deviation.
    pub(super) fn new(mut parts: Vec<(f64, f64, f64)>) -> Mixture {
        let sum: f64 = parts.iter().map(|part| part.0).sum();
        parts.iter_mut().for_each(|part| part.0 /= sum);
        Mixture { parts }
    }

    /// A mixture of mixtures, each with its weight.
    pub(super) fn of(mixtures: impl Iterator<Item = (f64, Mixture)>) -> Mixture {
        let parts = mixtures.flat_map(|(weight, mixture)| {
            mixture.parts.into_iter().map(move |(part, mean, deviation)| (weight * part, mean, deviation))
        });
        Mixture::new(parts.collect())
    }

    /// The mixture plus a number that is uniformly distributed between 0 and `most`.
    pub(super) fn raised(self, most: f64) -> Mixture {
        if most == 0.0 {
            return self;
        }
        let parts = self.parts.iter().flat_map(|&(weight, mean, deviation)| {
            UNIFORM.map(|share| (weight, mean + share * most, deviation))
        });
        Mixture::new(parts.collect())
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.parts.iter().map(|(weight, mean, _)| weight * mean).sum()
    }

    /// The density at a value.
    pub fn density(&self, value: f64) -> f64 {
        let density = |&(weight, mean, deviation): &(f64, f64, f64)| {
            let z = (value - mean) / deviation;
            weight * (-0.5 * z * z).exp() / (deviation * std::f64::consts::TAU.sqrt())
        };
        self.parts.iter().map(density).sum()
    }

    /// The probability below a value.
    pub fn below(&self, value: f64) -> f64 {
        let below = |&(weight, mean, deviation): &(f64, f64, f64)| {
            weight * 0.5 * libm::erfc((mean - value) / deviation * std::f64::consts::FRAC_1_SQRT_2)
        };
        self.parts.iter().map(below).sum()
    }

    /// The value below which this probability lies.
    pub fn quantile(&self, probability: f64) -> f64 {
        let ends =
            |sign: f64| self.parts.iter().map(move |(_, mean, deviation)| mean + sign * FAR * deviation);
        let mut low = ends(-1.0).fold(f64::INFINITY, f64::min);
        let mut high = ends(1.0).fold(f64::NEG_INFINITY, f64::max);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            if self.below(middle) < probability { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    }

    /// The standard deviation.
    pub fn deviation(&self) -> f64 {
        let mean = self.mean();
        let square = |(weight, of, deviation): &(f64, f64, f64)| {
            weight * (deviation * deviation + (of - mean).powi(2))
        };
        self.parts.iter().map(square).sum::<f64>().sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_one_part_are_those_of_the_normal_distribution() {
        let normal = Mixture::new(vec![(3.0, 1.0, 2.0)]);
        // Table of the normal distribution.
        for (probability, z) in [(0.5, 0.0), (0.9, 1.281_551_565_5), (0.975, 1.959_963_984_5)] {
            assert!((normal.quantile(probability) - (1.0 + 2.0 * z)).abs() < 1e-9);
        }
        assert!((normal.density(1.0) - 0.199_471_140_2).abs() < 1e-9);
    }

    #[test]
    fn a_mixture_is_the_weighted_sum_of_its_parts() {
        let [left, right] = [-1.0, 1.0].map(|mean| Mixture::new(vec![(1.0, mean, 0.1)]));
        let both = Mixture::of([(1.0, left), (3.0, right)].into_iter());
        assert!((both.below(0.0) - 0.25).abs() < 1e-12);
        // Variance within, and of the means -1 and 1 about 0.5.
        assert!((both.deviation() - (0.01f64 + 0.75).sqrt()).abs() < 1e-12);
        // A uniform number between 0 and 3 has the mean 1.5 and the variance 3/4, less 4 % for five parts.
        let raised = both.clone().raised(3.0);
        assert!((raised.mean() - both.mean() - 1.5).abs() < 1e-12);
        let added = raised.deviation().powi(2) - both.deviation().powi(2);
        assert!((added - 0.75 * 0.96).abs() < 1e-12, "{added}");
    }
}
