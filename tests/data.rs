//! The data sets through their public face: small files of every format, whole and broken.

use allometry::data::{
    self, Batch, BatchTargets, DataOptions, Dataset, Loader, LoaderOptions, Splits, Target, Targets, idx,
};
use flate2::{Compression, write::GzEncoder};
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use tempfile::TempDir;

fn options(dataset: &str, directory: &Path) -> DataOptions {
    DataOptions { dataset: dataset.into(), directory: Some(directory.into()), ..DataOptions::default() }
}

/// The message of the error that opening gives.
fn refusal(options: &DataOptions) -> String {
    match data::open(options) {
        Ok(_) => panic!("{options:?} was accepted"),
        Err(error) => error.to_string(),
    }
}

fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

fn sample(dataset: &dyn Dataset, epoch: u64, index: usize) -> (Vec<f32>, u32) {
    let mut input = vec![0.0; dataset.sample_shape().iter().product()];
    let mut label = 0;
    dataset.write(epoch, index, &mut input, Target::Class(&mut label)).unwrap();
    (input, label)
}

fn all(dataset: &dyn Dataset) -> Batch {
    Batch::gather(dataset, 0, &(0..dataset.len()).collect::<Vec<_>>()).unwrap()
}

// ---- names and options ----

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
    for name in ["mnist", "fashion-mnist", "omniglot", "csv"] {
        let homeless = DataOptions { dataset: name.into(), ..DataOptions::default() };
        assert_says(&refusal(&homeless), &[name, "--data DIR"]);
    }
}

