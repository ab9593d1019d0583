//! Weights of torchvision's models: `state_dict()`, saved as a safetensors file.
//!
//! PyTorch keeps convolution kernels as `[outputs, inputs, height, width]` and dense kernels as `[outputs, inputs]`; this
//! crate keeps `[height, width, inputs, outputs]` and `[inputs, outputs]`. A squeeze-and-excitation is two convolutions of
//! 1×1 there and two dense layers here. The counters `num_batches_tracked` have no counterpart: they are not read, and
//! PyTorch loads a file without them.

use super::layout::Layout;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::models::architecture::Architecture;
use crate::nn::Module;
use crate::nn::weights::{self, Stored};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// The models that can be exchanged; their names are those of the presets.
pub const MODELS: [&str; 4] = ["resnet18", "resnet50", "mobilenet-v2", "efficientnet-b0"];

/// How torchvision names the modules of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// `layer1.0.conv1`: residual networks.
    Resnet,
    /// `features.1.conv.0`: MobileNetV2, whose blocks are counted through all stages.
    MobilenetV2,
    /// `features.1.0.block.0`: EfficientNets, whose blocks are counted within a stage.
    EfficientNet,
}

impl Naming {
    /// The naming of one of [`MODELS`].
    ///
    /// # Errors
    /// [`Error::Config`] for another name.
    pub fn of(model: &str) -> Result<Naming> {
        match model {
            "resnet18" | "resnet50" => Ok(Naming::Resnet),
            "mobilenet-v2" => Ok(Naming::MobilenetV2),
            "efficientnet-b0" => Ok(Naming::EfficientNet),
            _ => Err(Error::Config {
                what: format!("model {model}"),
                problem: format!("torchvision's names are known for {}", MODELS.join(", ")),
            }),
        }
    }
}

/// For each of `ours`, the names of a model's parameters and buffers, torchvision's name and layout.
///
/// # Errors
/// [`Error::Config`] for a name without a counterpart.
pub fn names<'a>(
    naming: Naming,
    ours: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<&'a str, (String, Layout)>> {
    let ours: Vec<&str> = ours.into_iter().collect();
    let blocks = Blocks::of(&ours);
    let name = |ours: &'a str| {
        let found = named(naming, &blocks, ours).ok_or_else(|| Error::Config {
            what: format!("parameter {ours}"),
            problem: format!(
                "torchvision's {naming:?} has no counterpart; only unchanged presets can be exchanged"
            ),
        })?;
        Ok((ours, found))
    };
    ours.iter().copied().map(name).collect()
}

/// The blocks of the stages, in order: stage, repeat, and whether they expand channels first.
struct Blocks(Vec<(usize, usize, bool)>);

impl Blocks {
    fn of(ours: &[&str]) -> Blocks {
        let expanding: BTreeSet<(usize, usize)> = ours
            .iter()
            .filter_map(|name| block(name))
            .filter(|b| b.2.starts_with("body.expand."))
            .map(|b| (b.0, b.1))
            .collect();
        let all: BTreeSet<(usize, usize)> =
            ours.iter().filter_map(|name| block(name)).map(|b| (b.0, b.1)).collect();
        Blocks(
            all.into_iter()
                .map(|(stage, repeat)| (stage, repeat, expanding.contains(&(stage, repeat))))
                .collect(),
        )
    }

    /// The number of the block among all, and whether it expands channels first.
    fn find(&self, stage: usize, repeat: usize) -> Option<(usize, bool)> {
        let at = self.0.iter().position(|block| (block.0, block.1) == (stage, repeat))?;
        Some((at, self.0[at].2))
    }

    fn stages(&self) -> usize {
        self.0.last().map_or(0, |block| block.0 + 1)
    }
}

/// Stage, repeat, and the rest of `stages.S.R.rest`.
fn block(name: &str) -> Option<(usize, usize, &str)> {
    let mut parts = name.strip_prefix("stages.")?.splitn(3, '.');
    let (stage, repeat, rest) = (parts.next()?, parts.next()?, parts.next()?);
    Some((stage.parse().ok()?, repeat.parse().ok()?, rest))
}

