//! CIFAR in binary files.

use crate::opening::{all, assert_says, options, refusal, sample};
use allometry::data::{self, BatchTargets, Inputs, Splits, Targets};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A record whose red, green and blue are `level`, `level` + 1 and `level` + 2; the first pixel of the second row is
/// black.
fn record(labels: &[u8], level: u8) -> Vec<u8> {
    let planes =
        (0..3u8).flat_map(|channel| (0..1024).map(move |i| if i == 32 { 0 } else { level + channel }));
    labels.iter().copied().chain(planes).collect()
}

/// Five files of two images and one of one image.
fn cifar10(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for file in 1..=5 {
        let records = [record(&[file], 10 * file), record(&[file - 1], 10 * file + 5)].concat();
        fs::write(folder.join(format!("data_batch_{file}.bin")), records).unwrap();
    }
    fs::write(folder.join("test_batch.bin"), record(&[9], 100)).unwrap();
}

#[test]
fn cifar_10_lies_in_the_folder_or_in_that_of_its_archive() {
    for below in ["", "cifar-10-batches-bin"] {
        let place = TempDir::new().unwrap();
        cifar10(&place.path().join(below));
        let Splits { train, validation } = data::open(&options("cifar10", place.path())).unwrap();
        assert_eq!((train.len(), validation.len(), train.targets()), (10, 1, Targets::Classes(10)));
        assert_eq!(train.sample_shape(), [32, 32, 3]);
        let (pixels, label) = sample(train.as_ref(), 0, 2);
        let levels: Vec<f32> = [20.0, 21.0, 22.0].map(|level| level / 255.0).to_vec();
        assert_eq!((&pixels[..3], label), (&levels[..], 2));
        assert_eq!(pixels[3 * 32..3 * 32 + 4], [0.0, 0.0, 0.0, levels[0]]);
        assert_eq!(data::fingerprint(&options("cifar10", place.path())).unwrap().len(), 6);
    }
}

#[test]
fn cifar_100_has_fine_and_coarse_labels_with_their_names() {
    let place = TempDir::new().unwrap();
    fs::write(place.path().join("train.bin"), [record(&[3, 99], 1), record(&[19, 0], 2)].concat()).unwrap();
    fs::write(place.path().join("test.bin"), record(&[4, 5], 3)).unwrap();
    let names: String = (0..20).map(|i| format!("group {i}\n")).collect();
    fs::write(place.path().join("coarse_label_names.txt"), names + "\n").unwrap();
    for (name, classes, labels) in [("cifar100", 100, [99, 0]), ("cifar100-coarse", 20, [3, 19])] {
        let Splits { train, .. } = data::open(&options(name, place.path())).unwrap();
        assert_eq!((train.name(), train.targets()), (name, Targets::Classes(classes)));
        assert_eq!(all(train.as_ref()).targets, BatchTargets::Classes(labels.to_vec()));
        let Some(Inputs::Images(inputs)) = train.inputs() else { panic!("no images") };
        assert_eq!(inputs.channels, 3);
        let named: Vec<String> = (0..20).map(|i| format!("group {i}")).collect();
        assert_eq!(inputs.classes, if classes == 20 { named } else { vec![] });
    }
    fs::write(place.path().join("fine_label_names.txt"), "one\ntwo\n").unwrap();
    assert_says(&refusal(&options("cifar100", place.path())), &["fine_label_names", "100 names", "2"]);
}

#[test]
fn cifar_files_that_do_not_fit_are_named() {
    let place = TempDir::new().unwrap();
    let set = options("cifar10", place.path());
    assert_says(&refusal(&set), &["data_batch_1.bin", "--data DIR", "`allometry data get cifar10`"]);
    let coarse = options("cifar100-coarse", place.path());
    assert_says(&refusal(&coarse), &["train.bin", "`allometry data get cifar100`"]);
    cifar10(place.path());
    let path = place.path().join("data_batch_3.bin");
    fs::remove_file(&path).unwrap();
    assert_says(&refusal(&set), &["no file", "data_batch_3.bin"]);
    for (bytes, words) in [
        (vec![], ["3073 bytes", "0 bytes"]),
        (record(&[1, 2], 0), ["3073 bytes", "3074 bytes"]),
        (record(&[10], 0), ["0 to 9", "10 in record 0"]),
    ] {
        fs::write(&path, bytes).unwrap();
        assert_says(&refusal(&set), &["data_batch_3.bin", words[0], words[1]]);
    }
}
