//! The precisions that a device can train in.

use allometry::nn::Precision;
use allometry::{DType, Device, Tensor};
use std::io::Write;

/// All of them, or f32 alone where there are no 16-bit floats; a line of the test run then says so.
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
