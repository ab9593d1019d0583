//! Tuning: measures the variants of kernels for each class of results.
//!
//! Each [`Class`] of a family has a workload, which every variant runs. Variants whose results match the f64 reference
//! are timed in turns, so that other load on the machine affects all of them. A variant that is faster than the default
//! by more than [`MARGIN`] becomes the choice for this class.

use super::{BLOCKS, SLOW_BLOCKS, noise_values};
use crate::device::class::{Band, Class, Tiles};
use crate::device::variant::Tunable;
use crate::device::{Device, TunedVariants};
use crate::error::{Error, Result};
use crate::ops::{Function, Padding, conv2d, matmul};
use crate::quantile::median;
use crate::shape::Shape;
use crate::tensor::Tensor;
use serde::Serialize;

/// A variant replaces the default only if it is faster by this factor, because results of variants differ in the last
/// bits.
pub const MARGIN: f64 = 1.05;

/// A variant whose first call takes this many times as long as the fastest one's is not timed further.
const MAX_SLOWDOWN: f64 = 2.0;

/// Names of the families that have variants.
pub fn families() -> Vec<&'static str> {
    tunable().map(|family| family.name()).collect()
}

/// The families that have variants.
pub fn tunable() -> impl Iterator<Item = &'static dyn Tunable> {
    [matmul::family()].into_iter().chain(conv2d::families())
}

/// The result of one variant.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Timing {
    /// Name of the variant.
    pub variant: &'static str,
    /// Seconds of one call inside the family's kernels; infinite if the driver refused the kernel.
    pub seconds: f64,
    /// Whether the result matches the reference up to rounding.
    pub right: bool,
}

/// The result of tuning one class.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Outcome {
    /// Name of the family.
    pub family: &'static str,
    /// The class.
    pub class: Class,
    /// The workload that was timed.
    pub work: String,
    /// The variant that is used without tuning.
    pub default: &'static str,
    /// The variant that is used from now on.
    pub best: &'static str,
    /// The result of every variant, in the order of the family.
    pub variants: Vec<Timing>,
}

impl Outcome {
    /// Seconds of one call by the default, and by the best.
    pub fn seconds(&self) -> [f64; 2] {
        [self.default, self.best].map(|name| {
            let timing = self.variants.iter().find(|t| t.variant == name);
            timing.map_or(f64::NAN, |timing| timing.seconds)
        })
    }
}

/// Times every variant of the named families, each class for about `seconds` plus the time of compiling, and makes the
/// device use the best. Calls `report` after each class. Does not write the choices to disk;
/// [`Device::save_tuned_variants`] does. On the CPU device, which has no variants, the result is empty.
///
/// # Errors
/// [`Error::Argument`] for a name that is not in [`families`]; errors of the device. After an error the device uses the
/// same choices as before the call.
pub fn tune(
    device: &Device,
    names: &[String],
    seconds: f64,
    mut report: impl FnMut(&Outcome),
) -> Result<Vec<Outcome>> {
    if let Some(unknown) = names.iter().find(|name| !families().contains(&name.as_str())) {
        return Err(Error::argument("tune", "family", unknown, format!("one of {}", families().join(", "))));
    }
    let before = device.tuned_variants();
    let mut outcomes = Vec::new();
    for family in tunable().filter(|family| names.iter().any(|name| name == family.name())) {
        if device.variants(family).is_empty() {
            continue;
        }
        for work in workloads(family.name()) {
            let mut choices = device.tuned_variants();
            let outcome = work
                .measure(device, family, seconds)
                .inspect_err(|_| device.set_tuned_variants(before.clone()))?;
            let kept = (outcome.best != outcome.default).then_some(outcome.best);
            choices.set(outcome.family, outcome.class, kept);
            device.set_tuned_variants(choices);
            report(&outcome);
            outcomes.push(outcome);
            // Buffers of the next class have other sizes.
            device.trim();
        }
    }
    Ok(outcomes)
}

