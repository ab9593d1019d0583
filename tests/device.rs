//! Devices: refusals, memory counts, and the order of uploads and dispatches.

use allometry::device::memory::{Category, allocating};
use allometry::device::profile::Clock;
use allometry::device::{GpuOptions, Kind, adapters};
use allometry::units::{bytes, grouped};
use allometry::{DType, Device, DeviceChoice, Error, Tensor};
use std::process::Command;

fn gpu() -> Device {
    Device::gpu(GpuOptions::default()).expect("these tests need an adapter")
}

fn ones(device: &Device, count: usize) -> Tensor {
    Tensor::ones(device, DType::F32, [count]).unwrap()
}

#[test]
fn ranges_beyond_a_buffer_are_refused() {
    for device in [Device::cpu(), gpu(), Device::dry()] {
        let buffer = device.allocate("test", DType::F32, 64).unwrap();
        device.write(&buffer, 60, &[1.0f32; 4]).unwrap();
        assert_eq!(device.read::<f32>(&buffer, 60, 4).unwrap().len(), 4);
        let expected = "range is 60..65; it must be within 0..64, the buffer's elements of f32";
        let written = device.write(&buffer, 60, &[1.0f32; 5]).unwrap_err().to_string();
        assert_eq!(written, format!("write: {expected}"));
        let read = device.read::<f32>(&buffer, 60, 5).unwrap_err().to_string();
        assert_eq!(read, format!("read: {expected}"));
        assert!(device.read::<f32>(&buffer, usize::MAX, 2).is_err());
        let other = Device::cpu().read::<f32>(&buffer, 0, 1).unwrap_err();
        assert!(matches!(other, Error::Placement { .. }), "{other}");
    }
}

#[test]
fn running_out_of_memory_names_what_is_known() {
    let text = |bytes, live| Error::OutOfMemory { device: "GPU".to_string(), bytes, live }.to_string();
    let end = "; use a smaller batch, width or resolution";
    assert_eq!(text(0, 0), format!("out of memory on GPU{end}"));
    assert_eq!(text(3 << 20, 0), format!("out of memory on GPU: {} requested{end}", bytes(3 << 20)));
    let both = format!("{} requested with {} live", bytes(3 << 20), bytes(1 << 20));
    assert_eq!(text(3 << 20, 1 << 20), format!("out of memory on GPU: {both}{end}"));
}

#[test]
fn a_tensor_larger_than_the_adapter_binds_is_refused() {
    let device = gpu();
    let limit = device.largest_tensor();
    // By a little, and by far.
    for (count, shown) in
        [(limit as usize / 4 + 1, format!("{} B", grouped(limit))), (limit as usize / 16 * 5, bytes(limit))]
    {
        let refused = Tensor::zeros(&device, DType::F32, [count]);
        let Err(error @ Error::TooLarge { .. }) = refused else { panic!("not refused: {refused:?}") };
        let text = error.to_string();
        assert!(text.contains(&format!("({shown})")) && text.contains(&device.name()), "{text}");
    }
    // A view can be as large as one likes; its copy can't.
    let row = ones(&device, 4).broadcast_to([limit as usize / 8, 4]).unwrap();
    assert!(matches!(row.neg(), Err(Error::TooLarge { op: "neg", .. })));
    drop(row);
    assert_eq!(device.usage().live, 0, "what was refused is not counted");
}

#[test]
fn extents_beyond_any_memory_are_refused() {
    for device in [Device::cpu(), Device::dry(), gpu()] {
        for extents in [[1 << 40, 1 << 40], [usize::MAX, 3], [1 << 31, 2]] {
            let refused = Tensor::zeros(&device, DType::F32, extents);
            assert!(
                matches!(refused, Err(Error::TooManyElements { .. })),
                "{extents:?} on {}",
                device.name()
            );
            let view = ones(&device, 1).broadcast_to(extents);
            assert!(matches!(view, Err(Error::TooManyElements { .. })), "{extents:?} on {}", device.name());
            let (column, row) =
                (ones(&device, 1 << 16).reshape([1 << 16, 1]).unwrap(), ones(&device, 1 << 16));
            assert!(matches!(column.add(&row), Err(Error::TooManyElements { .. })));
        }
    }
}

