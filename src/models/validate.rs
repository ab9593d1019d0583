//! Checks that an architecture can be built.

use super::architecture::Architecture;
use super::blocks::{shrink, within};
use super::head::Pooling;
use super::stage::called;
use crate::error::{Error, Result};

impl Architecture {
    /// Checks that the model can be built.
    ///
    /// # Errors
    /// [`Error::Config`] that names the stage, the key, and what to change.
    pub fn validate(&self) -> Result<()> {
        self.check()
            .map_err(|problem| Error::Config { what: format!("model {}", self.name.escape_debug()), problem })
    }

    /// Checks what has to hold for a model as written, but not for one that is scaled from it.
    ///
    /// # Errors
    /// [`Error::Config`] that names the stage, the key, and what to change.
    pub(super) fn validate_unscaled(&self) -> Result<()> {
        self.stages.iter().enumerate().try_for_each(|(index, stage)| {
            stage.block.kind().check_unscaled(stage.width).map_err(|problem| Error::Config {
                what: format!("model {}", self.name.escape_debug()),
                problem: format!("{}: {problem}", called(index)),
            })
        })
    }

    fn check(&self) -> Result<(), String> {
        if self.name.trim().is_empty() || self.name.chars().any(char::is_control) {
            return Err("the name is empty or has control characters".into());
        }
        for (key, rate) in [("dropout", self.dropout), ("drop_path", self.drop_path)] {
            if !(0.0..1.0).contains(&rate) {
                return Err(format!("{key} is {rate}; it must be at least 0 and below 1"));
            }
        }
        for (key, rate) in [("dropout", self.growth.dropout), ("drop_path", self.growth.drop_path)] {
            if !(-1.0..=1.0).contains(&rate) {
                return Err(format!("growth.{key} is {rate}; it must be between -1 and 1"));
            }
        }
        if !(1e-12..1.0).contains(&self.norm_epsilon) {
            return Err(format!(
                "norm_epsilon is {}; it must be at least 1e-12 and below 1",
                self.norm_epsilon
            ));
        }
        within("the number of outputs", self.output.units())?;
        for extent in self.input_shape() {
            within("an input extent", extent)?;
        }
        self.check_layers()
    }

    /// Checks the stem, the stages and the head on the shapes that reach them.
    fn check_layers(&self) -> Result<(), String> {
        let mut rows = self.resolution();
        let mut width = self.input_shape().last().copied().unwrap_or_default();
        if let Some(stem) = &self.stem {
            stem.check().map_err(|problem| format!("stem: {problem}"))?;
            let before =
                rows.ok_or("the stem is a convolution, but the input is features; remove the stem")?;
            rows = Some(before.div_ceil(stem.total_stride()));
            width = stem.width;
        }
        for (index, stage) in self.stages.iter().enumerate() {
            let (name, kind) = (called(index), stage.block.kind());
            let named = |problem| format!("{name}: {problem}");
            within("width", stage.width).map_err(named)?;
            within("depth", stage.depth).map_err(named)?;
            kind.check(width, stage.width).map_err(named)?;
            rows = match (kind.takes_image(), rows) {
                (true, Some(before)) => match shrink(kind, before) {
                    0 => {
                        return Err(format!(
                            "resolution {} is too small: {before} rows reach {name}, which shrinks them by {}; use \
                             a resolution of at least {}",
                            self.resolution().unwrap_or_default(),
                            kind.stride(),
                            self.total_stride()
                        ));
                    }
                    after => Some(after),
                },
                (true, None) => {
                    return Err(format!(
                        "{name} is a convolution, but its input is features; convolutions need an image input, and \
                         come before all dense stages"
                    ));
                }
                (false, _) => None,
            };
            width = stage.width;
        }
        self.head.check().map_err(|problem| format!("head: {problem}"))?;
        if self.head.conv != 0 && rows.is_none() {
            return Err("head: conv is given, but features reach it, not an image; use dense".into());
        }
        let convolutional = self.stem.is_some() || self.stages.iter().any(|s| s.block.kind().takes_image());
        if self.head.pooling == Pooling::GlobalAverage && !convolutional {
            return Err(
                "head is global_average, but there is no convolution; it would average the raw image. Use \
                 head = \"flatten\""
                    .into(),
            );
        }
        Ok(())
    }
}
