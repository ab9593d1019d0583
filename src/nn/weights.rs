//! Weights on disk: safetensors files with the dotted names of parameters and buffers.

use super::model::Model;
use crate::device::DType;
use crate::error::{Error, Result};
use crate::files;
use crate::shape::Shape;
use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;

/// How [`Model::load_with`] reads a file that was not saved by a model of the same names.
///
/// ```
/// use allometry::nn::weights::LoadOptions;
/// use allometry::nn::{Dense, Module, Sequential};
/// use allometry::{Device, Result};
///
/// # fn main() -> Result<()> {
/// let device = Device::cpu();
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("weights.safetensors");
/// // A file of a larger model: encoder.fc1.kernel, encoder.fc1.bias, …, head.bias.
/// let encoder = Sequential::new().add_named("fc1", Dense::new(8)).add_named("fc2", Dense::new(2));
/// let larger = Sequential::new().add_named("encoder", encoder).add_named("head", Dense::new(5));
/// larger.build(&device, &[4], 0)?.save(&path, Default::default())?;
///
/// // Its encoder, in a model that names its layers by number.
/// let model = Sequential::new().add(Dense::new(8)).add(Dense::new(2)).build(&device, &[4], 1)?;
/// let rename = |name: &str| Some(name.replace("fc1", "layers.0").replace("fc2", "layers.1"));
/// model.load_with(&path, &LoadOptions::new().prefix("encoder.").rename(rename))?;
/// let y = model.predict(&model.batch(&[0.1, 0.2, 0.3, 0.4])?)?;
/// assert_eq!(y.shape()[..], [1, 2]);
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct LoadOptions<'a> {
    prefix: String,
    rename: Option<Box<Rename<'a>>>,
    partial: bool,
}

type Rename<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl<'a> LoadOptions<'a> {
    /// All tensors of the file, under their own names, and each of the model's: what [`Model::load`] reads.
    pub fn new() -> LoadOptions<'a> {
        LoadOptions::default()
    }

    /// Reads only the tensors whose names begin with `prefix`, and takes that off their names.
    pub fn prefix(self, prefix: impl Into<String>) -> LoadOptions<'a> {
        LoadOptions { prefix: prefix.into(), ..self }
    }

    /// The model's name for a tensor of the file, whose prefix is off already; none for tensors to leave out.
    pub fn rename(self, rename: impl Fn(&str) -> Option<String> + 'a) -> LoadOptions<'a> {
        LoadOptions { rename: Some(Box::new(rename)), ..self }
    }

    /// Accepts a file that lacks some of the model's tensors, which keep their values, or has others. At least one has
    /// to be there, and a tensor of a shared name has to have the model's shape.
    pub fn partial(self) -> LoadOptions<'a> {
        LoadOptions { partial: true, ..self }
    }

    /// The model's name for the tensor `name` of the file; none if it is not to be read.
    fn target(&self, name: &str) -> Option<String> {
        let name = name.strip_prefix(&self.prefix)?;
        match &self.rename {
            Some(rename) => rename(name),
            None => Some(name.to_string()),
        }
    }
}

impl fmt::Debug for LoadOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("LoadOptions")
            .field("prefix", &self.prefix)
            .field("renames", &self.rename.is_some())
            .field("partial", &self.partial)
            .finish()
    }
}

/// What [`Model::load_with`] read. All names are the model's, in alphabetical order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Parameters and buffers that were read.
    pub loaded: Vec<String>,
    /// Those that the file lacks, which keep their values.
    pub missing: Vec<String>,
    /// Tensors of the file that the model does not have.
    pub unexpected: Vec<String>,
}