fn named(naming: Naming, blocks: &Blocks, ours: &str) -> Option<(String, Layout)> {
    if let Some(rest) = ours.strip_prefix("output.") {
        let module = if naming == Naming::Resnet { "fc" } else { "classifier.1" };
        return dense(module, rest, Layout::Dense);
    }
    if let Some(rest) = ours.strip_prefix("stem.") {
        return match naming {
            Naming::Resnet => convolution("conv1", "bn1", rest),
            _ => convolution("features.0.0", "features.0.1", rest),
        };
    }
    if let Some(rest) = ours.strip_prefix("head.") {
        let last = match naming {
            Naming::Resnet => return None,
            Naming::MobilenetV2 => blocks.0.len() + 1,
            Naming::EfficientNet => blocks.stages() + 1,
        };
        return pair(&format!("features.{last}"), rest);
    }
    let (stage, repeat, rest) = block(ours)?;
    let (number, expands) = blocks.find(stage, repeat)?;
    match naming {
        Naming::Resnet => residual(&format!("layer{}.{repeat}", stage + 1), rest),
        Naming::MobilenetV2 => mobile(&format!("features.{}.conv", number + 1), expands, rest),
        Naming::EfficientNet => efficient(&format!("features.{}.{repeat}.block", stage + 1), expands, rest),
    }
}

/// The parts of a `BasicBlock` or a `Bottleneck`.
fn residual(block: &str, rest: &str) -> Option<(String, Layout)> {
    if let Some(rest) = rest.strip_prefix("shortcut.") {
        return pair(&format!("{block}.downsample"), rest);
    }
    let (number, rest) = rest.strip_prefix("body.conv")?.split_once('.')?;
    convolution(&format!("{block}.conv{number}"), &format!("{block}.bn{number}"), rest)
}

/// The parts of an `InvertedResidual` of MobileNetV2. The projection is no pair of its own there.
fn mobile(block: &str, expands: bool, rest: &str) -> Option<(String, Layout)> {
    let (part, rest) = rest.strip_prefix("body.")?.split_once('.')?;
    let middle = usize::from(expands);
    match part {
        "expand" => pair(&format!("{block}.0"), rest),
        "depthwise" => pair(&format!("{block}.{middle}"), rest),
        "project" => {
            convolution(&format!("{block}.{}", middle + 1), &format!("{block}.{}", middle + 2), rest)
        }
        _ => None,
    }
}

/// The parts of an `MBConv` of EfficientNets.
fn efficient(block: &str, expands: bool, rest: &str) -> Option<(String, Layout)> {
    let (part, rest) = rest.strip_prefix("body.")?.split_once('.')?;
    let middle = usize::from(expands);
    match part {
        "expand" => pair(&format!("{block}.0"), rest),
        "depthwise" => pair(&format!("{block}.{middle}"), rest),
        "squeeze_excite" => {
            let (layer, rest) = rest.split_once('.')?;
            let layer = match layer {
                "squeeze" => "fc1",
                "expand" => "fc2",
                _ => return None,
            };
            dense(&format!("{block}.{}.{layer}", middle + 1), rest, Layout::Pointwise)
        }
        "project" => pair(&format!("{block}.{}", middle + 2), rest),
        _ => None,
    }
}

/// A convolution and its norm in a `Sequential`.
fn pair(module: &str, rest: &str) -> Option<(String, Layout)> {
    convolution(&format!("{module}.0"), &format!("{module}.1"), rest)
}

/// A convolution and its norm, or one of both.
fn convolution(convolution: &str, norm: &str, rest: &str) -> Option<(String, Layout)> {
    let (module, field, layout) = match rest {
        "kernel" => (convolution, "weight", Layout::Convolution),
        "depthwise_kernel" => (convolution, "weight", Layout::Depthwise),
        "norm.gamma" => (norm, "weight", Layout::Vector),
        "norm.beta" => (norm, "bias", Layout::Vector),
        "norm.moving_mean" => (norm, "running_mean", Layout::Vector),
        "norm.moving_variance" => (norm, "running_var", Layout::Vector),
        _ => return None,
    };
    Some((format!("{module}.{field}"), layout))
}

