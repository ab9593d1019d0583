//! An adapter that one test at a time uses: for tests that read its memory ledger, or choose its variants of kernels.
//! They share it for the reason that `adapter` gives.

use allometry::Device;
use allometry::device::memory::Usage;
use allometry::device::{GpuOptions, TunedVariants};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// The adapter, for as long as the test holds the guard, in the state of a device just opened.
pub fn exclusive_adapter() -> MutexGuard<'static, Device> {
    static ADAPTER: LazyLock<Mutex<Device>> = LazyLock::new(|| {
        let device = Device::gpu(GpuOptions::default());
        Mutex::new(device.expect("these tests need an adapter, if only a software one"))
    });
    // A test that fails poisons the lock; the assertion tells whether it left anything behind.
    let device = ADAPTER.lock().unwrap_or_else(PoisonError::into_inner);
    device.set_tuned_variants(TunedVariants::default());
    device.trim();
    device.reset_peak();
    assert_eq!(device.usage(), Usage::default(), "bytes that an earlier test left behind");
    device
}