impl Model {
    /// Saves every parameter and buffer under its dotted name (`layers.0.kernel`), as f32 (as f64 in a model in f64),
    /// with `notes` as the file's metadata. The file is replaced whole or not at all.
    ///
    /// # Errors
    /// [`Error::File`] if the file can't be written.
    pub fn save(&self, path: &Path, notes: HashMap<String, String>) -> Result<()> {
        let mut tensors: Vec<Packed> = Vec::new();
        for (name, value) in self.parameters().master_values().chain(self.buffers().iter()) {
            let values = value.to_f64()?;
            let (dtype, data) = match value.dtype() {
                DType::F64 => (Dtype::F64, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
                _ => (Dtype::F32, values.iter().flat_map(|&v| (v as f32).to_le_bytes()).collect()),
            };
            tensors.push((name.to_string(), dtype, value.shape().to_vec(), data));
        }
        write_all(path, &tensors, notes)
    }

    /// Reads every parameter and buffer of this model from a safetensors file of f16, bf16, f32 or f64 values.
    ///
    /// # Errors
    /// [`Error::File`] if the file can't be read, [`Error::Format`] if it is no safetensors file; [`Error::Weights`] if
    /// it lacks a tensor of the model, has one that the model has not, or one of another shape or type. The model is
    /// then unchanged.
    pub fn load(&self, path: &Path) -> Result<()> {
        self.load_with(path, &LoadOptions::new()).map(drop)
    }

    /// The same from a file with other names, or with other tensors beside the model's.
    ///
    /// # Errors
    /// Those of [`load`](Model::load); [`Error::Format`] if two tensors get one name.
    pub fn load_with(&self, path: &Path, options: &LoadOptions) -> Result<Loaded> {
        let bytes = std::fs::read(path).map_err(Error::file(path, "read"))?;
        let file = parsed(path, &bytes)?;
        let mut given: BTreeMap<String, &str> = BTreeMap::new();
        for name in file.names() {
            let Some(target) = options.target(name) else { continue };
            if let Some(other) = given.insert(target.clone(), name) {
                let found = format!("{other} and {name}, which are both renamed to {target}");
                return Err(Error::format(path, "one tensor for each name", found));
            }
        }
        let wanted: BTreeMap<&str, Shape> = (self.parameters().iter())
            .map(|(name, value)| (name, value.shape()))
            .chain(self.buffers().iter().map(|(name, value)| (name, value.shape())))
            .collect();
        let mut report = Loaded::default();
        let (mut mismatched, mut views) = (Vec::new(), Vec::new());
        for (name, in_file) in &given {
            let Some(shape) = wanted.get(name.as_str()) else {
                report.unexpected.push(name.clone());
                continue;
            };
            let view = file.tensor(in_file).map_err(|e| Error::format(path, *in_file, e.to_string()))?;
            if view.shape() != &shape[..] || !is_float(view.dtype()) {
                mismatched.push(format!("{name} is {:?} {:?}, not {shape}", view.dtype(), view.shape()));
            } else {
                report.loaded.push(name.clone());
                views.push((name, view));
            }
        }
        report.missing =
            wanted.keys().filter(|name| !given.contains_key(**name)).map(|n| n.to_string()).collect();
        let incomplete = !(report.missing.is_empty() && report.unexpected.is_empty());
        if !mismatched.is_empty()
            || (incomplete && !options.partial)
            || (views.is_empty() && !wanted.is_empty())
        {
            let Loaded { missing, unexpected, .. } = report;
            return Err(Error::Weights { path: path.to_path_buf(), missing, unexpected, mismatched });
        }
        for (name, view) in views {
            self.set(name, &floats(view.dtype(), view.data()))?;
        }
        Ok(report)
    }

    /// Overwrites the parameter or the buffer `name`.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown name or another number of values.
    pub(crate) fn set(&self, name: &str, values: &[f64]) -> Result<()> {
        if self.parameters().contains(name) {
            self.parameters().set_exact(name, values)
        } else {
            self.buffers().set_exact(name, values)
        }
    }
}

/// A tensor of a weights file.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its extents, outermost first.
    pub shape: Vec<usize>,
    /// Its elements, row-major.
    pub values: Vec<f32>,
}

