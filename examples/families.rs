//! Which family of architectures reaches the lowest loss for its FLOPs, parameters, latency and memory: plain,
//! residual, depthwise-separable and EfficientNet-like networks at several widths, trained alike on drawn characters.
//!
//! cargo run --release --example families [SAMPLES [SEEDS]]
//!
//! The table has the mean over the seeds. A star marks a network that no other one beats in both its loss and that
//! cost.

use allometry::data::{self, DataOptions};
use allometry::models::{Architecture, Axis};
use allometry::sweep::run::{self, Observer, SweepOptions};
use allometry::sweep::{Plan, Record, Store};
use allometry::train::TrainConfig;
use allometry::{Device, DeviceChoice, Error, Result, print_line};

/// Stages of each family at factor 1, which reduce an image of 28×28 to 4×4.
const FAMILIES: [(&str, &str); 4] = [
    (
        "plain",
        r#"stages = [{ block = "basic", shortcut = "none", width = 16, depth = 2, stride = 2 },
                     { block = "basic", shortcut = "none", width = 32, depth = 2, stride = 2 },
                     { block = "basic", shortcut = "none", width = 64, depth = 2, stride = 2 }]"#,
    ),
    (
        "residual",
        r#"stages = [{ block = "basic", width = 16, depth = 2, stride = 2 },
                     { block = "basic", width = 32, depth = 2, stride = 2 },
                     { block = "basic", width = 64, depth = 2, stride = 2 }]"#,
    ),
    (
        "depthwise",
        r#"stages = [{ block = "separable", norm = "batch", downsample = "convolution", width = 32, depth = 2, stride = 2 },
                     { block = "separable", norm = "batch", downsample = "convolution", width = 64, depth = 2, stride = 2 },
                     { block = "separable", norm = "batch", downsample = "convolution", width = 128, depth = 2, stride = 2 }]"#,
    ),
    (
        "efficient",
        r#"stages = [{ block = "mbconv", width = 16, depth = 2, stride = 2, expansion = 4, activation = "silu", squeeze_excite = { ratio = 0.25, activation = "silu", gate = "sigmoid" } },
                     { block = "mbconv", width = 24, depth = 2, stride = 2, expansion = 4, activation = "silu", squeeze_excite = { ratio = 0.25, activation = "silu", gate = "sigmoid" } },
                     { block = "mbconv", width = 40, depth = 2, stride = 2, expansion = 4, activation = "silu", squeeze_excite = { ratio = 0.25, activation = "silu", gate = "sigmoid" } }]"#,
    ),
];

/// Widths relative to those above.
const FACTORS: [f64; 4] = [0.5, 1.0, 1.5, 2.0];

/// Name of each cost.
const COSTS: [&str; 4] = ["MACs", "parameters", "latency µs", "memory KiB"];

/// A network of a family at one width: means over the seeds.
struct Point {
    name: String,
    costs: [f64; 4],
    loss: f64,
}

struct Silent;

impl Observer for Silent {}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let mut number = |default: usize| match arguments.next() {
        Some(Ok(value)) if value > 0 => Ok(value),
        None => Ok(default),
        Some(_) => Err(Error::Config { what: "usage".into(), problem: "families [SAMPLES [SEEDS]]".into() }),
    };
    let (samples, seeds) = (number(16_000)?, number(2)?);
    let device = Device::open(DeviceChoice::Auto)?;
    print_line!("{samples} drawn characters, seen once; {seeds} seeds; {}", device.name())?;
    let mut points = Vec::new();
    for (family, stages) in FAMILIES {
        points.extend(train(family, stages, samples, seeds, &device)?);
    }
    print(&points)
}

/// Trains a family at all widths.
fn train(family: &str, stages: &str, samples: usize, seeds: usize, device: &Device) -> Result<Vec<Point>> {
    let text = format!(
        "name = \"{family}\"\nhead = \"global_average\"\ninput.image = {{ resolution = 28, channels = 1 }}\n\
         output.classes = 10\nstem = {{ width = 8 }}\n{stages}"
    );
    let dataset = "glyphs".to_string();
    let set = data::open(&DataOptions {
        dataset: dataset.clone(),
        samples: Some(samples),
        ..DataOptions::default()
    })?;
    let config = TrainConfig { epochs: 1, batch: 32, samples: Some(samples), ..TrainConfig::default() };
    let plan = Plan {
        factors: FACTORS.to_vec(),
        seeds: (0..seeds as u64).collect(),
        config,
        ..Plan::new(
            &dataset,
            Architecture::from_toml(&text)?.for_dataset(set.train.as_ref(), config.normalize),
        )
    };
    let directory = tempfile::tempdir().map_err(Error::file(std::env::temp_dir(), "create a folder in"))?;
    let mut store = Store::open(directory.path(), &plan)?;
    let options = SweepOptions {
        device: device.clone(),
        data: None,
        memory_limit: None,
        interrupted: Default::default(),
        checkpoint: None,
    };
    run::run(&plan, &mut store, &options, &mut Silent)?;
    let at = |factor: f64| -> Vec<&Record> {
        store.records().iter().filter(|record| record.factor_on(Axis::Width) == Some(factor)).collect()
    };
    Ok(FACTORS.iter().map(|&factor| point(format!("{family} ×{factor}"), &at(factor))).collect())
}

fn point(name: String, records: &[&Record]) -> Point {
    let mean = |of: &dyn Fn(&Record) -> f64| {
        records.iter().map(|record| of(record)).sum::<f64>() / records.len() as f64
    };
    let latency =
        |record: &Record| 1e6 / record.cost.inference_samples_per_second.map_or(f64::NAN, |rate| rate.median);
    let memory =
        |record: &Record| record.cost.peak_bytes.map_or(f64::NAN, |bytes| bytes.total() as f64 / 1024.0);
    Point {
        name,
        costs: [
            mean(&|record| record.cost.macs as f64),
            mean(&|record| record.cost.parameters as f64),
            mean(&latency),
            mean(&memory),
        ],
        loss: mean(&|record| {
            record.quality().and_then(|quality| quality.validation_loss).unwrap_or(f64::NAN)
        }),
    }
}

/// One line for each network, and the networks on each frontier.
fn print(points: &[Point]) -> Result<()> {
    let beaten = |point: &Point, cost: usize| {
        points.iter().any(|other| other.loss < point.loss && other.costs[cost] <= point.costs[cost])
    };
    print_line!(
        "{:16} {:>8}  {:>13} {:>13} {:>13} {:>13}",
        "",
        "loss",
        COSTS[0],
        COSTS[1],
        COSTS[2],
        COSTS[3]
    )?;
    for point in points {
        let costs: Vec<String> = (0..COSTS.len())
            .map(|cost| format!("{:>12.0}{}", point.costs[cost], if beaten(point, cost) { ' ' } else { '*' }))
            .collect();
        print_line!("{:16} {:8.4}  {}", point.name, point.loss, costs.join(" "))?;
    }
    for (cost, name) in COSTS.iter().enumerate() {
        let mut best: Vec<&Point> = points.iter().filter(|point| !beaten(point, cost)).collect();
        best.sort_by(|a, b| a.costs[cost].total_cmp(&b.costs[cost]));
        let names: Vec<&str> = best.iter().map(|point| point.name.as_str()).collect();
        print_line!("lowest loss for {name}, from cheap to dear: {}", names.join(", "))?;
    }
    Ok(())
}
