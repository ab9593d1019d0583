//! Draws glyphs into MNIST's four files, for programs that read those, or for a set of fewer classes: ten of the 62
//! characters, as labels 0 to 9.
//!
//! cargo run --release --example draw_glyphs -- DIR FIRST TRAINING VALIDATION
//!
//! FIRST is the place of the first of the ten characters among 0–9, A–Z, a–z.

use allometry::data::glyphs::CHARACTERS;
use allometry::data::{self, DataOptions, Dataset, Target};
use allometry::{Error, Result};
use std::path::Path;

const CLASSES: u32 = 10;
const RESOLUTION: u32 = 28;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<usize> = arguments.iter().skip(1).filter_map(|text| text.parse().ok()).collect();
    let most = CHARACTERS.len() - CLASSES as usize;
    let (directory, first, training, validation) = match (&arguments[..], &numbers[..]) {
        ([directory, ..], &[first, training, validation]) if first <= most => {
            (Path::new(directory), first, training, validation)
        }
        _ => {
            let problem = format!("the arguments are DIR FIRST TRAINING VALIDATION, FIRST from 0 to {most}");
            return Err(Error::Config { what: "draw_glyphs".into(), problem });
        }
    };
    std::fs::create_dir_all(directory).map_err(|error| unwritable(directory, error))?;
    // The validation split of the set is small; training samples of another seed are others.
    for (name, count, seed) in [("train", training, 0), ("t10k", validation, 1)] {
        let set = data::open(&DataOptions { seed, ..DataOptions::default() })?.train;
        write(directory, name, set.as_ref(), first as u32, count)?;
    }
    Ok(())
}

/// Writes so many images of the ten classes from `first` on.
fn write(directory: &Path, name: &str, set: &dyn Dataset, first: u32, count: usize) -> Result<()> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    let mut image = vec![0.0; (RESOLUTION * RESOLUTION) as usize];
    // The set is endless: every epoch has new samples.
    let addresses = (0..).flat_map(|epoch| (0..set.len()).map(move |index| (epoch, index)));
    for (epoch, index) in addresses {
        if labels.len() == count {
            break;
        }
        let mut class = 0;
        set.write(epoch, index, &mut image, Target::Class(&mut class))?;
        if (first..first + CLASSES).contains(&class) {
            pixels.extend(image.iter().map(|ink| (ink * 255.0).round() as u8));
            labels.push((class - first) as u8);
        }
    }
    let extents = [labels.len() as u32, RESOLUTION, RESOLUTION];
    save(&directory.join(format!("{name}-images-idx3-ubyte")), &extents, &pixels)?;
    save(&directory.join(format!("{name}-labels-idx1-ubyte")), &extents[..1], &labels)
}

/// An IDX file of unsigned bytes.
fn save(path: &Path, extents: &[u32], values: &[u8]) -> Result<()> {
    let mut bytes = vec![0, 0, 8, extents.len() as u8];
    bytes.extend(extents.iter().flat_map(|extent| extent.to_be_bytes()));
    bytes.extend(values);
    std::fs::write(path, bytes).map_err(|error| unwritable(path, error))
}

fn unwritable(path: &Path, error: std::io::Error) -> Error {
    Error::Config { what: "draw_glyphs".into(), problem: format!("can't write {}: {error}", path.display()) }
}
