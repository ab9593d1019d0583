//! Random changes of training images: which ones, and how strong.
//!
//! `image.rs` has the changes, `mixup.rs` mixes batches, and [`Prepared`](super::prepared) applies the changes to a set.

pub(super) mod image;
pub(super) mod mixup;

use crate::error::listed;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Random changes of training images, in the order in which they are applied. Every sample of every epoch draws its own,
/// by the seed.
///
/// The text form is that of `--augment`: `crop:4,flip,rotate:15,brightness:0.2,contrast:0.2,cutout:8,mixup:0.2`.
///
/// ```
/// use allometry::data::Augment;
///
/// let augment: Augment = "crop:4,flip".parse().unwrap();
/// assert_eq!(augment, Augment { crop: 4, flip: true, ..Augment::default() });
/// assert_eq!(augment.to_string(), "crop:4,flip");
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Augment {
    /// The least part of the area that a random rectangle has, which is then resized to the whole (Szegedy et al. 2015);
    /// 0 for none. The sides have a ratio of 3 : 4 to 4 : 3.
    pub resized_crop: f64,
    /// Pixels of black that are added on each side before a random part of the original size is taken.
    pub crop: usize,
    /// Whether half of the images are mirrored from left to right.
    pub flip: bool,
    /// The largest rotation in degrees, either way.
    pub rotate: f64,
    /// The brightness is multiplied by 1 minus to 1 plus this.
    pub brightness: f64,
    /// Differences from the mean grey are multiplied by 1 minus to 1 plus this.
    pub contrast: f64,
    /// Height and width of a square that is set to the mean (DeVries & Taylor 2017), in pixels.
    pub cutout: usize,
    /// The constant α of mixup (Zhang et al. 2017), at most 1: images are mixed with others of their batch by a weight
    /// of the distribution Beta(α, α).
    pub mixup: f64,
}

/// The names, each with the number that it has without one; `None` if it needs one or has none.
const NAMES: [(&str, Option<f64>); 8] = [
    ("resized-crop", Some(0.08)),
    ("crop", None),
    ("flip", None),
    ("rotate", None),
    ("brightness", None),
    ("contrast", None),
    ("cutout", None),
    ("mixup", None),
];

impl Augment {
    /// Whether it changes anything.
    pub fn is_none(&self) -> bool {
        *self == Augment::default()
    }

    /// Whether it changes images one by one, which mixup does not.
    pub(super) fn changes_images(&self) -> bool {
        Augment { mixup: 0.0, ..*self } != Augment::default()
    }

    /// Checks that the numbers are in their ranges.
    ///
    /// # Errors
    /// The number that is not, and its range.
    pub fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: f64, most: f64| {
            let fits = (0.0..=most).contains(&value);
            if fits {
                Ok(())
            } else {
                Err(format!("{name} is {value}; it must be above 0 and at most {most}"))
            }
        };
        within("resized-crop", self.resized_crop, 1.0)?;
        within("crop", self.crop as f64, 1024.0)?;
        within("rotate", self.rotate, 180.0)?;
        within("brightness", self.brightness, 1.0)?;
        within("contrast", self.contrast, 1.0)?;
        within("cutout", self.cutout as f64, 1024.0)?;
        within("mixup", self.mixup, 1.0)
    }

    /// The numbers by name; 0 for what is off.
    fn numbers(&self) -> [f64; 8] {
        let flip = if self.flip { 1.0 } else { 0.0 };
        [
            self.resized_crop,
            self.crop as f64,
            flip,
            self.rotate,
            self.brightness,
            self.contrast,
            self.cutout as f64,
            self.mixup,
        ]
    }
}

impl FromStr for Augment {
    type Err = String;

    /// Parses names with numbers, separated by commas: `crop:4,flip`.
    fn from_str(text: &str) -> Result<Augment, String> {
        let mut augment = Augment::default();
        let mut seen = Vec::new();
        for part in text.split(',').map(str::trim) {
            let (name, number) = match part.split_once(':') {
                Some((name, number)) => (name, Some(number)),
                None => (part, None),
            };
            let Some(&(name, default)) = NAMES.iter().find(|(known, _)| *known == name) else {
                let known = NAMES.map(|(known, _)| known);
                return Err(format!(
                    "{part:?} is none of {}; give, for example, crop:4,flip",
                    listed(&known)
                ));
            };
            if seen.contains(&name) {
                return Err(format!("{name} is given twice"));
            }
            seen.push(name);
            if name == "flip" {
                if number.is_some() {
                    return Err("flip takes no number".to_string());
                }
                augment.flip = true;
                continue;
            }
            let parsed = match number {
                Some(number) => {
                    number.parse().ok().filter(|number: &f64| *number > 0.0 && number.is_finite())
                }
                None => default,
            };
            let number = parsed
                .ok_or_else(|| format!("{name} needs a number above 0, as in {name}:{}", example(name)))?;
            let pixels = || {
                let whole = number.fract() == 0.0 && number <= 1024.0;
                if whole {
                    Ok(number as usize)
                } else {
                    Err(format!("{name} takes whole pixels, at most 1024"))
                }
            };
            match name {
                "resized-crop" => augment.resized_crop = number,
                "crop" => augment.crop = pixels()?,
                "rotate" => augment.rotate = number,
                "brightness" => augment.brightness = number,
                "contrast" => augment.contrast = number,
                "cutout" => augment.cutout = pixels()?,
                _ => augment.mixup = number,
            }
        }
        augment.check().map(|()| augment)
    }
}

/// A usual number.
fn example(name: &str) -> &'static str {
    match name {
        "crop" => "4",
        "cutout" => "8",
        "rotate" => "15",
        _ => "0.2",
    }
}

impl fmt::Display for Augment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = NAMES.iter().zip(self.numbers()).filter(|(_, number)| *number != 0.0);
        for (place, ((name, _), number)) in on.enumerate() {
            let comma = if place > 0 { "," } else { "" };
            match *name {
                "flip" => write!(f, "{comma}{name}")?,
                _ => write!(f, "{comma}{name}:{number}")?,
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for Augment {
    type Error = String;

    fn try_from(text: String) -> Result<Augment, String> {
        text.parse()
    }
}

impl From<Augment> for String {
    fn from(augment: Augment) -> String {
        augment.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_read_back() {
        let text = "resized-crop:0.08,crop:4,flip,rotate:15,brightness:0.2,contrast:0.3,cutout:8,mixup:0.2";
        let augment: Augment = text.parse().unwrap();
        assert_eq!(augment.to_string(), text);
        assert_eq!((augment.rotate, augment.contrast, augment.cutout), (15.0, 0.3, 8));
        assert_eq!("flip, resized-crop".parse::<Augment>().unwrap().to_string(), "resized-crop:0.08,flip");
        assert!(!"mixup:1".parse::<Augment>().unwrap().changes_images() && augment.changes_images());
        for (text, words) in [
            ("", "none of"),
            ("blur:2", "none of"),
            ("flip:1", "no number"),
            ("crop", "crop:4"),
            ("crop:1.5", "whole pixels"),
            ("crop:-4", "above 0"),
            ("rotate:nan", "rotate:15"),
            ("rotate:181", "at most 180"),
            ("mixup:2", "at most 1"),
            ("flip,flip", "twice"),
        ] {
            let error = text.parse::<Augment>().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
