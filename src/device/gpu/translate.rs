//! Kernels in the form that a Vulkan driver gets, without a driver. GPU compilers can analyse them offline.

use super::{TunedVariants, pipeline};
use crate::device::kernel::Kernel;
use crate::device::variant::Family;
use crate::device::{Backend, Device, Operand};
use crate::error::{Error, Result};
use pipeline::Form;
use std::sync::{Mutex, PoisonError, RwLock};

/// A kernel in SPIR-V. Its operands are the storage buffers of set 0, inputs first; its scalars are push constants.
#[derive(Clone, Debug)]
pub struct Translation {
    /// The kernel's [name](Kernel::name).
    pub kernel: &'static str,
    /// The name of the entry point.
    pub entry: &'static str,
    /// The texts of the WGSL that was translated.
    pub source: &'static [&'static str],
    /// The number of operands.
    pub operands: usize,
    /// The words of the SPIR-V module.
    pub spirv: Vec<u32>,
}

/// The state of a device that translates kernels instead of running them.
#[derive(Default)]
pub(crate) struct Translator {
    tuned: RwLock<TunedVariants>,
    translations: Mutex<Vec<Translation>>,
}

/// Workgroup memory enough for every variant, so that the chosen variants are translated.
const WORKGROUP_MEMORY: u32 = u32::MAX;

impl Translator {
    pub(crate) fn choose<P>(&self, family: &'static Family<P>, params: &P) -> &'static Kernel<P> {
        let class = (family.class)(params);
        let choices = self.tuned.read().unwrap_or_else(PoisonError::into_inner);
        family.kernel(class, choices.get(family.name, class), WORKGROUP_MEMORY)
    }

    pub(crate) fn set_tuned_variants(&self, choices: TunedVariants) {
        *self.tuned.write().unwrap_or_else(PoisonError::into_inner) = choices;
    }

    pub(crate) fn add<P>(
        &self,
        kernel: &'static Kernel<P>,
        params: &P,
        inputs: &[Operand],
        outputs: &[Operand],
    ) -> Result<()> {
        let types: Vec<_> = inputs.iter().chain(outputs).map(|operand| operand.dtype).collect();
        let form = Form::new(kernel, None, params, inputs);
        let spirv = pipeline::spirv(form.text(params), &types).map_err(|reason| Error::Kernel {
            op: kernel.name.to_string(),
            device: "the translator".to_string(),
            reason,
        })?;
        let (entry, source, operands) = (form.shader.entry, form.shader.source, types.len());
        let translation = Translation { kernel: kernel.name, entry, source, operands, spirv };
        self.translations.lock().unwrap_or_else(PoisonError::into_inner).push(translation);
        Ok(())
    }
}

impl Device {
    /// A [dry](Device::dry) device that translates every kernel that it gets, as for a GPU with 16-bit floats and
    /// without cooperative matrices.
    pub fn translating() -> Device {
        Device::from(Backend::Dry(Some(Translator::default())))
    }

    /// Takes the kernels that a [translating](Device::translating) device got since the last call, in order.
    pub fn take_translations(&self) -> Vec<Translation> {
        match &self.0.backend {
            Backend::Dry(Some(translator)) => {
                std::mem::take(&mut translator.translations.lock().unwrap_or_else(PoisonError::into_inner))
            }
            _ => Vec::new(),
        }
    }
}