fn dense(module: &str, rest: &str, kernel: Layout) -> Option<(String, Layout)> {
    match rest {
        "kernel" => Some((format!("{module}.weight"), kernel)),
        "bias" => Some((format!("{module}.bias"), Layout::Vector)),
        _ => None,
    }
}

/// Names and extents of all parameters and buffers.
fn tensors(architecture: &Architecture) -> Result<BTreeMap<String, Vec<usize>>> {
    let model = architecture.layers().build(&Device::dry(), &architecture.input_shape(), 0)?;
    let parameters =
        model.parameters().iter().map(|(name, value)| (name.to_string(), value.shape().to_vec()));
    let buffers = model.buffers().iter().map(|(name, value)| (name.to_string(), value.shape().to_vec()));
    Ok(parameters.chain(buffers).collect())
}

/// Reads the weights of torchvision's `model`, one of [`MODELS`], from a safetensors file. The architecture that is
/// returned is the preset with as many outputs as the file has; the tensors have this crate's names and layouts.
///
/// # Errors
/// [`Error::Config`] for another model; [`Error::File`] and [`Error::Format`] for a file that can't be read;
/// [`Error::Weights`] for a file that lacks a tensor, or has others or other shapes. Its names are torchvision's.
pub fn import(path: &Path, model: &str) -> Result<(Architecture, BTreeMap<String, Stored>)> {
    let naming = Naming::of(model)?;
    let mut theirs = weights::read(path, |name| !name.ends_with(".num_batches_tracked"))?;
    let mut architecture = Architecture::preset(model).expect("MODELS are presets");
    let classifier = if naming == Naming::Resnet { "fc.bias" } else { "classifier.1.bias" };
    if let Some(bias) = theirs.get(classifier).filter(|bias| !bias.values.is_empty()) {
        architecture = architecture.with_outputs(bias.values.len());
    }
    let shapes = tensors(&architecture)?;
    let mut ours = BTreeMap::new();
    let (mut missing, mut mismatched) = (Vec::new(), Vec::new());
    for (name, (their_name, layout)) in names(naming, shapes.keys().map(String::as_str))? {
        let shape = &shapes[name];
        let Some(stored) = theirs.remove(&their_name) else {
            missing.push(their_name);
            continue;
        };
        let expected = layout.theirs(shape);
        if stored.shape != expected {
            mismatched.push(format!("{their_name} is {:?}, not {expected:?}", stored.shape));
            continue;
        }
        let values = layout.import(&stored.values, shape);
        ours.insert(name.to_string(), Stored { shape: shape.clone(), values });
    }
    let unexpected: Vec<String> = theirs.into_keys().collect();
    if missing.is_empty() && unexpected.is_empty() && mismatched.is_empty() {
        return Ok((architecture, ours));
    }
    Err(Error::Weights { path: path.to_path_buf(), missing, unexpected, mismatched })
}

