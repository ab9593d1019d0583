//! The description of a run that appears when the pointer is on it.

use super::quantity::Quantity;
use super::series::label;
use crate::sweep::record::Record;
use crate::units::significant;

/// Names and values, the model first, without missing values.
pub(super) fn about(record: &Record) -> Vec<(&'static str, String)> {
    let of = |quantity: Quantity| Some(quantity.format(quantity.of(record)?));
    let lines = [
        ("model", Some(label(record))),
        ("run", Some(record.variant.key.clone())),
        ("seed", Some(record.config.seed.to_string())),
        ("parameters", of(Quantity::Parameters)),
        ("MACs per sample", of(Quantity::Macs)),
        ("training samples", of(Quantity::TrainingSamples)),
        ("training FLOPs", of(Quantity::TrainingFlops)),
        ("validation loss", Quantity::ValidationLoss.of(record).map(|loss| significant(loss, 4))),
        ("accuracy", of(Quantity::Accuracy)),
        ("training time", of(Quantity::Seconds)),
        ("peak memory", of(Quantity::PeakMemory)),
    ];
    lines.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
