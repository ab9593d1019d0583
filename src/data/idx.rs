//! The IDX format of MNIST and similar sets: a magic number, the extents, then the values.
//!
//! ```text
//! 0x00 0x00 TYPE RANK | RANK × u32, big-endian | values, row-major
//! ```
//! Only TYPE 0x08 (unsigned bytes) is supported, gzipped or not; the first bytes of the file tell, not its name.

use crate::error::{Error, Result};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const UNSIGNED_BYTES: u8 = 0x08;

/// The contents of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Idx {
    /// Extents, outermost first; as many as the requested rank.
    pub extents: Vec<usize>,
    /// One byte per value, row-major.
    pub values: Vec<u8>,
}

/// Reads a file of unsigned bytes with `rank` extents.
///
/// # Errors
/// A file that cannot be read, has another type or rank, an extent of 0, or more or fewer values than its header says.
pub fn read(path: &Path, rank: u8) -> Result<Idx> {
    let mut file = BufReader::new(File::open(path).map_err(Error::file(path, "open"))?);
    let start = file.fill_buf().map_err(Error::file(path, "read"))?;
    if start.starts_with(&GZIP_MAGIC) {
        parse(path, rank, MultiGzDecoder::new(file))
    } else {
        parse(path, rank, file)
    }
}

fn parse(path: &Path, rank: u8, mut file: impl Read) -> Result<Idx> {
    let magic = take(path, &mut file, 4)?;
    let expected = [0, 0, UNSIGNED_BYTES, rank];
    if magic != expected {
        return Err(Error::format(
            path,
            format!(
                "an IDX file of unsigned bytes with {rank} dimensions (it begins {})",
                hexadecimal(&expected)
            ),
            if magic.is_empty() { "an empty file".into() } else { hexadecimal(&magic) },
        ));
    }
    let header = take(path, &mut file, 4 * u64::from(rank))?;
    if header.len() != 4 * usize::from(rank) {
        let (expected, found) = (4 + 4 * usize::from(rank), 4 + header.len());
        return Err(Error::format(path, format!("a header of {expected} bytes"), format!("{found} bytes")));
    }
    // chunks_exact(4) gives slices of four bytes, as u32::from_be_bytes needs.
    let extents: Vec<usize> =
        header.chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize).collect();
    let size = extents.iter().try_fold(1u64, |size, &extent| size.checked_mul(extent as u64));
    let Some(size) = size.filter(|&size| size > 0 && size < u64::from(u32::MAX)) else {
        return Err(Error::format(
            path,
            "extents of at least 1 and less than 4 GiB together",
            list(&extents),
        ));
    };

    // Reading one byte more than expected detects a file that continues. The buffer grows with the data read, so a
    // forged header cannot request memory.
    let values = take(path, &mut file, size + 1)?;
    if values.len() as u64 != size {
        let found = if values.len() as u64 > size { "more".into() } else { values.len().to_string() };
        return Err(Error::format(path, format!("{size} values ({})", list(&extents)), found));
    }
    Ok(Idx { extents, values })
}

/// Reads `count` bytes, or fewer at the end of the file.
fn take(path: &Path, file: &mut impl Read, count: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(count).read_to_end(&mut bytes).map_err(|source| match source.kind() {
        // The decoder's errors for a truncated or damaged stream.
        ErrorKind::UnexpectedEof | ErrorKind::InvalidInput | ErrorKind::InvalidData => {
            Error::format(path, "a whole gzip file", format!("a damaged or truncated one ({source})"))
        }
        _ => Error::file(path, "read")(source),
    })?;
    Ok(bytes)
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    format!("0x{digits}")
}

fn list(extents: &[usize]) -> String {
    extents.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ")
}