/// Writes weights, which have this crate's names and layouts, as torchvision's model of the same name reads them.
/// `architecture` is one of [`MODELS`], with any number of outputs.
///
/// # Errors
/// [`Error::Config`] for another architecture; [`Error::Weights`] for weights that do not fit it, with `source` as their
/// file; [`Error::File`] if the file can't be written.
pub fn export(
    architecture: &Architecture,
    ours: &BTreeMap<String, Stored>,
    source: &Path,
    path: &Path,
) -> Result<()> {
    let naming = Naming::of(&architecture.name)?;
    let shapes = tensors(architecture)?;
    let missing: Vec<String> = shapes.keys().filter(|name| !ours.contains_key(*name)).cloned().collect();
    let unexpected: Vec<String> = ours.keys().filter(|name| !shapes.contains_key(*name)).cloned().collect();
    let mismatched: Vec<String> = (ours.iter())
        .filter_map(|(name, stored)| Some((name, stored, shapes.get(name)?)))
        .filter(|(_, stored, shape)| stored.shape != **shape)
        .map(|(name, stored, shape)| format!("{name} is {:?}, not {shape:?}", stored.shape))
        .collect();
    if !(missing.is_empty() && unexpected.is_empty() && mismatched.is_empty()) {
        return Err(Error::Weights { path: source.to_path_buf(), missing, unexpected, mismatched });
    }
    let names = names(naming, ours.keys().map(String::as_str))?;
    let theirs = names.into_iter().map(|(name, (their_name, layout))| {
        let Stored { shape, values } = &ours[name];
        (their_name, Stored { shape: layout.theirs(shape), values: layout.export(values, shape) })
    });
    weights::write(path, &theirs.collect(), HashMap::from([("model".to_string(), architecture.name.clone())]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_move_every_element_to_its_place() {
        let theirs = |layout: Layout, ours: &[usize]| {
            let values: Vec<f32> = (0..ours.iter().product::<usize>()).map(|value| value as f32).collect();
            let moved = layout.export(&values, ours);
            assert_eq!(layout.import(&moved, ours), values, "{layout:?}");
            (layout.theirs(ours), moved)
        };
        assert_eq!(theirs(Layout::Vector, &[3]), (vec![3], vec![0.0, 1.0, 2.0]));
        assert_eq!(theirs(Layout::Dense, &[2, 3]), (vec![3, 2], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
        assert_eq!(theirs(Layout::Pointwise, &[2, 2]), (vec![2, 2, 1, 1], vec![0.0, 2.0, 1.0, 3.0]));
        // Element [h, w, i, o] of ours has the number ((h·2 + w)·2 + i)·3 + o.
        let (shape, moved) = theirs(Layout::Convolution, &[1, 2, 2, 3]);
        assert_eq!(shape, [3, 2, 1, 2]);
        assert_eq!(moved, [0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11].map(|value| value as f32));
        let (shape, moved) = theirs(Layout::Depthwise, &[2, 1, 3, 1]);
        assert_eq!((shape, moved), (vec![3, 1, 2, 1], [0, 3, 1, 4, 2, 5].map(|value| value as f32).to_vec()));
    }

    #[test]
    fn names_follow_the_blocks() {
        let ours = [
            "stem.kernel",
            "stages.0.0.body.depthwise.depthwise_kernel",
            "stages.0.0.body.project.norm.moving_variance",
            "stages.1.0.body.expand.kernel",
            "stages.1.1.body.expand.norm.gamma",
            "stages.1.1.body.depthwise.norm.beta",
            "stages.1.1.body.project.kernel",
            "head.norm.moving_mean",
            "output.kernel",
        ];
        let of =
            |naming| names(naming, ours).unwrap().into_values().map(|(name, _)| name).collect::<Vec<_>>();
        // The keys are in alphabetical order.
        assert_eq!(
            of(Naming::MobilenetV2),
            [
                "features.4.1.running_mean",
                "classifier.1.weight",
                "features.1.conv.0.0.weight",
                "features.1.conv.2.running_var",
                "features.2.conv.0.0.weight",
                "features.3.conv.1.1.bias",
                "features.3.conv.0.1.weight",
                "features.3.conv.2.weight",
                "features.0.0.weight",
            ]
        );
        assert_eq!(
            of(Naming::EfficientNet),
            [
                "features.3.1.running_mean",
                "classifier.1.weight",
                "features.1.0.block.0.0.weight",
                "features.1.0.block.2.1.running_var",
                "features.2.0.block.0.0.weight",
                "features.2.1.block.1.1.bias",
                "features.2.1.block.0.1.weight",
                "features.2.1.block.3.0.weight",
                "features.0.0.weight",
            ]
        );
        let error = names(Naming::Resnet, ours).unwrap_err().to_string();
        assert!(
            error.contains("stages.0.0.body.depthwise.depthwise_kernel") && error.contains("Resnet"),
            "{error}"
        );
    }
}