/// No tensor is empty, so no op has to know what it makes of one.
#[test]
fn extents_of_0_are_refused_by_name() {
    for device in [Device::cpu(), gpu(), Device::dry()] {
        let refused = |what: &str, attempt: Result<Tensor, Error>| {
            let error = attempt.expect_err(what).to_string();
            let says = error.contains("at least 1") || error.contains("not empty");
            assert!(error.starts_with(what) && says, "{error}");
        };
        let x = ones(&device, 6).reshape([1, 6]).unwrap();
        refused("tensor", Tensor::new::<f32>(&device, &[], [0, 3]));
        refused("full", Tensor::zeros(&device, DType::F32, [4, 0]));
        refused("broadcast_to", x.broadcast_to([0, 6]));
        refused("slice", x.slice(1, 3..3));
        refused("split", x.split(1, &[6, 0]).map(|parts| parts[1].clone()));
        refused("one_hot", Tensor::new(&device, &[0u32], [1]).unwrap().one_hot(0, DType::F32));
        assert!(x.reshape([0, 6]).unwrap_err().to_string().starts_with("reshape: "));
    }
}

#[test]
fn double_precision_is_for_the_cpu_device() {
    let refused = Tensor::new(&gpu(), &[1.0f64], [1]);
    assert!(matches!(refused, Err(Error::DType { found: "f64", .. })), "{refused:?}");
    assert!(Tensor::new(&Device::cpu(), &[1.0f64], [1]).is_ok());
}

#[test]
fn operands_on_two_devices_are_refused() {
    let (here, there) = (Device::cpu(), Device::cpu());
    let (a, b) =
        (Tensor::ones(&here, DType::F32, [2, 2]).unwrap(), Tensor::ones(&there, DType::F32, [2, 2]).unwrap());
    for result in [a.add(&b), a.matmul(&b), a.select(&a, &b), Tensor::concat(&[&a, &b], 0)] {
        assert!(matches!(result, Err(Error::Placement { .. })), "{result:?}");
    }
    assert!(!here.same(&there) && here.same(&here.clone()));
}

#[test]
fn the_number_of_values_is_the_shapes() {
    let wrong = Tensor::new(&Device::cpu(), &[1.0f32; 5], [2, 3]);
    assert!(matches!(wrong, Err(Error::Shape { op: "tensor", .. })));
    assert!(matches!(Tensor::new::<f32>(&Device::cpu(), &[], [0]), Err(Error::Shape { .. })));
    assert!(matches!(ones(&Device::cpu(), 2).item(), Err(Error::Shape { op: "item", .. })));
}

#[test]
fn the_ledger_counts_live_peak_and_reserved() {
    for device in [Device::cpu(), gpu()] {
        assert_eq!(device.usage(), Default::default());
        // 1,000 floats are 4,000 bytes, and buffers come in multiples of 256.
        let a = ones(&device, 1000);
        assert_eq!((device.usage().live, device.usage().peak), (4096, 4096));
        let reserved = device.usage().reserved;
        assert!((4096..=4096 * 5 / 4).contains(&reserved), "{reserved}");
        // A view costs nothing.
        let view = a.reshape([10, 100]).unwrap().slice(0, 2..5).unwrap();
        let b = ones(&device, 500);
        assert_eq!((device.usage().live, device.usage().peak), (4096 + 2048, 4096 + 2048));
        drop(b);
        assert_eq!((device.usage().live, device.usage().peak), (4096, 4096 + 2048));
        drop(a);
        assert_eq!(device.usage().live, 4096, "the view holds the buffer");
        drop(view);
        let after = device.usage();
        assert_eq!((after.live, after.peak, after.by_category), (0, 6144, [0; 5]));
        assert!(after.reserved > reserved, "buffers wait in the pool");
        // The same sizes again, or about: the pool serves them.
        let again = (ones(&device, 1000), ones(&device, 490));
        assert_eq!(device.usage().reserved, after.reserved);
        device.reset_peak();
        assert_eq!(device.usage().peak, 6144);
        drop(again);
        device.reset_peak();
        assert_eq!(device.usage().peak, 0);
        device.trim();
        assert_eq!(device.usage().reserved, 0);
    }
}

#[test]
fn the_ledger_knows_what_memory_is_for() {
    let device = Device::cpu();
    let activations = ones(&device, 64);
    let (parameters, gradients) = {
        let _outer = allocating(Category::Parameters);
        let parameters = ones(&device, 128);
        let gradients = {
            let _inner = allocating(Category::Gradients);
            ones(&device, 256)
        };
        (parameters, (gradients, ones(&device, 128)))
    };
    let usage = device.usage();
    assert_eq!(usage.by_category[Category::Parameters as usize], 2 * 512);
    assert_eq!(usage.by_category[Category::Gradients as usize], 1024);
    assert_eq!(usage.by_category[Category::Activations as usize], 256);
    assert_eq!(usage.by_category.iter().sum::<u64>(), usage.live);
    assert_eq!(usage.peak_by_category, usage.by_category);
    drop((activations, parameters, gradients));
    assert_eq!(device.usage().by_category, [0; 5]);
    assert_eq!(device.usage().peak_by_category.iter().sum::<u64>(), device.usage().peak);
}

