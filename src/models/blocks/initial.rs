//! Initial values that keep the size of signals through deep models.

use crate::models::stage::Stage;
use crate::nn::{Activation, Initializer};

/// He's initialisation keeps the size of signals through layers that cut off half of them (He et al. 2015);
/// with Glorot's, Keras' default, they halve from layer to layer and deep models start slowly or not at all.
pub fn dense(stage: &Stage) -> Initializer {
    if halves(stage.activation) { Initializer::HeNormal } else { Initializer::GlorotUniform }
}

/// The same for a depthwise kernel, by the number of values that an output really sums over: Keras' fans count
/// all channels, and signals would fade the more the wider the model is.
pub fn depthwise(stage: &Stage) -> Initializer {
    let gain = if halves(stage.activation) { 2f32 } else { 1.0 };
    Initializer::Normal(gain.sqrt() / stage.kernel as f32)
}

/// Whether an activation cuts off about half of its inputs.
fn halves(activation: Activation) -> bool {
    matches!(activation, Activation::Relu | Activation::Gelu | Activation::Silu)
}
