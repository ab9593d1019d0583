//! Folders of images.

use crate::opening::{all, assert_says, options, refusal, sample};
use allometry::data::{self, BatchTargets, DataOptions, Dataset, Inputs, Splits, Targets};
use serde::Deserialize;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What Pillow makes of a file in tests/fixtures/images; see record_images.py there.
#[derive(Deserialize)]
struct Decoded {
    file: String,
    /// The centred square of 8 × 8 pixels in RGB.
    pixels: Vec<u8>,
    /// The same at 4 × 4 pixels.
    halves: Vec<u8>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images")
}

fn write(path: PathBuf, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A PNG of one level of grey as RGB.
fn png(level: u8) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let image = image::RgbImage::from_pixel(4, 4, image::Rgb([level; 3]));
    image.write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner()
}

fn labels(set: &dyn Dataset) -> Vec<u32> {
    let BatchTargets::Classes(labels) = all(set).targets else { panic!("no classes") };
    labels
}

fn classes(set: &dyn Dataset) -> Vec<String> {
    let Some(Inputs::Images(inputs)) = set.inputs() else { panic!("no images") };
    inputs.classes
}

#[test]
fn every_format_becomes_the_pixels_that_pillow_gives() {
    let text = fs::read_to_string(fixtures().join("pixels.json")).unwrap();
    let decoded: Vec<Decoded> = serde_json::from_str(&text).unwrap();
    let place = TempDir::new().unwrap();
    for Decoded { file, .. } in &decoded {
        let bytes = fs::read(fixtures().join(file)).unwrap();
        for split in ["train", "val"] {
            write(place.path().join(split).join(file).join(file.to_uppercase()), &bytes);
        }
    }
    for resolution in [8, 4] {
        let options = DataOptions { resolution: Some(resolution), ..options("folder", place.path()) };
        let Splits { train, validation } = data::open(&options).unwrap();
        assert_eq!(train.sample_shape(), [resolution, resolution, 3]);
        assert_eq!((train.len(), validation.len()), (decoded.len(), decoded.len()));
        let classes = classes(train.as_ref());
        for Decoded { file, pixels, halves } in &decoded {
            let label = classes.iter().position(|class| class == file).unwrap();
            let (found, label_found) = sample(train.as_ref(), 0, label);
            assert_eq!(label_found, label as u32);
            let wanted = if resolution == 8 { pixels } else { halves };
            // Decoders of JPEG round differently; Pillow rounds once more between rows and columns.
            let lossless = !file.ends_with("jpg");
            let most = if lossless { f32::from(resolution == 4) } else { 4.0 };
            for (place, (found, wanted)) in found.iter().zip(wanted).enumerate() {
                let difference = (found * 255.0 - f32::from(*wanted)).abs();
                assert!(
                    difference <= most + 1e-3,
                    "{file} at {resolution}, {place}: {} {wanted}",
                    found * 255.0
                );
            }
        }
    }
}

#[test]
fn grey_images_alone_have_one_channel() {
    let place = TempDir::new().unwrap();
    for (class, file) in [("a", "grey.jpg"), ("b", "grey.png"), ("b", "grey-alpha.png")] {
        write(place.path().join("train").join(class).join(file), fs::read(fixtures().join(file)).unwrap());
    }
    write(place.path().join("test/a/colour.png"), fs::read(fixtures().join("rgb.png")).unwrap());
    let Splits { train, validation } = data::open(&options("folder", place.path())).unwrap();
    assert_eq!((train.sample_shape(), validation.sample_shape()), (&[8, 8, 1][..], &[8, 8, 1][..]));
}

#[test]
fn folders_of_splits_and_of_classes_are_told_apart() {
    let place = TempDir::new().unwrap();
    // A folder around all, files of another kind, hidden ones, and folders in that of a class.
    let root = place.path().join("set");
    for (name, level) in [
        ("Train/dog/a.png", 10),
        ("Train/cat/b.png", 20),
        ("Train/cat/more/c.PNG", 30),
        ("valid/dog/d.png", 40),
    ] {
        write(root.join(name), png(level));
    }
    for name in [
        "Train/cat/._b.png",
        "__MACOSX/Train/fish/a.png",
        ".git/a/b.png",
        "Train/cat/Thumbs.db",
        "Train/desktop.ini",
    ] {
        write(root.join(name), "notes");
    }
    let before = data::fingerprint(&options("folder", &root)).unwrap();
    write(root.join("valid/dog/Thumbs.db"), "what Windows adds to a folder that it shows");
    assert_eq!(data::fingerprint(&options("folder", &root)).unwrap(), before);
    write(root.join("Train/cat/labels.txt"), "notes");
    write(root.join("test/dog/e.png"), png(50));
    let archive = place.path().join("set.zip");
    zip_of(&root, &archive);
    for place in [place.path(), &root, &archive] {
        let Splits { train, validation } = data::open(&options("folder", place)).unwrap();
        assert_eq!(classes(train.as_ref()), ["cat", "dog"]);
        assert_eq!((train.targets(), labels(train.as_ref())), (Targets::Classes(2), vec![0, 0, 1]));
        let levels: Vec<f32> = (0..3).map(|i| (sample(train.as_ref(), 0, i).0[0] * 255.0).round()).collect();
        assert_eq!(levels, [20.0, 30.0, 10.0]);
        assert_eq!(labels(validation.as_ref()), [1]);
        assert!(train.left_out().is_none());
    }
    write(root.join("valid/fish/f.png"), png(1));
    assert_says(&refusal(&options("folder", &root)), &["\"cat\", \"dog\"", "fish for validation"]);
    fs::remove_dir_all(root.join("valid")).unwrap();
    fs::remove_dir_all(root.join("test")).unwrap();
    assert_says(&refusal(&options("folder", &root)), &["val/", "Train/ without"]);
    write(root.join("other.png"), png(1));
    fs::rename(root.join("Train/cat"), root.join("cat")).unwrap();
    fs::rename(root.join("Train/dog"), root.join("dog")).unwrap();
    assert_says(&refusal(&options("folder", &root)), &["one sub-folder per class", "other.png in no folder"]);
    assert_says(&refusal(&options("folder", &root.join("none"))), &["none", "open"]);
    assert_says(&refusal(&options("folder", &root.join("Train"))), &["no image"]);
    assert_says(&refusal(&options("folder", &root.join("other.png"))), &["zip archive", "foreign"]);
}