// ---- IDX and MNIST ----

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
fn mnist(place: &Path, train: usize, test: usize) {
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
    assert_says(&break_with(labels, idx_file(&[5], &[0, 1, 10, 3, 4])), &["0 to 9", "10 as label 2"]);
    let test = "t10k-images-idx3-ubyte";
    assert_says(&break_with(test, idx_file(&[3, 1, 4], &[0; 12])), &[test, "2 × 2", "1 × 4"]);
    mnist(place.path(), 5, 3);
    fs::remove_file(place.path().join(test)).unwrap();
    assert_says(&refusal(&options("mnist", place.path())), &[test, ".gz", "--data DIR"]);
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

// ---- Omniglot ----

/// A drawing of one size: ink on the left half.
fn drawing(side: u32) -> Vec<u8> {
    let image =
        image::GrayImage::from_fn(side, side, |x, _| image::Luma([if x < side / 2 { 0 } else { 255 }]));
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner()
}

fn archive(path: &Path, entries: &[(String, Vec<u8>)]) {
    let mut writer = zip::ZipWriter::new(fs::File::create(path).unwrap());
    for (name, bytes) in entries {
        writer.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
}

/// One character of each alphabet by all twenty drawers.
fn alphabets(names: &[&str]) -> Vec<(String, Vec<u8>)> {
    let drawing = drawing(105);
    let name = |alphabet: &str, drawer| format!("set/{alphabet}/character01/0001_{drawer:02}.png");
    names.iter().flat_map(|a| (1..=20).map(|drawer| (name(a, drawer), drawing.clone()))).collect()
}

#[test]
fn omniglot_counts_alphabets_over_all_archives_and_holds_out_drawers() {
    let place = TempDir::new().unwrap();
    archive(&place.path().join("images_background_small1.zip"), &alphabets(&["Latin", "Greek"]));
    let Splits { train, validation } = data::open(&options("omniglot", place.path())).unwrap();
    assert_eq!((train.len(), validation.len(), train.targets()), (32, 8, Targets::Classes(2)));

    // Greek is in both archives: its drawings count once.
    let mut more = alphabets(&["Braille", "Greek"]);
    more.push(("__MACOSX/set/._Braille.png".into(), b"notes".to_vec()));
    archive(&place.path().join("images_background_small2.zip"), &more);
    let Splits { train, validation } = data::open(&options("omniglot", place.path())).unwrap();
    assert_eq!((train.len(), validation.len(), train.targets()), (48, 12, Targets::Classes(3)));
    assert_eq!(train.sample_shape(), [28, 28, 1]);
    let BatchTargets::Classes(labels) = all(validation.as_ref()).targets else { panic!("no classes") };
    assert_eq!(labels, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);

    let native = DataOptions { resolution: Some(105), ..options("omniglot", place.path()) };
    let (pixels, _) = sample(data::open(&native).unwrap().train.as_ref(), 0, 0);
    assert_eq!((pixels[0], pixels[51], pixels[52], pixels[104]), (1.0, 1.0, 0.0, 0.0));
    let few = DataOptions { samples: Some(5), ..options("omniglot", place.path()) };
    let Splits { train, validation } = data::open(&few).unwrap();
    assert_eq!((train.len(), validation.len()), (5, 12));
}

#[test]
fn omniglot_archives_that_are_something_else_are_named() {
    let place = TempDir::new().unwrap();
    assert_says(&refusal(&options("omniglot", place.path())), &["small1.zip", "small2.zip", "--data DIR"]);

    let path = place.path().join("images_background_small1.zip");
    let refused = |parts: &[&str]| {
        let message = refusal(&options("omniglot", place.path()));
        assert_says(&message, parts);
    };
    fs::write(&path, b"<html>not found</html>").unwrap();
    refused(&["small1.zip", "zip archive", "foreign"]);
    archive(&path, &alphabets(&["Greek"]));
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    refused(&["small1.zip", "zip archive"]);
    let mut damaged = whole.clone();
    damaged[100] ^= 0xff;
    fs::write(&path, damaged).unwrap();
    refused(&["small1.zip"]);

    let with = |name: &str, bytes: Vec<u8>| {
        let mut entries = alphabets(&["Greek"]);
        entries.push((name.into(), bytes));
        archive(&path, &entries);
    };
    with("set/Greek/character02/0002_01.png", drawing(28));
    refused(&["105 × 105", "0002_01.png", "28 × 28"]);
    with("set/Greek/character02/0002_01.png", b"no picture".to_vec());
    refused(&["PNG", "0002_01.png"]);
    for name in ["set/Greek/character02/0002_21.png", "set/Greek/character02/cat.png", "0002_01.png"] {
        with(name, drawing(105));
        refused(&["ALPHABET/CHARACTER", name]);
    }
    archive(&path, &[("readme.txt".into(), b"hello".to_vec())]);
    refused(&["PNG drawings", "without any"]);
    archive(&path, &alphabets(&["Greek"])[..16]);
    refused(&["17 to 20", "16 and 0"]);
}

// ---- CSV ----

fn table(place: &Path, text: &str) -> DataOptions {
    fs::write(place.join("table.csv"), text).unwrap();
    options("csv", place)
}

#[test]
fn csv_features_are_standardised_by_the_training_rows() {
    let place = TempDir::new().unwrap();
    let rows: String = (0..50).map(|i| format!("{i}, 7, {}\n", 2 * i)).collect();
    let options = table(place.path(), &format!("\u{feff}a, constant, y\n{rows}"));
    let Splits { train, validation } = data::open(&options).unwrap();
    assert_eq!((train.len(), validation.len()), (40, 10));
    assert_eq!((train.sample_shape(), train.targets()), (&[2][..], Targets::Values(1)));

    let batch = all(train.as_ref());
    let a: Vec<f32> = batch.inputs.iter().step_by(2).copied().collect();
    let mean = a.iter().sum::<f32>() / 40.0;
    let variance = a.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 40.0;
    assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-4, "{mean} {variance}");
    assert!(batch.inputs.iter().skip(1).step_by(2).all(|&v| v == 0.0));

    // Targets stay as they are, so y = 2a tells which row is where: each is in one split only.
    let rows = |dataset: &dyn Dataset| {
        let BatchTargets::Values(values) = all(dataset).targets else { panic!("no values") };
        values.iter().map(|&v| v as u32 / 2).collect::<Vec<_>>()
    };
    let mut both = [rows(train.as_ref()), rows(validation.as_ref())].concat();
    both.sort_unstable();
    assert_eq!(both, (0..50).collect::<Vec<_>>());

    let again = data::open(&options).unwrap();
    assert_eq!(rows(again.validation.as_ref()), rows(validation.as_ref()));
    let other = data::open(&DataOptions { seed: 1, ..options.clone() }).unwrap();
    assert_ne!(rows(other.validation.as_ref()), rows(validation.as_ref()));
    let few = data::open(&DataOptions { samples: Some(7), ..options }).unwrap();
    assert_eq!((few.train.len(), few.validation.len()), (7, 10));
}

#[test]
fn csv_targets_are_chosen_by_name() {
    let place = TempDir::new().unwrap();
    let mut options = table(place.path(), "y,a,z\n1,2,3\n4,5,6\n");
    options.target_columns = vec!["z".into(), "y".into()];
    let train = data::open(&options).unwrap().train;
    assert_eq!((train.sample_shape(), train.targets()), (&[1][..], Targets::Values(2)));
    let BatchTargets::Values(values) = all(train.as_ref()).targets else { panic!("no values") };
    assert!(values == [1.0, 3.0] || values == [4.0, 6.0], "{values:?}");
    // The file itself will do as well.
    options.directory = Some(place.path().join("table.csv"));
    assert!(data::open(&options).is_ok());
}

#[test]
fn csv_tables_with_mistakes_are_refused_with_the_place() {
    let place = TempDir::new().unwrap();
    let refused = |text: &str, parts: &[&str]| {
        let message = refusal(&table(place.path(), text));
        assert_says(&message, &["table.csv"]);
        assert_says(&message, parts);
    };
    refused("a,b\n1,2\n3,four\n", &["\"four\"", "row 2", "column \"b\""]);
    refused("a,b\r\n1,2\r\n3,four\r\n", &["\"four\"", "row 2"]);
    refused("a,b\n1,2\n,4\n", &["\"\"", "row 2", "column \"a\""]);
    refused("a,b\nnan,2\n3,4\n", &["\"nan\"", "row 1"]);
    refused("a,b\n1,1e39\n3,4\n", &["1e39", "32 bits"]);
    refused("a,b\n1,2\n3\n", &["2 columns", "1 in row 2"]);
    refused("1,2\n3,4\n", &["header", "\"1\", \"2\""]);
    refused("", &["header", "empty"]);
    refused("a,b\n1,2\n", &["2 rows", "1 found"]);
    refused("a\n1\n2\n", &["beside the targets"]);

    fs::write(place.path().join("table.csv"), b"a,b\n1,\xff\n").unwrap();
    assert_says(&refusal(&options("csv", place.path())), &["UTF-8", "row 1"]);

    let mut wrong = table(place.path(), "a,b,b\n1,2,3\n4,5,6\n");
    wrong.target_columns = vec!["c".into()];
    assert_says(&refusal(&wrong), &["\"c\"", "\"a\", \"b\""]);
    wrong.target_columns = vec!["b".into()];
    assert_says(&refusal(&wrong), &["\"b\"", "several"]);

    let good = table(place.path(), "a,b\n1,2\n3,4\n");
    for fraction in [0.0, 1.0, f64::NAN] {
        let wrong = DataOptions { validation_fraction: fraction, ..good.clone() };
        assert_says(&refusal(&wrong), &["validation_fraction"]);
    }
    assert_says(&refusal(&DataOptions { resolution: Some(28), ..good.clone() }), &["resolution"]);
    fs::write(place.path().join("other.CSV"), "a,b\n").unwrap();
    assert_says(&refusal(&good), &["2 .csv files", "--data FILE"]);
    let missing = options("csv", &place.path().join("missing.csv"));
    assert_says(&refusal(&missing), &["missing.csv", "cannot open"]);
}

// ---- glyphs ----

fn glyphs(resolution: usize, seed: u64, samples: usize) -> Splits {
    let resolution = Some(resolution);
    data::open(&DataOptions { resolution, seed, samples: Some(samples), ..DataOptions::default() }).unwrap()
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}

#[test]
fn glyphs_need_no_files_and_have_defaults() {
    let Splits { train, validation } = data::open(&DataOptions::default()).unwrap();
    assert_eq!((train.name(), train.targets()), ("glyphs", Targets::Classes(62)));
    assert_eq!(train.sample_shape(), [28, 28, 1]);
    assert_eq!(train.len(), data::glyphs::EPOCH_SAMPLES);
    assert_eq!(validation.len(), data::glyphs::VALIDATION_SAMPLES);
    assert_eq!(glyphs(14, 0, 50).validation.len(), 50);
}

#[test]
fn a_glyph_is_a_function_of_seed_and_running_index() {
    let train = |seed, samples| glyphs(28, seed, samples).train;
    let first = sample(train(5, 10).as_ref(), 1, 3);
    assert_eq!(first, sample(train(5, 10).as_ref(), 1, 3));
    // Epoch 1 of 10 begins at 10: index 3 there is sample 13 of an epoch of 100.
    assert_eq!(first, sample(train(5, 100).as_ref(), 0, 13));
    assert_ne!(first, sample(train(5, 10).as_ref(), 0, 3));
    assert_ne!(first, sample(train(6, 10).as_ref(), 1, 3));
}

#[test]
fn glyphs_validation_is_the_same_for_every_seed_and_epoch_and_apart_from_training() {
    let (one, two) = (glyphs(14, 0, 20), glyphs(14, 9, 20));
    let held_out = all(one.validation.as_ref());
    assert_eq!(held_out, all(two.validation.as_ref()));
    assert_eq!(sample(one.validation.as_ref(), 0, 2), sample(one.validation.as_ref(), 8, 2));
    for splits in [one, two] {
        assert!(
            (0..20).all(|i| sample(splits.train.as_ref(), 0, i) != sample(splits.validation.as_ref(), 0, i))
        );
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

#[test]
fn a_glyph_is_the_same_drawing_at_every_resolution() {
    let (small, large) = (glyphs(14, 1, 40).train, glyphs(56, 1, 40).train);
    for i in 0..40 {
        let ((few, label), (many, same)) = (sample(small.as_ref(), 0, i), sample(large.as_ref(), 0, i));
        assert_eq!(label, same);
        assert!(few.iter().chain(&many).all(|v| (0.0..=1.0).contains(v)));
        // A small pixel is close to the mean of the sixteen that it covers: not equal, because coverage is
        // sampled, and levels are clamped after the grain is added.
        let pooled = (0..14 * 14).map(|p| {
            let (y, x) = (p / 14 * 4, p % 14 * 4);
            (0..16).map(|k| many[(y + k / 4) * 56 + x + k % 4]).sum::<f32>() / 16.0
        });
        let error = mean(&pooled.zip(&few).map(|(a, b)| (a - b).abs()).collect::<Vec<_>>());
        assert!(error < 0.03, "sample {i}: mean difference {error}");
    }
}

#[test]
fn glyphs_have_all_classes_and_ink_in_the_middle() {
    let batch = all(glyphs(28, 2, 2_000).train.as_ref());
    let BatchTargets::Classes(labels) = &batch.targets else { panic!("no classes") };
    let mut counts = [0; 62];
    labels.iter().for_each(|&label| counts[label as usize] += 1);
    assert!(counts.iter().all(|&count| (10..=60).contains(&count)), "{counts:?}");

    let brightness = |from: usize, to: usize| {
        let inside = |i: usize| (from..to).contains(&(i / 28 % 28)) && (from..to).contains(&(i % 28));
        mean(
            &batch.inputs.iter().enumerate().filter(|(i, _)| inside(*i)).map(|(_, &v)| v).collect::<Vec<_>>(),
        )
    };
    assert!(brightness(9, 19) > brightness(0, 28) + 0.05);
}

#[test]
fn glyphs_come_out_of_the_loader_alike_each_time() {
    let loader = |splits: Splits| {
        let options = LoaderOptions { batch: 32, shuffle: true, seed: 3, drop_last: false };
        Loader::new(splits.train, options).unwrap()
    };
    let batches = |epoch| loader(glyphs(14, 1, 100)).epoch(epoch).collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(batches(0).iter().map(|b| b.size).collect::<Vec<_>>(), [32, 32, 32, 4]);
    assert_eq!(batches(2), batches(2));
    assert_ne!(batches(2), batches(3));
}
