//! The random numbers of a sample.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The random numbers of one sample.
pub(super) struct Random(ChaCha8Rng);

impl Random {
    /// The numbers of the sample `index` of a split.
    pub(super) fn new(key: [u8; 32], index: u64) -> Random {
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(index);
        Random(generator)
    }

    /// Uniform in low..high.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.0.random::<f32>()
    }

    /// Uniform in 0..n.
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0.random_range(0..n)
    }

    /// Fills bytes, each uniform in 0..=255.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}
