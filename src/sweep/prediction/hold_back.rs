//! Selects the models that are held back: the largest on every axis.

use crate::error::Result;
use crate::models::axis::Axis;
use crate::models::cost::Cost;
use crate::sweep::record::Record;
use crate::sweep::variant::Variant;
use serde::{Deserialize, Serialize};

/// The measure of a model's size on an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// Number of trained parameters.
    Parameters,
    /// Multiply–adds of one sample's forward pass.
    Macs,
}

impl Size {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Size::Parameters => "parameters",
            Size::Macs => "macs",
        }
    }

    /// Parameters if the models differ in them, else MACs. Models that differ only in resolution have the same
    /// parameters.
    fn of_models<'a>(models: impl IntoIterator<Item = &'a Cost>) -> Size {
        let mut parameters = models.into_iter().map(|cost| cost.parameters);
        let first = parameters.next();
        if parameters.any(|count| Some(count) != first) { Size::Parameters } else { Size::Macs }
    }

    /// The measure of size on an axis of a plan with these runs.
    pub(super) fn along(axis: Axis, variants: &[Variant]) -> Result<Size> {
        let models = variants.iter().filter(|variant| variant.is_on(axis));
        let costs: Vec<Cost> = models.map(|model| Cost::of(&model.architecture)).collect::<Result<_>>()?;
        Ok(Size::of_models(&costs))
    }

    /// The size of a variant's model.
    pub(super) fn of_variant(self, variant: &Variant) -> Result<f64> {
        Ok(self.of_cost(&Cost::of(&variant.architecture)?) as f64)
    }

    /// The size of the model of a record.
    pub fn of_record(self, record: &Record) -> f64 {
        match self {
            Size::Parameters => record.cost.parameters as f64,
            Size::Macs => record.cost.macs as f64,
        }
    }

    fn of_cost(self, cost: &Cost) -> u64 {
        match self {
            Size::Parameters => cost.parameters,
            Size::Macs => cost.macs,
        }
    }
}

/// Marks the `count` largest models on every axis. In an extended plan, marks only models that are larger than all
/// `earlier` ones.
pub(crate) fn mark_held_back(
    models: &mut [Variant],
    earlier: &[Variant],
    axes: &[Axis],
    count: usize,
) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let costs: Vec<Cost> = models.iter().map(|model| Cost::of(&model.architecture)).collect::<Result<_>>()?;
    for &axis in axes {
        let mut places: Vec<usize> = (0..models.len()).filter(|&place| models[place].is_on(axis)).collect();
        let size = Size::of_models(places.iter().map(|&place| &costs[place]));
        // Rounding can give two models the same parameters; then the one with more MACs is larger.
        let key = |cost: &Cost| (size.of_cost(cost), cost.macs);
        places.sort_by_key(|&place| key(&costs[place]));
        let known = earlier.iter().filter(|known| known.is_on(axis));
        let known: Vec<(u64, u64)> =
            known.map(|known| Ok(key(&Cost::of(&known.architecture)?))).collect::<Result<_>>()?;
        let largest = known.into_iter().max();
        for &place in places.iter().rev().take(count) {
            if Some(key(&costs[place])) > largest {
                models[place].held_back.push(axis);
            }
        }
    }
    Ok(())
}
