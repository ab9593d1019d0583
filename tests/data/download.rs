//! Downloads from a server on loopback that works, breaks off, stalls, redirects, refuses, and sends something else.

use crate::loopback::{Reply, Request, Server};
use allometry::Error;
use allometry::data::download::{DownloadOptions, Event, download};
use allometry::data::{PublishedFile, PublishedSet};
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const NAME: &str = "images.gz";

/// A set of one file with these contents, of which these members are unpacked.
fn set(name: &'static str, contents: &[u8], members: &'static [&'static str]) -> PublishedSet {
    let md5: String = Md5::digest(contents).iter().map(|byte| format!("{byte:02x}")).collect();
    let files = vec![PublishedFile { name, md5: md5.leak(), members }].leak();
    PublishedSet { name: "drawings", also: &[], mirrors: &[], files }
}

/// Contents that differ everywhere and are larger than a piece of a transfer.
fn contents() -> Vec<u8> {
    (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn options(mirrors: &[String], folder: &Path) -> DownloadOptions {
    let timeout = Duration::from_millis(300);
    DownloadOptions { mirrors: mirrors.to_vec(), folder: Some(folder.into()), timeout }
}

/// Downloads, and returns the outcome and what was said of it.
fn get(set: &PublishedSet, mirrors: &[String], folder: &Path) -> (Result<(), Error>, Vec<String>) {
    let mut said = Vec::new();
    let done = download(set, &options(mirrors, folder), &mut |event| match event {
        Event::Received { .. } => {}
        Event::Failed { problem } => said.push(problem.to_string()),
        other => said.push(format!("{other:?}")),
    });
    (done.map(drop), said)
}

/// The first bytes that the requests asked for.
fn ranges(server: &Server) -> Vec<Option<usize>> {
    server.requests().iter().map(|request| request.from).collect()
}

/// Downloads the contents from the server, which has to succeed with these requests.
fn succeeds(server: &Server, folder: &Path, expected: &[Option<usize>]) {
    let (done, said) = get(&set(NAME, &contents(), &[]), &[server.url()], folder);
    done.unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!(fs::read(folder.join(NAME)).unwrap(), contents(), "{said:?}");
    assert!(!folder.join("images.gz.part").exists());
    assert_eq!(ranges(server), expected, "{said:?}");
}

/// Downloads from the server, which has to fail with a message that has these words. The final name must not exist.
fn fails(server: &Server, folder: &Path, words: &[&str]) -> String {
    let (done, said) = get(&set(NAME, &contents(), &[]), &[server.url()], folder);
    let error = done.unwrap_err();
    assert!(matches!(error, Error::Download { .. }), "{error:?}");
    let message = error.to_string();
    let url = format!("{}{NAME}", server.url());
    for word in [&["drawings", &*url, "--mirror URL", "yourself"][..], words].concat() {
        assert!(message.contains(word), "{word:?} in {message}: {said:?}");
    }
    assert!(!folder.join(NAME).exists());
    message
}

fn place() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_whole_file_is_there_under_its_name_and_is_not_fetched_again() {
    let (place, server) = (place(), Server::start(|_, _| Reply::Ranges(contents())));
    let folder = place.path().join("deep/down");
    succeeds(&server, &folder, &[None]);
    assert_eq!(server.requests(), [Request { path: "/sets/images.gz".into(), from: None }]);
    let (done, said) = get(&set(NAME, &contents(), &[]), &[server.url()], &folder);
    done.unwrap();
    assert_eq!((said.len(), server.requests().len()), (1, 1), "{said:?}");
    assert!(said[0].contains("Present"), "{said:?}");
    // A damaged file is replaced.
    fs::write(folder.join(NAME), "damaged").unwrap();
    succeeds(&server, &folder, &[None, None]);
}

#[test]
fn a_file_without_a_length_is_fetched_too() {
    let (place, server) = (place(), Server::start(|_, _| Reply::Unmeasured(contents())));
    succeeds(&server, place.path(), &[None]);
}

#[test]
fn a_connection_that_ends_is_continued_where_it_ended() {
    let (place, server) = (place(), Server::start(|_, _| Reply::Cut(contents(), 70_000)));
    succeeds(&server, place.path(), &[None, Some(70_000), Some(140_000)]);
}

#[test]
fn a_later_call_continues_what_an_earlier_one_left() {
    let folder = place();
    {
        let server = Server::start(|_, before| match before {
            0 => Reply::Cut(contents(), 70_000),
            _ => Reply::Nothing,
        });
        let message = fails(&server, folder.path(), &[]);
        assert_eq!(ranges(&server), [None, Some(70_000)], "{message}");
        assert_eq!(fs::read(folder.path().join("images.gz.part")).unwrap(), contents()[..70_000]);
    }
    let server = Server::start(|_, _| Reply::Ranges(contents()));
    succeeds(&server, folder.path(), &[Some(70_000)]);

    // A process that was killed between the last byte and the new name leaves nothing to fetch.
    let (folder, server) = (place(), Server::start(|_, _| Reply::Nothing));
    fs::write(folder.path().join("images.gz.part"), contents()).unwrap();
    succeeds(&server, folder.path(), &[]);
}

#[test]
fn a_server_without_ranges_sends_all_of_it_again() {
    let (folder, server) = (place(), Server::start(|_, _| Reply::Whole(contents())));
    fs::write(folder.path().join("images.gz.part"), &contents()[..1000]).unwrap();
    succeeds(&server, folder.path(), &[Some(1000)]);
}

#[test]
fn what_is_kept_of_another_file_is_thrown_away() {
    // As long, and longer than the file, and a range that the server does not send.
    let (folder, server) = (place(), Server::start(|_, _| Reply::Ranges(contents())));
    fs::write(folder.path().join("images.gz.part"), [7; 1000]).unwrap();
    succeeds(&server, folder.path(), &[Some(1000), None]);

    let (folder, server) = (place(), Server::start(|_, _| Reply::Ranges(contents())));
    fs::write(folder.path().join("images.gz.part"), vec![7; 300_000]).unwrap();
    succeeds(&server, folder.path(), &[Some(300_000), None]);

    let (folder, server) = (
        place(),
        Server::start(|request, _| match request.from {
            Some(_) => Reply::Shifted(contents(), 17),
            None => Reply::Ranges(contents()),
        }),
    );
    fs::write(folder.path().join("images.gz.part"), &contents()[..1000]).unwrap();
    succeeds(&server, folder.path(), &[Some(1000), None]);
}

#[test]
fn a_server_that_stalls_is_given_up_in_time_and_continued_later() {
    let folder = place();
    let begun = Instant::now();
    {
        let server = Server::start(|_, _| Reply::Stall(contents(), 0));
        fails(&server, folder.path(), &["no data within 0.3 s", "--timeout"]);
        assert_eq!(ranges(&server), [None]);
    }
    let server = Server::start(|_, before| match before {
        0 => Reply::Stall(contents(), 5000),
        _ => Reply::Ranges(contents()),
    });
    succeeds(&server, folder.path(), &[None, Some(5000)]);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn redirects_are_followed_and_end() {
    let (folder, server) = (
        place(),
        Server::start(|request, _| match &*request.path {
            "/elsewhere/images.gz" => Reply::Cut(contents(), 150_000),
            _ => Reply::Redirect("/elsewhere/images.gz".into()),
        }),
    );
    succeeds(&server, folder.path(), &[None, None, Some(150_000), Some(150_000)]);
    let server = Server::start(|_, _| Reply::Redirect("/sets/images.gz".into()));
    fails(&server, place().path(), &["redirects"]);
    let server = Server::start(|request, _| match &*request.path {
        "/gone" => Reply::Status("410 Gone"),
        _ => Reply::Redirect("/gone".into()),
    });
    fails(&server, place().path(), &["410 Gone from http://127.0.0.1", "/gone", "instead of the file"]);
}

#[test]
fn other_answers_are_errors_that_say_what_came() {
    for status in ["404 Not Found", "403 Forbidden", "503 Service Unavailable", "204 No Content"] {
        let server = Server::start(move |_, _| Reply::Status(status));
        fails(&server, place().path(), &[status, "instead of the file"]);
        assert_eq!(server.requests().len(), 1, "{status}");
    }
    let found = set(NAME, b"another file", &[]).files[0].md5;
    let expected = set(NAME, &contents(), &[]).files[0].md5;
    let (folder, server) = (place(), Server::start(|_, _| Reply::Whole(b"another file".to_vec())));
    fails(&server, folder.path(), &[expected, found, "12 bytes", "not the published file"]);
    assert!(!folder.path().join("images.gz.part").exists());
    let server = Server::start(|_, _| Reply::Noise);
    fails(&server, place().path(), &["invalid HTTP"]);
    let server = Server::start(|_, _| Reply::Nothing);
    fails(&server, place().path(), &[]);
}

#[test]
fn addresses_are_tried_in_order_and_continue_each_other() {
    let folder = place();
    let gone = Server::start(|_, _| Reply::Status("404 Not Found"));
    let ends = Server::start(|_, before| match before {
        0 => Reply::Cut(contents(), 50_000),
        _ => Reply::Nothing,
    });
    let wrong = Server::start(|_, _| Reply::Whole(vec![1; 5]));
    let good = Server::start(|_, _| Reply::Ranges(contents()));
    // Nobody listens there any more.
    let deaf = Server::start(|_, _| Reply::Nothing).url();
    let mirrors = [gone.url(), deaf.clone(), ends.url(), good.url(), wrong.url()];
    let (done, said) = get(&set(NAME, &contents(), &[]), &mirrors, folder.path());
    done.unwrap();
    assert_eq!(fs::read(folder.path().join(NAME)).unwrap(), contents());
    assert_eq!((ranges(&good), wrong.requests().len()), (vec![Some(50_000)], 0), "{said:?}");

    // The message lists the problem of every address.
    let (done, _) =
        get(&set(NAME, &contents(), &[]), &[gone.url(), deaf.clone(), wrong.url()], place().path());
    let message = done.unwrap_err().to_string();
    for part in [&*gone.url(), "404", &*deaf, "refused", &*wrong.url(), "5 bytes"] {
        assert!(message.contains(part), "{part:?} in {message}");
    }
}

#[test]
fn a_connection_that_always_ends_is_not_tried_for_ever() {
    let server = Server::start(|_, _| Reply::Cut(contents(), 10));
    fails(&server, place().path(), &["after 5 attempts"]);
    assert_eq!(server.requests().len(), 5);
}

/// A gzipped tar archive with these files.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, contents) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        // `append_data` refuses names that lead out of the archive; a hostile archive would have them.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, *contents).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn members_of_an_archive_are_unpacked_into_the_folder_alone() {
    const MEMBERS: &[&str] = &["train.bin", "test.bin"];
    let place = place();
    let folder = place.path().join("set");
    let packed = archive(&[
        ("../evil.bin", b"e"),
        ("cifar/readme.html", b"r"),
        ("cifar/train.bin", &contents()),
        ("../../test.bin", b"tested"),
    ]);
    let served = packed.clone();
    let server = Server::start(move |_, _| Reply::Ranges(served.clone()));
    let set = set("set.tar.gz", &packed, MEMBERS);
    for _ in 0..2 {
        let (done, said) = get(&set, &[server.url()], &folder);
        done.unwrap();
        assert_eq!(fs::read(folder.join("train.bin")).unwrap(), contents(), "{said:?}");
        assert_eq!(fs::read(folder.join("test.bin")).unwrap(), b"tested");
        let names = |folder: &Path| {
            let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
            names.sort();
            names
        };
        assert_eq!(names(&folder), [".lock", "test.bin", "train.bin"]);
        assert_eq!(names(place.path()), ["set"]);
        assert_eq!(server.requests().len(), 1, "unpacked files are not fetched again");
    }
    // A process that was killed while it unpacked goes on with the archive that it has.
    fs::remove_file(folder.join("test.bin")).unwrap();
    fs::write(folder.join("set.tar.gz"), &packed).unwrap();
    fs::write(folder.join("train.bin.part"), "half").unwrap();
    get(&set, &[server.url()], &folder).0.unwrap();
    assert!(folder.join("test.bin").exists() && !folder.join("set.tar.gz").exists());
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn archives_that_lack_a_member_or_are_none_are_errors() {
    let whole = archive(&[("a/train.bin", &contents())]);
    let half = whole[..whole.len() / 2].to_vec();
    for (packed, words) in
        [(whole, "one without test.bin"), (half, "damaged"), (b"no archive".to_vec(), "damaged")]
    {
        let place = place();
        let set = set("set.tar.gz", &packed, &["train.bin", "test.bin"]);
        let server = Server::start(move |_, _| Reply::Whole(packed.clone()));
        let error = get(&set, &[server.url()], place.path()).0.unwrap_err().to_string();
        assert!(error.contains("set.tar.gz") && error.contains(words), "{error}");
        assert!(!place.path().join("test.bin").exists());
    }
}

#[test]
fn folders_and_disks_that_take_nothing_are_errors() {
    let (place, server) = (place(), Server::start(|_, _| Reply::Ranges(contents())));
    let set = set(NAME, &contents(), &[]);
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let message = get(&set, &[server.url()], &file.join("folder")).0.unwrap_err().to_string();
    assert!(message.contains("cannot create") && message.contains("--out DIR"), "{message}");
    assert_eq!(server.requests().len(), 0);
    // A device that is always full.
    #[cfg(target_os = "linux")]
    {
        let folder = place.path().join("full");
        fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.join("images.gz.part")).unwrap();
        let message = get(&set, &[server.url()], &folder).0.unwrap_err().to_string();
        for part in ["images.gz.part", "cannot write", "space", "--out DIR"] {
            assert!(message.contains(part), "{part:?} in {message}");
        }
        assert_eq!(server.requests().len(), 1, "no other address is tried");
    }
    let _lock = allometry::files::Lock::take(place.path()).unwrap();
    let busy = get(&set, &[server.url()], place.path()).0.unwrap_err();
    assert!(matches!(busy, Error::Busy { .. }), "{busy}");
}
