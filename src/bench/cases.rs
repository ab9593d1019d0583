//! The benchmark cases of every family of kernels.

use super::ladder::{self, Step};
use super::{noise, repeated_noise};
use crate::device::profile::Dispatch;
use crate::device::{DType, Device, Kind};
use crate::error::{Error, Result};
use crate::ops::{Function, Padding};
use crate::optim::update::{AdamStep, SgdStep, With, adam, sgd};
use crate::tensor::Tensor;

/// The names of the families.
pub const FAMILIES: &[&str] = &[
    "matmul",
    "matmul_f16",
    "ladder",
    "conv2d",
    "depthwise",
    "elementwise",
    "reduce",
    "softmax",
    "cross_entropy",
    "pool2d",
    "optimizer",
];

/// A benchmark case: work that is timed.
pub struct Case {
    /// The family: one of [`FAMILIES`].
    pub family: &'static str,
    /// Shapes and direction, for tables.
    pub name: String,
    work: Box<dyn FnMut() -> Result<()>>,
    /// Prefix of the names of kernels that the work needs but that are not timed, such as a gradient's forward pass.
    hidden: Option<&'static str>,
    /// Bytes of outputs that kernels read before they write them.
    changed: u64,
}

/// The cost of one call of a case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// Floating-point operations.
    pub flops: u64,
    /// Bytes read, each operand once.
    pub read: u64,
    /// Bytes written, each result once.
    pub written: u64,
}

impl Cost {
    /// Bytes read and written.
    pub fn bytes(&self) -> u64 {
        self.read + self.written
    }
}

impl Case {
    pub(super) fn new(
        family: &'static str,
        name: impl Into<String>,
        work: impl FnMut() -> Result<()> + 'static,
    ) -> Case {
        Case { family, name: name.into(), work: Box::new(work), hidden: None, changed: 0 }
    }

    /// Excludes kernels whose names begin with `forward` from the times, so that the gradient is timed alone.
    fn without(self, forward: &'static str) -> Case {
        Case { hidden: Some(forward), ..self }
    }

    /// Runs the case once and returns its cost, as counted by its kernels.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn cost(&mut self, device: &Device) -> Result<Cost> {
        let dispatches = self.run(device, 1)?;
        let sum = |part: fn(&Dispatch) -> u64| dispatches.iter().map(part).sum::<u64>();
        Ok(Cost {
            flops: sum(|d| d.flops),
            read: sum(|d| d.read) + self.changed,
            written: sum(|d| d.written),
        })
    }

    /// The part of a cost that the roofline limits. The roofline does not include matrix units, which run products of
    /// f16, so their FLOPs don't count.
    pub(super) fn bounded(&self, cost: Cost) -> Cost {
        if self.family == "matmul_f16" { Cost { flops: 0, ..cost } } else { cost }
    }

    /// Runs the case `calls` times and returns the seconds inside its kernels, by the device's clock.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn seconds(&mut self, device: &Device, calls: u64) -> Result<f64> {
        Ok(self.run(device, calls)?.iter().map(|d| d.seconds).sum())
    }

    /// The timed dispatches of `calls` calls.
    fn run(&mut self, device: &Device, calls: u64) -> Result<Vec<Dispatch>> {
        let (_, profile) = device.profile(|| (0..calls).try_for_each(|_| (self.work)()))?;
        let mut dispatches = profile.dispatches;
        dispatches.retain(|d| self.hidden.is_none_or(|prefix| !d.kernel.starts_with(prefix)));
        Ok(dispatches)
    }
}

/// The cases of a family, with sizes for the kind of device.
///
/// # Errors
/// [`Error::Argument`] for a name that is not in [`FAMILIES`]; errors of the device, such as [`Error::OutOfMemory`].
pub fn cases(device: &Device, family: &str) -> Result<Vec<Case>> {
    match family {
        "matmul" => matmul(device, DType::F32),
        "matmul_f16" => matmul(device, DType::F16),
        "ladder" => ladder(device),
        "conv2d" => conv2d(device),
        "depthwise" => depthwise(device),
        "elementwise" => elementwise(device),
        "reduce" => reduce(device),
        "softmax" => softmax(device),
        "cross_entropy" => cross_entropy(device),
        "pool2d" => pool2d(device),
        "optimizer" => optimizer(device),
        other => Err(Error::argument("bench", "family", other, format!("one of {}", FAMILIES.join(", ")))),
    }
}

/// Elements of tensors that kernels read once: more than caches hold.
fn many(device: &Device) -> usize {
    if device.kind() == Kind::Gpu { 64 << 20 } else { 16 << 20 }
}

