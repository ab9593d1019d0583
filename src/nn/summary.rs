//! The table that Keras prints of a model, with MACs and activation memory beside the parameters.

use super::sequential::Sequential;
use crate::error::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

impl Sequential {
    /// The layers as a table: output shape, parameters, MACs and bytes of output per sample.
    ///
    /// # Errors
    /// As [`describe`](Sequential::describe).
    pub fn summary(&self, input: &[usize]) -> Result<String> {
        let layers = self.describe(input)?;
        let mut table = Table::new();
        table
            .load_style(presets::UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(["Layer (type)", "Output shape", "Param #", "MACs", "Activations"]);
        for column in 2..5 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
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

/// `17985` as `17,985`.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes as Keras prints them: `70.25 KB`, with 1,024 to a step.
pub fn bytes(value: u64) -> String {
    let mut scaled = value as f64;
    for unit in ["B", "KB", "MB"] {
        if scaled < 1024.0 {
            return format!("{scaled:.2} {unit}");
        }
        scaled /= 1024.0;
    }
    format!("{scaled:.2} GB")
}
