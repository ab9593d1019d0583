//! The axes of scaling: depth, width, resolution, compound. An axis and a factor give a [`Scale`]; a scale maps one
//! architecture to another.
//!
//! Rounding follows the EfficientNet paper (Tan & Le 2019, [arXiv:1905.11946](https://arxiv.org/abs/1905.11946)) and
//! the rules `round_filters` and `round_repeats` of its reference implementation. So the FLOPs of a scaled model differ
//! from the exact multiple. A record has the cost of the rounded model, and laws are fitted to that.

use super::architecture::{Architecture, Growth, Input};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The largest coefficient or factor; the smallest is its reciprocal.
const MAX_FACTOR: f64 = 1024.0;

/// Scaled widths are multiples of this.
const DIVISOR: usize = 8;

/// The three coefficients that scale a base model; 1 leaves a dimension unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// Multiplies the repeats of every stage.
    pub depth: f64,
    /// Multiplies the channels or units of every stage.
    pub width: f64,
    /// Multiplies the rows and columns of the input image.
    pub resolution: f64,
}

impl Scale {
    /// The scale that changes nothing.
    pub const BASE: Scale = Scale { depth: 1.0, width: 1.0, resolution: 1.0 };

    /// Scales a model. The output layer, kernels, strides and input channels do not change. Dropout and drop-path
    /// change as the model's [`growth`](Architecture::growth) says.
    ///
    /// - Width: see [`round_width`]. A coefficient of exactly 1 does not change widths. Stem and head are scaled as the
    ///   stages are; what a block derives from its width (expanded, squeezed or grouped channels) follows.
    /// - Depth: see [`round_depth`].
    /// - Resolution: the nearest multiple of the first downsampling stride, so that this stage drops no border, and at
    ///   least the product of all strides, so that every stage has a pixel. A coefficient of exactly 1 does not change
    ///   the resolution.
    ///
    /// # Errors
    /// [`Error::Argument`] for a coefficient out of range; [`Error::Config`] for a resolution coefficient other than 1
    /// if the input is features, and for a scaled model that can't be built.
    pub fn apply(&self, base: &Architecture) -> Result<Architecture> {
        for (argument, value) in
            [("depth", self.depth), ("width", self.width), ("resolution", self.resolution)]
        {
            check_factor("scale", argument, value)?;
        }
        let doublings = self.doublings();
        let mut scaled = Architecture {
            stem: base.stem.as_ref().map(|stem| stem.widened(self.width)),
            head: base.head.widened(self.width),
            dropout: Growth::rate(base.dropout, base.growth.dropout, doublings),
            drop_path: Growth::rate(base.drop_path, base.growth.drop_path, doublings),
            ..base.clone()
        };
        for stage in &mut scaled.stages {
            stage.width = round_width(stage.width, self.width);
            stage.depth = round_depth(stage.depth, self.depth);
        }
        match &mut scaled.input {
            Input::Image { resolution, .. } => {
                *resolution = round_resolution(base, *resolution, self.resolution)
            }
            Input::Features(_) if self.resolution != 1.0 => {
                return Err(Error::Config {
                    what: format!("model {}", base.name),
                    problem: "its input is features, which have no resolution; use another axis".into(),
                });
            }
            Input::Features(_) => {}
        }
        scaled.validate()?;
        Ok(scaled)
    }

    /// How often the FLOPs of convolutions double: log₂(depth·width²·resolution²).
    fn doublings(&self) -> f64 {
        (self.depth * self.width.powi(2) * self.resolution.powi(2)).log2()
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "depth ×{:.3}, width ×{:.3}, resolution ×{:.3}", self.depth, self.width, self.resolution)
    }
}

/// Scales a width (channels or units): `width·factor` rounded to the nearest multiple of 8 (halves up), at least 8, and
/// 8 more if the result is less than 90 % of `width·factor`. This is `round_filters` of the EfficientNet reference
/// implementation. A factor of 1 returns `width`, even if it is not a multiple of 8.
pub fn round_width(width: usize, factor: f64) -> usize {
    if factor == 1.0 {
        return width;
    }
    nearest_multiple(width as f64 * factor)
}

/// The multiple of 8 that [`round_width`] rounds `exact` to.
pub(super) fn nearest_multiple(exact: f64) -> usize {
    let nearest = ((exact + DIVISOR as f64 / 2.0) as usize / DIVISOR * DIVISOR).max(DIVISOR);
    if (nearest as f64) < 0.9 * exact { nearest.saturating_add(DIVISOR) } else { nearest }
}

/// Scales a depth (repeats): `depth·factor` rounded up, `round_repeats` of the EfficientNet reference implementation. A
/// product at most 10⁻⁹ above a whole number counts as that number, so that 10 × 1.1 is 11 layers in floating point
/// too.
pub fn round_depth(depth: usize, factor: f64) -> usize {
    ((depth as f64 * factor - 1e-9).ceil() as usize).max(1)
}

