//! Variants: forms of one computation, of which another is the fastest on another adapter and for another shape.
//!
//! A [`Family`] is a small closed set of kernels that compute the same from the same operands. Which of them a device
//! runs depends on the [`Class`] of the problem: it is what `allometry tune` found to be faster on this adapter
//! ([`TunedVariants`]), else what the family's own table says. Tuning runs only when it is asked for.
//!
//! Sums fall into other pieces in another variant, so results differ in their last bits between them. For one table of
//! choices the same device gives the same bits.

use super::class::Class;
use super::kernel::Kernel;
use super::{Backend, Device, Operand, TunedVariants};
use crate::error::{Error, Result};
use std::path::PathBuf;

/// A kernel that is one of several for the same computation.
pub struct Variant<P: 'static> {
    /// What tables and files call it.
    pub name: &'static str,
    /// Bytes of workgroup memory that it takes. An adapter with less does not run it.
    pub workgroup_memory: u32,
    pub kernel: Kernel<P>,
}

/// Kernels that compute the same from the same operands.
pub struct Family<P: 'static> {
    /// What tables and files call it.
    pub name: &'static str,
    /// No two have the same name. The first runs on every adapter, and in place of those that this one has too little
    /// workgroup memory for. The CPU device runs its reference, which all share.
    pub variants: &'static [Variant<P>],
    pub class: fn(&P) -> Class,
    /// The table that is good at once: the name of a variant.
    pub default: fn(Class) -> &'static str,
}

impl<P> Family<P> {
    /// The kernel that was chosen for a class of problems, if there is one of that name, else the default: of those for
    /// which an adapter with so many bytes of workgroup memory has enough.
    pub(crate) fn kernel(
        &'static self,
        class: Class,
        chosen: Option<&str>,
        workgroup_memory: u32,
    ) -> &'static Kernel<P> {
        let fits = |v: &&Variant<P>| v.workgroup_memory <= workgroup_memory;
        let named = |name: &str| self.variants.iter().filter(fits).find(|v| v.name == name);
        let variant = chosen.and_then(named).or_else(|| named((self.default)(class)));
        &variant.unwrap_or(&self.variants[0]).kernel
    }
}

impl Device {
    /// Runs the variant of `family` that suits this device and the problem.
    ///
    /// # Errors
    /// As [`run`](Device::run).
    pub fn run_variant<P: bytemuck::Pod>(
        &self,
        family: &'static Family<P>,
        params: &P,
        inputs: &[Operand],
        outputs: &[Operand],
    ) -> Result<()> {
        let kernel = match &self.0.backend {
            Backend::Gpu(gpu) => gpu.choose(family, params),
            Backend::Dry(Some(translator)) => translator.choose(family, params),
            _ => &family.variants[0].kernel,
        };
        self.run(kernel, params, inputs, outputs)
    }

    /// The names of a family's variants that this device can run, in the family's order. None on the CPU device, which
    /// has nothing to choose from.
    pub fn variants(&self, family: &dyn Tunable) -> Vec<&'static str> {
        match &self.0.backend {
            Backend::Gpu(gpu) => family.variants(gpu.workgroup_memory),
            _ => Vec::new(),
        }
    }

    /// What went wrong when the device was opened and need not stop anybody: a file of tuned choices that can't be
    /// used, so that kernels run in their default variants.
    pub fn warning(&self) -> Option<&Error> {
        match &self.0.backend {
            Backend::Gpu(gpu) => gpu.warning.as_ref(),
            _ => None,
        }
    }

    /// The variants of kernels that are used instead of the defaults.
    pub fn tuned_variants(&self) -> TunedVariants {
        match &self.0.backend {
            Backend::Gpu(gpu) => gpu.tuned_variants(),
            _ => TunedVariants::default(),
        }
    }

    /// From now on uses these variants. Results differ in their last bits between variants: the same bits come from
    /// the same choices. The CPU device has nothing to choose from.
    pub fn set_tuned_variants(&self, choices: TunedVariants) {
        match &self.0.backend {
            Backend::Gpu(gpu) => gpu.set_tuned_variants(choices),
            Backend::Dry(Some(translator)) => translator.set_tuned_variants(choices),
            _ => {}
        }
    }

    /// The file that [`save_tuned_variants`](Device::save_tuned_variants) writes.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no cache folder, and for the CPU device.
    pub fn tuned_variants_file(&self) -> Result<PathBuf> {
        match &self.0.backend {
            Backend::Gpu(gpu) => gpu.tuned_variants_file(),
            _ => Err(self.has_no_variants()),
        }
    }

    fn has_no_variants(&self) -> Error {
        Error::Config {
            what: "tuned choices".to_string(),
            problem: format!("{} has no variants of kernels to choose from", self.name()),
        }
    }

    /// Writes the choices into the cache folder, where the next [`Device::open`] of the same adapter and driver finds
    /// them. Returns the file.
    ///
    /// # Errors
    /// [`Error::File`] where it can't be written; [`Error::Config`] if there is no cache folder, and for the CPU device.
    pub fn save_tuned_variants(&self) -> Result<PathBuf> {
        match &self.0.backend {
            Backend::Gpu(gpu) => gpu.save_tuned_variants(),
            _ => Err(self.has_no_variants()),
        }
    }
}

/// A [`Family`], whatever its scalars are.
pub trait Tunable: Sync {
    fn name(&self) -> &'static str;
    /// The names of the variants for an adapter with so many bytes of workgroup memory.
    fn variants(&self, workgroup_memory: u32) -> Vec<&'static str>;
    /// The one that is used unless another was chosen.
    fn default(&self, class: Class) -> &'static str;
}

impl<P> Tunable for Family<P> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn variants(&self, workgroup_memory: u32) -> Vec<&'static str> {
        self.variants.iter().filter(|v| v.workgroup_memory <= workgroup_memory).map(|v| v.name).collect()
    }

    fn default(&self, class: Class) -> &'static str {
        (self.default)(class)
    }
}
