//! Normalisations. ONNX's channels are axis 1.

use crate::call::Call;
use crate::graph::number;
use allometry::ops::Function;
use allometry::{Result, Tensor};

/// With the channels as the last axis.
fn channels_last(x: &Tensor) -> Result<Tensor> {
    let axes: Vec<usize> = (0..x.shape().rank()).filter(|&axis| axis != 1).chain([1]).collect();
    x.permute(&axes)
}

/// Back to ONNX's layout.
fn channels_first(y: &Tensor) -> Result<Tensor> {
    let last = y.shape().rank() - 1;
    let axes: Vec<usize> = [0, last].into_iter().chain(1..last).collect();
    y.permute(&axes)
}

fn epsilon(call: &Call) -> f32 {
    call.float("epsilon", 1e-5) as f32
}

/// In training mode the new running statistics are outputs too: ONNX weights the old ones with the momentum, and the
/// batch's (the variance over all, not n - 1) with the rest.
pub fn batch(call: &Call) -> Result<Vec<Tensor>> {
    let (x, [gamma, beta, mean, variance]) = (channels_last(call.x(0))?, [1, 2, 3, 4].map(|at| call.x(at)));
    if call.integer("training_mode", 0) == 0 {
        let y = x.batch_norm_with([mean, variance], [gamma, beta], epsilon(call), Function::Linear)?;
        return Ok(vec![channels_first(&y)?]);
    }
    let momentum = call.float("momentum", 0.9);
    let running = |old: &Tensor, new: &Tensor| {
        let kept = old.mul(&number(old, momentum)?)?;
        kept.add(&new.mul(&number(new, 1.0 - momentum)?)?)
    };
    let y = x.batch_norm(gamma, beta, epsilon(call), Function::Linear)?;
    Ok(vec![channels_first(&y.output)?, running(mean, &y.mean)?, running(variance, &y.variance)?])
}

pub fn group(call: &Call, groups: usize) -> Result<Tensor> {
    let x = channels_last(call.x(0))?;
    channels_first(&x.group_norm(groups, [call.x(1), call.x(2)], epsilon(call), Function::Linear)?)
}

/// Over all axes from `axis` on.
pub fn layer(call: &Call) -> Result<Tensor> {
    let (x, gamma) = (call.x(0), call.x(1));
    let count = gamma.shape().elements();
    let rows = x.reshape([x.shape().elements() / count, count])?;
    let beta = match call.optional(2) {
        Some(beta) => beta.reshape([count])?,
        None => Tensor::zeros(x.device(), x.dtype(), [count])?,
    };
    rows.layer_norm(&gamma.reshape([count])?, &beta, epsilon(call), Function::Linear)?.reshape(x.shape())
}