fn round_resolution(base: &Architecture, resolution: usize, factor: f64) -> usize {
    if factor == 1.0 {
        return resolution;
    }
    let step = base.first_stride();
    let nearest = (resolution as f64 * factor / step as f64).round() as usize;
    nearest.saturating_mul(step).max(base.total_stride())
}

/// A dimension along which a model is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// Repeats of every stage; the factor is the depth coefficient.
    Depth,
    /// Channels or units of every stage; the factor is the width coefficient.
    Width,
    /// Rows and columns of the input; the factor is the resolution coefficient.
    Resolution,
    /// All three at once by [`Compound`]; the factor is the target multiple of FLOPs.
    Compound,
}

impl Axis {
    /// All axes, in display order.
    pub const ALL: [Axis; 4] = [Axis::Depth, Axis::Width, Axis::Resolution, Axis::Compound];

    /// Name of the axis in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Axis::Depth => "depth",
            Axis::Width => "width",
            Axis::Resolution => "resolution",
            Axis::Compound => "compound",
        }
    }

    /// The scale of a factor on this axis. On depth, width and resolution the factor is the coefficient; on compound it
    /// is the target multiple of FLOPs (see [`Compound::phi`]).
    ///
    /// # Errors
    /// [`Error::Argument`] for a factor out of range; on compound, those of [`Compound::validate`].
    pub fn scale(self, factor: f64, compound: &Compound, base: &Architecture) -> Result<Scale> {
        check_factor("axis", "factor", factor)?;
        Ok(match self {
            Axis::Depth => Scale { depth: factor, ..Scale::BASE },
            Axis::Width => Scale { width: factor, ..Scale::BASE },
            Axis::Resolution => Scale { resolution: factor, ..Scale::BASE },
            Axis::Compound => {
                let compound = compound.for_input(&base.input);
                compound.validate()?;
                compound.scale(compound.phi(factor))
            }
        })
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Axis {
    type Err = Error;

    fn from_str(text: &str) -> Result<Axis> {
        Axis::ALL.into_iter().find(|axis| axis.name() == text).ok_or_else(|| {
            let names = Axis::ALL.map(Axis::name).join(", ");
            Error::argument("axis", "name", text, format!("one of {names}"))
        })
    }
}

/// Compound scaling (EfficientNet, equation 3): depth α^φ, width β^φ, resolution γ^φ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Compound {
    /// Depth coefficient α.
    pub alpha: f64,
    /// Width coefficient β.
    pub beta: f64,
    /// Resolution coefficient γ.
    pub gamma: f64,
}

impl Default for Compound {
    /// The paper's coefficients, from a grid search: α = 1.2, β = 1.1, γ = 1.15.
    fn default() -> Compound {
        Compound { alpha: 1.2, beta: 1.1, gamma: 1.15 }
    }
}

impl Compound {
    /// The multiple of FLOPs at φ = 1: α·β²·γ². The FLOPs of convolutions are proportional to depth, to the square of
    /// width, and to the square of resolution.
    pub fn flops_base(&self) -> f64 {
        self.alpha * self.beta.powi(2) * self.gamma.powi(2)
    }

    /// The φ at which FLOPs are `factor` times those of the base model: (α·β²·γ²)^φ = factor. Negative for a factor
    /// below 1.
    pub fn phi(&self, factor: f64) -> f64 {
        factor.ln() / self.flops_base().ln()
    }

    /// The coefficients at φ.
    pub fn scale(&self, phi: f64) -> Scale {
        Scale { depth: self.alpha.powf(phi), width: self.beta.powf(phi), resolution: self.gamma.powf(phi) }
    }

    /// Checks the coefficients.
    ///
    /// # Errors
    /// [`Error::Argument`] for a coefficient below 1 or above 1024; [`Error::Config`] if α·β²·γ² is 1.
    pub fn validate(&self) -> Result<()> {
        for (argument, value) in [("alpha", self.alpha), ("beta", self.beta), ("gamma", self.gamma)] {
            if !(1.0..=MAX_FACTOR).contains(&value) {
                return Err(Error::argument(
                    "compound",
                    argument,
                    value,
                    format!("between 1 and {MAX_FACTOR}"),
                ));
            }
        }
        if self.flops_base() <= 1.0 {
            return Err(Error::Config {
                what: "compound".into(),
                problem: "α·β²·γ² is 1, so no φ changes the FLOPs; make one of the coefficients larger"
                    .into(),
            });
        }
        Ok(())
    }

    /// For features, which have no resolution, γ is 1: depth and width alone give the factor.
    fn for_input(self, input: &Input) -> Compound {
        match input {
            Input::Image { .. } => self,
            Input::Features(_) => Compound { gamma: 1.0, ..self },
        }
    }
}

fn check_factor(op: &'static str, argument: &'static str, factor: f64) -> Result<()> {
    if (1.0 / MAX_FACTOR..=MAX_FACTOR).contains(&factor) {
        return Ok(());
    }
    Err(Error::argument(op, argument, factor, format!("between 1/{MAX_FACTOR} and {MAX_FACTOR}")))
}
