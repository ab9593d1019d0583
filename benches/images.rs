//! A folder of images: how fast the loader reads it, and whether it keeps the training of resnet20 at 32 × 32 fed on
//! the CPU device.
//!
//! `cargo bench --bench images -- DIR` prints lines of JSON. DIR has one sub-folder per class below `train/` and
//! `val/`; a zip archive will do. Blocks of steps with batches of the loader and with one batch in memory alternate, so
//! that both see the same machine; `share` is the median ratio of their throughputs. `benches/peers/pytorch_images.py`
//! reads the same folder.

use allometry::data::{self, Augment, Batch, DataOptions, Epoch, Loader, LoaderOptions, Normalize, prepared};
use allometry::models::Architecture;
use allometry::nn::Module;
use allometry::optim::Algorithm;
use allometry::train::{Loss, Trainer};
use allometry::{Device, Result};
use std::path::Path;
use std::time::Instant;

const RESOLUTION: usize = 32;
const BATCH: usize = 64;
/// Pairs of blocks of which the median is taken, and steps of a block.
const BLOCKS: usize = 9;
const STEPS: usize = 8;

/// Batches without end.
struct Endless {
    loader: Loader,
    epoch: u64,
    batches: Epoch,
}

impl Endless {
    fn new(loader: Loader) -> Endless {
        let batches = loader.epoch(0);
        Endless { loader, epoch: 0, batches }
    }

    fn next(&mut self) -> Result<Batch> {
        loop {
            if let Some(batch) = self.batches.next() {
                return batch;
            }
            self.epoch += 1;
            self.batches = self.loader.epoch(self.epoch);
        }
    }
}

fn loader(folder: &Path, cache_bytes: u64) -> Result<Loader> {
    let options = DataOptions {
        dataset: "folder".into(),
        directory: Some(folder.to_path_buf()),
        resolution: Some(RESOLUTION),
        cache_bytes,
        ..DataOptions::default()
    };
    let augment = Augment { crop: 4, flip: true, ..Augment::default() };
    let splits = prepared(&data::open(&options)?, augment, Normalize::Channels, 0)?;
    Loader::new(splits.train, LoaderOptions { batch: BATCH, shuffle: true, seed: 0, drop_last: true })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn run(name: &str, folder: &Path, cache_bytes: u64) -> Result<()> {
    let start = Instant::now();
    let loader = loader(folder, cache_bytes)?;
    let open_seconds = start.elapsed().as_secs_f64();
    let reading = |epoch: u64| -> Result<f64> {
        let start = Instant::now();
        loader.epoch(epoch).try_for_each(|batch| batch.map(drop))?;
        Ok(loader.samples() as f64 / start.elapsed().as_secs_f64())
    };
    let read = median((0..3).map(reading).collect::<Result<_>>()?);

    let device = Device::cpu();
    let architecture = Architecture::preset("resnet20").expect("a preset");
    let architecture = architecture.for_dataset(loader.dataset().as_ref(), Normalize::Channels);
    let model = architecture.layers().build(&device, &architecture.input_shape(), 0)?;
    let mut trainer = Trainer::new(&model, Loss::cross_entropy(0.0), Algorithm::adam())?;
    let samples = loader.samples();
    let mut batches = Endless::new(loader);
    let in_memory = batches.next()?;
    let mut block = |batches: Option<&mut Endless>| -> Result<f64> {
        let start = Instant::now();
        match batches {
            Some(batches) => (0..STEPS).try_for_each(|_| trainer.step(&batches.next()?, 1e-3))?,
            None => (0..STEPS).try_for_each(|_| trainer.step(&in_memory, 1e-3))?,
        }
        trainer.take_metrics()?;
        Ok((STEPS * BATCH) as f64 / start.elapsed().as_secs_f64())
    };
    block(None)?;
    let (mut memory, mut loaded) = (Vec::new(), Vec::new());
    for _ in 0..BLOCKS {
        memory.push(block(None)?);
        loaded.push(block(Some(&mut batches))?);
    }
    let share = median(memory.iter().zip(&loaded).map(|(memory, loaded)| loaded / memory).collect());
    println!(
        "{{\"name\": \"{name}\", \"samples\": {samples}, \"open_seconds\": {open_seconds:.2}, \"read_per_second\": {read:.0}, \
         \"trained_per_second_in_memory\": {:.1}, \"trained_per_second_loaded\": {:.1}, \"share\": {share:.3}}}",
        median(memory),
        median(loaded),
    );
    Ok(())
}

fn main() -> Result<()> {
    let Some(folder) = std::env::args().skip(1).find(|argument| !argument.starts_with("--")) else {
        eprintln!("note: name a folder of images: cargo bench --bench images -- DIR");
        return Ok(());
    };
    let folder = Path::new(&folder);
    run("in the cache", folder, 2 << 30)?;
    run("decoded in every epoch", folder, 0)
}