#[test]
fn a_dry_device_counts_what_a_real_one_allocates() {
    let (real, dry) = (Device::cpu(), Device::dry());
    for device in [&real, &dry] {
        let x = Tensor::ones(device, DType::F32, [37, 41]).unwrap().requires_grad();
        let w = Tensor::ones(device, DType::F32, [41, 5]).unwrap().requires_grad();
        let loss = x.matmul(&w).unwrap().tanh().unwrap().mean(&[], false).unwrap();
        loss.backward().unwrap();
    }
    assert_eq!((real.usage().peak, real.usage().live), (dry.usage().peak, dry.usage().live));
    assert!(dry.is_dry() && !real.is_dry());
}

/// A buffer that goes back to the pool may still be read by dispatches that wait to be submitted; whoever gets it
/// next must not write before they have run.
#[test]
fn an_upload_does_not_overtake_dispatches() {
    for options in [GpuOptions::default(), GpuOptions { immediates: false, ..Default::default() }] {
        let device = Device::gpu(options).expect("these tests need an adapter");
        let mut results = Vec::new();
        for step in 0..300 {
            // More than fit into one submission; x is free as soon as the dispatch is recorded.
            let x = Tensor::new(&device, &[step as f32; 100], [100]).unwrap();
            results.push(x.neg().unwrap());
        }
        assert!(device.usage().reserved < 400 * 512, "the uploads share a buffer");
        for (step, result) in results.iter().enumerate() {
            assert_eq!(result.to_vec::<f32>().unwrap(), [-(step as f32); 100]);
        }
    }
}

#[test]
fn results_do_not_depend_on_when_they_are_read() {
    let device = gpu();
    let run = |read: bool| {
        let mut x = Tensor::new(&device, &[0.5f32, -0.25, 0.125], [3]).unwrap();
        for _ in 0..200 {
            x = x.tanh().unwrap().add(&ones(&device, 3)).unwrap();
            if read {
                x.to_vec::<f32>().unwrap();
            }
        }
        device.synchronize().unwrap();
        x.to_vec::<f32>().unwrap()
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn threads_share_a_device() {
    let device = gpu();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let device = &device;
            scope.spawn(move || {
                for step in 0..50 {
                    let value = (thread * 1000 + step) as f32;
                    let x = Tensor::new(device, &[value; 70], [70]).unwrap();
                    assert_eq!(x.add(&x).unwrap().to_vec::<f32>().unwrap(), [2.0 * value; 70]);
                }
            });
        }
    });
    assert_eq!(device.usage().live, 0);
}

#[test]
fn a_profile_has_every_dispatch() {
    let gpu = |timestamps| Device::gpu(GpuOptions { timestamps, ..Default::default() }).unwrap();
    for (device, clock) in [
        (Device::cpu(), Clock::Host),
        (gpu(true), if adapters()[0].timestamps { Clock::Timestamps } else { Clock::Host }),
        (gpu(false), Clock::Host),
    ] {
        assert_eq!(device.clock(), clock, "{}", device.name());
        let (a, b) = (ones(&device, 4096).reshape([64, 64]).unwrap(), ones(&device, 64));
        // Not in the profile, though it may not have run yet.
        let before = b.neg().unwrap();
        // More than go into one submission.
        let (result, profile) = device
            .profile(|| {
                let mut x = a.matmul(&a)?;
                for _ in 0..200 {
                    x = x.add(&b)?;
                }
                Ok(x)
            })
            .unwrap();
        assert_eq!(result.to_vec::<f32>().unwrap(), [264.0; 4096]);
        assert_eq!((profile.clock, profile.dispatches.len()), (clock, 201), "{}", device.name());
        let first = profile.dispatches[0];
        assert!(first.kernel.starts_with("matmul.forward"), "{}", first.kernel);
        assert_eq!(first.flops, 2 * 64 * 64 * 64);
        // A matrix that is both operands, and bound once more in the bias's place, is read once.
        assert_eq!((first.read, first.written), (4 * 4096, 4 * 4096));
        let kernels = profile.kernels();
        let sum = kernels.iter().find(|k| k.kernel == "binary.forward_strided").unwrap();
        assert_eq!((sum.calls, sum.flops, sum.read), (200, 200 * 4096, 200 * 4 * (4096 + 64)));
        assert!(sum.seconds > 0.0 && profile.kernel_seconds() <= 1.5 * profile.wall, "{profile:?}");
        let ordered = profile.dispatches.windows(2).all(|d| d[0].start + d[0].seconds <= d[1].start + 1e-7);
        assert!(ordered, "{profile:?}");
        // Only while it is asked for, and not twice at once.
        before.neg().unwrap();
        let nested = device.profile(|| device.profile(|| Ok(())).map(drop));
        assert!(matches!(nested, Err(Error::Config { .. })));
        let (_, empty) = device.profile(|| Ok(())).unwrap();
        assert!(empty.dispatches.is_empty());
    }
}

