//! Translates every kernel to SPIR-V, so that compilers' output can be examined without a GPU. `scripts/shader-stats`
//! does that for AMD's compiler.

use super::ladder::{self, Step};
use super::probe;
use super::tune::tunable;
use crate::device::class::Class;
use crate::device::{DType, Device, Translation, TunedVariants};
use crate::error::Result;
use crate::ops::batch_norm::updated_statistics;
use crate::ops::{Function, Interpolation, PadMode, Padding, RandomKey};
use crate::optim::rules::{Mixed, Operands, Step as OptimizerStep, With};
use crate::optim::{OptimizerName, clip, loss_scale};
use crate::tensor::Tensor;
use crate::train::metric;

/// A translated kernel.
pub struct Shader {
    /// The work that the kernel was translated for.
    pub work: String,
    /// Its name, WGSL and SPIR-V.
    pub translation: Translation,
}

/// Translates every kernel of the library in all of its variants. Operands are f32 unless `work` says otherwise.
///
/// # Errors
/// [`Error::Kernel`](crate::Error::Kernel) for a kernel that can't be translated.
pub fn shaders() -> Result<Vec<Shader>> {
    let mut list = List { device: Device::translating(), shaders: Vec::new() };
    products(&mut list)?;
    convolutions(&mut list)?;
    windows(&mut list)?;
    elements(&mut list)?;
    rows(&mut list)?;
    training(&mut list)?;
    Ok(list.shaders)
}

struct List {
    device: Device,
    shaders: Vec<Shader>,
}

impl List {
    fn tensor(&self, shape: &[usize]) -> Result<Tensor> {
        let tensor = Tensor::zeros(&self.device, DType::F32, crate::shape::Shape::new(shape)?)?;
        // The kernel that fills the tensor is not part of the work.
        self.device.take_translations();
        Ok(tensor)
    }

    /// Runs `body`, and adds its kernels whose names begin with `prefix`, unless they are already in the list.
    fn add(&mut self, work: &str, prefix: &str, body: impl FnOnce() -> Result<()>) -> Result<()> {
        self.device.take_translations();
        body()?;
        for translation in self.device.take_translations() {
            let known = self.shaders.iter().any(|s| s.translation.spirv == translation.spirv);
            if translation.kernel.starts_with(prefix) && !known {
                self.shaders.push(Shader { work: work.to_string(), translation });
            }
        }
        Ok(())
    }

    /// Runs `body` once for each variant of a family.
    fn in_every_variant(
        &mut self,
        family: &str,
        mut body: impl FnMut(&mut List) -> Result<()>,
    ) -> Result<()> {
        for tunable in tunable().filter(|tunable| tunable.name() == family) {
            for variant in tunable.variants(u32::MAX) {
                let mut choices = TunedVariants::default();
                Class::all().for_each(|class| choices.set(family, class, Some(variant)));
                self.device.set_tuned_variants(choices);
                body(self)?;
            }
        }
        self.device.set_tuned_variants(TunedVariants::default());
        Ok(())
    }
}

fn products(list: &mut List) -> Result<()> {
    let (a, b) = (list.tensor(&[1024, 1024])?, list.tensor(&[1024, 1024])?);
    list.in_every_variant("matmul", |list| list.add("A·B", "matmul.", || a.matmul(&b).map(drop)))?;
    let (at, bt) = (a.transpose()?, b.transpose()?);
    list.add("Aᵀ·B", "matmul.", || at.matmul(&b).map(drop))?;
    list.add("A·Bᵀ", "matmul.", || a.matmul(&bt).map(drop))?;
    let (c, d) = (list.tensor(&[1001, 1001])?, list.tensor(&[1001, 1001])?);
    list.add("A·B, extents odd", "matmul.", || c.matmul(&d).map(drop))?;
    let (c, d) = (list.tensor(&[64, 4096])?, list.tensor(&[4096, 64])?);
    list.add("a long sum", "matmul.join", || c.matmul(&d).map(drop))?;
    for step in Step::ALL {
        list.add("A·B", "matmul.step", || ladder::product(&a, &b, step).map(drop))?;
    }
    Ok(())
}

