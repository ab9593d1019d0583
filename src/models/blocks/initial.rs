//! Initialisers that keep the variance of activations through deep models.

use crate::nn::{Activation, Initializer};

/// The initialiser of dense and convolution kernels. He initialisation (He et al. 2015) keeps the variance through
/// activations that are zero for half of their inputs. With Glorot's, Keras's default, the variance halves from layer
/// to layer, and deep models start slowly or not at all.
pub fn dense(activation: Activation) -> Initializer {
    if halves(activation) { Initializer::HeNormal } else { Initializer::GlorotUniform }
}

/// The initialiser of depthwise kernels of `kernel` rows and columns. The fan-in is the number of values that an output
/// sums over; Keras counts all channels, and the variance would fall with the width of the model.
pub fn depthwise(kernel: usize, activation: Activation) -> Initializer {
    let gain = if halves(activation) { 2f32 } else { 1.0 };
    Initializer::Normal(gain.sqrt() / kernel as f32)
}

/// Whether an activation is about zero for half of its inputs, or is a smooth form of one that is.
fn halves(activation: Activation) -> bool {
    use Activation::{Gelu, GeluTanh, HardSwish, LeakyRelu, Relu, Relu6, Silu, Softplus};
    matches!(activation, Relu | LeakyRelu | Relu6 | Gelu | GeluTanh | Silu | HardSwish | Softplus)
}
