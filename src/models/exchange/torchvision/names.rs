//! How torchvision names the parameters and buffers of its models.

use super::super::layout::Layout;
use crate::error::{Error, Result};
use crate::models::presets;
use std::collections::BTreeMap;

/// How torchvision names the modules of a model. Blocks are numbered through all stages or within a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// `layer1.0.conv1`: residual networks.
    Resnet,
    /// `trunk_output.block1.block1-0.f.a`: RegNets.
    Regnet,
    /// `features.1.conv.0`: MobileNetV2, through all stages.
    MobilenetV2,
    /// `features.1.block.0`: MobileNetV3, through all stages.
    MobilenetV3,
    /// `features.1.0.block.0`: EfficientNets, within a stage.
    EfficientNet,
}

impl Naming {
    /// The naming of the preset with this file and of those that are scaled from it; `None` if they are no models of
    /// torchvision's.
    fn of_file(preset: &str) -> Option<Naming> {
        match preset {
            "resnet18" | "resnet50" | "wide-resnet50-2" => Some(Naming::Resnet),
            "regnet-x-400mf" => Some(Naming::Regnet),
            "mobilenet-v2" => Some(Naming::MobilenetV2),
            "mobilenet-v3-small" | "mobilenet-v3-large" => Some(Naming::MobilenetV3),
            "efficientnet-b0" => Some(Naming::EfficientNet),
            _ => None,
        }
    }

    /// The naming of one of [`models`].
    ///
    /// # Errors
    /// [`Error::Config`] for another name.
    pub fn of(model: &str) -> Result<Naming> {
        let known = known().find(|(name, _)| name == model);
        known.map(|(_, naming)| naming).ok_or_else(|| Error::Config {
            what: format!("model {model}"),
            problem: format!("torchvision's names are known for {}", models().join(", ")),
        })
    }

    /// The name of the output layer.
    pub(super) fn output(self) -> &'static str {
        match self {
            Naming::Resnet | Naming::Regnet => "fc",
            Naming::MobilenetV2 | Naming::EfficientNet => "classifier.1",
            Naming::MobilenetV3 => "classifier.3",
        }
    }
}

fn known() -> impl Iterator<Item = (String, Naming)> {
    presets::with_files().into_iter().filter_map(|(name, file)| Some((name, Naming::of_file(file)?)))
}

/// The models that can be exchanged: the presets that are models of torchvision's.
pub fn models() -> Vec<String> {
    known().map(|(name, _)| name).collect()
}

/// For each of `ours`, the names of a model's parameters and buffers, torchvision's name and layout.
///
/// # Errors
/// [`Error::Config`] for a name without a counterpart.
pub(super) fn names<'a>(
    naming: Naming,
    ours: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<&'a str, (String, Layout)>> {
    let ours: Vec<&str> = ours.into_iter().collect();
    let blocks = blocks(&ours);
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

/// A block among those of all stages.
#[derive(Clone, Copy, Default)]
struct Block {
    /// Its number through all stages, from 1.
    number: usize,
    /// Whether it expands channels first.
    expands: bool,
    /// Whether it has a squeeze-and-excitation.
    squeezes: bool,
}

/// The blocks by stage and repeat.
fn blocks(ours: &[&str]) -> BTreeMap<(usize, usize), Block> {
    let mut blocks = BTreeMap::<_, Block>::new();
    for (stage, repeat, rest) in ours.iter().filter_map(|name| block(name)) {
        let block = blocks.entry((stage, repeat)).or_default();
        block.expands |= rest.starts_with("body.expand.");
        block.squeezes |= rest.starts_with("body.squeeze_excite.");
    }
    for (number, block) in (1..).zip(blocks.values_mut()) {
        block.number = number;
    }
    blocks
}

/// Stage, repeat, and the rest of `stages.S.R.rest`.
fn block(name: &str) -> Option<(usize, usize, &str)> {
    let mut parts = name.strip_prefix("stages.")?.splitn(3, '.');
    let (stage, repeat, rest) = (parts.next()?, parts.next()?, parts.next()?);
    Some((stage.parse().ok()?, repeat.parse().ok()?, rest))
}

