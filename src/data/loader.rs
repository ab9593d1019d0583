//! Mini-batches, shuffled and prepared on another thread during training.

#[cfg(doc)]
use super::augment::Augment;
use super::augment::mixup::mix;
use super::dataset::{Batch, BatchTargets, Dataset, Target, Targets};
use crate::error::{Error, Result};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::any::Any;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// The most batches that wait; one more is being prepared. Enough to even out slow batches, few enough to cost little
/// memory.
const AHEAD: usize = 3;

/// How to divide an epoch into batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoaderOptions {
    /// Samples per batch.
    pub batch: usize,
    /// Whether to shuffle each epoch, by (seed, epoch); otherwise samples come in the order of their indices.
    pub shuffle: bool,
    /// Seed of the order.
    pub seed: u64,
    /// Whether to drop an incomplete last batch.
    pub drop_last: bool,
}

/// A data set, and how to divide it into batches.
pub struct Loader {
    dataset: Arc<dyn Dataset>,
    options: LoaderOptions,
    /// The constant of mixup; 0 for none.
    mixup: f64,
}

impl Loader {
    /// A loader of a data set.
    ///
    /// # Errors
    /// A batch of 0; options that give no batch.
    pub fn new(dataset: Arc<dyn Dataset>, options: LoaderOptions) -> Result<Loader> {
        let samples = dataset.len();
        if options.batch == 0 {
            return Err(Error::argument("loader", "batch", 0, "at least 1"));
        }
        let loader = Loader { dataset, options, mixup: 0.0 };
        if loader.batches() == 0 {
            let expected =
                format!("at most the {samples} samples of the set, because incomplete batches are dropped");
            return Err(Error::argument("loader", "batch", options.batch, expected));
        }
        Ok(loader)
    }

    /// Mixes the samples of each batch by mixup with the constant `alpha` (see [`Augment::mixup`]), by the seed, the
    /// epoch and the number of the batch.
    ///
    /// # Errors
    /// A constant that is not from 0 (no mixup) to 1; a set whose targets are not labels.
    pub fn with_mixup(self, alpha: f64) -> Result<Loader> {
        if !(0.0..=1.0).contains(&alpha) {
            return Err(Error::argument("loader", "mixup", alpha, "0 to 1"));
        }
        if alpha > 0.0 && !matches!(self.dataset.targets(), Targets::Classes(_)) {
            return Err(Error::argument("loader", "mixup", alpha, "0 for targets that are numbers"));
        }
        Ok(Loader { mixup: alpha, ..self })
    }

    /// Number of batches in an epoch.
    pub fn batches(&self) -> usize {
        let (samples, batch) = (self.dataset.len(), self.options.batch);
        if self.options.drop_last { samples / batch } else { samples.div_ceil(batch) }
    }

    /// Number of samples in an epoch, without those that `drop_last` drops.
    pub fn samples(&self) -> usize {
        self.dataset.len().min(self.batches() * self.options.batch)
    }

    /// The data set.
    pub fn dataset(&self) -> &Arc<dyn Dataset> {
        &self.dataset
    }

    /// Starts the thread that prepares this epoch's batches, and returns them in order. The thread gives slow samples
    /// to rayon's global pool, so do not wait for batches inside a task of that pool: with a single core it would wait
    /// for itself.
    pub fn epoch(&self, epoch: u64) -> Epoch {
        self.epoch_from(epoch, 0)
    }

    /// The same without the first `skipped` batches, which are not prepared.
    pub fn epoch_from(&self, epoch: u64, skipped: usize) -> Epoch {
        let (sender, batches) = sync_channel(AHEAD);
        let on_failure = sender.clone();
        let (dataset, options, mixup) = (self.dataset.clone(), self.options, self.mixup);
        let count = self.batches().saturating_sub(skipped);
        let worker = std::thread::Builder::new()
            .name("allometry-loader".into())
            .spawn(move || prepare(dataset.as_ref(), options, mixup, epoch, (skipped, count), &sender));
        let worker = worker.inspect_err(|error| {
            let problem = format!("no thread to prepare batches on: {error}");
            // The channel is empty and its other end still exists, so this neither blocks nor fails.
            let _ = on_failure.send(Err(Error::Config { what: "loader".into(), problem }));
        });
        Epoch { batches: Some(batches), worker: worker.ok(), left: count }
    }
}

/// The batches of one epoch. Dropping it stops the thread. It ends after an error.
pub struct Epoch {
    /// `None` after the epoch.
    batches: Option<Receiver<Result<Batch>>>,
    worker: Option<JoinHandle<()>>,
    left: usize,
}

impl Iterator for Epoch {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        if self.left == 0 {
            self.stop();
            return None;
        }
        match self.batches.as_ref()?.recv() {
            Ok(Ok(batch)) => {
                self.left -= 1;
                Some(Ok(batch))
            }
            Ok(Err(error)) => {
                self.left = 0;
                Some(Err(error))
            }
            // The thread ended early, so it panicked.
            Err(_) => {
                self.left = 0;
                let problem = format!("preparing a batch panicked: {}", self.stop().unwrap_or_default());
                Some(Err(Error::Config { what: "loader".into(), problem }))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left))
    }
}

