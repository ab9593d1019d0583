//! Weights of torchvision's models: `state_dict()`, saved as a safetensors file.
//!
//! PyTorch keeps convolution kernels as `[outputs, inputs, height, width]` and dense kernels as `[outputs, inputs]`;
//! this crate keeps `[height, width, inputs, outputs]` and `[inputs, outputs]`. A squeeze-and-excitation is two
//! convolutions of 1×1 there and two dense layers here. The counters `num_batches_tracked` have no counterpart: they
//! are not read, and PyTorch loads a file without them.

use super::layout::Layout;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::models::architecture::Architecture;
use crate::nn::Module;
use crate::nn::weights::{self, Stored};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

mod names;
pub use names::{Naming, models};

/// A tensor of torchvision's and the one of ours that it becomes.
#[derive(Clone, Debug)]
pub struct Counterpart {
    /// Its name in torchvision's model.
    pub name: String,
    /// Its extents in torchvision's model.
    pub shape: Vec<usize>,
    layout: Layout,
    /// The extents of ours.
    ours: Vec<usize>,
}

/// What each parameter and buffer of an architecture is in torchvision's model of the same name, one of [`models`].
///
/// # Errors
/// [`Error::Config`] for another name, and for a parameter without a counterpart.
pub fn counterparts(architecture: &Architecture) -> Result<BTreeMap<String, Counterpart>> {
    let naming = Naming::of(&architecture.name)?;
    let model = architecture.layers().build(&Device::dry(), &architecture.input_shape(), 0)?;
    let parameters = model.parameters().iter().map(|(name, value)| (name, value.shape().to_vec()));
    let buffers = model.buffers().iter().map(|(name, value)| (name, value.shape().to_vec()));
    let shapes: BTreeMap<&str, Vec<usize>> = parameters.chain(buffers).collect();
    let names = names::names(naming, shapes.keys().copied())?;
    let counterpart = |(ours, (name, layout)): (&str, (String, Layout))| {
        let shape = &shapes[ours];
        let counterpart = Counterpart { name, shape: layout.theirs(shape), layout, ours: shape.clone() };
        (ours.to_string(), counterpart)
    };
    Ok(names.into_iter().map(counterpart).collect())
}

/// Reads the weights of torchvision's `model`, one of [`models`], from a safetensors file. The architecture that is
/// returned is the preset with as many outputs as the file has; the tensors have this crate's names and layouts.
///
/// # Errors
/// [`Error::Config`] for another model; [`Error::File`] and [`Error::Format`] for a file that can't be read;
/// [`Error::Weights`] for a file that lacks a tensor, or has others or other shapes. Its names are torchvision's.
pub fn import(path: &Path, model: &str) -> Result<(Architecture, BTreeMap<String, Stored>)> {
    let naming = Naming::of(model)?;
    let mut theirs = weights::read(path, |name| !name.ends_with(".num_batches_tracked"))?;
    let mut architecture = Architecture::preset(model).expect("models() are presets");
    if let Some(bias) =
        theirs.get(&format!("{}.bias", naming.output())).filter(|bias| !bias.values.is_empty())
    {
        architecture = architecture.with_outputs(bias.values.len());
    }
    let mut ours = BTreeMap::new();
    let (mut missing, mut mismatched) = (Vec::new(), Vec::new());
    for (name, counterpart) in counterparts(&architecture)? {
        let Counterpart { name: their_name, shape: expected, layout, ours: shape } = counterpart;
        let Some(stored) = theirs.remove(&their_name) else {
            missing.push(their_name);
            continue;
        };
        if stored.shape != expected {
            mismatched.push(format!("{their_name} is {:?}, not {expected:?}", stored.shape));
            continue;
        }
        let values = layout.import(&stored.values, &shape);
        ours.insert(name, Stored { shape, values });
    }
    let unexpected: Vec<String> = theirs.into_keys().collect();
    if missing.is_empty() && unexpected.is_empty() && mismatched.is_empty() {
        return Ok((architecture, ours));
    }
    Err(Error::Weights { path: path.to_path_buf(), missing, unexpected, mismatched })
}

/// Writes weights, which have this crate's names and layouts, as torchvision's model of the same name reads them.
/// `architecture` is one of [`models`], with any number of outputs.
///
/// # Errors
/// [`Error::Config`] for another architecture; [`Error::Weights`] for weights that do not fit it, with `source` as
/// their file; [`Error::File`] if the file can't be written.
pub fn export(
    architecture: &Architecture,
    ours: &BTreeMap<String, Stored>,
    source: &Path,
    path: &Path,
) -> Result<()> {
    let counterparts = counterparts(architecture)?;
    let missing: Vec<String> =
        counterparts.keys().filter(|name| !ours.contains_key(*name)).cloned().collect();
    let unexpected: Vec<String> =
        ours.keys().filter(|name| !counterparts.contains_key(*name)).cloned().collect();
    let mismatched: Vec<String> = (ours.iter())
        .filter_map(|(name, stored)| Some((name, stored, &counterparts.get(name)?.ours)))
        .filter(|(_, stored, shape)| stored.shape != **shape)
        .map(|(name, stored, shape)| format!("{name} is {:?}, not {shape:?}", stored.shape))
        .collect();
    if !(missing.is_empty() && unexpected.is_empty() && mismatched.is_empty()) {
        return Err(Error::Weights { path: source.to_path_buf(), missing, unexpected, mismatched });
    }
    let theirs = counterparts.into_iter().map(|(ours_name, counterpart)| {
        let Counterpart { name, shape, layout, ours: from } = counterpart;
        (name, Stored { shape, values: layout.export(&ours[&ours_name].values, &from) })
    });
    weights::write(path, &theirs.collect(), HashMap::from([("model".to_string(), architecture.name.clone())]))
}
