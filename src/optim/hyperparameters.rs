//! The hyper-parameters of a training by name.

use serde_json::{Map, Value};

/// The fields of a training configuration, from which update rules and losses take their constants. Without fields, all
/// constants have their defaults.
#[derive(Default)]
pub struct Hyperparameters(Map<String, Value>);

impl Hyperparameters {
    /// The fields of a configuration.
    pub(crate) fn new(fields: Map<String, Value>) -> Hyperparameters {
        Hyperparameters(fields)
    }

    /// The value of this name as JSON.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The number of this name; `default` if the configuration leaves it out. NaN if it is not finite.
    pub fn number(&self, name: &str, default: f64) -> f64 {
        // JSON has no numbers that are not finite; they are null there.
        self.0.get(name).map_or(default, |value| value.as_f64().unwrap_or(f64::NAN))
    }

    /// Whether the switch of this name is on.
    pub fn switch(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }
}
