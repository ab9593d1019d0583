//! Which parameters of a law the data identify.

use super::{Points, Uncertain};

/// Collects for each parameter of a law whether the rows identify it, and warnings about what they do not tell.
pub(super) struct Identifiability<'a> {
    names: &'static [&'static str],
    pub points: &'a Points,
    parameters: &'a [Uncertain],
    identified: Vec<bool>,
    warnings: Vec<String>,
}

impl<'a> Identifiability<'a> {
    /// Starts with every parameter identified. `parameters` are in the order of `names`.
    pub fn new(
        names: &'static [&'static str],
        points: &'a Points,
        parameters: &'a [Uncertain],
    ) -> Identifiability<'a> {
        let identified = vec![true; parameters.len()];
        Identifiability { names, points, parameters, identified, warnings: Vec::new() }
    }

    /// Adds a warning, and marks the parameters in `unidentified` whose values mean nothing because of it.
    pub fn warn(&mut self, unidentified: &[&str], warning: String) {
        for (identified, name) in self.identified.iter_mut().zip(self.names) {
            *identified &= !unidentified.contains(name);
        }
        self.warnings.push(warning);
    }

    /// A parameter by its name.
    ///
    /// # Panics
    /// If the law has no parameter of this name.
    pub fn parameter(&self, name: &str) -> Uncertain {
        self.parameters[self.place(name)]
    }

    /// Whether a parameter is identified so far.
    ///
    /// # Panics
    /// If the law has no parameter of this name.
    pub fn is_identified(&self, name: &str) -> bool {
        self.identified[self.place(name)]
    }

    fn place(&self, name: &str) -> usize {
        self.names.iter().position(|known| *known == name).expect("a parameter of this law")
    }

    /// For each parameter whether it is identified, and the warnings.
    pub fn into_parts(self) -> (Vec<bool>, Vec<String>) {
        (self.identified, self.warnings)
    }
}
