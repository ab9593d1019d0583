//! MNIST, and the IDX files that it comes in.

use crate::opening::{assert_says, options, refusal, sample};
use allometry::data::{self, DataOptions, Splits, Targets, idx};
use flate2::{Compression, write::GzEncoder};
use std::fs;
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;

fn idx_file(extents: &[u32], values: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, extents.len() as u8];
    extents.iter().for_each(|extent| file.extend(extent.to_be_bytes()));
    file.extend(values);
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A set of 2 × 2 images: image i has level 10·i everywhere and label i.
pub fn mnist(place: &Path, train: usize, test: usize) {
    for (part, count) in [("train", train), ("t10k", test)] {
        let pixels: Vec<u8> = (0..count).flat_map(|i| [10 * i as u8; 4]).collect();
        let labels: Vec<u8> = (0..count).map(|i| i as u8).collect();
        let images = idx_file(&[count as u32, 2, 2], &pixels);
        fs::write(place.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
        let labels = gzip(&idx_file(&[count as u32], &labels));
        fs::write(place.join(format!("{part}-labels-idx1-ubyte.gz")), labels).unwrap();
    }
}

#[test]
fn mnist_files_are_read_gzipped_or_not() {
    let place = TempDir::new().unwrap();
    mnist(place.path(), 5, 3);
    for name in ["mnist", "fashion-mnist"] {
        let Splits { train, validation } = data::open(&options(name, place.path())).unwrap();
        assert_eq!((train.name(), train.len(), validation.len()), (name, 5, 3));
        assert_eq!((train.sample_shape(), train.targets()), (&[2, 2, 1][..], Targets::Classes(10)));
        assert_eq!(sample(train.as_ref(), 7, 4), (vec![40.0 / 255.0; 4], 4));
    }
    let larger = DataOptions { resolution: Some(5), samples: Some(2), ..options("mnist", place.path()) };
    let Splits { train, validation } = data::open(&larger).unwrap();
    assert_eq!((train.len(), validation.len(), train.sample_shape()), (2, 3, &[5, 5, 1][..]));
    let (pixels, label) = sample(train.as_ref(), 0, 1);
    assert_eq!(pixels, vec![10.0 * label as f32 / 255.0; 25]);
}

#[test]
fn mnist_files_that_do_not_fit_are_named() {
    let place = TempDir::new().unwrap();
    let break_with = |name: &str, bytes: Vec<u8>| {
        mnist(place.path(), 5, 3);
        fs::write(place.path().join(name), bytes).unwrap();
        refusal(&options("mnist", place.path()))
    };
    let labels = "train-labels-idx1-ubyte.gz";
    assert_says(&break_with(labels, idx_file(&[4], &[0; 4])), &[labels, "5 labels", "4 found"]);
    let test = "t10k-images-idx3-ubyte";
    assert_says(&break_with(test, idx_file(&[3, 1, 4], &[0; 12])), &[test, "2 × 2", "1 × 4"]);
    mnist(place.path(), 5, 3);
    fs::remove_file(place.path().join(test)).unwrap();
    assert_says(&refusal(&options("mnist", place.path())), &[test, ".gz", "--data DIR"]);
}

#[test]
fn relatives_of_mnist_with_more_classes_are_read_under_its_names() {
    let place = TempDir::new().unwrap();
    mnist(place.path(), 5, 3);
    let labels = idx_file(&[5], &[0, 1, 25, 3, 4]);
    fs::write(place.path().join("train-labels-idx1-ubyte.gz"), labels).unwrap();
    let splits = data::open(&options("mnist", place.path())).unwrap();
    assert_eq!(
        (splits.train.targets(), splits.validation.targets()),
        (Targets::Classes(26), Targets::Classes(26))
    );
}

#[test]
fn idx_files_are_checked() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("file-idx");
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        idx::read(&path, 2)
    };
    let good = idx_file(&[2, 3], &[1, 2, 3, 4, 5, 6]);
    let expected = idx::Idx { extents: vec![2, 3], values: vec![1, 2, 3, 4, 5, 6] };
    assert_eq!(read(&good).unwrap(), expected);
    assert_eq!(read(&gzip(&good)).unwrap(), expected);

    let refused = |bytes: &[u8], parts: &[&str]| {
        let message = read(bytes).unwrap_err().to_string();
        assert_says(&message, &["file-idx"]);
        assert_says(&message, parts);
    };
    refused(b"", &["empty"]);
    refused(b"\x89PNG\r\n\x1a\n", &["0x00000802", "0x89504e47"]);
    refused(&idx_file(&[6], &[0; 6]), &["2 dimensions", "0x00000801"]);
    let mut floats = good.clone();
    floats[2] = 0x0d;
    refused(&floats, &["unsigned bytes", "0x00000d02"]);
    refused(&good[..9], &["12 bytes", "9 bytes found"]);
    refused(&good[..good.len() - 1], &["6 values (2 × 3)", "5 found"]);
    refused(&[good.clone(), vec![0]].concat(), &["6 values", "more found"]);
    refused(&gzip(&[good.clone(), vec![0]].concat()), &["6 values", "more found"]);
    refused(&idx_file(&[0, 3], &[]), &["at least 1", "0 × 3"]);
    refused(&idx_file(&[u32::MAX, u32::MAX], &[]), &["4 GiB"]);
    // A forged header must not make it reserve gigabytes.
    refused(&idx_file(&[60_000, 60_000], &[1]), &["3600000000 values", "1 found"]);

    let zipped = gzip(&good);
    refused(&zipped[..zipped.len() - 6], &["gzip", "truncated"]);
    let mut damaged = zipped.clone();
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 0xff;
    refused(&damaged, &["gzip"]);
    refused(&[zipped, b"rest".to_vec()].concat(), &["gzip"]);

    fs::remove_file(&path).unwrap();
    assert_says(&idx::read(&path, 2).unwrap_err().to_string(), &["file-idx", "cannot open"]);
}

