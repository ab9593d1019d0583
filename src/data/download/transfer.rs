//! One transfer of a file, or of its rest, by HTTP.

use super::event::Event;
use crate::error::Error;
use crate::files;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;
use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body, ResponseExt};

/// The most bytes of a file, a multiple of the largest published one. A server that sends more sends something else.
const MOST_BYTES: u64 = 1 << 30;

/// Why a transfer ended early. Problems name the address.
pub(super) enum Failure {
    /// The partial file can't be written.
    File(Error),
    /// The address does not have the file, or can't be reached: another attempt would fail too.
    Refused(String),
    /// The connection ended, or nothing arrived in time. What arrived is in the partial file.
    Interrupted(String),
    /// The server can't continue the partial file, which was removed.
    Range(String),
}

/// An HTTP client. It uses the proxy that `ALL_PROXY`, `HTTPS_PROXY` or `HTTP_PROXY` name.
pub(super) struct Client {
    agent: Agent,
    timeout: Duration,
}

impl Client {
    /// Waits at most `timeout` for a connection, for an answer, and for the next bytes.
    pub(super) fn new(timeout: Duration) -> Client {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_resolve(Some(timeout))
            .timeout_connect(Some(timeout))
            .timeout_recv_response(Some(timeout))
            .timeout_per_read(Some(timeout))
            .user_agent(concat!("allometry/", env!("CARGO_PKG_VERSION")))
            .build();
        Client { agent: config.into(), timeout }
    }

    /// Appends to `part`, which has `kept` bytes, the rest of the file; writes all of it if the server sends all of it.
    pub(super) fn transfer(
        &self,
        name: &str,
        url: &str,
        part: &Path,
        kept: u64,
        watch: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Failure> {
        let mut request = self.agent.get(url);
        if kept > 0 {
            request = request.header(header::RANGE, format!("bytes={kept}-"));
        }
        let response = request.call().map_err(|error| match error {
            ureq::Error::Timeout(_) | ureq::Error::Io(_) | ureq::Error::Protocol(_) => {
                Failure::Interrupted(format!("{url}: {}", self.reason(&error)))
            }
            other => Failure::Refused(format!("{url}: {other}")),
        })?;
        let kept = match accepted(&response, kept) {
            Answer::Whole => 0,
            Answer::Rest => kept,
            Answer::Refused => {
                return Err(Failure::Refused(format!(
                    "{url}: {} instead of the file",
                    answer(&response, url)
                )));
            }
            Answer::OtherRange => {
                files::remove(part).map_err(Failure::File)?;
                return Err(Failure::Range(format!(
                    "{url}: {} instead of the bytes from {kept} on",
                    answer(&response, url)
                )));
            }
        };
        let length = response.body().content_length();
        watch(Event::Begin { name, url, kept, total: length.map(|length| kept + length) });
        let file = File::options().create(true).write(true).append(kept > 0).truncate(kept == 0).open(part);
        let mut file = file.map_err(|error| Failure::File(Error::file(part, "open")(error)))?;
        let (mut body, mut bytes, mut piece) = (response.into_body().into_reader(), kept, vec![0; 1 << 16]);
        loop {
            let count = body.read(&mut piece).map_err(|error| {
                let error = ureq::Error::from(error);
                Failure::Interrupted(format!("{url}: {} after {bytes} bytes", self.reason(&error)))
            })?;
            if count == 0 {
                break;
            }
            file.write_all(&piece[..count])
                .map_err(|error| Failure::File(Error::file(part, "write")(error)))?;
            bytes += count as u64;
            if bytes > MOST_BYTES {
                files::remove(part).map_err(Failure::File)?;
                return Err(Failure::Refused(format!(
                    "{url}: not the published file: it has more than {MOST_BYTES} bytes"
                )));
            }
            watch(Event::Received { bytes });
        }
        match length.map(|length| kept + length) {
            Some(total) if bytes < total => Err(Failure::Interrupted(format!(
                "{url}: the connection ended after {bytes} of {total} bytes"
            ))),
            _ => Ok(()),
        }
    }

    /// The reason of a failed connection.
    fn reason(&self, error: &ureq::Error) -> String {
        match error {
            ureq::Error::Timeout(_) => {
                format!("no data within {} s (--timeout waits longer)", self.timeout.as_secs_f64())
            }
            ureq::Error::Io(error) => error.to_string(),
            other => other.to_string(),
        }
    }
}

/// What a server's answer means.
enum Answer {
    /// All of the file follows.
    Whole,
    /// The bytes that were asked for follow.
    Rest,
    /// The server has the file, but does not have these bytes of it.
    OtherRange,
    /// The server does not send the file.
    Refused,
}

fn accepted(response: &Response<Body>, kept: u64) -> Answer {
    match response.status() {
        StatusCode::OK => Answer::Whole,
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if kept == 0 => Answer::Refused,
        StatusCode::PARTIAL_CONTENT if range_begins(response, kept) => Answer::Rest,
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => Answer::OtherRange,
        _ => Answer::Refused,
    }
}

/// Whether the answer is the bytes from `kept` on: `Content-Range: bytes KEPT-LAST/TOTAL`.
fn range_begins(response: &Response<Body>, kept: u64) -> bool {
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let first = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok());
    first == Some(kept)
}

/// The status of an answer, with the address that redirects led to.
fn answer(response: &Response<Body>, url: &str) -> String {
    let from = response.get_uri();
    let redirected = if from == url { String::new() } else { format!(" from {from}") };
    format!("the server answers {}{redirected}", response.status())
}