/// Packs the files below a folder, each second one stored.
fn zip_of(root: &Path, archive: &Path) {
    let mut writer = zip::ZipWriter::new(fs::File::create(archive).unwrap());
    let mut folders = vec![root.to_path_buf()];
    let mut stored = false;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let method =
                [zip::CompressionMethod::Deflated, zip::CompressionMethod::Stored][usize::from(stored)];
            stored = !stored;
            let name =
                path.strip_prefix(root.parent().unwrap()).unwrap().to_str().unwrap().replace('\\', "/");
            let options = zip::write::SimpleFileOptions::default().compression_method(method);
            writer.start_file(name, options).unwrap();
            writer.write_all(&fs::read(&path).unwrap()).unwrap();
        }
    }
    writer.finish().unwrap();
}

/// Ten images in each of three classes.
fn thirty(place: &Path) {
    for i in 0..30 {
        write(place.join(format!("class {}/{i:02}.png", i % 3)), png(8 * i as u8));
    }
}

#[test]
fn a_part_of_each_class_is_held_out_alike_for_every_seed() {
    let place = TempDir::new().unwrap();
    thirty(place.path());
    let open = |seed, samples| {
        let Splits { train, validation } =
            data::open(&DataOptions { seed, samples, ..options("folder", place.path()) }).unwrap();
        let mut counts = [0; 3];
        labels(validation.as_ref()).into_iter().for_each(|label| counts[label as usize] += 1);
        assert_eq!(counts, [2, 2, 2]);
        (all(train.as_ref()).inputs, all(validation.as_ref()).inputs)
    };
    let (train, validation) = open(0, None);
    assert_eq!((train.len(), open(0, None)), (24 * 48, (train.clone(), validation.clone())));
    assert!(
        (1..4).all(|seed| open(seed, None).1 == validation && open(seed, Some(5)).0 != open(0, Some(5)).0)
    );
    assert!(validation.chunks(48).all(|image| !train.chunks(48).any(|other| image == other)));
    let (few, same) = open(0, Some(5));
    assert_eq!((few.len(), same), (5 * 48, validation));
    assert!(few.chunks(48).all(|image| train.chunks(48).any(|other| image == other)));
}

#[test]
fn images_that_do_not_fit_into_the_cache_have_the_same_bits() {
    let place = TempDir::new().unwrap();
    thirty(place.path());
    let open =
        |cache_bytes| data::open(&DataOptions { cache_bytes, ..options("folder", place.path()) }).unwrap();
    let whole = open(2 << 30);
    assert!(!whole.train.is_slow());
    for cache_bytes in [0, 10 * 48 + 5, 26 * 48] {
        let part = open(cache_bytes);
        assert_eq!(part.train.is_slow(), cache_bytes < 24 * 48);
        assert!(part.validation.is_slow());
        assert_eq!(all(part.train.as_ref()), all(whole.train.as_ref()));
        assert_eq!(all(part.validation.as_ref()), all(whole.validation.as_ref()));
    }
    let part = open(0);
    fs::write(place.path().join("class 1/01.png"), "gone").unwrap();
    fs::write(place.path().join("class 1/04.png"), "gone").unwrap();
    let batch = data::Batch::gather(part.train.as_ref(), 0, &(0..24).collect::<Vec<_>>());
    assert_says(&batch.unwrap_err().to_string(), &["class 1/0", "not a JPEG"]);
}

