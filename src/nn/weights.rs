//! Weights on disk: safetensors, with the names of [`Parameters`](super::Parameters).

use super::sequential::Model;
use crate::error::{Error, Result, listed};
use crate::files;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use std::path::Path;

impl Model {
    /// Saves every parameter as f32 under its name (`layers.0.kernel`), with `notes` as the file's metadata. The
    /// file is replaced whole or not at all.
    pub fn save(&self, path: &Path, notes: HashMap<String, String>) -> Result<()> {
        let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
        for (name, value) in self.parameters().master_values() {
            let values: Vec<u8> = value.to_f64()?.iter().flat_map(|&v| (v as f32).to_le_bytes()).collect();
            tensors.push((name.to_string(), value.shape().to_vec(), values));
        }
        let views = tensors
            .iter()
            .map(|(name, shape, data)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), data)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>();
        let bytes = views.and_then(|views| safetensors::serialize(views, Some(notes)));
        let bytes =
            bytes.map_err(|e| Error::Config { what: path.display().to_string(), problem: e.to_string() })?;
        files::replace(path, &bytes)
    }

    /// Reads every parameter of this model from a safetensors file of f32 values.
    ///
    /// # Errors
    /// [`Error::Format`] where the file is no safetensors file, lacks a parameter, or has one of another shape or
    /// type; the model is then unchanged.
    pub fn load(&self, path: &Path) -> Result<()> {
        let bytes = std::fs::read(path).map_err(Error::file(path, "read"))?;
        let file = SafeTensors::deserialize(&bytes)
            .map_err(|e| Error::format(path, "a safetensors file", format!("something else ({e})")))?;
        let mut values = Vec::new();
        for (name, parameter) in self.parameters().iter() {
            let view = file.tensor(name).map_err(|_| {
                let mut names = file.names();
                names.sort_unstable();
                Error::format(path, format!("a tensor {name}"), format!("only {}", listed(&names)))
            })?;
            if view.shape() != &parameter.shape()[..] || view.dtype() != Dtype::F32 {
                let found = format!("{:?} {:?}", view.dtype(), view.shape());
                return Err(Error::format(path, format!("{name} as F32 {}", parameter.shape()), found));
            }
            let chunks = view.data().chunks_exact(4);
            // Chunks of four by construction.
            values.push((
                name,
                chunks.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect::<Vec<_>>(),
            ));
        }
        values.iter().try_for_each(|(name, values)| self.parameters().set(name, values))
    }
}
