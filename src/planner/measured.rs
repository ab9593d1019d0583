//! Runs that ended below what is expected of a recommendation.

use super::recommendation::Suggestion;
use crate::sweep::record::Record;
use crate::units::{digits, flops};
use std::collections::BTreeMap;

/// A measured loss below this fraction of the expected one contradicts the law. Two seeds of one model often differ by
/// a few percent.
const CLEARLY: f64 = 0.9;

/// A warning if runs took no more compute than the recommended training, and ended clearly below the loss that is
/// expected of it: the law describes these runs badly. The seeds of a model are averaged. `None` if there are no such
/// runs.
pub fn better_runs(records: &[Record], best: &Suggestion) -> Option<String> {
    let mut models: BTreeMap<_, Vec<(&Record, f64)>> = BTreeMap::new();
    let cheaper = records.iter().filter(|record| record.cost.training_flops <= best.flops);
    for (record, loss) in cheaper.filter_map(|record| Some((record, record.validation_loss()?))) {
        let variant = &record.variant;
        let sizes = (variant.factor.to_bits(), record.cost.samples_seen, record.cost.train_samples);
        models.entry((variant.axis, sizes)).or_default().push((record, loss));
    }
    let mean = |runs: &[(&Record, f64)]| runs.iter().map(|run| run.1).sum::<f64>() / runs.len() as f64;
    let (loss, runs) =
        models.into_values().map(|runs| (mean(&runs), runs)).min_by(|a, b| a.0.total_cmp(&b.0))?;
    let (record, _) = runs[0];
    let seeds =
        if runs.len() == 1 { "one seed".to_string() } else { format!("mean of {} seeds", runs.len()) };
    (loss < CLEARLY * best.loss.value).then(|| {
        format!(
            "{} ×{} saw {} samples, took {} and ended at {} ({seeds}), below the {} expected of the best: the law \
             describes these runs badly. Train that model, or sweep more sizes and seeds",
            record.variant.axis,
            record.variant.factor,
            record.cost.samples_seen,
            flops(record.cost.training_flops),
            digits(loss),
            digits(best.loss.value),
        )
    })
}
