//! The models that come with the crate, TOML files in `presets/`.

use super::architecture::Architecture;

/// Name and TOML of each preset.
const FILES: [(&str, &str); 4] = [
    ("keras-dense", include_str!("presets/keras-dense.toml")),
    ("mlp", include_str!("presets/mlp.toml")),
    ("convnet", include_str!("presets/convnet.toml")),
    ("mobilenet", include_str!("presets/mobilenet.toml")),
];

impl Architecture {
    /// Names of all presets.
    pub const PRESETS: [&'static str; FILES.len()] = {
        let mut names = [""; FILES.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = FILES[index].0;
            index += 1;
        }
        names
    };

    /// The preset of this name; `None` if there is none. Each is a TOML file in `src/models/presets/`.
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
