//! A module of one's own: root mean square normalisation (Zhang and Sennrich 2019), in a residual network.
//!
//! cargo run --release --example custom_module

use allometry::nn::{Activation, Definition, Dense, Initializer, Module, Residual, Scope, Sequential};
use allometry::optim::Algorithm;
use allometry::{Device, DeviceChoice, Result, Tensor, print_line};

/// x / √(mean of x² + 1e-6) · scale, over the last axis, with a scale for each channel.
#[derive(Clone, Debug)]
struct RmsNorm;

impl Module for RmsNorm {
    fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
        definition.parameter("scale", &input[input.len() - 1..], Initializer::Ones);
        Ok(input.to_vec())
    }

    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
        let epsilon = Tensor::full(x.device(), x.dtype(), [], 1e-6)?;
        let norm = x.square()?.mean(&[x.shape().rank() - 1], true)?.add(&epsilon)?.sqrt()?;
        x.div(&norm)?.mul(scope.parameter("scale")?)
    }
}

/// Blocks that normalise before they compute, as transformers do.
fn network() -> Sequential {
    let block = || {
        let hidden = Dense::new(64).activation(Activation::Gelu);
        Residual::new(Sequential::new().add(RmsNorm).add(hidden).add(Dense::new(16)))
    };
    Sequential::new()
        .add(Dense::new(16))
        .add(block())
        .add(block())
        .add_named("norm", RmsNorm)
        .add(Dense::new(1))
}

fn main() -> Result<()> {
    let device = Device::open(DeviceChoice::Auto)?;
    print_line!("{}", network().summary(&[2])?.trim_end())?;
    let model = network().build(&device, &[2], 0)?;
    let mut optimizer = Algorithm::adam().build(model.parameters())?;
    let inputs: Vec<f32> =
        (0..64).flat_map(|i| [(i % 8) as f32 / 4.0 - 1.0, (i / 8) as f32 / 4.0 - 1.0]).collect();
    let products: Vec<f32> = inputs.chunks(2).map(|pair| pair[0] * pair[1]).collect();
    let (x, y) = (model.batch(&inputs)?, Tensor::new(&device, &products, [64, 1])?);
    for step in 0..=200 {
        let loss = model.train(&x, step)?.mse(&y)?;
        optimizer.backward_step(&loss, 5e-3)?;
        if step % 50 == 0 {
            print_line!("step {step}: loss {:.5}", loss.item()?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use allometry::DType;
    use allometry::gradcheck::{GradCheckOptions, gradcheck};

    #[test]
    fn rows_get_the_norm_that_the_scale_says() -> Result<()> {
        let model = RmsNorm.build(&Device::cpu(), &[2], 0)?;
        model.parameters().set("scale", &[1.0, 2.0])?;
        let y = model.predict(&model.batch(&[3.0, 4.0, -30.0, 40.0])?)?.to_vec::<f32>()?;
        let unit = 12.5f32.sqrt();
        for (found, expected) in y.iter().zip([3.0, 8.0, -3.0, 8.0]) {
            assert!((found - expected / unit).abs() < 1e-5, "{y:?}");
        }
        Ok(())
    }

    #[test]
    fn gradients_of_the_network_are_right() -> Result<()> {
        let device = Device::cpu();
        let model = network().build_as(&device, DType::F64, &[2], 1)?;
        let x = Tensor::new(&device, &[0.5, -1.0, 0.25, 2.0, -0.75, 1.5], [3, 2])?;
        let inputs: Vec<Tensor> = std::iter::once(x).chain(model.parameters().tensors()).collect();
        let report = gradcheck(|t| model.train_at(&t[1..], &t[0], 0), &inputs, GradCheckOptions::default())?;
        assert!(report.passed(), "{report}");
        Ok(())
    }

    #[test]
    fn it_runs() -> Result<()> {
        main()
    }
}
