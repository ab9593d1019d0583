//! Files that fuzzing found, and valid ones that it began with, through the readers of `fuzz/`.

mod readers;

use std::fs;
use std::path::Path;

#[global_allocator]
static GUARD: readers::Guard = readers::Guard;

/// Reads every file of a reader's folder, and damaged forms of the valid ones. Files whose names begin with `valid` have
/// to be accepted, those with `refused` refused.
#[test]
fn readers_refuse_or_accept_files_and_never_panic() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fuzz");
    for (reader, _) in readers::READERS {
        let entries = fs::read_dir(fixtures.join(reader)).unwrap_or_else(|e| panic!("{reader}: {e}"));
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let mut valid = 0;
        for path in paths {
            let (bytes, name) = (fs::read(&path).unwrap(), path.file_name().unwrap().to_string_lossy());
            let accepted = readers::run(reader, &bytes);
            if name.starts_with("valid") {
                assert!(accepted, "{} is refused", path.display());
                valid += 1;
                for damaged in damaged(&bytes) {
                    readers::run(reader, &damaged);
                }
            }
            assert!(!(name.starts_with("refused") && accepted), "{} is accepted", path.display());
        }
        // The weights of torchvision's models have megabytes.
        assert!(valid > 0 || *reader == "torchvision", "{reader} has no valid file");
    }
}

/// Some forms of a file: cut off, with bytes changed, with a part repeated.
fn damaged(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let places = (0..8).map(|eighth| bytes.len() * eighth / 8);
    places.flat_map(|place| {
        let changed = |byte: u8| {
            let mut changed = bytes.to_vec();
            changed.splice(place..(place + 1).min(bytes.len()), [byte]);
            changed
        };
        let repeated = [&bytes[..place], &bytes[place / 2..]].concat();
        [bytes[..place].to_vec(), changed(0), changed(0xff), changed(b'9'), repeated]
    })
}