#[test]
fn adapters_are_listed() {
    let all = adapters();
    assert!(!all.is_empty(), "these tests need an adapter");
    assert!(all.iter().all(|a| !a.name.is_empty() && a.largest_tensor >= 1 << 27), "{all:?}");
    assert!(all.iter().any(|a| gpu().name().contains(&a.name)));
}

/// Runs the test `name` of this binary in a process of its own, with other environment variables.
fn in_a_child(name: &str, variables: &[(&str, &str)]) {
    let start = start_of_command_line();
    let mut command = Command::new(&start[0]);
    command.args(&start[1..]).args(["--exact", name, "--nocapture"]).env(CHILD, "1");
    for variable in ["WGPU_BACKEND", "WGPU_ADAPTER_NAME"] {
        command.env_remove(variable);
    }
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{variables:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// How this binary was started, without its own arguments: a runner may have put a loader in front of it.
fn start_of_command_line() -> Vec<String> {
    let Ok(line) = std::fs::read("/proc/self/cmdline") else {
        return vec![std::env::current_exe().unwrap().to_string_lossy().into_owned()];
    };
    let text = String::from_utf8(line).unwrap();
    let mut words: Vec<String> = text.trim_end_matches('\0').split('\0').map(str::to_string).collect();
    let own = std::env::args().count() - 1;
    words.truncate(words.len() - own);
    words
}

const CHILD: &str = "ALLOMETRY_TEST_CHILD";

#[test]
fn variables_that_exclude_every_adapter_are_an_error_that_lists_what_there_is() {
    if std::env::var(CHILD).is_err() {
        let this = "variables_that_exclude_every_adapter_are_an_error_that_lists_what_there_is";
        in_a_child(this, &[("WGPU_ADAPTER_NAME", "no such adapter")]);
        in_a_child(this, &[("WGPU_BACKEND", if cfg!(windows) { "metal" } else { "dx12" })]);
        return;
    }
    let all = adapters();
    assert!(!all.is_empty(), "these tests need an adapter");
    for choice in [DeviceChoice::Gpu, DeviceChoice::Auto] {
        let error = Device::open(choice).unwrap_err();
        assert!(matches!(error, Error::NoAdapter { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("WGPU_BACKEND") && text.contains("WGPU_ADAPTER_NAME"), "{text}");
        assert!(all.iter().all(|a| text.contains(&a.name)), "{text}");
    }
    assert!(Device::open(DeviceChoice::Cpu).is_ok());
}

#[test]
fn a_machine_without_adapters_is_told_what_to_install() {
    if std::env::var(CHILD).is_err() {
        // Where the loader of Vulkan is told to look, there is nothing; on other systems adapters don't go away.
        if cfg!(target_os = "linux") {
            let nothing =
                [("VK_DRIVER_FILES", "/nonexistent.json"), ("VK_ICD_FILENAMES", "/nonexistent.json")];
            in_a_child("a_machine_without_adapters_is_told_what_to_install", &nothing);
        }
        return;
    }
    assert!(adapters().is_empty());
    let text = Device::open(DeviceChoice::Gpu).unwrap_err().to_string();
    assert!(text.contains("mesa-vulkan-drivers") && text.contains("--device cpu"), "{text}");
    assert_eq!(Device::open(DeviceChoice::Auto).unwrap().kind(), Kind::Cpu);
}

#[test]
fn auto_takes_a_software_adapter_only_when_it_is_named() {
    let best = gpu();
    if std::env::var(CHILD).is_err() {
        let this = "auto_takes_a_software_adapter_only_when_it_is_named";
        let name = best.name();
        in_a_child(this, &[("WGPU_ADAPTER_NAME", name.split(" (").next().unwrap())]);
        let chosen = Device::open(DeviceChoice::Auto).unwrap().kind();
        let listed = adapters();
        let software = listed.iter().find(|adapter| best.name().starts_with(&adapter.name)).unwrap();
        assert_eq!(chosen, if software.kind == "software" { Kind::Cpu } else { Kind::Gpu });
        return;
    }
    assert_eq!(Device::open(DeviceChoice::Auto).unwrap().name(), best.name());
}
