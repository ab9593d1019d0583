//! Variants: forms of one computation, of which another is the fastest on another adapter and for another shape.
//!
//! A [`Family`] is a small closed set of kernels that compute the same from the same operands. Which of them a device
//! runs depends on the [`Class`] of the problem: it is what `allometry tune` found to be faster on this adapter
//! ([`TunedVariants`]), else what the family's own table says. Tuning runs only when it is asked for.
//!
//! Sums fall into other pieces in another variant, so results differ in their last bits between them. For one table of
//! choices the same device gives the same bits.

use super::kernel::Kernel;
use super::{Backend, Device, Operand, TunedVariants};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
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

/// The shape class of a matrix product (a convolution is one too): how many rows and columns its results have. How long
/// the sums are and how the operands lie changes every variant's time alike (measured from 10 to 1,024 terms, with
/// either operand transposed); very long sums of few results are cut into pieces before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Class {
    pub rows: Band,
    pub columns: Band,
    /// How many tiles there are of a result with more than 64 rows or columns and more than 16 in the other direction.
    pub tiles: Tiles,
}

/// Whether there are enough tiles to keep a GPU busy, of which size.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Tiles {
    /// Fewer than 96 of 64 × 64.
    Few,
    /// At least 96 of 64 × 64.
    Enough,
    /// At least 96 of 128 × 128, of a result with more than 64 rows and columns.
    Many,
}

impl Tiles {
    /// Graphics processors have up to some 150 cores, and the larger tiles do more at a time: on one with 132 cores 64
    /// tiles of 128 × 128 took half as long again as 256 of 64 × 64.
    const ENOUGH: u64 = 96;

    fn suffix(self) -> &'static str {
        match self {
            Tiles::Few => ", few tiles",
            Tiles::Enough => "",
            Tiles::Many => ", many tiles",
        }
    }
}

/// A range of extents.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Band {
    UpTo8,
    UpTo16,
    UpTo32,
    UpTo64,
    Above64,
}

impl Band {
    const ALL: [Band; 5] = [Band::UpTo8, Band::UpTo16, Band::UpTo32, Band::UpTo64, Band::Above64];

    fn of(extent: u64) -> Band {
        match extent {
            0..=8 => Band::UpTo8,
            9..=16 => Band::UpTo16,
            17..=32 => Band::UpTo32,
            33..=64 => Band::UpTo64,
            _ => Band::Above64,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Band::UpTo8 => "<= 8",
            Band::UpTo16 => "<= 16",
            Band::UpTo32 => "<= 32",
            Band::UpTo64 => "<= 64",
            Band::Above64 => "> 64",
        }
    }
}

impl Class {
    /// The class of `results` results with so many rows and columns each.
    pub fn of(rows: u64, columns: u64, results: u64) -> Class {
        let enough = |side: u64| {
            let tiles = rows.div_ceil(side).saturating_mul(columns.div_ceil(side));
            tiles.saturating_mul(results) >= Tiles::ENOUGH
        };
        let (least, most) = (rows.min(columns), rows.max(columns));
        let tiles = if least > 64 && enough(128) {
            Tiles::Many
        } else if least > 16 && most > 64 && !enough(64) {
            Tiles::Few
        } else {
            Tiles::Enough
        };
        Class { rows: Band::of(rows), columns: Band::of(columns), tiles }
    }

    /// Every class.
    pub fn all() -> impl Iterator<Item = Class> {
        let pairs = Band::ALL.into_iter().flat_map(|rows| Band::ALL.map(|columns| (rows, columns)));
        pairs.flat_map(|(rows, columns)| {
            let (least, most) = (rows.min(columns), rows.max(columns));
            let tiles: &[Tiles] = match (least, most) {
                (Band::Above64, _) => &[Tiles::Few, Tiles::Enough, Tiles::Many],
                (Band::UpTo32 | Band::UpTo64, Band::Above64) => &[Tiles::Few, Tiles::Enough],
                _ => &[Tiles::Enough],
            };
            tiles.iter().map(move |&tiles| Class { rows, columns, tiles })
        })
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "rows {}, columns {}{}", self.rows.name(), self.columns.name(), self.tiles.suffix())
    }
}

impl From<Class> for String {
    fn from(class: Class) -> String {
        class.to_string()
    }
}

impl TryFrom<String> for Class {
    type Error = String;

    fn try_from(text: String) -> Result<Class, String> {
        Class::all().find(|class| class.to_string() == text).ok_or_else(|| format!("unknown class {text:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_has_a_class_that_can_be_read_back() {
        let all: Vec<Class> = Class::all().collect();
        assert_eq!(all.len(), 31);
        let extents = [1, 8, 9, 16, 17, 32, 33, 64, 65, 1023, 1024, 4096, u64::MAX];
        for (rows, columns) in extents.into_iter().flat_map(|rows| extents.map(|columns| (rows, columns))) {
            for results in [1, 3, 100] {
                let class = Class::of(rows, columns, results);
                assert!(all.contains(&class), "{rows} × {columns}: {class}");
                assert_eq!(Class::try_from(class.to_string()), Ok(class));
                // The transposed result has the transposed class.
                let turned = Class { rows: class.columns, columns: class.rows, ..class };
                assert_eq!(Class::of(columns, rows, results), turned);
            }
        }
        assert!(Class::try_from("rows > 16".to_string()).is_err());
    }

    #[test]
    fn bounds_are_where_tiles_end() {
        let name = |rows, columns, results| Class::of(rows, columns, results).to_string();
        assert_eq!(name(8, 9, 1), "rows <= 8, columns <= 16");
        assert_eq!(name(16, 65, 1), "rows <= 16, columns > 64");
        assert_eq!(name(17, 64, 1), "rows <= 32, columns <= 64");
        assert_eq!(name(17, 65, 1), "rows <= 32, columns > 64, few tiles");
        assert_eq!(name(65, 95 * 64, 1), "rows > 64, columns > 64");
        assert_eq!(name(64, 95 * 64, 1), "rows <= 64, columns > 64, few tiles");
        assert_eq!(name(64, 95 * 64 + 1, 1), "rows <= 64, columns > 64");
        assert_eq!(name(512, 512, 1), "rows > 64, columns > 64, few tiles");
        assert_eq!(name(512, 512, 2), "rows > 64, columns > 64");
        assert_eq!(name(1024, 1024, 1), "rows > 64, columns > 64");
        assert_eq!(name(1024, 1536, 1), "rows > 64, columns > 64, many tiles");
    }
}
