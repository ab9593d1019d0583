//! The models that come with the crate: TOML files in `presets/`, and models that are scaled from them.

use super::architecture::{Architecture, Input};
use super::axis::Scale;
use crate::error::Result;
use serde::Deserialize;

/// Name and TOML of each preset that has a file.
const FILES: [(&str, &str); 17] = [
    ("mlp", include_str!("presets/mlp.toml")),
    ("resmlp", include_str!("presets/resmlp.toml")),
    ("keras-dense", include_str!("presets/keras-dense.toml")),
    ("convnet", include_str!("presets/convnet.toml")),
    ("residual", include_str!("presets/residual.toml")),
    ("mobilenet", include_str!("presets/mobilenet.toml")),
    ("plain20", include_str!("presets/plain20.toml")),
    ("resnet20", include_str!("presets/resnet20.toml")),
    ("wide-resnet-10-1", include_str!("presets/wide-resnet-10-1.toml")),
    ("resnet18", include_str!("presets/resnet18.toml")),
    ("resnet50", include_str!("presets/resnet50.toml")),
    ("wide-resnet50-2", include_str!("presets/wide-resnet50-2.toml")),
    ("regnet-x-400mf", include_str!("presets/regnet-x-400mf.toml")),
    ("mobilenet-v2", include_str!("presets/mobilenet-v2.toml")),
    ("mobilenet-v3-small", include_str!("presets/mobilenet-v3-small.toml")),
    ("mobilenet-v3-large", include_str!("presets/mobilenet-v3-large.toml")),
    ("efficientnet-b0", include_str!("presets/efficientnet-b0.toml")),
];

/// The presets that are scaled from others.
const SCALED: &str = include_str!("presets/scaled.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scaled {
    preset: Vec<Derived>,
}

/// A preset that is another one with other depths or coefficients.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Derived {
    name: String,
    base: String,
    #[serde(default)]
    depths: Option<Vec<usize>>,
    #[serde(default = "one")]
    depth: f64,
    #[serde(default = "one")]
    width: f64,
    #[serde(default)]
    pixels: Option<usize>,
    #[serde(default)]
    dropout: Option<f64>,
    #[serde(default)]
    norm_epsilon: Option<f64>,
}

fn one() -> f64 {
    1.0
}

impl Derived {
    fn architecture(self) -> Result<Architecture> {
        let base = file(&self.base).expect("a test derives every preset from a file");
        let scale = Scale { depth: self.depth, width: self.width, ..Scale::BASE };
        let mut model = scale.apply(&base)?;
        model.name = self.name;
        model.dropout = self.dropout.unwrap_or(base.dropout);
        model.norm_epsilon = self.norm_epsilon.unwrap_or(base.norm_epsilon);
        for (stage, depth) in model.stages.iter_mut().zip(self.depths.into_iter().flatten()) {
            stage.depth = depth;
        }
        if let (Some(pixels), Input::Image { resolution, .. }) = (self.pixels, &mut model.input) {
            *resolution = pixels;
        }
        Ok(model)
    }
}

fn scaled() -> Vec<Derived> {
    toml::from_str::<Scaled>(SCALED).expect("a test reads the table").preset
}

/// The preset that has a file of this name.
fn file(name: &str) -> Option<Architecture> {
    let (_, text) = FILES.iter().find(|(known, _)| *known == name)?;
    Some(Architecture::from_toml(text).expect("a test reads every preset"))
}

/// Names of all presets, each with that of the file that holds it or that it is scaled from.
pub(super) fn with_files() -> Vec<(String, &'static str)> {
    let scaled = scaled();
    let family = |file: &'static str| {
        let derived = scaled.iter().filter(move |derived| derived.base == file);
        let names = std::iter::once(file).chain(derived.map(|derived| derived.name.as_str()));
        names.map(move |name| (name.to_string(), file)).collect::<Vec<_>>()
    };
    FILES.iter().flat_map(|(file, _)| family(file)).collect()
}

/// `wide-resnet-D-K` (Zagoruyko & Komodakis 2016): (D − 4) / 6 blocks in each stage, K times the channels of the
/// stages.
fn wide_resnet(name: &str) -> Option<Architecture> {
    let (depth, width) = name.strip_prefix("wide-resnet-")?.split_once('-')?;
    let (depth, width): (usize, usize) = (depth.parse().ok()?, width.parse().ok()?);
    let blocks = depth.checked_sub(4)?;
    if blocks == 0 || !blocks.is_multiple_of(6) {
        return None;
    }
    let mut model = file("wide-resnet-10-1")?;
    model.name = name.to_string();
    for stage in &mut model.stages {
        stage.depth = blocks / 6;
        stage.width = stage.width.checked_mul(width)?;
    }
    model.validate().ok()?;
    Some(model)
}

impl Architecture {
    /// Names of all presets. Beside them, [`preset`](Architecture::preset) knows `wide-resnet-D-K` for every depth
    /// D = 6·n + 4 and width K.
    pub fn presets() -> Vec<String> {
        with_files().into_iter().map(|(name, _)| name).collect()
    }

    /// The preset of this name; `None` if there is none. Each is a TOML file in `src/models/presets/`, or is scaled
    /// from one.
    pub fn preset(name: &str) -> Option<Architecture> {
        let derived = || scaled().into_iter().find(|derived| derived.name == name);
        file(name)
            .or_else(|| Some(derived()?.architecture().expect("a test derives every preset")))
            .or_else(|| wide_resnet(name))
    }
}

#[cfg(test)]
mod tests {
    use super::{Architecture, FILES, scaled};

    #[test]
    fn every_preset_is_read_and_has_the_name_of_its_file() {
        for (name, text) in FILES {
            let preset = Architecture::from_toml(text).unwrap();
            assert_eq!(preset.name, name);
            preset.validate_unscaled().unwrap();
            assert_eq!(Architecture::preset(name), Some(preset));
        }
    }

    #[test]
    fn derived_presets_are_valid() {
        for derived in scaled() {
            let depths = derived.depths.as_ref().map(Vec::len);
            let base = Architecture::preset(&derived.base).unwrap();
            assert!(depths.is_none_or(|depths| depths == base.stages.len()), "{}", derived.name);
            let preset = derived.architecture().unwrap();
            preset.validate().unwrap();
            assert_eq!(Architecture::preset(&preset.name), Some(preset));
        }
    }

    #[test]
    fn wide_residual_networks_are_named_by_depth_and_width() {
        let wide = Architecture::preset("wide-resnet-28-10").unwrap();
        assert_eq!(
            wide.stages.iter().map(|s| (s.width, s.depth)).collect::<Vec<_>>(),
            [(160, 4), (320, 4), (640, 4)]
        );
        for name in
            ["wide-resnet-27-10", "wide-resnet-4-1", "wide-resnet-16-0", "wide-resnet-16", "wide-resnet-a-b"]
        {
            assert_eq!(Architecture::preset(name), None, "{name}");
        }
    }
}
