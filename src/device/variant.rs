//! Variants of kernels. A [`Family`] is a small closed set of kernels that compute the same from the same operands.
//! Which of them is the fastest depends on the adapter and on the [`Class`] of the problem. A device runs the variant
//! that `allometry tune` chose for the adapter ([`TunedVariants`]), else the one of the family's default table.
//! Tuning runs only when you ask for it.
//!
//! Variants sum in different orders, so their results differ in the last bits. With the same table of choices, the
//! same device gives the same bits.

use super::class::Class;
use super::kernel::Kernel;
use super::{Backend, Device, Operand, TunedVariants};
use crate::error::{Error, Result};
use std::path::PathBuf;

/// One of several kernels for the same computation.
pub struct Variant<P: 'static> {
    /// Its name in tables and files.
    pub name: &'static str,
    /// Bytes of workgroup memory that it needs. An adapter with less does not run it.
    pub workgroup_memory: u32,
    /// The kernel.
    pub kernel: Kernel<P>,
}

/// Kernels that compute the same from the same operands.
pub struct Family<P: 'static> {
    /// Its name in tables and files.
    pub name: &'static str,
    /// The variants, with different names. The first runs on every adapter; it replaces variants for which an adapter
    /// has too little workgroup memory. All share one reference, which the CPU device runs.
    pub variants: &'static [Variant<P>],
    /// The shape class of a problem.
    pub class: fn(&P) -> Class,
    /// The default table: the name of a variant for each class.
    pub default: fn(Class) -> &'static str,
}

impl<P> Family<P> {
    /// The kernel named `chosen`; else the default for the class; else the first variant. Only variants that need at
    /// most `workgroup_memory` bytes of workgroup memory are used.
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
    /// Runs the variant of `family` that was chosen for this device and the problem's class.
    ///
    /// # Errors
    /// Errors of [`run`](Device::run).
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

    /// The names of the family's variants that this device can run, in the family's order. Empty on the CPU device,
    /// which has no variants.
    pub fn variants(&self, family: &dyn Tunable) -> Vec<&'static str> {
        match &self.0.backend {
            Backend::Gpu(gpu) => family.variants(gpu.workgroup_memory),
            _ => Vec::new(),
        }
    }

    /// A problem of opening the device that did not prevent it: a file of tuned variants that can't be used. The
    /// kernels then run in their default variants.
    pub fn warning(&self) -> Option<&Error> {
        match &self.0.backend {
            Backend::Gpu(gpu) => gpu.warning.as_ref(),
            _ => None,
        }
    }

    /// The variants that are used instead of the defaults.
    pub fn tuned_variants(&self) -> TunedVariants {
        match &self.0.backend {
            Backend::Gpu(gpu) => gpu.tuned_variants(),
            _ => TunedVariants::default(),
        }
    }

    /// Sets the variants that are used from now on. Variants differ in the last bits of their results. Has no effect
    /// on the CPU device, which has no variants.
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
            what: "tuned variants".to_string(),
            problem: format!("{} has no variants of kernels to choose from", self.name()),
        }
    }

    /// Writes the tuned variants into the cache folder. [`Device::open`] reads them for the same adapter and driver.
    /// Returns the file's path.
    ///
    /// # Errors
    /// [`Error::File`] if the file can't be written; [`Error::Config`] without a cache folder, and for the CPU
    /// device.
    pub fn save_tuned_variants(&self) -> Result<PathBuf> {
        match &self.0.backend {
            Backend::Gpu(gpu) => gpu.save_tuned_variants(),
            _ => Err(self.has_no_variants()),
        }
    }
}

/// A [`Family`], for any type of scalars.
pub trait Tunable: Sync {
    /// Its name in tables and files.
    fn name(&self) -> &'static str;
    /// The names of the variants for an adapter with this many bytes of workgroup memory.
    fn variants(&self, workgroup_memory: u32) -> Vec<&'static str>;
    /// The name of the default variant for a class.
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
