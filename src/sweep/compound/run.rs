//! Runs a search: trains what has no record yet.

use super::store::SearchStore;
use crate::error::Result;
use crate::sweep::run::{Observer, Runner, SweepOptions};
use crate::sweep::variant::Variant;

/// Trains every run of both rounds that has no record, and writes each record before the next run begins. A run that
/// fails is recorded as failed, and the search continues.
///
/// # Errors
/// [`Error::Interrupted`](crate::Error::Interrupted) when asked to stop;
/// [`Error::DeviceLost`](crate::Error::DeviceLost); [`Error::Config`](crate::Error::Config) for a budget that needs more
/// samples than the training set has; files that can't be read or written.
pub fn run(store: &mut SearchStore, options: &SweepOptions, observer: &mut dyn Observer) -> Result<()> {
    let search = store.search().clone();
    let first = search.first_round()?;
    let most_samples = first.iter().filter_map(|variant| variant.train_samples).max();
    let mut runner = Runner::new(&search.plan, most_samples, options);
    if let Some(variant) = first.iter().find(|variant| !store.log.contains(&variant.key)) {
        search.check_samples(runner.training_set(variant, most_samples)?)?;
    }
    train(store, &mut runner, &first, [0, first.len()], observer)?;
    let second = search.second_round(store.log.records())?;
    train(store, &mut runner, &second, [first.len(), first.len() + second.len()], observer)
}

/// Trains the variants of a round that have no record. `before` runs come before the round; together with it they are
/// `count`.
fn train(
    store: &mut SearchStore,
    runner: &mut Runner,
    variants: &[Variant],
    [before, count]: [usize; 2],
    observer: &mut dyn Observer,
) -> Result<()> {
    for (index, variant) in (before..).zip(variants) {
        if store.log.contains(&variant.key) {
            continue;
        }
        let mut callback = observer.on_start(variant, index, count);
        let record = runner.run(variant, callback.as_mut())?;
        drop(callback);
        store.log.append(record.clone())?;
        runner.remove_checkpoint()?;
        observer.on_record(&record);
    }
    Ok(())
}