fn convolutions(list: &mut List) -> Result<()> {
    let conv = |x: &Tensor, w: &Tensor, stride: usize| {
        x.conv2d(w, None, [stride; 2], Padding::Same, Function::Linear)
    };
    let (x, w) = (list.tensor(&[16, 32, 32, 64])?, list.tensor(&[3, 3, 64, 128])?);
    let (dy, dy_strided) = (list.tensor(&[16, 32, 32, 128])?, list.tensor(&[16, 16, 16, 128])?);
    for family in ["conv2d.forward", "conv2d.data", "conv2d.weights"] {
        list.in_every_variant(family, |list| {
            list.add("3×3, 64 → 128", family, || {
                conv(&x.requires_grad(), &w.requires_grad(), 1)?.backward_from(&dy).map(drop)
            })
        })?;
    }
    let (few, of_few) = (list.tensor(&[16, 32, 32, 3])?, list.tensor(&[3, 3, 3, 128])?);
    list.add("3×3, 3 → 128", "conv2d.forward", || conv(&few, &of_few, 1).map(drop))?;
    list.add("3×3, 64 → 128, stride 2", "conv2d.data", || {
        conv(&x.requires_grad(), &w, 2)?.backward_from(&dy_strided).map(drop)
    })?;
    let channels = list.tensor(&[3, 3, 64, 1])?;
    list.add("3×3, 64 channels", "depthwise_conv2d.", || {
        let (x, w) = (x.requires_grad(), channels.requires_grad());
        let y = x.depthwise_conv2d(&w, None, [1, 1], Padding::Same, Function::Linear)?;
        y.backward_from(&x.detach()).map(drop)
    })
}

fn windows(list: &mut List) -> Result<()> {
    let (x, halved) = (list.tensor(&[16, 32, 32, 64])?, list.tensor(&[16, 16, 16, 64])?);
    list.add("2×2, stride 2", "pool2d.", || {
        let x = x.requires_grad();
        x.max_pool2d([2, 2], [2, 2], Padding::Same)?.backward_from(&halved)?;
        x.average_pool2d([2, 2], [2, 2], Padding::Same)?.backward_from(&halved).map(drop)
    })?;
    list.add("3×3, stride 2", "pool2d.", || {
        x.requires_grad().max_pool2d([3, 3], [2, 2], Padding::Same)?.backward_from(&halved).map(drop)
    })
}

fn elements(list: &mut List) -> Result<()> {
    let (x, y) = (list.tensor(&[1024, 1024])?, list.tensor(&[1024, 1024])?);
    let t = x.transpose()?;
    list.add("addition", "binary.", || x.add(&y).map(drop))?;
    list.add("addition of a transposed matrix", "binary.", || t.add(&y).map(drop))?;
    list.add("ReLU", "unary.", || x.relu().map(drop))?;
    list.add("GELU", "unary.", || x.gelu().map(drop))?;
    list.add("ReLU of a transposed matrix", "unary.", || t.relu().map(drop))?;
    list.add("ReLU", "unary.gradient", || x.requires_grad().relu()?.backward_from(&y).map(drop))?;
    list.add("ReLU of a transposed matrix", "unary.gradient", || {
        x.requires_grad().relu()?.backward_from(&t).map(drop)
    })?;
    let (w, dense) = (list.tensor(&[1024, 256])?, list.tensor(&[1024, 256])?);
    list.add("ReLU of a dense layer", "unary.gradient", || {
        let z = x.requires_grad().dense(&w, None, Function::Relu)?;
        z.add(&z)?.backward_from(&dense).map(drop)
    })?;
    list.add("any", "parametric.", || x.requires_grad().powf(1.7)?.backward_from(&y).map(drop))?;
    let (images, indices) = (list.tensor(&[16, 32, 32, 64])?, Tensor::new(&list.device, &[0u32; 64], [64])?);
    list.add("any", "gather.", || {
        indices.one_hot(64, DType::F32)?;
        let (table, rows) = (x.requires_grad(), x.slice(0, 0..64)?);
        table.gather(0, &indices)?.backward_from(&rows).map(drop)
    })?;
    list.add("any", "pad.", || {
        let padded = images.requires_grad().pad(&[[0, 0], [1, 1], [1, 1], [0, 0]], PadMode::Reflect)?;
        padded.backward_from(&padded.detach()).map(drop)
    })?;
    list.add("any", "resize.", || {
        let resized = images.requires_grad().resize2d([64, 64], Interpolation::Bilinear)?;
        resized.backward_from(&resized.detach()).map(drop)
    })?;
    list.add("any", "select.", || x.select(&x, &y).map(drop))?;
    list.add("any", "fill.", || Tensor::ones(x.device(), DType::F32, [1024]).map(drop))?;
    list.add("a transposed matrix", "copy.", || t.packed("copy").map(drop))?;
    list.add("f32 to f16", "copy.", || x.cast(DType::F16).map(drop))?;
    list.add("a transposed matrix", "copy.", || t.add_into(&y))?;
    let key = RandomKey { seed: 0, step: 0, module: 0 };
    list.add("any", "dropout.", || x.dropout(0.5, key).map(drop))?;
    list.add("roofline", "probe.", || {
        probe::copy(&x)?;
        probe::fma(&x, 64).map(drop)
    })
}