fn named(naming: Naming, blocks: &BTreeMap<(usize, usize), Block>, ours: &str) -> Option<(String, Layout)> {
    if let Some(rest) = ours.strip_prefix("output.") {
        return dense(naming.output(), rest, Layout::Dense);
    }
    if let Some(rest) = ours.strip_prefix("stem.") {
        return match naming {
            Naming::Resnet => convolution("conv1", "bn1", rest),
            Naming::Regnet => pair("stem", rest),
            _ => pair("features.0", rest),
        };
    }
    if let Some(rest) = ours.strip_prefix("head.") {
        let &(last_stage, _) = blocks.keys().next_back()?;
        let in_front = match naming {
            Naming::Resnet | Naming::Regnet => return None,
            Naming::MobilenetV2 | Naming::MobilenetV3 => blocks.len(),
            Naming::EfficientNet => last_stage + 1,
        };
        return pair(&format!("features.{}", in_front + 1), rest);
    }
    if let Some(rest) = ours.strip_prefix("head_dense.").filter(|_| naming == Naming::MobilenetV3) {
        return dense("classifier.0", rest, Layout::Dense);
    }
    let (stage, repeat, rest) = block(ours)?;
    let block = blocks.get(&(stage, repeat))?;
    let (stage, number) = (stage + 1, block.number);
    match naming {
        Naming::Resnet => residual(&format!("layer{stage}.{repeat}"), rest),
        Naming::Regnet => bottleneck(&format!("trunk_output.block{stage}.block{stage}-{repeat}"), rest),
        Naming::MobilenetV2 => inverted(naming, &format!("features.{number}.conv"), block, rest),
        Naming::MobilenetV3 => inverted(naming, &format!("features.{number}.block"), block, rest),
        Naming::EfficientNet => inverted(naming, &format!("features.{stage}.{repeat}.block"), block, rest),
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

/// The parts of a `ResBottleneckBlock` of RegNets.
fn bottleneck(block: &str, rest: &str) -> Option<(String, Layout)> {
    if let Some(rest) = rest.strip_prefix("shortcut.") {
        return pair(&format!("{block}.proj"), rest);
    }
    let (number, rest) = rest.strip_prefix("body.conv")?.split_once('.')?;
    let letter = match number {
        "1" => "a",
        "2" => "b",
        "3" => "c",
        _ => return None,
    };
    pair(&format!("{block}.f.{letter}"), rest)
}

/// The parts of an `InvertedResidual` of MobileNets or an `MBConv` of EfficientNets. A squeeze-and-excitation is
/// numbered like a convolution. In MobileNetV2 the projection is no pair of its own.
fn inverted(naming: Naming, name: &str, block: &Block, rest: &str) -> Option<(String, Layout)> {
    let (part, rest) = rest.strip_prefix("body.")?.split_once('.')?;
    let middle = usize::from(block.expands);
    let last = middle + 1 + usize::from(block.squeezes);
    match part {
        "expand" => pair(&format!("{name}.0"), rest),
        "depthwise" => pair(&format!("{name}.{middle}"), rest),
        "squeeze_excite" => {
            let (layer, rest) = rest.split_once('.')?;
            let layer = match layer {
                "squeeze" => "fc1",
                "expand" => "fc2",
                _ => return None,
            };
            dense(&format!("{name}.{}.{layer}", middle + 1), rest, Layout::Pointwise)
        }
        "project" if naming == Naming::MobilenetV2 => {
            convolution(&format!("{name}.{last}"), &format!("{name}.{}", last + 1), rest)
        }
        "project" => pair(&format!("{name}.{last}"), rest),
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

#[cfg(test)]
mod tests {
    use super::*;

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
        let squeezing = [ours.as_slice(), &["stages.1.1.body.squeeze_excite.expand.bias"]].concat();
        // The keys are in alphabetical order.
        let of = |naming, ours: &[&'static str]| {
            let names = names(naming, ours.iter().copied()).unwrap();
            names.into_values().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(
            of(Naming::MobilenetV2, &ours),
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
            of(Naming::MobilenetV3, &squeezing),
            [
                "features.4.1.running_mean",
                "classifier.3.weight",
                "features.1.block.0.0.weight",
                "features.1.block.1.1.running_var",
                "features.2.block.0.0.weight",
                "features.3.block.1.1.bias",
                "features.3.block.0.1.weight",
                "features.3.block.3.0.weight",
                "features.3.block.2.fc2.bias",
                "features.0.0.weight",
            ]
        );
        assert_eq!(
            of(Naming::EfficientNet, &squeezing),
            [
                "features.3.1.running_mean",
                "classifier.1.weight",
                "features.1.0.block.0.0.weight",
                "features.1.0.block.1.1.running_var",
                "features.2.0.block.0.0.weight",
                "features.2.1.block.1.1.bias",
                "features.2.1.block.0.1.weight",
                "features.2.1.block.3.0.weight",
                "features.2.1.block.2.fc2.bias",
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
