//! An HTTP server on loopback that answers each request as its test says, well or badly.

// Two test targets have this module. The driver's needs only some of the replies.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A request: its path, and the first byte that it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub path: String,
    pub from: Option<usize>,
}

/// An answer.
pub enum Reply {
    /// The bytes from the first one that was asked for on.
    Ranges(Vec<u8>),
    /// All bytes, whatever was asked for.
    Whole(Vec<u8>),
    /// As `Ranges`, but the connection ends after so many bytes.
    Cut(Vec<u8>, usize),
    /// As `Ranges`, but after so many bytes nothing follows, and the connection stays open.
    Stall(Vec<u8>, usize),
    /// As `Ranges`, without a length.
    Unmeasured(Vec<u8>),
    /// Bytes from another one on than was asked for.
    Shifted(Vec<u8>, usize),
    /// A status line, such as `404 Not Found`.
    Status(&'static str),
    /// A redirect to another path or address.
    Redirect(String),
    /// Bytes that are not HTTP.
    Noise,
    /// The end of the connection.
    Nothing,
}

/// The server. It ends when it is dropped.
pub struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers each request with what `reply` makes of it and of the number of requests before it.
    pub fn start(reply: impl Fn(&Request, usize) -> Reply + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, ended) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (log, end) = (requests.clone(), ended.clone());
        let thread = std::thread::spawn(move || {
            // Connections that stall stay open until the server ends.
            let mut open = Vec::new();
            for stream in listener.incoming() {
                if end.load(Ordering::Relaxed) {
                    break;
                }
                let stream = stream.unwrap();
                let Some(request) = read(&stream) else { continue };
                let before = {
                    let mut log = log.lock().unwrap();
                    log.push(request.clone());
                    log.len() - 1
                };
                // The client may close the connection before it has read all.
                if let Ok(Some(stream)) = answer(stream, &request, reply(&request, before)) {
                    open.push(stream);
                }
            }
        });
        Server { address, requests, ended, thread: Some(thread) }
    }

    /// The address of a folder on the server.
    pub fn url(&self) -> String {
        format!("http://{}/sets/", self.address)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let path = first.strip_prefix("GET ")?.split(' ').next()?.to_string();
    let mut from = None;
    for line in lines {
        let line = line.ok()?.to_lowercase();
        if line.is_empty() {
            return Some(Request { path, from });
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().ok();
        }
    }
    None
}

/// Sends a reply. Returns the connection if it is to stay open.
fn answer(mut stream: TcpStream, request: &Request, reply: Reply) -> std::io::Result<Option<TcpStream>> {
    let head = |status: &str, fields: &str| format!("HTTP/1.1 {status}\r\nConnection: close\r\n{fields}\r\n");
    let measured = |status: &str, length: usize, fields: &str| {
        head(status, &format!("Content-Length: {length}\r\n{fields}"))
    };
    let (body, end, measure) = match reply {
        Reply::Ranges(body) => (body, None, true),
        Reply::Cut(body, count) | Reply::Stall(body, count) if count > body.len() => (body, None, true),
        Reply::Cut(body, count) => (body, Some((count, false)), true),
        Reply::Stall(body, count) => (body, Some((count, true)), true),
        Reply::Unmeasured(body) => (body, None, false),
        Reply::Whole(body) => {
            stream.write_all(measured("200 OK", body.len(), "").as_bytes())?;
            stream.write_all(&body)?;
            return Ok(None);
        }
        Reply::Shifted(body, first) => {
            let range = format!("Content-Range: bytes {first}-{}/{}\r\n", body.len() - 1, body.len());
            stream.write_all(measured("206 Partial Content", body.len() - first, &range).as_bytes())?;
            stream.write_all(&body[first..])?;
            return Ok(None);
        }
        Reply::Status(status) => {
            stream.write_all(measured(status, 4, "").as_bytes())?;
            stream.write_all(b"page")?;
            return Ok(None);
        }
        Reply::Redirect(to) => {
            stream.write_all(measured("302 Found", 0, &format!("Location: {to}\r\n")).as_bytes())?;
            return Ok(None);
        }
        Reply::Noise => {
            stream.write_all(b"220 mail.example ESMTP\r\n\r\n")?;
            return Ok(None);
        }
        Reply::Nothing => return Ok(None),
    };
    let length = body.len();
    let (head, first) = match request.from {
        Some(first) if first >= length => {
            let range = format!("Content-Range: bytes */{length}\r\n");
            stream.write_all(measured("416 Range Not Satisfiable", 0, &range).as_bytes())?;
            return Ok(None);
        }
        Some(first) => {
            let range = format!("Content-Range: bytes {first}-{}/{length}\r\n", length - 1);
            (measured("206 Partial Content", length - first, &range), first)
        }
        None if measure => (measured("200 OK", length, ""), 0),
        None => (head("200 OK", ""), 0),
    };
    stream.write_all(head.as_bytes())?;
    let (count, stalls) = end.unwrap_or((length, false));
    stream.write_all(&body[first..length.min(first + count)])?;
    stream.flush()?;
    Ok(stalls.then_some(stream))
}
