//! An op of one's own: the running sum along the last axis, as a WGSL kernel, its reference in Rust, and its gradient.
//! It runs on GPUs and on the CPU device.
//! What an op of one's own needs (src/ops/custom.rs) is tested by it.
//!
//! cargo run --release --example custom_op

use allometry::autograd::record;
use allometry::device::kernel::{Kernel, KernelArgs, Shader};
use allometry::device::real::Real;
use allometry::gradcheck::{GradCheckOptions, gradcheck};
use allometry::ops::custom::{INDEX, check_float, dispatch};
use allometry::{Device, DeviceChoice, Error, Result, Tensor, print_line, reference};

/// The scalars of the kernel, in the order of `struct Params` in the WGSL.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    rows: u32,
    extent: u32,
    /// Whether sums run from the last element to the first.
    reverse: u32,
}

/// y[i] = x[0] + … + x[i] for each row; one invocation computes one row. The device declares `p`, the scalars, and the
/// types of the operands, `Element0` (x) and `Element1` (y). Sums run in f32 also where the elements are f16.
const WGSL: &str = "
struct Params { rows: u32, extent: u32, reverse: u32 }

@group(0) @binding(0) var<storage, read> x: array<Element0>;
@group(0) @binding(1) var<storage, read_write> y: array<Element1>;

@compute @workgroup_size(64)
fn running_sum(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
               @builtin(local_invocation_index) lane: u32) {
    let row = group_index(group, groups) * 64u + lane;
    if row >= p.rows { return; }
    var sum = 0.0;
    for (var i = 0u; i < p.extent; i++) {
        let at = row * p.extent + select(i, p.extent - 1u - i, p.reverse == 1u);
        sum += f32(x[at]);
        y[at] = Element1(sum);
    }
}
";

static RUNNING_SUM: Kernel<Params> = Kernel {
    name: "running_sum",
    gpu: Shader {
        source: &[INDEX, WGSL],
        entry: "running_sum",
        constants: |_| Vec::new(),
        groups: |p| u64::from(p.rows).div_ceil(64),
    },
    cooperative: None,
    flops: |p| u64::from(p.rows) * u64::from(p.extent),
    reference: reference!(running_sum_reference),
    fast: None,
};

/// The same function in Rust.
fn running_sum_reference<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x], [y]) = args.reals();
    let extent = p.extent as usize;
    for (x, y) in x.chunks(extent).zip(y.chunks_mut(extent)) {
        let mut sum = T::ZERO;
        for i in 0..extent {
            let at = if p.reverse == 1 { extent - 1 - i } else { i };
            sum += x[at];
            y[at] = sum;
        }
    }
}

/// Runs the kernel, without a graph.
fn launch(x: &Tensor, reverse: bool) -> Result<Tensor> {
    check_float("running_sum", x, x)?;
    let Some(&extent) = x.shape().last() else {
        let expected = "at least 1".to_string();
        return Err(Error::Argument { op: "running_sum", argument: "rank", found: "0".into(), expected });
    };
    let rows = x.shape().elements() / extent;
    let params = Params { rows: rows as u32, extent: extent as u32, reverse: reverse.into() };
    let mut outputs = dispatch(&RUNNING_SUM, &params, &[x], &[(x.dtype(), x.shape())])?;
    Ok(outputs.remove(0))
}

/// The running sum along the last axis. An element is in the sums at and behind it, so the gradient is the running sum
/// of dy from behind: the same kernel.
fn running_sum(x: &Tensor) -> Result<Tensor> {
    let y = launch(x, false)?;
    Ok(record("running_sum", y, &[x], |context| context.accumulate(0, launch(&context.gradient(), true)?)))
}

