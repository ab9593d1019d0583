//! What a diagnosis advises: nothing that the training did already.

use super::config::TrainConfig;
use super::history::History;

/// The advice for a training of one configuration.
#[derive(Clone, Copy)]
pub(super) struct Advice<'a> {
    config: &'a TrainConfig,
    /// Whether early stopping ended the training before its last epoch.
    is_stopped: bool,
}

impl<'a> Advice<'a> {
    pub fn new(config: &'a TrainConfig, history: &History) -> Advice<'a> {
        let planned = history.epochs.last().map_or(0, |last| last.epochs);
        Advice { config, is_stopped: (history.epochs.len() as u64) < planned }
    }

    pub fn over_fitted(&self) -> String {
        let stopping = self.config.early_stopping.is_none().then_some("--early-stopping 5");
        let regularisation = [self.augment(), self.weight_decay(), "dropout", "or a smaller model"];
        let all = stopping.into_iter().chain(["more training samples"]).chain(regularisation);
        all.collect::<Vec<_>>().join(", ")
    }

    pub fn limited_by_data(&self) -> String {
        let (augment, decay) = (self.augment(), self.weight_decay());
        format!("more training samples, {augment}, {decay}, dropout; a larger model gains little")
    }

    pub fn not_converged(&self) -> &'static str {
        if self.is_stopped { "a larger --early-stopping" } else { "more epochs" }
    }

    pub fn blown_up(&self) -> String {
        format!("a hundredth of the learning rate, a longer --warmup, or {}", self.clipping())
    }

    pub fn jumping(&self) -> String {
        format!("a third of the learning rate, a longer --warmup, or {}", self.clipping())
    }

    pub fn exploding(&self) -> String {
        format!("{}, a norm behind each convolution, or smaller initial weights", self.clipping())
    }

    fn clipping(&self) -> &'static str {
        if self.config.clip_norm.is_some() { "a smaller --clip-norm" } else { "--clip-norm 1" }
    }

    fn augment(&self) -> &'static str {
        match self.config.augment {
            Some(_) => "a stronger --augment",
            None => "--augment where there are images",
        }
    }

    fn weight_decay(&self) -> &'static str {
        if !self.config.optimizer.hyperparameters().contains(&"weight_decay") {
            "--optimizer adamw with --weight-decay"
        } else if self.config.algorithm().weight_decay() > 0.0 {
            "a larger --weight-decay"
        } else {
            "--weight-decay"
        }
    }
}
