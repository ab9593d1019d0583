//! Random numbers of a run: ChaCha8 from one seed, apart for every op and sample.

use allometry::Shape;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io::Write;
use std::sync::LazyLock;

/// `ALLOMETRY_TEST_SEED`, or 0: the same numbers in every run.
pub static SEED: LazyLock<u64> = LazyLock::new(|| {
    let seed = match std::env::var("ALLOMETRY_TEST_SEED") {
        Ok(text) => text.trim().parse().expect("ALLOMETRY_TEST_SEED is a whole number"),
        Err(_) => 0,
    };
    // Past the capture of the test runner: the seed is shown in every run.
    let _ = writeln!(std::io::stderr(), "ALLOMETRY_TEST_SEED={seed}");
    seed
});

/// A stream of random numbers.
pub struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of a name: what is drawn for one sample does not depend on which others run.
    pub fn of(name: &str) -> Draw {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&SEED.to_le_bytes());
        // FNV-1a: the standard library's hashes may change between its versions.
        let hash = |h: u64, byte: u8| (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        key[8..16].copy_from_slice(&name.bytes().fold(0xcbf2_9ce4_8422_2325, hash).to_le_bytes());
        Draw(ChaCha8Rng::from_seed(key))
    }

    /// A whole number from 1 to `most`.
    pub fn extent(&mut self, most: usize) -> usize {
        self.0.random_range(1..=most)
    }

    /// A whole number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    /// A shape of `rank` axes, each up to `most`.
    pub fn shape(&mut self, rank: usize, most: usize) -> Shape {
        let extents: Vec<usize> = (0..rank).map(|_| self.extent(most)).collect();
        Shape::new(&extents).expect("samples have at most six axes")
    }

    /// One of `choices`.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// True or false.
    pub fn toss(&mut self) -> bool {
        self.0.random()
    }

    /// A number from `low` to `high`.
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        self.0.random_range(low..=high)
    }

    /// Another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        items.shuffle(&mut self.0);
    }

    /// A seed for what draws numbers of its own.
    pub fn seed(&mut self) -> u64 {
        self.0.random()
    }
}