/// The tensors of a safetensors file whose names `wanted` accepts, by name. They are f16, bf16, f32 or f64 in the file.
///
/// # Errors
/// [`Error::File`] if the file can't be read, [`Error::Format`] if it is no safetensors file, and for a wanted tensor of
/// another type.
pub fn read(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<BTreeMap<String, Stored>> {
    let bytes = std::fs::read(path).map_err(Error::file(path, "read"))?;
    stored(path, &parsed(path, &bytes)?, wanted)
}

fn stored(
    path: &Path,
    file: &SafeTensors,
    wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Stored>> {
    let mut tensors = BTreeMap::new();
    for (name, view) in file.iter().filter(|(name, _)| wanted(name)) {
        if !is_float(view.dtype()) {
            let found = format!("{:?} in {name}", view.dtype());
            return Err(Error::format(path, "tensors of f16, bf16, f32 or f64", found));
        }
        let values = floats(view.dtype(), view.data()).into_iter().map(|value| value as f32).collect();
        tensors.insert(name.to_string(), Stored { shape: view.shape().to_vec(), values });
    }
    Ok(tensors)
}

/// All tensors of a safetensors file by name, and its metadata.
///
/// # Errors
/// Those of [`read`].
pub(crate) fn read_with_notes(path: &Path) -> Result<(BTreeMap<String, Stored>, HashMap<String, String>)> {
    let bytes = std::fs::read(path).map_err(Error::file(path, "read"))?;
    let file = parsed(path, &bytes)?;
    let tensors = stored(path, &file, |_| true)?;
    let (_, header) = SafeTensors::read_metadata(&bytes)
        .map_err(|e| Error::format(path, "a safetensors file", format!("something else ({e})")))?;
    Ok((tensors, header.metadata().clone().unwrap_or_default()))
}

/// Writes a safetensors file of f32 tensors, with `notes` as its metadata. The file is replaced whole or not at all.
///
/// # Errors
/// [`Error::File`] if the file can't be written; [`Error::Config`] if a tensor's shape has another number of elements.
pub fn write(path: &Path, tensors: &BTreeMap<String, Stored>, notes: HashMap<String, String>) -> Result<()> {
    let data = |stored: &Stored| stored.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let tensors: Vec<_> = tensors
        .iter()
        .map(|(name, stored)| (name.clone(), Dtype::F32, stored.shape.clone(), data(stored)))
        .collect();
    write_all(path, &tensors, notes)
}

type Packed = (String, Dtype, Vec<usize>, Vec<u8>);

fn write_all(path: &Path, tensors: &[Packed], notes: HashMap<String, String>) -> Result<()> {
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, data)| Ok((name, TensorView::new(*dtype, shape.clone(), data)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>();
    let bytes = views.and_then(|views| safetensors::serialize(views, Some(notes)));
    let bytes =
        bytes.map_err(|e| Error::Config { what: path.display().to_string(), problem: e.to_string() })?;
    files::replace(path, &bytes)
}

fn parsed<'a>(path: &Path, bytes: &'a [u8]) -> Result<SafeTensors<'a>> {
    SafeTensors::deserialize(bytes)
        .map_err(|e| Error::format(path, "a safetensors file", format!("something else ({e})")))
}

fn is_float(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64)
}

/// Little-endian floats of a type that [`is_float`] accepts.
fn floats(dtype: Dtype, data: &[u8]) -> Vec<f64> {
    fn decode<const N: usize>(data: &[u8], value: fn([u8; N]) -> f64) -> Vec<f64> {
        data.as_chunks::<N>().0.iter().map(|bytes| value(*bytes)).collect()
    }
    match dtype {
        Dtype::F16 => decode(data, |bytes| f16::from_le_bytes(bytes).to_f64()),
        Dtype::BF16 => decode(data, |bytes| bf16::from_le_bytes(bytes).to_f64()),
        Dtype::F32 => decode(data, |bytes| f32::from_le_bytes(bytes).into()),
        _ => decode(data, f64::from_le_bytes),
    }
}
