//! Downloads the files of a published set and checks them against the publisher's digests.
//!
//! A file is written to `NAME.part` and renamed when its MD5 is right, so a file with its own name is whole. A later
//! call continues a partial file, if the server sends ranges. `transfer` speaks HTTP, `unpack` takes archives apart.

mod event;
mod part;
mod transfer;
mod unpack;

pub use event::Event;

use super::published::{PublishedFile, PublishedSet};
use crate::cache;
use crate::error::{Error, Result};
use crate::files::{self, Lock};
use part::{digest, finish, size};
use std::path::{Path, PathBuf};
use std::time::Duration;
use transfer::{Client, Failure};

/// The most attempts at one address. Those after the first continue what the connection's loss interrupted.
const ATTEMPTS: usize = 5;

/// Where to download from and to.
#[derive(Debug, Clone)]
pub struct DownloadOptions {
    /// Addresses of folders with the set's files, tried in this order; empty for those that are published.
    pub mirrors: Vec<String>,
    /// The folder for the files; `None` for [`PublishedSet::folder`].
    pub folder: Option<PathBuf>,
    /// How long to wait for a connection, for an answer, and for the next bytes.
    pub timeout: Duration,
}

impl Default for DownloadOptions {
    fn default() -> DownloadOptions {
        DownloadOptions { mirrors: Vec::new(), folder: None, timeout: Duration::from_secs(30) }
    }
}

/// Downloads the files of a set that are not there yet. Returns their folder.
///
/// # Errors
/// [`Error::Download`] if no address sends a file as it was published, or the files can't be written; [`Error::Busy`]
/// while another process downloads to the folder; [`Error::Config`] without a folder.
pub fn download(
    set: &PublishedSet,
    options: &DownloadOptions,
    watch: &mut dyn FnMut(Event<'_>),
) -> Result<PathBuf> {
    let folder = match &options.folder {
        Some(folder) => folder.clone(),
        None => set.folder_in(cache::folder_for(&format!("dataset {}", set.name))?),
    };
    let local = |error: Error| match error {
        Error::File { .. } => Error::Download {
            dataset: set.name.to_string(),
            problems: vec![error.to_string()],
            hint: "make the folder writable and free some space, or give another folder with --out DIR"
                .into(),
        },
        other => other,
    };
    files::check_folder(&folder).map_err(local)?;
    let _lock = Lock::take(&folder)?;
    let client = Client::new(options.timeout);
    for file in set.files {
        let mirrors: Vec<&str> = match &options.mirrors[..] {
            [] => set.mirrors.to_vec(),
            given => given.iter().map(String::as_str).collect(),
        };
        let place = Place { file, folder: &folder };
        match place.get(&client, &mirrors, watch).map_err(local)? {
            Ok(()) => {}
            Err(problems) => {
                let hint = format!(
                    "run the same command again later to continue, name another address with --mirror URL, or put \
                     {} into {} yourself",
                    file.name,
                    folder.display()
                );
                return Err(Error::Download { dataset: set.name.to_string(), problems, hint });
            }
        }
    }
    Ok(folder)
}

/// A file and its folder.
struct Place<'a> {
    file: &'a PublishedFile,
    folder: &'a Path,
}

impl Place<'_> {
    /// Downloads and unpacks the file, unless that is done. The inner error lists the problem of each address.
    fn get(
        &self,
        client: &Client,
        mirrors: &[&str],
        watch: &mut dyn FnMut(Event<'_>),
    ) -> Result<Result<(), Vec<String>>> {
        let PublishedFile { name, md5, members } = *self.file;
        let (target, part) = (self.folder.join(name), self.folder.join(format!("{name}.part")));
        let unpacked = !members.is_empty() && members.iter().all(|member| self.folder.join(member).is_file());
        let whole = |path: &Path| Ok::<bool, Error>(path.is_file() && digest(path)?.1 == md5);
        if unpacked || whole(&target)? {
            watch(Event::Present { name });
        } else if whole(&part)? {
            // All of it had arrived when the process ended.
            finish(&part, &target)?;
        } else {
            let mut problems = Vec::new();
            let mut got = None;
            for mirror in mirrors {
                let url = format!("{}/{name}", mirror.trim_end_matches('/'));
                match self.from(client, &url, &part, watch)? {
                    Ok(bytes) => {
                        got = Some(bytes);
                        break;
                    }
                    Err(problem) => {
                        watch(Event::Failed { problem: &problem });
                        problems.push(problem);
                    }
                }
            }
            let Some(bytes) = got else { return Ok(Err(problems)) };
            finish(&part, &target)?;
            watch(Event::Done { name, bytes });
        }
        if !members.is_empty() && !unpacked {
            unpack::unpack(&target, members, self.folder)?;
            files::remove(&target)?;
        }
        Ok(Ok(()))
    }

    /// Downloads the file from one address to `part`, or continues. Returns its size. The inner error is the address's
    /// problem.
    fn from(
        &self,
        client: &Client,
        url: &str,
        part: &Path,
        watch: &mut dyn FnMut(Event<'_>),
    ) -> Result<Result<u64, String>> {
        let PublishedFile { name, md5, .. } = *self.file;
        let mut problem = String::new();
        // What an earlier call or another address left may be the beginning of another file.
        let mut inherited = size(part)? > 0;
        for _ in 0..ATTEMPTS {
            let kept = size(part)?;
            problem = match client.transfer(name, url, part, kept, watch) {
                Ok(()) => {
                    let (bytes, found) = digest(part)?;
                    if found == md5 {
                        return Ok(Ok(bytes));
                    }
                    files::remove(part)?;
                    let problem = format!(
                        "{url}: not the published file: MD5 {md5} expected, {found} found in {bytes} bytes"
                    );
                    if !std::mem::take(&mut inherited) {
                        return Ok(Err(problem));
                    }
                    problem
                }
                Err(Failure::File(error)) => return Err(error),
                Err(Failure::Refused(problem)) => return Ok(Err(problem)),
                // Continues as long as attempts bring more of the file.
                Err(Failure::Interrupted(problem)) if size(part)? <= kept => return Ok(Err(problem)),
                Err(Failure::Interrupted(problem) | Failure::Range(problem)) => problem,
            };
            watch(Event::Failed { problem: &problem });
        }
        Ok(Err(format!("{problem}, after {ATTEMPTS} attempts")))
    }
}
