//! From the bytes of an image file to a square sample.

use crate::data::resample::{MAX_SOURCE, Resampler};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use std::io::Cursor;

/// The most bytes of a decoded image.
const MAX_DECODED: u64 = 1 << 30;
/// Marks of JPEG files: the start of a scan, and the end of the image.
const START_OF_SCAN: [u8; 2] = [0xff, 0xda];
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];

/// What the header of a file says.
pub(super) struct Header {
    pub shorter_side: usize,
    /// Whether it has one channel and perhaps transparency.
    pub grey: bool,
}

/// The form of the samples of a set.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// Height and width.
    pub side: usize,
    /// One channel instead of red, green and blue.
    pub grey: bool,
}

impl Header {
    /// Reads the header of a file, or says what is wrong with it.
    pub fn of(bytes: &[u8]) -> Result<Header, String> {
        let decoder = decoder(bytes)?;
        let (width, height) = decoder.dimensions();
        let shorter_side = width.min(height) as usize;
        if shorter_side == 0 {
            return Err("no pixels".to_string());
        }
        Ok(Header { shorter_side, grey: !decoder.color_type().has_color() })
    }
}

impl Form {
    /// Values per pixel.
    pub fn channels(self) -> usize {
        if self.grey { 1 } else { 3 }
    }

    /// Values per sample.
    pub fn values(self) -> usize {
        self.side * self.side * self.channels()
    }

    /// Decodes a file, turns it as its EXIF orientation says, takes the largest centred square, and resamples it: as many
    /// bytes as [`values`](Form::values), or what is wrong with the file. Transparency is ignored.
    pub fn decode(self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut decoder = decoder(bytes)?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
        image.apply_orientation(orientation);
        let (width, height) = (image.width() as usize, image.height() as usize);
        let pixels = if self.grey { image.into_luma8().into_raw() } else { image.into_rgb8().into_raw() };
        let (edge, channels) = (width.min(height), self.channels());
        let (top, left) = ((height - edge) / 2, (width - edge) / 2);
        let rows = pixels.chunks_exact(width * channels).skip(top).take(edge);
        let rows = rows.map(|row| &row[left * channels..][..edge * channels]);
        let mut sample = vec![0; self.values()];
        if edge == self.side {
            sample
                .chunks_exact_mut(edge * channels)
                .zip(rows)
                .for_each(|(to, from)| to.copy_from_slice(from));
        } else {
            let resampler = Resampler::new([edge; 2], [self.side; 2]).map_err(|error| error.to_string())?;
            resampler.apply_to_bytes(rows, &mut sample).map_err(|error| error.to_string())?;
        }
        Ok(sample)
    }
}

/// The decoder of a file, whatever its name says.
fn decoder(bytes: &[u8]) -> Result<impl ImageDecoder + '_, String> {
    let mut reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| error.to_string())?;
    if reader.format().is_none() {
        return Err("not a JPEG, PNG, WebP or BMP file".to_string());
    }
    // The decoder fills what is missing of a JPEG with grey.
    if reader.format() == Some(ImageFormat::Jpeg) && !is_complete(bytes) {
        return Err("truncated".to_string());
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SOURCE as u32);
    limits.max_image_height = Some(MAX_SOURCE as u32);
    limits.max_alloc = Some(MAX_DECODED);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    if decoder.total_bytes() > MAX_DECODED {
        return Err(format!("larger than {} MiB when it is decoded", MAX_DECODED >> 20));
    }
    Ok(decoder)
}

/// Whether the last scan of a JPEG has an end.
fn is_complete(bytes: &[u8]) -> bool {
    let last = |mark: [u8; 2]| bytes.windows(2).rposition(|pair| pair == mark);
    last(END_OF_IMAGE).is_some_and(|end| last(START_OF_SCAN).is_some_and(|start| start < end))
}