fn rows(list: &mut List) -> Result<()> {
    let x = list.tensor(&[1024, 1024])?;
    list.add("sums", "reduce.", || {
        x.sum(&[1], false)?;
        x.sum(&[0], false).map(drop)
    })?;
    let c = list.tensor(&[1024])?;
    list.add("1,024 channels, ReLU", "batch_norm.", || {
        let of_channels = [&c, &c];
        updated_statistics(of_channels, of_channels, 1024, 0.9)?;
        let given = x.batch_norm_with(of_channels, of_channels, 1e-5, Function::Relu)?;
        let y = given.requires_grad().batch_norm(&c, &c, 1e-5, Function::Relu)?.output;
        y.relu()?.backward_from(&x)?;
        let y = given.requires_grad().batch_norm(&c, &c, 1e-5, Function::Relu)?.output;
        y.backward_from(&x).map(drop)
    })?;
    list.add("1,024 columns", "group_norm.", || {
        let (x, c) = (x.requires_grad(), c.requires_grad());
        x.layer_norm(&c, &c, 1e-5, Function::Linear)?.backward_from(&x.detach()).map(drop)
    })?;
    list.add("any", "reduce.argmax", || x.argmax(1).map(drop))?;
    list.add("1,024 classes", "softmax.", || x.requires_grad().softmax(1)?.backward_from(&x).map(drop))?;
    let labels = Tensor::new(&list.device, &[0u32; 1024], [1024])?;
    list.add("1,024 classes", "cross_entropy.", || {
        x.requires_grad().cross_entropy(&labels, 0.1)?.backward().map(drop)
    })?;
    let (sums, losses) = (list.tensor(&[2, 2])?, list.tensor(&[1024])?);
    list.add("any", "metric.", || {
        metric::add_classification(&sums, 0, &losses, &x, &labels)?;
        metric::add_losses(&sums, 1, &losses)
    })
}

fn training(list: &mut List) -> Result<()> {
    let parameters = || list.tensor(&[1 << 20]);
    let (w, g) = (parameters()?, parameters()?);
    let mut rules = Vec::new();
    for algorithm in OptimizerName::ALL.iter().flat_map(|name| name.variants()) {
        let moments = (0..algorithm.rule().moments()).map(|_| parameters()).collect::<Result<Vec<_>>>()?;
        rules.push((algorithm, moments));
    }
    let (halves, g_halves) = (w.cast(DType::F16)?, g.cast(DType::F16)?);
    let scale = loss_scale::state(&w, 1024.0)?;
    let (found, factors) = (Tensor::new(&list.device, &[0u32], [1])?, list.tensor(&[1])?);
    list.add("f32", "loss_scale.", || {
        loss_scale::find_overflow(&g, &found)?;
        loss_scale::update(&scale, &found, 2000, [0.9, 0.999])
    })?;
    list.add("f16", "loss_scale.", || loss_scale::find_overflow(&g_halves, &found))?;
    list.add("any", "clip.", || clip::lower_to_norm(std::slice::from_ref(&g), 1.0, &factors, 0))?;
    let step = OptimizerStep { rate: 1e-3, weight_decay: 0.0, number: 10 };
    let mixed = With::Mixed(Mixed { weights: &halves, scale: &scale });
    let ways = [
        ("f32", &g, With::Nothing),
        ("f32, clipped", &g, With::Factor(&factors)),
        ("mixed", &g_halves, mixed),
    ];
    for (work, gradient, with) in ways {
        list.add(work, "optimizer.", || {
            rules.iter().try_for_each(|(algorithm, moments)| {
                let operands = Operands { parameters: &w, gradient, moments, with };
                algorithm.rule().update(&step, &operands)
            })
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The names of the functions that a text declares as entry points.
    fn entries(text: &str) -> Vec<&str> {
        let after = text.split("@compute").skip(1);
        after.map(|rest| rest.split("fn ").nth(1).unwrap().split('(').next().unwrap()).collect()
    }

    #[test]
    fn every_entry_point_of_every_file_is_translated() {
        let shaders = shaders().unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
        let files = ["", "lib"].into_iter().flat_map(|under| std::fs::read_dir(folder.join(under)).unwrap());
        let mut count = 0;
        for file in files.map(|file| file.unwrap().path()).filter(|path| path.is_file()) {
            let text = std::fs::read_to_string(&file).unwrap();
            // Tests of products cover the entry points on cooperative matrices.
            for entry in entries(&text).into_iter().filter(|&entry| entry != "cooperative") {
                let is = |t: &Translation| t.entry == entry && t.source.contains(&text.as_str());
                assert!(shaders.iter().any(|s| is(&s.translation)), "{}: {entry}", file.display());
                count += 1;
            }
        }
        assert!(count > 30, "{count}");
        for family in tunable() {
            for variant in &family.variants(u32::MAX)[1..] {
                let ends = format!("_{variant}");
                let is = |name: &str| name.starts_with(family.name()) && name.ends_with(&ends);
                assert!(shaders.iter().any(|s| is(s.translation.kernel)), "{} {variant}", family.name());
            }
        }
        for Shader { work, translation } in &shaders {
            assert_eq!(translation.spirv[0], 0x0723_0203, "{} for {work} is no SPIR-V", translation.kernel);
        }
    }
}