#[test]
fn idx_sets_have_their_own_names_classes_and_sizes() {
    let place = TempDir::new().unwrap();
    let write = |set: &str, part: &str, separator: char, labels: &[u8]| {
        let name =
            |kind: &str, rank| place.path().join(format!("{set}{part}-{kind}{separator}idx{rank}-ubyte"));
        let count = labels.len() as u32;
        let pixels: Vec<u8> = (0..count as u8 * 6).collect();
        fs::write(name("images", 3), idx_file(&[count, 2, 3], &pixels)).unwrap();
        fs::write(name("labels", 1), idx_file(&[count], labels)).unwrap();
    };
    let idx = || options("idx", place.path());
    assert_says(&refusal(&idx()), &["train-images-idx3-ubyte", "--data DIR"]);
    write("emnist-letters-", "train", '-', &[1, 26, 3]);
    assert_says(&refusal(&idx()), &["t10k|test|val", "validation"]);
    write("emnist-letters-", "test", '-', &[2]);
    let Splits { train, validation } = data::open(&idx()).unwrap();
    assert_eq!((train.len(), validation.len(), train.targets()), (3, 1, Targets::Classes(27)));
    assert_eq!(train.sample_shape(), [2, 3, 1]);
    assert_eq!(sample(train.as_ref(), 0, 1).0, [6.0, 7.0, 8.0, 9.0, 10.0, 11.0].map(|level| level / 255.0));
    let square = DataOptions { resolution: Some(4), ..idx() };
    assert_eq!(data::open(&square).unwrap().train.sample_shape(), [4, 4, 1]);

    write("emnist-byclass-", "train", '.', &[61, 0]);
    write("emnist-byclass-", "test", '.', &[0]);
    assert_says(&refusal(&idx()), &["several files", "emnist-byclass", "emnist-letters", "--data"]);
    let chosen = options("idx", &place.path().join("emnist-byclass"));
    assert_eq!(data::open(&chosen).unwrap().train.targets(), Targets::Classes(62));
    let files = data::fingerprint(&chosen).unwrap();
    assert!(files.len() == 4 && files.iter().all(|file| file.name.contains("byclass")));
}
