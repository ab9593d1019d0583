//! The axes a model grows along. An axis and a factor give a [`Scale`]; a scale maps one architecture to
//! another.
//!
//! Rounding follows the EfficientNet paper (Tan & Le 2019,
//! [arXiv:1905.11946](https://arxiv.org/abs/1905.11946)) and the rules `round_filters` and `round_repeats` of
//! its reference implementation. Nothing here is exact in FLOPs, then: a record keeps what the rounded model
//! really costs, and laws are fitted to that.

use super::architecture::{Architecture, Input};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Coefficients and factors beyond this, up or down, are refused.
const MAX_FACTOR: f64 = 1024.0;

/// Channels come in multiples of this.
const DIVISOR: usize = 8;

/// How much deeper, wider and sharper than the base: three coefficients, 1 for unchanged.
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
    /// The base model itself.
    pub const BASE: Scale = Scale { depth: 1.0, width: 1.0, resolution: 1.0 };

    /// The scaled model. The output layer, kernels, strides and input channels stay.
    ///
    /// - Width: [`round_width`]. A coefficient of exactly 1 leaves widths as they are.
    /// - Depth: [`round_depth`].
    /// - Resolution: the nearest multiple of the first downsampling stride, so that the step at full
    ///   resolution drops no border, and never under the product of all strides, so that every stage keeps a
    ///   pixel. A coefficient of exactly 1 leaves it as it is.
    pub fn apply(&self, base: &Architecture) -> Result<Architecture> {
        for (argument, value) in
            [("depth", self.depth), ("width", self.width), ("resolution", self.resolution)]
        {
            check_factor("scale", argument, value)?;
        }
        let mut scaled = base.clone();
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
                    problem: "its input is features, which have no resolution to scale".into(),
                });
            }
            Input::Features(_) => {}
        }
        scaled.validate()?;
        Ok(scaled)
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "depth ×{:.3}, width ×{:.3}, resolution ×{:.3}", self.depth, self.width, self.resolution)
    }
}

/// `width·factor` to the nearest multiple of 8 (halves up), at least 8, and one multiple further up where
/// that would be under 90 % of `width·factor`: `round_filters` of the EfficientNet reference implementation.
/// A factor of 1 returns `width` itself, also where it is no multiple of 8.
pub fn round_width(width: usize, factor: f64) -> usize {
    if factor == 1.0 {
        return width;
    }
    let exact = width as f64 * factor;
    let nearest = ((exact + DIVISOR as f64 / 2.0) as usize / DIVISOR * DIVISOR).max(DIVISOR);
    if (nearest as f64) < 0.9 * exact { nearest.saturating_add(DIVISOR) } else { nearest }
}

/// `depth·factor` rounded up: `round_repeats` of the EfficientNet reference implementation. A product within
/// 10⁻⁹ above a whole number counts as that number, so that 10 × 1.1 is 11 layers in floating point too.
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

/// What grows.
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
    /// Every axis, in the order they are shown.
    pub const ALL: [Axis; 4] = [Axis::Depth, Axis::Width, Axis::Resolution, Axis::Compound];

    /// The name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Axis::Depth => "depth",
            Axis::Width => "width",
            Axis::Resolution => "resolution",
            Axis::Compound => "compound",
        }
    }

    /// The scale that a factor on this axis stands for. On depth, width and resolution it is the coefficient
    /// itself; on compound it is the multiple of FLOPs aimed at (see [`Compound::phi`]).
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
    /// The paper's grid search: α = 1.2, β = 1.1, γ = 1.15.
    fn default() -> Compound {
        Compound { alpha: 1.2, beta: 1.1, gamma: 1.15 }
    }
}

impl Compound {
    /// The multiple of FLOPs that φ = 1 aims at: α·β²·γ², since a convolution's FLOPs go with depth, with the
    /// square of width and with the square of resolution.
    pub fn flops_base(&self) -> f64 {
        self.alpha * self.beta.powi(2) * self.gamma.powi(2)
    }

    /// The φ that aims at `factor` times the base's FLOPs: (α·β²·γ²)^φ = factor. Negative for a smaller
    /// model.
    pub fn phi(&self, factor: f64) -> f64 {
        factor.ln() / self.flops_base().ln()
    }

    /// The coefficients at φ.
    pub fn scale(&self, phi: f64) -> Scale {
        Scale { depth: self.alpha.powf(phi), width: self.beta.powf(phi), resolution: self.gamma.powf(phi) }
    }

    /// Each coefficient at least 1, and not all of them 1.
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

    /// Features have no resolution: there γ is 1, and depth and width make up the factor alone.
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
