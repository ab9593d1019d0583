//! The precisions that a device supports for training.

use allometry::nn::Precision;
use allometry::{DType, Device, Tensor};
use std::io::Write;

/// All precisions, or only f32, with a message, on a device without f16.
pub fn of(device: &Device) -> Vec<Precision> {
    if Tensor::zeros(device, DType::F16, [1]).is_ok() {
        return Precision::ALL.to_vec();
    }
    // Past the capture of the test runner.
    let _ = writeln!(
        std::io::stderr(),
        "mixed precision skipped on {}, which has no 16-bit floats",
        device.name()
    );
    vec![Precision::F32]
}
