//! The adapter that the tests of a process share. A device compiles a kernel once, which takes a software adapter up to
//! half a second, and longer than it computes with it.
//!
//! Tests run at the same time: those that read the memory ledger use `exclusive_adapter`.

use allometry::Device;
use allometry::device::GpuOptions;
use std::sync::LazyLock;

/// The adapter; a test fails if there is none.
pub fn adapter() -> Device {
    static ADAPTER: LazyLock<Device> = LazyLock::new(|| {
        Device::gpu(GpuOptions::default()).expect("these tests need an adapter, if only a software one")
    });
    ADAPTER.clone()
}
