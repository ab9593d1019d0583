//! Which files are images.

use super::storage::{Entry, Storage};
use super::unreadable::Unreadable;
use image::ImageFormat;

/// Endings of the names of images that can be read, in lower case.
const READ: [&str; 6] = ["jpg", "jpeg", "jpe", "png", "webp", "bmp"];
/// Endings of the names of images that cannot be read.
const NOT_READ: [&str; 11] =
    ["avif", "exr", "gif", "heic", "heif", "ico", "jp2", "jxl", "svg", "tif", "tiff"];

/// The images among files, by the ending of the name or, under any other ending, by the first bytes; beside them,
/// images of formats that cannot be read. Files of other kinds, such as notes, are left out.
pub(super) fn images(storage: &Storage, files: Vec<Entry>) -> (Vec<Entry>, Vec<Unreadable>) {
    let (mut images, mut foreign) = (Vec::new(), Vec::new());
    for file in files {
        let ending = file.name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase()).unwrap_or_default();
        if READ.contains(&&ending[..]) {
            images.push(file);
            continue;
        }
        let start = storage.start(&file).unwrap_or_default();
        match image::guess_format(&start) {
            Ok(ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP | ImageFormat::Bmp) => {
                images.push(file)
            }
            Ok(format) => foreign.push(Unreadable::new(
                &file,
                format!("{} is not supported", format!("{format:?}").to_uppercase()),
            )),
            Err(_) if NOT_READ.contains(&&ending[..]) => {
                foreign.push(Unreadable::new(&file, format!("{ending} is not supported")));
            }
            Err(_) => {}
        }
    }
    (images, foreign)
}
