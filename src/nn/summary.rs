//! The table that Keras prints of a model, with MACs and activation memory beside the parameters.

use super::sequential::Sequential;
use crate::error::Result;
use crate::terminal::Table;
use crate::units::{bytes, grouped};

impl Sequential {
    /// The layers as a table: output shape, parameters, MACs and bytes of output per sample.
    ///
    /// # Errors
    /// As [`describe`](Sequential::describe).
    pub fn summary(&self, input: &[usize]) -> Result<String> {
        let layers = self.describe(input)?;
        let mut table = Table::new(["Layer (type)", "Output shape", "Param #", "MACs", "Activations"])
            .with_text_columns(2);
        for layer in &layers {
            let shape: Vec<String> = layer.output_shape.iter().map(|extent| extent.to_string()).collect();
            table.add_row([
                format!("{} ({})", layer.name, layer.kind),
                format!("(None, {})", shape.join(", ")),
                grouped(layer.parameters),
                grouped(layer.macs),
                bytes(4 * layer.activations),
            ]);
        }
        let parameters = layers.iter().map(|layer| layer.parameters).sum();
        let macs = layers.iter().map(|layer| layer.macs).sum();
        let activations: u64 = layers.iter().map(|layer| layer.activations).sum();
        Ok(format!(
            "{table}\n Total params: {} ({})\n Trainable params: {} ({})\n MACs per sample: {}\n \
             Activation memory per sample: {}\n",
            grouped(parameters),
            bytes(4 * parameters),
            grouped(parameters),
            bytes(4 * parameters),
            grouped(macs),
            bytes(4 * activations),
        ))
    }
}