/// Products of f16 have sums in f32 and use cooperative matrices if the adapter has any. Empty for f16 on a device
/// without f16.
fn matmul(device: &Device, dtype: DType) -> Result<Vec<Case>> {
    let sizes: &[usize] =
        if device.kind() == Kind::Gpu { &[512, 1024, 2048, 4096, 8192] } else { &[256, 512, 1024, 2048] };
    let squares = sizes.iter().map(|&n| (n, n, n));
    let others = [(256, 784, 512), (64, 3136, 128), (4096, 64, 64), (128, 16384, 128)];
    let family = if dtype == DType::F16 { "matmul_f16" } else { "matmul" };
    let cases = squares.chain(others).map(|(m, k, n)| {
        let (a, b) = (noise(device, [m, k])?.cast(dtype)?, noise(device, [k, n])?.cast(dtype)?);
        Ok(Case::new(family, format!("{m}×{k}×{n}"), move || a.matmul(&b).map(drop)))
    });
    match cases.collect() {
        Err(Error::DType { .. }) if dtype == DType::F16 => Ok(Vec::new()),
        cases => cases,
    }
}

/// Empty on the CPU device, where all steps run the same code.
fn ladder(device: &Device) -> Result<Vec<Case>> {
    if device.kind() == Kind::Cpu {
        return Ok(Vec::new());
    }
    let n = 2048;
    let (a, b) = (noise(device, [n, n])?, noise(device, [n, n])?);
    let case = |step: Step| {
        let (a, b) = (a.clone(), b.clone());
        Case::new("ladder", format!("{}, {n}", step.name()), move || ladder::product(&a, &b, step).map(drop))
    };
    Ok(Step::ALL.into_iter().map(case).collect())
}

/// Batch, rows (and columns) of the image, input channels, output channels, rows (and columns) of the kernel, stride.
type Geometry = (usize, usize, usize, usize, usize, usize);

fn conv2d(device: &Device) -> Result<Vec<Case>> {
    let small = [(16, 32, 32, 64, 3, 1), (16, 16, 64, 128, 3, 1), (16, 32, 64, 256, 1, 1)];
    let large =
        [(64, 56, 64, 64, 3, 1), (64, 28, 128, 128, 3, 1), (64, 56, 128, 128, 3, 2), (64, 7, 512, 512, 3, 1)];
    let large = large.iter().filter(|_| device.kind() == Kind::Gpu);
    let mut cases = Vec::new();
    for &geometry in small.iter().chain(large) {
        let (batch, side, inputs, outputs, window, stride) = geometry;
        let stepping = if stride == 1 { String::new() } else { format!(" /{stride}") };
        let name = format!("{batch}×{side}×{side}×{inputs}→{outputs} {window}×{window}{stepping}");
        let kernel = noise(device, [window, window, inputs, outputs])?;
        let apply: Convolve = |x, w, stride| x.conv2d(w, None, [stride; 2], Padding::Same, Function::Linear);
        // A 1×1 convolution is a matrix product on pixels and runs the kernels of one.
        let forward = if window == 1 { None } else { Some("conv2d.forward") };
        convolution(device, &mut cases, "conv2d", &name, geometry, kernel, apply, forward)?;
    }
    Ok(cases)
}

fn depthwise(device: &Device) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    let geometry = (16, 16, 96, 96, 3, 1);
    let kernel = noise(device, [3, 3, 96, 1])?;
    let apply: Convolve =
        |x, w, stride| x.depthwise_conv2d(w, None, [stride; 2], Padding::Same, Function::Linear);
    let forward = Some("depthwise_conv2d.forward");
    convolution(device, &mut cases, "depthwise", "16×16×16×96 3×3", geometry, kernel, apply, forward)?;
    Ok(cases)
}

type Convolve = fn(&Tensor, &Tensor, usize) -> Result<Tensor>;

/// The three directions of a convolution. If the kernels of the forward pass have their own name (`forward`), the
/// gradients are also timed without it.
#[allow(clippy::too_many_arguments)] // The parts of one convolution.
fn convolution(
    device: &Device,
    cases: &mut Vec<Case>,
    family: &'static str,
    name: &str,
    (batch, side, inputs, outputs, _, stride): Geometry,
    kernel: Tensor,
    apply: Convolve,
    forward: Option<&'static str>,
) -> Result<()> {
    let out = side.div_ceil(stride);
    let x = noise(device, [batch, side, side, inputs])?;
    let dy = noise(device, [batch, out, out, outputs])?;
    let alone = |case: Case| forward.map_or_else(Vec::new, |forward| vec![case.without(forward)]);
    let (a, b) = (x.clone(), kernel.clone());
    cases.push(Case::new(family, format!("{name}, forward"), move || apply(&a, &b, stride).map(drop)));
    let (a, b, d) = (x.requires_grad(), kernel.clone(), dy.clone());
    let data = move || apply(&a, &b, stride)?.backward_from(&d).map(drop);
    cases.extend(alone(Case::new(family, format!("{name}, data"), data)));
    let (a, b, d) = (x.clone(), kernel.requires_grad(), dy.clone());
    let weights = move || apply(&a, &b, stride)?.backward_from(&d).map(drop);
    cases.extend(alone(Case::new(family, format!("{name}, weights"), weights)));
    let (a, b) = (x.requires_grad(), kernel.requires_grad());
    let all = move || apply(&a, &b, stride)?.backward_from(&dy).map(drop);
    cases.push(Case::new(family, format!("{name}, with gradients"), all));
    Ok(())
}

