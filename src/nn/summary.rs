//! What a model is and costs: as a tree, and as the table that Keras prints, with MACs and activation memory beside the
//! parameters.

use crate::terminal::Table;
use crate::units::{bytes, grouped};
use serde::Serialize;

/// What a module is and costs, for one sample. [`Module::describe`](super::Module::describe) returns it.
#[derive(Clone, Debug, Serialize)]
pub struct ModuleReport {
    /// The dotted name; empty for the model itself.
    pub name: String,
    /// The name of the type: that of Keras, where Keras has one.
    pub kind: String,
    /// Without the batch.
    pub output_shape: Vec<usize>,
    /// Trained values, those of the modules inside included.
    pub parameters: u64,
    /// Values that are saved and not trained, those of the modules inside included.
    pub buffers: u64,
    /// Multiply-accumulate operations of the forward pass, those of the modules inside included.
    pub macs: u64,
    /// Values that the module and those inside it put out.
    pub activations: u64,
    /// The modules inside this one, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<ModuleReport>,
}

impl ModuleReport {
    /// The modules that compute or hold something themselves, in order, each without those inside it. The counts of this
    /// list add up to those of this module.
    pub fn layers(&self) -> Vec<ModuleReport> {
        let mut own = ModuleReport { modules: Vec::new(), ..self.clone() };
        for inner in &self.modules {
            own.parameters -= inner.parameters;
            own.buffers -= inner.buffers;
            own.macs -= inner.macs;
            own.activations -= inner.activations;
        }
        let only_contains =
            !self.modules.is_empty() && [own.parameters, own.buffers, own.macs, own.activations] == [0; 4];
        let own = Some(own).filter(|_| !only_contains);
        own.into_iter().chain(self.modules.iter().flat_map(ModuleReport::layers)).collect()
    }
}

/// The modules inside `model` as a table, at most so many levels of them. A model without any is shown itself.
pub(super) fn table(model: &ModuleReport, levels: usize) -> String {
    let mut table =
        Table::new(["Layer (type)", "Output shape", "Param #", "MACs", "Activations"]).with_text_columns(2);
    if model.modules.is_empty() {
        add_row(&mut table, model, 0);
    }
    for module in &model.modules {
        add_rows(&mut table, module, 0, levels);
    }
    let (trained, fixed) = (model.parameters, model.buffers);
    let with_bytes = |count: u64| format!("{} ({})", grouped(count), bytes(4 * count));
    format!(
        "{table}\n Total params: {}\n Trainable params: {}\n Non-trainable params: {}\n MACs per sample: {}\n \
         Activation memory per sample: {}\n",
        with_bytes(trained + fixed),
        with_bytes(trained),
        with_bytes(fixed),
        grouped(model.macs),
        bytes(4 * model.activations),
    )
}

/// The module and, on the levels below, those inside it.
fn add_rows(table: &mut Table, module: &ModuleReport, level: usize, levels: usize) {
    if level < levels {
        add_row(table, module, level);
        module.modules.iter().for_each(|inner| add_rows(table, inner, level + 1, levels));
    }
}

fn add_row(table: &mut Table, module: &ModuleReport, level: usize) {
    let shape: Vec<String> = module.output_shape.iter().map(|extent| extent.to_string()).collect();
    let name = match module.name.as_str() {
        "" => module.kind.clone(),
        name => format!("{}{name} ({})", "  ".repeat(level), module.kind),
    };
    table.add_row([
        name,
        format!("(None, {})", shape.join(", ")),
        grouped(module.parameters + module.buffers),
        grouped(module.macs),
        bytes(4 * module.activations),
    ]);
}
