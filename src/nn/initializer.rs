//! Initial values of parameters, drawn on the host so that every device starts from the same bits.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// How initial values are drawn: names, scales and distributions are those of Keras.
///
/// Uniform initialisers draw between ±√(3·scale). Normal ones draw from a normal distribution truncated at two standard
/// deviations; its variance after truncation is the scale.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initializer {
    #[default]
    /// Uniform, scale 2 / (fan in + fan out) (Glorot and Bengio 2010).
    GlorotUniform,
    /// Truncated normal, scale 2 / (fan in + fan out).
    GlorotNormal,
    /// Uniform, scale 2 / fan in (He et al. 2015).
    HeUniform,
    /// Truncated normal, scale 2 / fan in.
    HeNormal,
    /// Uniform, scale 1 / fan in (LeCun et al. 1998).
    LecunUniform,
    /// Truncated normal, scale 1 / fan in.
    LecunNormal,
    /// Uniform between minus the value and the value.
    Uniform(f32),
    /// Normal, not truncated, with this standard deviation.
    Normal(f32),
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
}

/// The standard deviation of a standard normal distribution truncated at ±2.
const TRUNCATED_DEVIATION: f64 = 0.879_625_661_034_239_8;

impl Initializer {
    /// Draws `count` values for a parameter with these fans (values that one output sums over, outputs that read one
    /// input). The numbers follow from `seed` and `index`, the number of the parameter in its model.
    pub fn draw(self, count: usize, fans: (usize, usize), seed: u64, index: u64) -> Vec<f32> {
        self.values(fans, seed, index).take(count).collect()
    }

    /// The same values one by one, without end.
    pub(super) fn values(self, fans: (usize, usize), seed: u64, index: u64) -> impl Iterator<Item = f32> {
        use Initializer::*;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(index);
        let (fan_in, fan_out) = (fans.0 as f64, fans.1 as f64);
        let scale = match self {
            GlorotUniform | GlorotNormal => 2.0 / (fan_in + fan_out),
            HeUniform | HeNormal => 2.0 / fan_in,
            _ => 1.0 / fan_in,
        };
        std::iter::repeat_with(move || match self {
            Zeros => 0.0,
            Ones => 1.0,
            GlorotUniform | HeUniform | LecunUniform => uniform((3.0 * scale).sqrt(), &mut random),
            Uniform(limit) => uniform(limit as f64, &mut random),
            Normal(deviation) => (normal(&mut random) * deviation as f64) as f32,
            GlorotNormal | HeNormal | LecunNormal => loop {
                let value = normal(&mut random);
                if value.abs() < 2.0 {
                    break (value * (scale.sqrt() / TRUNCATED_DEVIATION)) as f32;
                }
            },
        })
    }
}

/// A number between −`limit` and `limit`.
fn uniform(limit: f64, random: &mut ChaCha8Rng) -> f32 {
    ((2.0 * random.random::<f64>() - 1.0) * limit) as f32
}

/// A standard normal number (Box and Muller 1958).
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    radius * (2.0 * std::f64::consts::PI * random.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use super::Initializer::{self, *};

    fn moments(initializer: Initializer) -> (f64, f64, f64) {
        let values = initializer.draw(40_000, (50, 150), 7, 0);
        let mean = values.iter().map(|&v| v as f64).sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|&v| (v as f64 - mean).powi(2)).sum::<f64>() / values.len() as f64;
        let largest = values.iter().fold(0.0f64, |a, &v| a.max(v.abs() as f64));
        (mean, variance, largest)
    }

    #[test]
    fn variances_and_bounds_are_those_of_the_papers() {
        for (initializer, variance, bound) in [
            (GlorotUniform, 0.01, 0.03f64.sqrt()),
            (GlorotNormal, 0.01, 0.2 / 0.8796),
            (HeUniform, 0.04, 0.12f64.sqrt()),
            (HeNormal, 0.04, 0.4 / 0.8796),
            (LecunUniform, 0.02, 0.06f64.sqrt()),
            (LecunNormal, 0.02, 2.0 * 0.02f64.sqrt() / 0.8796),
            (Uniform(0.3), 0.03, 0.3),
        ] {
            let (mean, measured, largest) = moments(initializer);
            assert!(mean.abs() < 3e-3, "{initializer:?}: mean {mean}");
            assert!((measured / variance - 1.0).abs() < 0.03, "{initializer:?}: variance {measured}");
            assert!(
                largest <= bound * 1.0001 && largest > 0.98 * bound,
                "{initializer:?}: largest {largest}"
            );
        }
        let (mean, variance, _) = moments(Normal(0.5));
        assert!(mean.abs() < 0.01 && (variance / 0.25 - 1.0).abs() < 0.03);
        assert!(Zeros.draw(3, (1, 1), 0, 0) == [0.0; 3] && Ones.draw(3, (1, 1), 0, 0) == [1.0; 3]);
    }

    #[test]
    fn streams_differ_and_repeat() {
        let draw = |seed, index| GlorotUniform.draw(8, (3, 4), seed, index);
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }
}