#[test]
fn a_hundredth_may_be_unreadable() {
    let place = TempDir::new().unwrap();
    let bytes = png(7);
    for i in 0..199 {
        write(place.path().join(format!("train/{}/{i:03}.png", i % 2)), &bytes);
    }
    write(place.path().join("val/0/a.png"), &bytes);
    let train = place.path().join("train/0");
    let jpeg = fs::read(fixtures().join("rgb.jpg")).unwrap();
    // A header that is right, and pixels that are not.
    fs::write(train.join("004.png"), [&bytes[..bytes.len() - 20], &[0; 20]].concat()).unwrap();
    fs::write(train.join("002.png"), &jpeg[..jpeg.len() - 30]).unwrap();
    for cache_bytes in [2 << 30, 48 * 20] {
        let options = DataOptions { cache_bytes, ..options("folder", place.path()) };
        let splits = data::open(&options).unwrap();
        assert_eq!((splits.train.len(), splits.validation.len()), (197, 1));
        let left_out = splits.train.left_out().unwrap();
        assert_says(left_out, &["2 of 200", "train/0/002.png", "truncated", "train/0/004.png"]);
        assert_eq!(labels(splits.train.as_ref()).iter().filter(|&&label| label == 0).count(), 98);
    }
    // A folder without images is no class, and is named.
    for folder in ["train/2/deeper", "train/.hidden", "val/3"] {
        fs::create_dir_all(place.path().join(folder)).unwrap();
    }
    let splits = data::open(&options("folder", place.path())).unwrap();
    assert_eq!(classes(splits.train.as_ref()), ["0", "1"]);
    let left_out = splits.train.left_out().unwrap();
    assert!(left_out.ends_with("; folders without an image, which are no classes: \"2\""), "{left_out}");
    fs::write(train.join("006.png"), "").unwrap();
    let message = refusal(&options("folder", place.path()));
    assert_says(&message, &["at most 1 %", "3 of 200", "006.png", "not a JPEG, PNG, WebP or BMP file"]);
}

#[test]
fn contents_tell_what_is_an_image() {
    let around = TempDir::new().unwrap();
    let root = around.path().join("set");
    let bytes = png(7);
    for i in 0..120 {
        let ending = ["png", "jfif", "dat", ""][i % 4];
        write(root.join(format!("train/{}/{i:03}.{ending}", i % 2)), &bytes);
    }
    write(root.join("val/0/a"), &bytes);
    write(root.join("val/0/a.txt"), "no image");
    let gif = root.join("train/0/moving.gif");
    write(gif.clone(), b"GIF89a\x01\x00\x01\x00");
    let archive = TempDir::new().unwrap();
    zip_of(&root, &archive.path().join("set.zip"));
    for place in [&root, &archive.path().join("set.zip")] {
        let splits = data::open(&options("folder", place)).unwrap();
        assert_eq!((splits.train.len(), splits.validation.len()), (120, 1));
        assert_says(splits.train.left_out().unwrap(), &["1 of 122", "moving.gif", "GIF is not supported"]);
    }
    // The camera's format under another name is known by its name alone.
    write(root.join("train/1/photo.HEIC"), "ftypheic");
    assert_says(&refusal(&options("folder", &root)), &["2 of 123", "photo.HEIC", "heic is not supported"]);
}

#[test]
fn one_class_is_none() {
    let place = TempDir::new().unwrap();
    write(place.path().join("photos/only/a.png"), png(1));
    write(place.path().join("photos/only/b.png"), png(2));
    let two = ["one sub-folder per class", "images of one class, \"only\""];
    assert_says(&refusal(&options("folder", place.path())), &two);
}

#[cfg(unix)]
#[test]
fn links_that_form_a_circle_and_pipes_are_left_out() {
    let place = TempDir::new().unwrap();
    thirty(place.path());
    let open = || data::open(&options("folder", place.path())).unwrap();
    let before = [open().train.len(), open().validation.len()];
    std::os::unix::fs::symlink("..", place.path().join("class 1/up")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(place.path().join("class 1/pipe")).status();
    assert!(made.unwrap().success());
    assert_eq!([open().train.len(), open().validation.len()], before);
    // A link to a folder elsewhere is what it points to.
    let other = TempDir::new().unwrap();
    write(other.path().join("x.png"), png(9));
    std::os::unix::fs::symlink(other.path(), place.path().join("class 1/others")).unwrap();
    assert_eq!(open().train.len() + open().validation.len(), before[0] + before[1] + 1);
}

#[test]
fn a_folder_is_known_by_its_names_and_sizes() {
    let place = TempDir::new().unwrap();
    thirty(place.path());
    let fingerprint = || data::fingerprint(&options("folder", place.path())).unwrap();
    let before = fingerprint();
    assert_eq!((before.len(), before.clone()), (1, fingerprint()));
    write(place.path().join(".hidden"), "");
    assert_eq!(before, fingerprint());
    fs::rename(place.path().join("class 1/01.png"), place.path().join("class 1/001.png")).unwrap();
    let renamed = fingerprint();
    assert!(renamed != before && renamed[0].bytes == before[0].bytes);
    write(place.path().join("class 1/001.png"), "shorter");
    assert!(fingerprint()[0].bytes < before[0].bytes);
}