/// The fastest correct variant if it is faster than the default by more than [`MARGIN`], else the default. A default
/// with wrong results is replaced by any correct variant.
fn best(default: &'static str, timings: &[Timing]) -> &'static str {
    let right = || timings.iter().filter(|t| t.right);
    let limit = right().find(|t| t.variant == default).map_or(f64::INFINITY, |t| t.seconds / MARGIN);
    let fastest = right().min_by(|a, b| a.seconds.total_cmp(&b.seconds));
    fastest.filter(|t| t.seconds < limit).map_or(default, |t| t.variant)
}

type Compute = Box<dyn Fn(&[Tensor]) -> Result<Tensor>>;

/// The work that represents a class.
struct Workload {
    class: Class,
    name: String,
    inputs: Vec<Shape>,
    /// Number of products that each element of the result sums.
    terms: usize,
    compute: Compute,
}

impl Workload {
    fn measure(&self, device: &Device, family: &'static dyn Tunable, seconds: f64) -> Result<Outcome> {
        let class = self.class;
        let inputs = self.tensors(device, |v| v)?;
        let (want, bounds) = self.oracle()?;
        let base = device.tuned_variants();
        let choose = |variant: &str| {
            let mut choices: TunedVariants = base.clone();
            choices.set(family.name(), class, Some(variant));
            device.set_tuned_variants(choices);
        };
        let time = |variant: &str, calls: u64| -> Result<f64> {
            choose(variant);
            let body = || (0..calls).try_for_each(|_| (self.compute)(&inputs).map(drop));
            let (_, profile) = device.profile(body)?;
            let timed = profile.dispatches.iter().filter(|d| d.kernel.starts_with(family.name()));
            // A coarse clock may return 0.
            Ok((timed.map(|d| d.seconds).sum::<f64>() / calls as f64).max(1e-9))
        };
        let mut timings = Vec::new();
        for variant in device.variants(family) {
            // The first call compiles the kernel.
            choose(variant);
            let got = match (self.compute)(&inputs) {
                Err(Error::Kernel { .. }) => {
                    timings.push(Timing { variant, seconds: f64::INFINITY, right: false });
                    continue;
                }
                got => got?.to_f64()?,
            };
            let near = |((got, want), bound): ((&f64, &f64), &f64)| (got - want).abs() <= *bound;
            let right = got.iter().zip(&want).zip(&bounds).all(near);
            timings.push(Timing { variant, seconds: time(variant, 1)?, right });
        }
        let default = family.default(class);
        let fastest = timings.iter().filter(|t| t.right).map(|t| t.seconds).fold(f64::INFINITY, f64::min);
        let raced: Vec<&mut Timing> = timings
            .iter_mut()
            .filter(|t| t.right && (t.variant == default || t.seconds <= MAX_SLOWDOWN * fastest))
            .collect();
        // A time is the median over blocks of calls.
        let share = seconds / BLOCKS as f64 / raced.len() as f64;
        let calls: Vec<u64> = raced.iter().map(|t| (share / t.seconds).clamp(1.0, 1e4) as u64).collect();
        let mut blocks = vec![Vec::new(); raced.len()];
        let slow = raced.iter().map(|t| t.seconds).sum::<f64>() > seconds;
        for _ in 0..if slow { SLOW_BLOCKS } else { BLOCKS } {
            for ((timing, calls), blocks) in raced.iter().zip(&calls).zip(&mut blocks) {
                blocks.push(time(timing.variant, *calls)?);
            }
        }
        for (timing, blocks) in raced.into_iter().zip(blocks) {
            timing.seconds = median(blocks);
        }
        let best = best(default, &timings);
        Ok(Outcome {
            family: family.name(),
            class,
            work: self.name.clone(),
            default,
            best,
            variants: timings,
        })
    }

    /// The inputs: noise, mapped by `change`.
    fn tensors<E: crate::device::Element>(
        &self,
        device: &Device,
        change: impl Fn(f32) -> E,
    ) -> Result<Vec<Tensor>> {
        let tensor = |shape: &Shape| {
            let values: Vec<E> = noise_values(shape.elements()).into_iter().map(&change).collect();
            Tensor::new(device, &values, *shape)
        };
        self.inputs.iter().map(tensor).collect()
    }

    /// The result of the reference in f64, and the error bound of each element: 4·K·2⁻²⁴ times the sum of the absolute
    /// values of its terms, for sums of K terms.
    fn oracle(&self) -> Result<(Vec<f64>, Vec<f64>)> {
        let device = Device::cpu();
        let want = (self.compute)(&self.tensors(&device, f64::from)?)?.to_f64()?;
        let sizes = (self.compute)(&self.tensors(&device, |v| f64::from(v.abs()))?)?.to_f64()?;
        let factor = 4.0 * self.terms as f64 * 2f64.powi(-24);
        Ok((want, sizes.into_iter().map(|size| factor * size).collect()))
    }
}

/// The workloads of a family, one for each class that occurs in models.
fn workloads(family: &str) -> Vec<Workload> {
    match family {
        "matmul" => Class::all().map(product).collect(),
        direction => convolutions(direction),
    }
}

fn product(class: Class) -> Workload {
    let side = |band| match band {
        Band::UpTo8 => 4,
        Band::UpTo16 => 10,
        Band::UpTo32 => 32,
        Band::UpTo64 => 64,
        Band::Above64 => 512,
    };
    // The extent of a side above 64, which determines the number of tiles.
    let long = match class.tiles {
        Tiles::Few => 512,
        Tiles::Enough => 8192,
        Tiles::Many => 2048,
    };
    let (m, n) = match (class.rows, class.columns) {
        (Band::Above64, Band::Above64) if class.tiles == Tiles::Many => (1536, long),
        (Band::Above64, Band::Above64) if class.tiles == Tiles::Enough => (1024, 1024),
        (Band::Above64, Band::Above64) => (256, 512),
        (Band::Above64, columns) => (long, side(columns)),
        (rows, Band::Above64) => (side(rows), long),
        (rows, columns) => (side(rows), side(columns)),
    };
    // Too short to be split along k.
    let k = 512;
    Workload {
        class,
        name: format!("{m}×{k}×{n}"),
        inputs: vec![[m, k].into(), [k, n].into()],
        terms: k,
        compute: Box::new(|t| t[0].matmul(&t[1])),
    }
}

/// 3×3 convolutions with numbers of channels that occur in the first and in later layers of models.
fn convolutions(direction: &str) -> Vec<Workload> {
    // Images and their rows (and columns), for few, enough and many tiles.
    const FEW: (usize, usize) = (16, 8);
    const ENOUGH: (usize, usize) = (32, 16);
    const MANY: (usize, usize) = (64, 16);
    // The gradient of weights sums over pixels: more pixels give more pieces of the sum.
    const PIECES: (usize, usize) = (96, 16);
    const COLUMNS: [usize; 5] = [8, 16, 32, 64, 128];
    let wide = &COLUMNS[2..];
    // Images with their input and output channels.
    let geometries: Vec<((usize, usize), usize, usize)> = match direction {
        "conv2d.weights" => {
            let few = [1, 3, 32].into_iter().flat_map(|ci| COLUMNS.map(|co| (FEW, ci, co)));
            few.chain(wide.iter().map(|&co| (PIECES, 32, co))).chain([(FEW, 384, 512)]).collect()
        }
        _ => {
            let few = COLUMNS.iter().map(|&columns| (FEW, columns));
            let all = few.chain(wide.iter().map(|&columns| (ENOUGH, columns))).chain([(MANY, 128)]);
            all.map(|(images, columns)| match direction {
                "conv2d.data" => (images, columns, 32),
                _ => (images, 32, columns),
            })
            .collect()
        }
    };
    geometries.into_iter().map(|(images, ci, co)| convolution(direction, images, ci, co)).collect()
}

fn convolution(direction: &str, (n, side): (usize, usize), ci: usize, co: usize) -> Workload {
    let pixels = n * side * side;
    let (x, w, dy): (Shape, Shape, Shape) =
        ([n, side, side, ci].into(), [3, 3, ci, co].into(), [n, side, side, co].into());
    let conv = |x: &Tensor, w: &Tensor| x.conv2d(w, None, [1, 1], Padding::Same, Function::Linear);
    // The gradient of one of the operands alone.
    let gradient = move |t: &[Tensor], leaf: usize| -> Result<Tensor> {
        let mut operands = [t[0].clone(), t[1].clone()];
        operands[leaf] = operands[leaf].requires_grad();
        let gradients = conv(&operands[0], &operands[1])?.backward_from(&t[2])?;
        Ok(gradients.get(&operands[leaf]).expect("it was asked for").clone())
    };
    let (rows, columns, terms, inputs, compute): (usize, usize, usize, Vec<Shape>, Compute) = match direction
    {
        "conv2d.forward" => (pixels, co, 9 * ci, vec![x, w], Box::new(move |t| conv(&t[0], &t[1]))),
        "conv2d.data" => (pixels, ci, 9 * co, vec![x, w, dy], Box::new(move |t| gradient(t, 0))),
        _ => (9 * ci, co, pixels, vec![x, w, dy], Box::new(move |t| gradient(t, 1))),
    };
    let results = match direction {
        "conv2d.weights" => conv2d::weight_pieces([9 * ci, co, 1], [n * side, side]),
        _ => 1,
    };
    Workload {
        class: Class::of(rows as u64, columns as u64, results),
        name: format!("{n}×{side}×{side}×{ci}→{co} 3×3"),
        inputs,
        terms,
        compute,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(variant: &'static str, seconds: f64, right: bool) -> Timing {
        Timing { variant, seconds, right }
    }

    #[test]
    fn only_what_is_right_and_clearly_faster_replaces_the_default() {
        let among = |others: &[Timing]| best("a", &[&[timing("a", 1.0, true)], others].concat());
        assert_eq!(among(&[]), "a");
        assert_eq!(among(&[timing("b", 0.9, true), timing("c", 0.8, true)]), "c");
        assert_eq!(among(&[timing("b", 0.97, true)]), "a", "within the noise");
        assert_eq!(among(&[timing("b", 0.1, false)]), "a", "fast, but wrong");
        assert_eq!(among(&[timing("b", 0.1, false), timing("c", 0.8, true)]), "c");
        assert_eq!(among(&[timing("b", 1.2, true)]), "a");
        // A wrong default is replaced even by a slower variant. If no variant is correct, nothing changes.
        let broken = [timing("a", 1.0, false), timing("b", 3.0, true)];
        assert_eq!(best("a", &broken), "b");
        assert_eq!(best("a", &broken[..1]), "a");
    }

    #[test]
    fn there_is_work_for_every_class_and_a_default_that_exists() {
        for family in tunable() {
            let variants = family.variants(u32::MAX);
            assert!(variants.len() > 1, "{}", family.name());
            for class in Class::all() {
                let default = family.default(class);
                assert!(variants.contains(&default), "{}, {class}: {default}", family.name());
            }
            let classes: Vec<Class> = workloads(family.name()).iter().map(|work| work.class).collect();
            let distinct: std::collections::BTreeSet<Class> = classes.iter().copied().collect();
            assert_eq!(distinct.len(), classes.len(), "{}: a class twice", family.name());
            assert!(Class::all().all(|c| family.name() != "matmul" || distinct.contains(&c)));
            let many = |c: &Class| c.rows == Band::Above64;
            assert!(Class::all().filter(many).all(|c| distinct.contains(&c)), "{}", family.name());
        }
    }

    /// The workgroup memory that WebGPU guarantees is enough for the first variants of every family, but not for larger
    /// tiles.
    #[test]
    fn adapters_with_little_workgroup_memory_have_the_small_tiles() {
        for family in tunable() {
            assert_eq!(family.variants(16 << 10), ["64x64", "32x32"], "{}", family.name());
            let all = family.variants(32 << 10);
            assert!(all.contains(&"128x128") && all == family.variants(u32::MAX), "{}", family.name());
            assert_eq!(family.variants(0), [""; 0], "{}", family.name());
        }
    }

    #[test]
    fn the_cpu_device_has_nothing_to_choose() {
        let names: Vec<String> = families().iter().map(|name| name.to_string()).collect();
        let outcomes = tune(&Device::cpu(), &names, 1e-3, |_| panic!("nothing to report"));
        assert_eq!(outcomes.unwrap(), []);
        let unknown = tune(&Device::cpu(), &["sorting".to_string()], 1e-3, |_| ());
        assert!(matches!(unknown, Err(Error::Argument { op: "tune", argument: "family", .. })));
    }
}
