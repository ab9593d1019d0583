//! Published architectures: training steps and inference on the CPU device, beside `benches/peers/pytorch_models.py`.
//!
//! `cargo bench --bench models -- resnet20` runs one of them, without a name each in a process of its own. A line of
//! JSON has the samples per second, the median over blocks after a warm-up, and the resident memory at its peak less
//! what was resident before the model was built.

use allometry::bench::noise_values;
use allometry::data::{Batch, BatchTargets};
use allometry::models::Architecture;
use allometry::nn::Module;
use allometry::optim::Algorithm;
use allometry::train::{Loss, Trainer};
use allometry::{Device, Result};
use std::process::Command;
use std::time::Instant;

/// Blocks of which the median is taken.
const BLOCKS: usize = 7;

/// Seconds of one block.
const BLOCK_SECONDS: f64 = 1.0;

/// A model on images of one size.
struct Work {
    name: &'static str,
    preset: &'static str,
    resolution: usize,
    batch: usize,
    trains: bool,
}

/// As in `benches/peers/pytorch_models.py`.
#[rustfmt::skip]
const WORKS: [Work; 4] = [
    Work { name: "resnet20", preset: "resnet20", resolution: 32, batch: 64, trains: true },
    Work { name: "mobilenet-v2", preset: "mobilenet-v2", resolution: 96, batch: 16, trains: true },
    Work { name: "efficientnet-b0", preset: "efficientnet-b0", resolution: 96, batch: 8, trains: true },
    Work { name: "resnet18-inference", preset: "resnet18", resolution: 224, batch: 1, trains: false },
];

/// A line `key: … kB` of the process's status, in MiB; zero on systems that have none.
fn status_mib(key: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// Seconds of one call of `work`: the median of blocks after a warm-up.
fn seconds_of(mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    work()?;
    let start = Instant::now();
    work()?;
    let calls = (BLOCK_SECONDS / start.elapsed().as_secs_f64()).ceil().max(1.0) as usize;
    let mut blocks = [0.0; BLOCKS];
    for block in &mut blocks {
        let start = Instant::now();
        for _ in 0..calls {
            work()?;
        }
        *block = start.elapsed().as_secs_f64() / calls as f64;
    }
    blocks.sort_by(f64::total_cmp);
    Ok(blocks[BLOCKS / 2])
}

fn run(work: &Work) -> Result<()> {
    let device = Device::cpu();
    let architecture = Architecture::preset(work.preset).expect("a preset").with_input(work.resolution, 3);
    let inputs = noise_values(work.batch * work.resolution * work.resolution * 3);
    let resident = status_mib("VmRSS");
    let model = architecture.layers().build(&device, &architecture.input_shape(), 0)?;
    let seconds = if work.trains {
        let labels = (0..work.batch as u32).map(|i| i % 10).collect();
        let batch = Batch { size: work.batch, inputs, targets: BatchTargets::Classes(labels) };
        let mut trainer = Trainer::new(&model, Loss::cross_entropy(0.0), Algorithm::adam())?;
        seconds_of(|| {
            trainer.step(&batch, 1e-3)?;
            trainer.take_metrics().map(drop)
        })?
    } else {
        seconds_of(|| model.predict(&model.batch(&inputs)?)?.to_vec::<f32>().map(drop))?
    };
    let peak = status_mib("VmHWM") - resident;
    println!(
        "{{\"name\": \"{}\", \"batch\": {}, \"samples_per_second\": {:.2}, \"peak_mib\": {peak:.0}}}",
        work.name,
        work.batch,
        work.batch as f64 / seconds
    );
    Ok(())
}

fn main() -> Result<()> {
    let name = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    if let Some(name) = name {
        return match WORKS.iter().find(|work| work.name == name) {
            Some(work) => run(work),
            None => Ok(()),
        };
    }
    let program = std::env::current_exe().expect("the system knows the path of this program");
    for work in &WORKS {
        let status = Command::new(&program).arg(work.name).status().expect("this program starts again");
        assert!(status.success(), "{} failed", work.name);
    }
    Ok(())
}
