//! What can be chosen for every data set: its name, options, and how many samples.

use crate::mnist::mnist;
use crate::opening::{all, assert_says, options, refusal, sample};
use allometry::data::{self, DataOptions, Dataset};
use tempfile::TempDir;

#[test]
fn unknown_names_and_impossible_options_are_refused() {
    let place = TempDir::new().unwrap();
    assert_says(&refusal(&options("cifar", place.path())), &["cifar", "glyphs", "omniglot"]);
    let none = DataOptions { samples: Some(0), ..DataOptions::default() };
    assert_says(&refusal(&none), &["samples is 0", "at least 1"]);
    for resolution in [0, 100_000] {
        let options = DataOptions { resolution: Some(resolution), ..DataOptions::default() };
        assert_says(&refusal(&options), &["resolution", &resolution.to_string()]);
    }
    let columns = vec!["price".to_string()];
    let images = DataOptions { target_columns: columns, ..DataOptions::default() };
    assert_says(&refusal(&images), &["target columns", "\"price\"", "csv"]);
    // Sets that may have been downloaded are in the test of `data get`, which chooses the cache folder.
    let homeless = DataOptions { dataset: "csv".into(), ..DataOptions::default() };
    assert_says(&refusal(&homeless), &["csv", "--data FILE"]);
    for name in ["mnist", "fashion-mnist", "cifar10", "cifar100", "omniglot"] {
        let command = format!("`allometry data get {name}`");
        assert_says(&refusal(&options(name, place.path())), &[name, "--data DIR", &command]);
    }
}

#[test]
fn sets_of_several_sizes_lie_within_each_other_and_share_their_validation() {
    let inputs = |set: &dyn Dataset, epochs: u64| -> Vec<Vec<f32>> {
        let addresses = (0..epochs).flat_map(|epoch| (0..set.len()).map(move |i| (epoch, i)));
        addresses.map(|(epoch, i)| sample(set, epoch, i).0).collect()
    };
    let sized = |samples| {
        let options = DataOptions { resolution: Some(14), most_samples: Some(40), ..DataOptions::default() };
        data::open(&DataOptions { samples: Some(samples), ..options }).unwrap()
    };
    let (small, large) = (sized(10), sized(40));
    assert!(small.train.is_endless() && !small.validation.is_endless());
    assert_eq!(inputs(small.train.as_ref(), 3), inputs(large.train.as_ref(), 3)[..30]);
    assert_eq!(all(small.validation.as_ref()), all(large.validation.as_ref()));
    assert_eq!(small.validation.len(), 40);

    // Of a finite set the seed chooses, and the order stays that of the file.
    let place = tempfile::tempdir().unwrap();
    mnist(place.path(), 9, 3);
    let sized = |samples, seed| {
        let options = options("mnist", place.path());
        data::open(&DataOptions { samples: Some(samples), seed, ..options }).unwrap()
    };
    for seed in 0..4 {
        let (small, large) = (sized(3, seed), sized(6, seed));
        let larger = inputs(large.train.as_ref(), 1);
        assert!(!small.train.is_endless());
        assert!(inputs(small.train.as_ref(), 1).iter().all(|input| larger.contains(input)));
        assert_eq!(all(small.validation.as_ref()), all(large.validation.as_ref()));
    }
}