fn main() -> Result<()> {
    let device = Device::open(DeviceChoice::Auto)?;
    let x = Tensor::new(&device, &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3])?.requires_grad();
    let y = running_sum(&x)?;
    print_line!("on {}: {:?}", device.name(), y.to_vec::<f32>()?)?;
    let gradients = y.sum(&[], false)?.backward()?;
    let gradient = gradients.get(&x).expect("the sum depends on x");
    print_line!("its gradient: {:?}", gradient.to_vec::<f32>()?)?;

    let x = Tensor::new(&Device::cpu(), &[0.5, -1.0, 2.0, 0.25, 3.0, -0.5], [2, 3])?;
    let report = gradcheck(|t| running_sum(&t[0])?.square(), &[x], GradCheckOptions::default())?;
    print_line!("{report}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use allometry::DType;
    use allometry::device::GpuOptions;

    /// So many rows and columns of whole numbers, whose sums are exact.
    fn numbers(device: &Device, rows: usize, extent: usize) -> Result<Tensor> {
        let values: Vec<f32> = (0..rows * extent).map(|i| (i * 7 % 11) as f32 - 5.0).collect();
        Tensor::new(device, &values, [rows, extent])
    }

    #[test]
    fn every_device_computes_the_formula_and_its_gradient() -> Result<()> {
        let cpu = Device::cpu();
        let gpu =
            Device::gpu(GpuOptions::default()).expect("this test needs an adapter, if only a software one");
        for device in [&cpu, &gpu] {
            for (rows, extent) in [(1, 1), (3, 5), (130, 9)] {
                let x = numbers(device, rows, extent)?.requires_grad();
                let y = running_sum(&x)?;
                let values = x.to_vec::<f32>()?;
                let expected = values.chunks(extent).flat_map(|row| {
                    row.iter().scan(0.0, |sum, x| {
                        *sum += x;
                        Some(*sum)
                    })
                });
                assert_eq!(y.to_vec::<f32>()?, expected.collect::<Vec<_>>(), "{rows} × {extent}");
                // Element i is in extent − i sums.
                let gradients = y.sum(&[], false)?.backward()?;
                let expected: Vec<f32> = (0..rows * extent).map(|i| (extent - i % extent) as f32).collect();
                assert_eq!(gradients.get(&x).unwrap().to_vec::<f32>()?, expected);
            }
            // A view is copied first; half precision is stored, not computed with.
            let columns = running_sum(&numbers(device, 5, 3)?.permute(&[1, 0])?)?;
            assert_eq!(columns.to_vec::<f32>()?[..5], [-5.0, 0.0, 4.0, 7.0, 9.0]);
            let halves = running_sum(&numbers(device, 3, 5)?.cast(DType::F16)?)?.cast(DType::F32)?;
            assert_eq!(halves.to_vec::<f32>()?, running_sum(&numbers(device, 3, 5)?)?.to_vec::<f32>()?);
        }
        Ok(())
    }

    #[test]
    fn its_gradient_is_right() -> Result<()> {
        let x = numbers(&Device::cpu(), 4, 6)?.cast(DType::F64)?;
        let report = gradcheck(|t| running_sum(&t[0])?.tanh(), &[x], GradCheckOptions::default())?;
        assert!(report.passed() && report.compared == 24, "{report}");
        Ok(())
    }

    #[test]
    fn what_it_can_not_sum_is_refused() -> Result<()> {
        let labels = Tensor::new(&Device::cpu(), &[1u32, 2], [2])?;
        assert!(matches!(running_sum(&labels), Err(Error::DType { op: "running_sum", .. })));
        let scalar = Tensor::ones(&Device::cpu(), DType::F32, [])?;
        assert!(matches!(running_sum(&scalar), Err(Error::Argument { op: "running_sum", .. })));
        // What `dispatch` of src/ops/custom.rs refuses itself.
        let params = Params { rows: 1, extent: 1, reverse: 0 };
        let without = dispatch(&RUNNING_SUM, &params, &[], &[(DType::F32, scalar.shape())]);
        assert!(matches!(without, Err(Error::Argument { op: "running_sum", argument: "inputs", .. })));
        let ones = || Tensor::ones(&Device::cpu(), DType::F32, [1]);
        let mixed = dispatch(&RUNNING_SUM, &params, &[&ones()?, &ones()?], &[(DType::F32, scalar.shape())]);
        assert!(matches!(mixed, Err(Error::Placement { op: "running_sum", .. })));
        Ok(())
    }
}
