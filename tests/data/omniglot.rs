//! Omniglot, in archives of drawings.

use crate::opening::{all, assert_says, options, refusal, sample};
use allometry::data::{self, BatchTargets, DataOptions, Inputs, Splits, Targets};
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use tempfile::TempDir;

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
    for note in
        ["__MACOSX/set/._Braille.png", "set/Greek/character01/._0001_01.png", "set/._Greek/a/0001_01.png"]
    {
        more.push((note.into(), b"notes".to_vec()));
    }
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
fn omniglot_is_found_under_the_names_of_torchvision() {
    let place = TempDir::new().unwrap();
    let folder = place.path().join("omniglot-py");
    fs::create_dir(&folder).unwrap();
    archive(&folder.join("images_background.zip"), &alphabets(&["Latin"]));
    archive(&folder.join("images_evaluation.zip"), &alphabets(&["Avesta"]));
    for directory in [place.path(), &folder] {
        let Splits { train, .. } = data::open(&options("omniglot", directory)).unwrap();
        assert_eq!((train.len(), train.targets()), (32, Targets::Classes(2)));
        let Some(Inputs::Images(inputs)) = train.inputs() else { panic!("no images") };
        assert_eq!(inputs.classes, ["Avesta", "Latin"]);
    }
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
