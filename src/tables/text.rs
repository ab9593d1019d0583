//! A file's bytes as text, and line numbers.

use crate::error::{Error, Result};
use std::path::Path;

/// A file's bytes as text: UTF-8, or UTF-16 with a byte order mark.
pub(super) fn decode(path: &Path, bytes: Vec<u8>) -> Result<String> {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        let text = String::from_utf16(&units);
        text.map_err(|_| Error::format(path, "text in UTF-16, as its first bytes say", "other bytes"))
    };
    match bytes[..] {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => String::from_utf8(bytes).map_err(|error| {
            let line = line(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
            let expected = "text in UTF-8 (spreadsheets save it as \"CSV UTF-8\")";
            Error::format(path, expected, format!("other bytes in line {line}"))
        }),
    }
}

/// The number, from 1 on, of the line after `before`.
pub(super) fn line(before: &[u8]) -> usize {
    line_ends(before) + 1
}

/// The number of lines that end in `text`, with LF, CR LF or CR.
pub(super) fn line_ends(text: &[u8]) -> usize {
    let mut ends = 0;
    for (place, byte) in text.iter().enumerate() {
        if *byte == b'\n' || *byte == b'\r' && text.get(place + 1) != Some(&b'\n') {
            ends += 1;
        }
    }
    ends
}