fn elementwise(device: &Device) -> Result<Vec<Case>> {
    let count = many(device);
    let (a, b) = (repeated_noise(device, count)?, repeated_noise(device, count)?);
    let x = a.clone();
    let name = |what: &str| format!("{what} {} M", count >> 20);
    Ok(vec![
        Case::new("elementwise", name("add"), move || a.add(&b).map(drop)),
        Case::new("elementwise", name("relu"), move || x.relu().map(drop)),
    ])
}

fn reduce(device: &Device) -> Result<Vec<Case>> {
    let count = many(device);
    let x = repeated_noise(device, count)?;
    let rows = x.reshape([count / 1024, 1024])?;
    let columns = format!("columns {}×1024", count / 1024);
    Ok(vec![
        Case::new("reduce", format!("sum {} M", count >> 20), move || x.sum(&[], false).map(drop)),
        Case::new("reduce", columns, move || rows.sum(&[0], false).map(drop)),
    ])
}

fn softmax(device: &Device) -> Result<Vec<Case>> {
    let rows = noise(device, [4096, 1024])?;
    Ok(vec![Case::new("softmax", "4096×1024", move || rows.softmax(1).map(drop))])
}

fn cross_entropy(device: &Device) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (rows, classes) in [(4096usize, 10usize), (4096, 1024)] {
        let logits = noise(device, [rows, classes])?;
        let labels: Vec<u32> = (0..rows).map(|i| (i % classes) as u32).collect();
        let labels = Tensor::new(device, &labels, [rows])?;
        let (x, l) = (logits.clone(), labels.clone());
        let forward = move || x.cross_entropy_rows(&l, 0.0).map(drop);
        cases.push(Case::new("cross_entropy", format!("{rows}×{classes}, forward"), forward));
        let (x, seed) = (logits.requires_grad(), noise(device, [rows])?);
        let gradient = move || x.cross_entropy_rows(&labels, 0.0)?.backward_from(&seed).map(drop);
        let case = Case::new("cross_entropy", format!("{rows}×{classes}, gradient"), gradient);
        cases.push(case.without("cross_entropy.forward"));
    }
    Ok(cases)
}

fn pool2d(device: &Device) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    let x = noise(device, [256, 32, 32, 64])?;
    let dy = noise(device, [256, 16, 16, 64])?;
    type Pool = fn(&Tensor) -> Result<Tensor>;
    let pools: [(&str, Pool, &'static str); 2] = [
        ("maximum", |x| x.max_pool2d([2, 2], [2, 2], Padding::Valid), "pool2d.max_forward"),
        ("average", |x| x.average_pool2d([2, 2], [2, 2], Padding::Valid), "pool2d.average_forward"),
    ];
    for (what, pool, forward) in pools {
        let name = |part: &str| format!("{what} 256×32×32×64 2×2, {part}");
        let a = x.clone();
        cases.push(Case::new("pool2d", name("forward"), move || pool(&a).map(drop)));
        let (a, d) = (x.requires_grad(), dy.clone());
        let gradient = move || pool(&a)?.backward_from(&d).map(drop);
        cases.push(Case::new("pool2d", name("gradient"), gradient).without(forward));
    }
    Ok(cases)
}

fn optimizer(device: &Device) -> Result<Vec<Case>> {
    let count = many(device);
    let tensor = || repeated_noise(device, count);
    let name = |what: &str| format!("{what} {} M", count >> 20);
    let bytes = 4 * count as u64;
    let (w, g) = (tensor()?, tensor()?);
    let (m, v) = (tensor()?, tensor()?.square()?);
    let (sgd_w, sgd_g) = (w.clone(), g.clone());
    let step = SgdStep { rate: 1e-3, momentum: 0.0, nesterov: false, weight_decay: 0.0, first: false };
    let by_sgd = Case::new("optimizer", name("SGD"), move || sgd(&sgd_w, &sgd_g, None, &step, With::Nothing));
    let step = AdamStep {
        rate: 1e-3,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-7,
        weight_decay: 0.0,
        decoupled: false,
        step: 10,
    };
    let by_adam = Case::new("optimizer", name("Adam"), move || adam(&w, &g, [&m, &v], &step, With::Nothing));
    Ok(vec![Case { changed: bytes, ..by_sgd }, Case { changed: 3 * bytes, ..by_adam }])
}
