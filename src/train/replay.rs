//! Finds where a loss that is not finite comes from.
//!
//! The loss of a step is read some steps later, when updates with gradients that are not finite have spread over all
//! weights. So the state of the training is copied to the host now and then, and the steps since the last copy are
//! repeated one by one, up to the forward pass whose loss is not finite. A copy is made when the training has gone on
//! for a hundred times what the last one took: copies take at most about a hundredth of the time.

use super::checkpoint::{Values, to_host};
use super::samples::Samples;
use super::trainer::{Trainer, TrainerState};
use crate::data::Loader;
use crate::error::{Error, Result};
use crate::optim::Schedule;
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// Training time between two copies, in multiples of the time of a copy.
const SPARSENESS: u32 = 100;

/// The last copy of a training's state.
pub(super) struct Replay {
    state: TrainerState,
    values: Values,
    /// The epoch, counted from 0, and the steps done in it.
    place: (u64, u64),
    taken: Instant,
    cost: Duration,
}

impl Replay {
    /// Copies the state at a place: an epoch, counted from 0, and the steps done in it. Waits for the device.
    pub fn new(trainer: &Trainer, place: (u64, u64)) -> Result<Replay> {
        let begin = Instant::now();
        let (state, tensors) = trainer.state();
        let values = to_host(tensors)?;
        Ok(Replay { state, values, place, taken: Instant::now(), cost: begin.elapsed() })
    }

    /// Copies the state anew if enough time has passed. To be called after a read-back, with a finite loss.
    pub fn renew(&mut self, trainer: &Trainer, place: (u64, u64)) -> Result<()> {
        if self.taken.elapsed() >= SPARSENESS * self.cost {
            *self = Replay::new(trainer, place)?;
        }
        Ok(())
    }

    /// Adds to an error about a loss that is not finite the step and the module that it comes from. The training is
    /// over then: the trainer is left in the midst of that step.
    pub fn locate(&self, error: Error, trainer: &mut Trainer, loader: &Loader, rates: &Schedule) -> Error {
        let Error::Diverged { step, loss, updated, .. } = error else { return error };
        // Where even this fails, the first error is the one to tell.
        match self.repeat(trainer, loader, rates) {
            Ok(Some((step, origin))) => Error::Diverged { step, loss, updated: step > 1, origin },
            _ => Error::Diverged { step, loss, updated, origin: String::new() },
        }
    }

    /// The number of the first step, counted from 1, whose loss is not finite, and where that comes from.
    fn repeat(
        &self,
        trainer: &mut Trainer,
        loader: &Loader,
        rates: &Schedule,
    ) -> Result<Option<(u64, String)>> {
        let end = trainer.steps();
        let (_, tensors) = trainer.state();
        for (name, tensor) in &tensors {
            self.values.get(name).map_or(Ok(()), |stored| trainer.write(name, tensor, &stored.values))?;
        }
        trainer.resume(&self.state)?;
        let (mut epoch, done) = self.place;
        let mut batches = loader.epoch_from(epoch, done as usize);
        while trainer.steps() < end {
            let Some(batch) = batches.next() else {
                epoch += 1;
                batches = loader.epoch(epoch);
                continue;
            };
            let batch = batch?;
            trainer.backward(&Samples::Host(Cow::Borrowed(&batch)))?;
            if trainer.metrics().is_err() {
                return Ok(Some((trainer.steps() + 1, trainer.origin(&batch)?)));
            }
            trainer.update(rates.rate(trainer.steps()))?;
        }
        Ok(None)
    }
}
