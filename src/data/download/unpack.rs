//! Unpacks the files of a set from its archive.

use super::part::finish;
use crate::error::{Error, Result};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::path::Path;

/// Writes these members of a gzipped tar archive into a folder. A member is found by its name, in whatever folder of the
/// archive it is, so no entry can name a place outside. Each is written to `NAME.part` and renamed when it is whole.
pub(super) fn unpack(archive: &Path, members: &[&str], folder: &Path) -> Result<()> {
    let file = File::open(archive).map_err(Error::file(archive, "open"))?;
    let mut entries = tar::Archive::new(MultiGzDecoder::new(BufReader::new(file)));
    let damaged = |error: io::Error| match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::Other => {
            Error::format(archive, "a gzipped tar archive", format!("a damaged or foreign file ({error})"))
        }
        _ => Error::file(archive, "read")(error),
    };
    let mut missing: Vec<&str> = members.to_vec();
    for entry in entries.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let path = entry.path().map_err(damaged)?.into_owned();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(place) = missing.iter().position(|member| *member == name) else { continue };
        if !entry.header().entry_type().is_file() {
            continue;
        }
        missing.swap_remove(place);
        let (target, part) = (folder.join(name), folder.join(format!("{name}.part")));
        let mut written = File::create(&part).map_err(Error::file(&part, "create"))?;
        let mut piece = vec![0; 1 << 16];
        loop {
            let count = entry.read(&mut piece).map_err(damaged)?;
            if count == 0 {
                break;
            }
            written.write_all(&piece[..count]).map_err(Error::file(&part, "write"))?;
        }
        finish(&part, &target)?;
    }
    match &missing[..] {
        [] => Ok(()),
        missing => Err(Error::format(
            archive,
            format!("an archive with {}", members.join(", ")),
            format!("one without {}", missing.join(", ")),
        )),
    }
}
