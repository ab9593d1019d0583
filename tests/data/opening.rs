//! Opening data sets, and looking at what is in them or at why they are refused.

use allometry::data::{self, Batch, DataOptions, Dataset, Target};
use std::path::Path;

pub fn options(dataset: &str, directory: &Path) -> DataOptions {
    DataOptions { dataset: dataset.into(), directory: Some(directory.into()), ..DataOptions::default() }
}

/// The message of the error that opening gives.
pub fn refusal(options: &DataOptions) -> String {
    match data::open(options) {
        Ok(_) => panic!("{options:?} was accepted"),
        Err(error) => error.to_string(),
    }
}

pub fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

pub fn sample(dataset: &dyn Dataset, epoch: u64, index: usize) -> (Vec<f32>, u32) {
    let mut input = vec![0.0; dataset.sample_shape().iter().product()];
    let mut label = 0;
    dataset.write(epoch, index, &mut input, Target::Class(&mut label)).unwrap();
    (input, label)
}

pub fn all(dataset: &dyn Dataset) -> Batch {
    Batch::gather(dataset, 0, &(0..dataset.len()).collect::<Vec<_>>()).unwrap()
}
