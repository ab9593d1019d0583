//! The variants that `allometry tune` chose for an adapter, in memory and on disk.
//!
//! Each adapter has a small TOML file in the [cache folder](crate::cache::folder). A device reads it when it is opened.
//! The file names the adapter, the driver and the version of this crate. With another driver or version it is ignored,
//! because other variants may then be the fastest.

use crate::device::class::Class;
use crate::error::{Error, Result, brief};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Chosen variants that replace the defaults, by family and class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TunedVariants(BTreeMap<String, BTreeMap<Class, String>>);

impl TunedVariants {
    /// The name of the chosen variant; `None` for the default.
    pub fn get(&self, family: &str, class: Class) -> Option<&str> {
        Some(self.0.get(family)?.get(&class)?)
    }

    /// Chooses a variant; `None` chooses the default. A name that the family does not have also means the default.
    pub fn set(&mut self, family: &str, class: Class, variant: Option<&str>) {
        match variant {
            Some(variant) => {
                self.0.entry(family.to_string()).or_default().insert(class, variant.to_string());
            }
            None => {
                if let Some(classes) = self.0.get_mut(family) {
                    classes.remove(&class);
                }
                self.0.retain(|_, classes| !classes.is_empty());
            }
        }
    }

    /// Whether all variants are the defaults.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The adapter, driver and crate version that a file of choices applies to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subject {
    pub(crate) adapter: String,
    pub(crate) backend: String,
    pub(crate) driver: String,
    /// The version of this crate.
    pub(crate) allometry: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "for")]
    subject: Subject,
    choices: TunedVariants,
}

impl Subject {
    /// The path of its file in a cache folder.
    pub(crate) fn file(&self, folder: &Path) -> PathBuf {
        let parts = [&self.adapter, &self.backend, &self.driver].map(|part| {
            let words = part.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
            words.collect::<Vec<_>>().join("-").to_lowercase()
        });
        // File names have at most 255 bytes. The file's contents identify the subject.
        let stem: String = parts.join("_").chars().take(200).collect();
        folder.join(format!("{stem}.toml"))
    }

    /// Reads its choices. There are none if the file is missing or is about another subject.
    ///
    /// # Errors
    /// [`Error::File`] for a file that can't be read; [`Error::Format`] for a file with other contents.
    pub(crate) fn read(&self, folder: &Path) -> Result<TunedVariants> {
        let path = self.file(folder);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(TunedVariants::default()),
            read => read.map_err(Error::file(&path, "read"))?,
        };
        let file: File = toml::from_str(&text).map_err(|error| {
            let expected = "variants written by `allometry tune` (run it again, or delete the file)";
            Error::format(&path, expected, brief(error.message()))
        })?;
        Ok(if file.subject == *self { file.choices } else { TunedVariants::default() })
    }

    /// Replaces the file of its choices. Returns the path.
    pub(crate) fn write(&self, folder: &Path, choices: &TunedVariants) -> Result<PathBuf> {
        let path = self.file(folder);
        let file = File { subject: self.clone(), choices: choices.clone() };
        let text = toml::to_string(&file)
            .map_err(|e| Error::Config { what: "tuned variants".to_string(), problem: e.to_string() })?;
        crate::files::replace(&path, text.as_bytes())?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn subject() -> Subject {
        let [adapter, backend, driver, allometry] =
            ["A GPU (of 256 bits)", "vulkan", "driver 1.2/3", "0.1.0"].map(str::to_string);
        Subject { adapter, backend, driver, allometry }
    }

    fn choices() -> TunedVariants {
        let mut choices = TunedVariants::default();
        choices.set("matmul", Class::of(2000, 2000, 1), Some("128x128"));
        choices.set("matmul", Class::of(10, 1000, 1), Some("16x128"));
        choices.set("conv2d.data", Class::of(1000, 10, 1), Some("128x32"));
        choices
    }

    #[test]
    fn choices_are_made_and_unmade() {
        let mut choices = choices();
        assert_eq!(choices.get("matmul", Class::of(2000, 700, 1)), Some("128x128"));
        assert_eq!(choices.get("matmul", Class::of(65, 65, 1)), None);
        assert_eq!(choices.get("conv2d.forward", Class::of(1000, 10, 1)), None);
        for (family, class) in [
            ("matmul", Class::of(2000, 2000, 1)),
            ("matmul", Class::of(10, 1000, 1)),
            ("conv2d.data", Class::of(1000, 10, 1)),
        ] {
            assert!(!choices.is_empty());
            choices.set(family, class, None);
        }
        assert!(choices.is_empty());
    }

    #[test]
    fn what_is_written_is_read_by_the_same_adapter_alone() {
        let place = tempfile::tempdir().unwrap();
        let (folder, subject) = (place.path().join("made"), subject());
        assert_eq!(subject.read(&folder).unwrap(), TunedVariants::default(), "no file, no choices");
        let path = subject.write(&folder, &choices()).unwrap();
        assert_eq!(path.file_name().unwrap(), "a-gpu-of-256-bits_vulkan_driver-1-2-3.toml");
        assert_eq!(subject.read(&folder).unwrap(), choices());
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(r#""rows > 64, columns > 64, many tiles" = "128x128""#), "{text}");
        // A file of the same name may be about another subject.
        let other = |change: fn(&mut Subject)| {
            let mut other = subject.clone();
            change(&mut other);
            if other.file(&folder) != path {
                fs::copy(&path, other.file(&folder)).unwrap();
            }
            other.read(&folder).unwrap()
        };
        assert_eq!(other(|s| s.driver = "driver 1.2-3".to_string()), TunedVariants::default());
        assert_eq!(other(|s| s.driver = "driver 1.2/4".to_string()), TunedVariants::default());
        assert_eq!(other(|s| s.backend = "metal".to_string()), TunedVariants::default());
        assert_eq!(other(|s| s.adapter = "another GPU".to_string()), TunedVariants::default());
        assert_eq!(other(|s| s.allometry = "0.2.0".to_string()), TunedVariants::default());
        assert_eq!(other(|_| ()), choices());
        // A file is written even if the defaults are the fastest.
        subject.write(&folder, &TunedVariants::default()).unwrap();
        assert_eq!(subject.read(&folder).unwrap(), TunedVariants::default());
    }

    #[test]
    fn a_broken_file_is_an_error_that_names_it() {
        let place = tempfile::tempdir().unwrap();
        let subject = subject();
        let path = subject.write(place.path(), &choices()).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        let half = &whole[..whole.len() / 2];
        for broken in
            ["", "nonsense", half, &whole.replace("rows > 64", "rows > 63"), &format!("x = 1\n{whole}")]
        {
            fs::write(&path, broken).unwrap();
            let error = subject.read(place.path()).unwrap_err();
            assert!(matches!(error, Error::Format { .. }), "{broken:?}: {error}");
            let text = error.to_string();
            assert!(text.contains(path.to_str().unwrap()) && text.contains("allometry tune"), "{text}");
        }
    }
}
