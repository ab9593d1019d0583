//! The candidates of a search.

use super::search::{CompoundSearch, DOUBLE, invalid};
use crate::error::Result;
use crate::models::architecture::{Architecture, Input};
use crate::models::axis::{Axis, Compound, Scale};
use crate::models::cost::Cost;
use crate::units::{significant, trim};

/// A model that a search trains: the base model, scaled by some coefficients.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its name in keys of runs: `d1.189-w1.091-r1.189` for α, β and γ.
    pub name: String,
    /// The coefficients.
    pub compound: Compound,
    /// Other coefficients that rounding makes the same model, which is trained once.
    pub also: Vec<Compound>,
    /// The scale of the model.
    pub scale: Scale,
    /// The model.
    pub architecture: Architecture,
    /// Number of trained parameters.
    pub parameters: u64,
    /// MACs of one sample's forward pass.
    pub macs: u64,
}

impl Candidate {
    /// Whether the model scales depth, width or resolution alone.
    pub fn is_single_axis(&self) -> bool {
        let mut all = std::iter::once(&self.compound).chain(&self.also);
        all.any(|Compound { alpha, beta, gamma }| {
            [alpha, beta, gamma].iter().filter(|coefficient| ***coefficient > 1.0).count() == 1
        })
    }
}

/// The coefficients that share a doubling of FLOPs in steps of 1/`divisions`: α = 2^a, β² = 2^b and γ² = 2^c for all
/// a + b + c = 1 (a lattice on a triangle), so that α·β²·γ² = 2. Without a resolution, c = 0.
pub fn lattice(divisions: usize, has_resolution: bool) -> Vec<Compound> {
    let power = |steps: usize, root: f64| DOUBLE.powf(steps as f64 / divisions as f64 / root);
    let mut all = Vec::new();
    for depth in (0..=divisions).rev() {
        for width in (0..=divisions - depth).rev() {
            let resolution = divisions - depth - width;
            if has_resolution || resolution == 0 {
                all.push(Compound {
                    alpha: power(depth, 1.0),
                    beta: power(width, 2.0),
                    gamma: power(resolution, 2.0),
                });
            }
        }
    }
    all
}

impl CompoundSearch {
    /// Every distinct model: those of the [`lattice`], then those of
    /// [`further`](CompoundSearch::further). Models that are no larger than the base model after rounding are left out.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for a factor, divisions or further candidates out of range, and if
    /// rounding leaves fewer than two models; what makes a model impossible to build.
    pub fn candidates(&self) -> Result<Vec<Candidate>> {
        self.check_lattice()?;
        let base = &self.plan.architecture;
        let has_resolution = matches!(base.input, Input::Image { .. });
        let mut groups: Vec<(Architecture, Vec<Compound>)> = Vec::new();
        for compound in lattice(self.divisions, has_resolution).into_iter().chain(self.further.clone()) {
            let architecture = Axis::Compound.scale(self.factor(), &compound, base)?.apply(base)?;
            if is_same_model(&architecture, base) {
                continue;
            }
            match groups.iter_mut().find(|(known, _)| is_same_model(known, &architecture)) {
                Some((_, members)) => members.push(compound),
                None => groups.push((architecture, vec![compound])),
            }
        }
        if groups.len() < 2 {
            return Err(invalid(format!(
                "rounding leaves {} model of ×{} the FLOPs of {}; use a larger --flops-factor, or a larger model",
                groups.len(),
                self.factor(),
                base.name
            )));
        }
        let all: Vec<Candidate> =
            groups.into_iter().map(|(_, members)| self.candidate(members)).collect::<Result<_>>()?;
        for (number, candidate) in all.iter().enumerate() {
            if all[..number].iter().any(|known| known.name == candidate.name) {
                let Compound { alpha, beta, gamma } = candidate.compound;
                return Err(invalid(format!(
                    "candidate {alpha},{beta},{gamma} is another one to four digits; leave it out"
                )));
            }
        }
        Ok(all)
    }

    /// The candidate of coefficients that give the same model. It is named after those in their middle.
    fn candidate(&self, mut members: Vec<Compound>) -> Result<Candidate> {
        let base = &self.plan.architecture;
        let compound = members.remove(middle(&members));
        let scale = Axis::Compound.scale(self.factor(), &compound, base)?;
        let architecture = scale.apply(base)?;
        let Cost { parameters, macs, .. } = Cost::of(&architecture)?;
        let Compound { alpha, beta, gamma } = compound;
        let [depth, width, resolution] = [alpha, beta, gamma].map(|value| trim(significant(value, 4)));
        let name = format!("d{depth}-w{width}-r{resolution}");
        Ok(Candidate { name, compound, also: members, scale, architecture, parameters, macs })
    }
}

/// Whether two models have the same layers. Their rates of dropout and drop-path follow from the FLOPs, and are equal
/// but for rounding.
fn is_same_model(a: &Architecture, b: &Architecture) -> bool {
    Architecture { dropout: b.dropout, drop_path: b.drop_path, ..a.clone() } == *b
}

/// The index of the coefficients that are nearest to the mean of all, in logarithms.
fn middle(members: &[Compound]) -> usize {
    let logs = |Compound { alpha, beta, gamma }: &Compound| [alpha.ln(), 2.0 * beta.ln(), 2.0 * gamma.ln()];
    let mean = [0, 1, 2].map(|axis| members.iter().map(|member| logs(member)[axis]).sum::<f64>());
    let mean = mean.map(|sum| sum / members.len() as f64);
    let distance = |member: &Compound| -> f64 {
        // Rounded, so that equal distances are equal.
        let squares = logs(member).iter().zip(mean).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        (1e9 * squares).round()
    };
    let nearest = (0..members.len()).min_by(|&a, &b| distance(&members[a]).total_cmp(&distance(&members[b])));
    nearest.unwrap_or_default()
}
