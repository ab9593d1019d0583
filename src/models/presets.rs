//! The models that come with the crate: the TOML files of `presets/`.

use super::architecture::Architecture;

/// Each preset's name and file.
const FILES: [(&str, &str); 4] = [
    ("keras-dense", include_str!("presets/keras-dense.toml")),
    ("mlp", include_str!("presets/mlp.toml")),
    ("convnet", include_str!("presets/convnet.toml")),
    ("mobilenet", include_str!("presets/mobilenet.toml")),
];

impl Architecture {
    /// Names that [`Architecture::preset`] knows.
    pub const PRESETS: [&'static str; FILES.len()] = {
        let mut names = [""; FILES.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = FILES[index].0;
            index += 1;
        }
        names
    };

    /// A model that comes with the crate, by name; `src/models/presets/` has one TOML file for each, which says what it is.
    pub fn preset(name: &str) -> Option<Architecture> {
        let (_, text) = FILES.iter().find(|(known, _)| *known == name)?;
        Some(Architecture::from_toml(text).expect("a test reads every preset"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Architecture, FILES};

    #[test]
    fn every_preset_is_read_and_has_the_name_of_its_file() {
        for (name, text) in FILES {
            let preset = Architecture::from_toml(text).unwrap();
            assert_eq!(preset.name, name);
            assert_eq!(Architecture::preset(name), Some(preset));
        }
    }
}
