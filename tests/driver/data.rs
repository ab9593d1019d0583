//! `data get`, and data sets that are found where it saves them.

use crate::loopback::{Reply, Server};
use crate::process::{Ended, driver, fail, text};
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The driver with this cache folder, without a proxy.
fn with_cache(arguments: &[&str], cache: &Path) -> Command {
    let mut command = driver(arguments);
    for name in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command.env("ALLOMETRY_CACHE", cache);
    command
}

fn ended(arguments: &[&str], cache: &Path) -> Ended {
    Ended::of(with_cache(arguments, cache).output().expect("the driver starts"))
}

/// A file of IDX with these extents and values.
fn idx(extents: &[u32], values: &[u8]) -> Vec<u8> {
    let header = [0, 0, 8, extents.len() as u8].into_iter();
    header
        .chain(extents.iter().flat_map(|extent| extent.to_be_bytes()))
        .chain(values.iter().copied())
        .collect()
}

#[test]
fn a_set_that_is_not_there_names_the_command_and_is_found_in_the_cache() {
    let cache = TempDir::new().unwrap();
    let sets = ["mnist", "fashion-mnist", "cifar10", "cifar100", "omniglot"].map(|name| (name, name));
    for (name, set) in sets.into_iter().chain([("cifar100-coarse", "cifar100")]) {
        let arguments = ["train", "mlp", "--dataset", name, "--device", "cpu"];
        let complaint = ended(&arguments, cache.path()).complaint().to_string();
        let command = format!("`allometry data get {set}`");
        assert!(complaint.contains(&command) && complaint.contains("--data DIR"), "{complaint}");
        // The same for a folder without its files.
        let given = ended(&[&arguments[..], &["--data", text(cache.path())]].concat(), cache.path());
        let complaint = given.complaint();
        assert!(complaint.contains(&command) && complaint.contains(text(cache.path())), "{complaint}");
    }
    let folder = cache.path().join("data/mnist");
    fs::create_dir_all(&folder).unwrap();
    for (part, count) in [("train", 8), ("t10k", 4)] {
        let pixels: Vec<u8> = (0..count * 28 * 28).map(|i| (i % 251) as u8).collect();
        let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
        fs::write(folder.join(format!("{part}-images-idx3-ubyte")), idx(&[count, 28, 28], &pixels)).unwrap();
        fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), idx(&[count], &labels)).unwrap();
    }
    let out = cache.path().join("run");
    let arguments =
        ["train", "mlp", "--dataset", "mnist", "--epochs", "1", "--device", "cpu", "--out", text(&out)];
    let trained = ended(&arguments, cache.path());
    assert_eq!(trained.code, 0, "{}", trained.err);
    assert!(trained.err.contains("8 training and 4 validation samples of mnist"), "{}", trained.err);
    // The record of the training has the fingerprints of the files.
    let again = ended(&arguments, cache.path());
    assert!(again.err.contains("this training is complete"), "{}", again.err);
}

#[test]
fn failures_end_the_command_with_one_sentence() {
    let cache = TempDir::new().unwrap();
    let server = Server::start(|request, _| match &*request.path {
        "/sets/images_background.zip" => Reply::Cut(b"not the archive".to_vec(), 9),
        _ => Reply::Status("404 Not Found"),
    });
    let folder = cache.path().join("data/omniglot");
    let got = ended(&["data", "get", "omniglot", "--mirror", &server.url()], cache.path());
    assert_eq!(got.code, 1, "{}", got.err);
    for part in [
        "dataset omniglot: not downloaded",
        &*format!("{}images_background.zip", server.url()),
        "MD5 68d2efa1b9178cc56df9314c21c6e718 expected",
        "15 bytes",
        text(&folder),
        "run the same command again",
    ] {
        assert!(got.complaint().contains(part), "{part:?} in {}", got.err);
    }
    assert!(got.err.contains("after the first 9 B") && got.out.is_empty(), "{}", got.err);
    let from: Vec<Option<usize>> = server.requests().iter().map(|request| request.from).collect();
    assert_eq!(from, [None, Some(9)], "{}", got.err);

    let stalling = Server::start(|_, _| Reply::Stall(vec![0; 9], 0));
    let out = cache.path().join("here");
    let arguments =
        ["data", "get", "cifar10", "--mirror", &stalling.url(), "--timeout", "0.2", "--out", text(&out)];
    let got = ended(&arguments, cache.path());
    assert!(got.complaint().contains("no data within 0.2 s") && out.is_dir(), "{}", got.err);

    fail(&["data", "get", "mnist", "--mirror", &server.url(), "--out", "/dev/null"], 1, &["--out DIR"]);
    for arguments in [
        &["data"][..],
        &["data", "get"],
        &["data", "get", "imagenet"],
        &["data", "get", "mnist", "--mirror", "ftp://127.0.0.1/"],
        &["data", "get", "mnist", "--mirror", "http://"],
        &["data", "get", "mnist", "--timeout", "0"],
    ] {
        assert_eq!(ended(arguments, cache.path()).code, 2, "{arguments:?}");
    }
}
