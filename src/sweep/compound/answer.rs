//! The answer of a search: the file `compound.toml`, which `sweep --compound-from` reads.

use super::ranking::{Ranked, Ranking};
use super::search::CompoundSearch;
use crate::error::{Error, Result, shown};
use crate::files;
use crate::models::architecture::{Architecture, Input};
use crate::models::axis::Compound;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The coefficients that a search found, with the evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The data set on which candidates were compared.
    pub dataset: String,
    /// The multiple of the base model's FLOPs at which they were compared.
    pub flops_factor: f64,
    /// The FLOPs of each training.
    pub training_flops: f64,
    /// [`Ranking::scatter`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scatter: Option<f64>,
    /// [`Ranking::freedom`].
    pub freedom: usize,
    /// [`Ranking::wins`].
    pub wins: usize,
    /// [`Ranking::contests`].
    pub contests: usize,
    /// Keys of the runs that did not complete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
    /// The best coefficients.
    pub compound: Compound,
    /// All candidates that completed the first round, the best first.
    pub candidates: Vec<Ranked>,
    /// The base model.
    pub architecture: Architecture,
}

impl Answer {
    /// The answer of a search.
    pub fn new(search: &CompoundSearch, ranking: Ranking) -> Answer {
        Answer {
            dataset: search.plan.dataset.clone(),
            flops_factor: search.factor(),
            training_flops: search.budget(),
            scatter: ranking.scatter,
            freedom: ranking.freedom,
            wins: ranking.wins,
            contests: ranking.contests,
            failed: ranking.failed,
            compound: ranking.candidates.first().map(Ranked::compound).unwrap_or_default(),
            candidates: ranking.candidates,
            architecture: search.plan.architecture.clone(),
        }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`Error::File`] if it can't be read; [`Error::Format`] if it is not an answer.
    pub fn load(path: &Path) -> Result<Answer> {
        let text = std::fs::read_to_string(path).map_err(Error::file(path, "read"))?;
        let answer: Answer = toml::from_str(&text)
            .map_err(|e| Error::format(path, "a compound.toml of search-compound", e.message()))?;
        answer.compound.validate().map_err(|error| Error::Config {
            what: path.display().to_string(),
            problem: error.to_string(),
        })?;
        Ok(answer)
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::File`] if it can't be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self)
            .map_err(|e| Error::Config { what: path.display().to_string(), problem: e.to_string() })?;
        files::replace(path, text.as_bytes())
    }

    /// The coefficients for scaling `base`. `path` is the file they are from.
    ///
    /// # Errors
    /// [`Error::Config`] if they were found for another kind of model. The number of outputs, the resolution and the
    /// channels of the input may differ.
    pub fn coefficients_for(&self, base: &Architecture, path: &Path) -> Result<Compound> {
        let found = &self.architecture;
        let same_kind = matches!(
            (&found.input, &base.input),
            (Input::Image { .. }, Input::Image { .. }) | (Input::Features(_), Input::Features(_))
        );
        let alike = Architecture { input: base.input, output: base.output, ..found.clone() };
        if same_kind && alike == *base {
            return Ok(self.compound);
        }
        let Compound { alpha, beta, gamma } = self.compound;
        let what = match (found.name == base.name, same_kind) {
            (false, _) => format!("model {}, not {}", shown(&found.name), shown(&base.name)),
            (true, false) => format!("model {} with another kind of input", shown(&found.name)),
            (true, true) => format!("a model {} with other layers", shown(&found.name)),
        };
        Err(Error::Config {
            what: path.display().to_string(),
            problem: format!(
                "its coefficients were found for {what}; search those of this model with \
                 `allometry search-compound`, or use these anyway with --compound {alpha},{beta},{gamma}"
            ),
        })
    }

    /// What the search found, and how sure that is, as sentences.
    pub fn sentences(&self) -> Vec<String> {
        let Compound { alpha, beta, gamma } = self.compound;
        let mut sentences = vec![format!(
            "Best: α = {alpha:.3} (depth), β = {beta:.3} (width), γ = {gamma:.3} (resolution)."
        )];
        let others = self.candidates.get(1..).unwrap_or_default();
        let Some(scatter) = self.scatter else {
            sentences.push(
                "How sure: each candidate has one seed, so the scatter of seeds is unknown; add --more-seeds."
                    .to_string(),
            );
            return sentences;
        };
        let close: Vec<&str> =
            others.iter().filter(|other| !other.is_worse()).map(|other| other.name.as_str()).collect();
        sentences.push(format!(
            "Seeds scatter by {:.1} % of the loss ({} degrees of freedom).",
            100.0 * scatter,
            self.freedom
        ));
        sentences.push(match close.len() {
            0 => {
                "How sure: it is better than every other candidate by more than the scatter of seeds (95 %)."
                    .into()
            }
            count => format!(
                "How sure: {count} of {} other candidates can't be distinguished from it (95 %): {}.",
                others.len(),
                close.join(", ")
            ),
        });
        if self.contests > 0 {
            sentences.push(format!(
                "Of the seeds that did not choose it, it is the best of its round with {} of {}.",
                self.wins, self.contests
            ));
        }
        if self.contests < 3 {
            sentences.push("Few seeds say little; more --more-seeds narrow this down.".into());
        }
        sentences
    }
}
