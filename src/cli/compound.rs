//! The flags that give the coefficients of the compound axis.

use allometry::Result;
use allometry::models::{Architecture, Compound};
use allometry::sweep::compound::Answer;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct CompoundArgs {
    /// Coefficients of the compound axis for depth, width and resolution (alpha, beta, gamma).
    #[arg(long, default_value = "1.2,1.1,1.15", value_name = "A,B,C", value_parser = coefficients)]
    compound: Compound,
    /// Take the coefficients of the compound axis from this file, which search-compound wrote.
    #[arg(long, value_name = "FILE", conflicts_with = "compound")]
    compound_from: Option<PathBuf>,
}

impl CompoundArgs {
    /// The coefficients for scaling `base`.
    pub fn resolve(&self, base: &Architecture) -> Result<Compound> {
        match &self.compound_from {
            None => Ok(self.compound),
            Some(path) => Answer::load(path)?.coefficients_for(base, path),
        }
    }
}

/// Parses three coefficients.
pub fn coefficients(text: &str) -> std::result::Result<Compound, String> {
    let numbers: Vec<f64> = text.split(',').map_while(|number| number.trim().parse().ok()).collect();
    match *numbers {
        [alpha, beta, gamma] if text.split(',').count() == 3 => {
            let compound = Compound { alpha, beta, gamma };
            compound.validate().map(|()| compound).map_err(|error| error.to_string())
        }
        _ => Err("expected three numbers: alpha,beta,gamma".to_string()),
    }
}