impl Epoch {
    /// Closes the channel, which ends the thread at its next batch, and waits for the thread. Returns the message of a
    /// panic.
    fn stop(&mut self) -> Option<String> {
        self.batches = None;
        let panic = self.worker.take()?.join().err()?;
        Some(message(panic.as_ref()))
    }
}

impl Drop for Epoch {
    fn drop(&mut self) {
        self.stop();
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message").into()
}

/// The thread's work: prepares batches until all are made, one fails, or the receiver is gone.
fn prepare(
    dataset: &dyn Dataset,
    options: LoaderOptions,
    mixup: f64,
    epoch: u64,
    (skipped, count): (usize, usize),
    sender: &SyncSender<Result<Batch>>,
) {
    let samples = dataset.len();
    let mut order: Vec<usize> = Vec::new();
    if order.try_reserve_exact(samples).is_err() {
        let bytes = (samples as u64).saturating_mul(size_of::<usize>() as u64);
        let device = format!("the host, for the order of {samples} samples");
        let _ = sender.send(Err(Error::OutOfMemory { device, bytes, live: 0 }));
        return;
    }
    order.extend(0..samples);
    if options.shuffle {
        let mut generator = ChaCha8Rng::seed_from_u64(options.seed);
        generator.set_stream(epoch);
        order.shuffle(&mut generator);
    }
    for (number, indices) in order.chunks(options.batch).enumerate().skip(skipped).take(count) {
        let mut batch = Batch::gather(dataset, epoch, indices);
        if let (Ok(batch), true) = (&mut batch, mixup > 0.0) {
            mix(batch, mixup, options.seed, epoch, number as u64);
        }
        let failed = batch.is_err();
        if sender.send(batch).is_err() || failed {
            return;
        }
    }
}

impl Batch {
    /// Collects the samples with these indices, on all cores if making them is slow.
    ///
    /// # Errors
    /// Errors of the set; a set of samples or targets without numbers.
    pub fn gather(dataset: &dyn Dataset, epoch: u64, indices: &[usize]) -> Result<Batch> {
        let features: usize = dataset.sample_shape().iter().product();
        if features == 0 {
            return Err(Error::argument("data", "sample_shape", "empty", "at least one number"));
        }
        let size = indices.len();
        let mut inputs = vec![0.0; size * features];
        let targets = match dataset.targets() {
            Targets::Classes(_) => {
                let mut labels = vec![0; size];
                let targets = labels.iter_mut().map(Target::Class);
                gather(dataset, epoch, indices, inputs.chunks_exact_mut(features), targets)?;
                BatchTargets::Classes(labels)
            }
            Targets::Values(0) => {
                return Err(Error::argument(
                    "data",
                    "targets",
                    "no values",
                    "at least one number per sample",
                ));
            }
            Targets::Values(count) => {
                let mut values = vec![0.0; size * count];
                let targets = values.chunks_exact_mut(count).map(Target::Values);
                gather(dataset, epoch, indices, inputs.chunks_exact_mut(features), targets)?;
                BatchTargets::Values(values)
            }
        };
        Ok(Batch { size, inputs, targets })
    }
}

fn gather<'a>(
    dataset: &dyn Dataset,
    epoch: u64,
    indices: &[usize],
    inputs: impl Iterator<Item = &'a mut [f32]>,
    targets: impl Iterator<Item = Target<'a>>,
) -> Result<()> {
    let samples = indices.iter().zip(inputs).zip(targets);
    if !dataset.is_slow() {
        return samples.into_iter().try_for_each(|((&i, input), t)| dataset.write(epoch, i, input, t));
    }
    let samples: Vec<_> = samples.collect();
    samples.into_par_iter().try_for_each(|((&i, input), target)| dataset.write(epoch, i, input, target))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Sample i is `[i, epoch]` with target −i. Counts what was asked for; sample `bad` fails, or panics.
    struct Numbers {
        samples: usize,
        written: AtomicUsize,
        bad: usize,
        panics: bool,
        slow: bool,
    }

    impl Dataset for Numbers {
        fn name(&self) -> &str {
            "numbers"
        }
        fn len(&self) -> usize {
            self.samples
        }
        fn sample_shape(&self) -> &[usize] {
            &[2]
        }
        fn targets(&self) -> Targets {
            Targets::Values(1)
        }
        fn is_slow(&self) -> bool {
            self.slow
        }
        fn write(&self, epoch: u64, index: usize, input: &mut [f32], target: Target<'_>) -> Result<()> {
            self.check(index, input)?;
            self.written.fetch_add(1, Ordering::Relaxed);
            if index == self.bad {
                assert!(!self.panics, "sample {index} is poisoned");
                return Err(Error::Config { what: "numbers".into(), problem: format!("sample {index}") });
            }
            input.copy_from_slice(&[index as f32, epoch as f32]);
            target.values(&[-(index as f32)])
        }
    }

    fn numbers(samples: usize) -> Numbers {
        Numbers { samples, written: AtomicUsize::new(0), bad: usize::MAX, panics: false, slow: false }
    }

    fn options(batch: usize) -> LoaderOptions {
        LoaderOptions { batch, shuffle: true, seed: 1, drop_last: false }
    }

    fn indices(loader: &Loader, epoch: u64) -> Vec<usize> {
        let batches = loader.epoch(epoch).map(Result::unwrap);
        batches.flat_map(|b| b.inputs.iter().step_by(2).map(|&x| x as usize).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn every_sample_comes_once_in_an_order_of_seed_and_epoch() {
        for slow in [false, true] {
            let loader = Loader::new(Arc::new(Numbers { slow, ..numbers(103) }), options(10)).unwrap();
            let first = indices(&loader, 0);
            assert_eq!(first, indices(&loader, 0));
            assert_ne!(first, indices(&loader, 1));
            let mut sorted = first.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..103).collect::<Vec<_>>());

            let other = LoaderOptions { seed: 2, ..options(10) };
            assert_ne!(first, indices(&Loader::new(Arc::new(numbers(103)), other).unwrap(), 0));
        }
    }

    #[test]
    fn an_epoch_from_a_later_batch_has_the_same_batches() {
        let loader = Loader::new(Arc::new(numbers(103)), options(10)).unwrap();
        let whole: Vec<Batch> = loader.epoch(3).collect::<Result<_>>().unwrap();
        for skipped in [1, 10, 11, 12] {
            let rest: Vec<Batch> = loader.epoch_from(3, skipped).collect::<Result<_>>().unwrap();
            assert_eq!(rest, whole[skipped.min(whole.len())..], "{skipped}");
        }
    }

    #[test]
    fn batches_carry_inputs_and_targets_of_their_epoch() {
        let straight = LoaderOptions { shuffle: false, ..options(2) };
        let loader = Loader::new(Arc::new(numbers(3)), straight).unwrap();
        let batches: Vec<Batch> = loader.epoch(5).collect::<Result<_>>().unwrap();
        let expected = Batch {
            size: 2,
            inputs: vec![0.0, 5.0, 1.0, 5.0],
            targets: BatchTargets::Values(vec![0.0, -1.0]),
        };
        assert_eq!(batches[0], expected);
        assert_eq!(batches[1].size, 1);
        assert_eq!((loader.batches(), loader.samples()), (2, 3));
    }

    #[test]
    fn drop_last_leaves_out_the_rest() {
        let full = LoaderOptions { drop_last: true, ..options(10) };
        let loader = Loader::new(Arc::new(numbers(103)), full).unwrap();
        assert_eq!((loader.batches(), loader.samples()), (10, 100));
        assert!(loader.epoch(0).all(|b| b.unwrap().size == 10));
    }

    #[test]
    fn options_without_a_batch_are_refused() {
        assert!(Loader::new(Arc::new(numbers(5)), options(0)).is_err());
        assert!(Loader::new(Arc::new(numbers(0)), options(5)).is_err());
        let full = LoaderOptions { drop_last: true, ..options(6) };
        assert!(Loader::new(Arc::new(numbers(5)), full).is_err());
    }

    #[test]
    fn an_error_comes_through_and_ends_the_epoch() {
        for slow in [false, true] {
            let straight = LoaderOptions { shuffle: false, ..options(10) };
            let bad = Numbers { bad: 25, slow, ..numbers(100) };
            let results: Vec<_> = Loader::new(Arc::new(bad), straight).unwrap().epoch(0).collect();
            assert_eq!(results.len(), 3);
            assert!(results[2].as_ref().unwrap_err().to_string().contains("sample 25"));
        }
    }

    #[test]
    fn an_order_that_no_memory_holds_is_an_error() {
        for samples in [usize::MAX, 1 << 58] {
            let loader = Loader::new(Arc::new(numbers(samples)), options(10)).unwrap();
            let results: Vec<_> = loader.epoch(0).collect();
            assert_eq!(results.len(), 1);
            let error = results[0].as_ref().unwrap_err();
            assert!(error.is_about_memory() && error.to_string().contains(&samples.to_string()), "{error}");
        }
    }

    #[test]
    fn a_panic_becomes_an_error() {
        let bad = Numbers { bad: 3, panics: true, ..numbers(10) };
        let loader = Loader::new(Arc::new(bad), LoaderOptions { shuffle: false, ..options(2) }).unwrap();
        let results: Vec<_> = loader.epoch(0).collect();
        assert_eq!(results.len(), 2);
        assert!(results[1].as_ref().unwrap_err().to_string().contains("sample 3 is poisoned"));
    }

    #[test]
    fn dropping_an_epoch_stops_its_thread() {
        let dataset = Arc::new(numbers(1_000_000));
        let loader = Loader::new(dataset.clone(), options(10)).unwrap();
        let mut epoch = loader.epoch(0);
        epoch.next().unwrap().unwrap();
        drop(epoch);
        let written = dataset.written.load(Ordering::Relaxed);
        assert!(written <= 10 * (AHEAD + 3), "{written} samples were prepared for one batch");
        // The thread has ended: only the loader and this test still hold the set.
        assert_eq!(Arc::strong_count(&dataset), 2);
    }
}
