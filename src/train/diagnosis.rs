//! What the curves of a training say about it, in words: what is wrong, what it is judged by, and what to try.
//!
//! The rules are thresholds on losses per epoch. They are those of practice, not of a theory: Goodfellow, Bengio and
//! Courville, *Deep Learning* (2016), chapter 11, and Karpathy's "A Recipe for Training Neural Networks" (2019).

use super::advice::Advice;
use super::baseline::Baseline;
use super::config::TrainConfig;
use super::history::History;
use super::losses::LossName;
use super::watch::Observation;
use crate::units::{digits, plural};
use serde::{Deserialize, Serialize};

/// What is said of a training.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There are too few epochs to judge.
    TooShort,
    /// The loss is no better than that of a model that always gives the same answer.
    LearnedNothing,
    /// The validation loss is almost zero beside that of guessing.
    Solved,
    /// The validation loss rises while the training loss falls.
    OverFitted,
    /// The losses still fall at the end.
    NotConverged,
    /// The loss jumps, or the updates are large beside the weights.
    RateTooHigh,
    /// The loss falls evenly and slowly, or the updates are small beside the weights.
    RateTooLow,
    /// Training and validation loss are level and close to each other: the model is too small, or the rest of the loss
    /// is noise. One training does not tell which.
    LimitedBySize,
    /// The training loss is far below the validation loss, and both are level.
    LimitedByData,
    /// Gradients shrink from layer to layer.
    VanishingGradients,
    /// Gradients grow from layer to layer.
    ExplodingGradients,
    /// The gradients of some modules are zero.
    DeadModules,
    /// Targets that are numbers have another size than the outputs of a new model.
    TargetsOutOfScale,
}

/// A statement about a training.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// What is said.
    pub verdict: Verdict,
    /// The statement with the numbers that it is judged by.
    pub text: String,
    /// What to try.
    pub advice: String,
}

/// Epochs from which the shape of curves is judged.
const JUDGED: usize = 4;
/// A validation loss this much above its lowest is called over-fitted.
const RISE: f64 = 0.05;
/// The least such rise, as a share of the first epoch's training loss: near zero, losses multiply without harm.
const RISE_OF_FIRST: f64 = 0.001;
/// A validation loss below this share of that of guessing leaves nothing to improve.
const SOLVED: f64 = 1e-4;
/// The falls of the validation loss over the last fifth and over the second half from which a training is called not
/// converged. A schedule that ends at zero makes any loss level in the end.
const FALLS: [f64; 2] = [0.05, 0.1];
/// A validation loss this many times the training loss is called a gap.
const GAP: f64 = 1.5;
/// The share of epochs with a jump of the training loss from which the learning rate is called too high.
const JUMPS: f64 = 0.2;
/// A jump: a training loss this many times the lowest so far, and above it by [`JUMP_OF_FIRST`].
const JUMP: f64 = 1.1;
/// The least jump, as a share of the first epoch's loss: losses near zero vary by several times themselves without
/// harm.
const JUMP_OF_FIRST: f64 = 0.01;
/// A training loss this many times that of a model before its training, or that of the first epoch, has blown up.
const BLOWN_UP: f64 = 10.0;
/// Update-to-weight ratios, at the step where they are largest, outside of this range speak against the learning rate.
/// They are about 1e-3 where it is good.
const RATIO: (f64, f64) = (1e-4, 1.5e-2);
/// Gradient norms of the first modules, beside those of the last, outside of this range are called vanishing or
/// exploding.
const SPREAD: (f64, f64) = (1e-3, 1e3);

/// The findings about a training with the configuration `config`, the most important first. `baseline` has the losses
/// of models that know nothing, if they are known. `observations` may be empty.
pub fn diagnose(
    history: &History,
    config: &TrainConfig,
    baseline: Option<Baseline>,
    observations: &[Observation],
) -> Vec<Finding> {
    let advice = Advice::new(config, history);
    let Some(curves) = Curves::of(history, advice) else { return Vec::new() };
    // Both speak of the learning rate; the curves show what it does.
    let is_about_rate = |f: &Finding| matches!(f.verdict, Verdict::RateTooHigh | Verdict::RateTooLow);
    let mut signals = of_observations(observations, advice);
    signals.extend(baseline.and_then(|baseline| out_of_scale(baseline, config)));
    if let Some(blown_up) = curves.blown_up(baseline) {
        signals.retain(|signal| !is_about_rate(signal));
        return [blown_up].into_iter().chain(signals).collect();
    }
    if curves.training.len() < JUDGED {
        let epochs = curves.training.len();
        let are = if epochs == 1 { "is" } else { "are" };
        let text = format!("{} {are} too few to judge the curves by", plural(epochs, "epoch"));
        let advice = format!("train for at least {JUDGED} epochs");
        return signals.into_iter().chain([finding(Verdict::TooShort, text, advice)]).collect();
    }
    let from_rate = curves.rate();
    let main = baseline
        .and_then(|baseline| curves.learned_nothing(baseline, from_rate.as_ref()))
        .or_else(|| curves.over_fitted())
        .or_else(|| from_rate.is_none().then(|| curves.solved(baseline).unwrap_or_else(|| curves.limits())));
    signals.retain(|signal| from_rate.is_none() || !is_about_rate(signal));
    main.into_iter().chain(from_rate).chain(signals).collect()
}

/// What is said of targets that should be standardised, by the losses of models that know nothing; `None` of others.
/// Those of binary cross-entropy are probabilities, which have a scale of their own.
pub fn out_of_scale(baseline: Baseline, config: &TrainConfig) -> Option<Finding> {
    let are_probabilities = config.loss == Some(LossName::BinaryCrossEntropy);
    (!are_probabilities && baseline.is_out_of_scale()).then(|| {
        let text = format!(
            "the targets are not of the size of a new model's outputs: these have a loss of about {}, the targets' means one of {}",
            digits(baseline.untrained),
            digits(baseline.training)
        );
        finding(Verdict::TargetsOutOfScale, text, "--scale-targets")
    })
}

fn finding(verdict: Verdict, text: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { verdict, text: text.into(), advice: advice.into() }
}

/// Losses by epoch.
struct Curves<'a> {
    training: Vec<f64>,
    validation: Vec<f64>,
    advice: Advice<'a>,
}

impl<'a> Curves<'a> {
    fn of(history: &History, advice: Advice<'a>) -> Option<Curves<'a>> {
        let training: Vec<f64> = history.epochs.iter().map(|epoch| epoch.train.loss).collect();
        let validation = history.epochs.iter().map(|epoch| epoch.validation.loss).collect();
        (!training.is_empty()).then_some(Curves { training, validation, advice })
    }

    fn last(&self) -> (f64, f64) {
        (self.training[self.training.len() - 1], self.validation[self.validation.len() - 1])
    }

    /// The epoch of the lowest validation loss, counted from 1, and that loss.
    fn lowest(&self) -> (usize, f64) {
        let lowest = (1..).zip(&self.validation).min_by(|a, b| a.1.total_cmp(b.1));
        lowest.map_or((1, f64::NAN), |(epoch, &loss)| (epoch, loss))
    }

    /// Whether the loss is far above anything that a model that knows nothing has.
    fn blown_up(&self, baseline: Option<Baseline>) -> Option<Finding> {
        let lowest = self.training.iter().copied().fold(f64::INFINITY, f64::min);
        let (first, last) = (self.training[0], self.last().0);
        let text = match baseline.map(|baseline| baseline.untrained) {
            Some(untrained) if lowest > BLOWN_UP * untrained => format!(
                "the learning rate is too high: the training loss never fell below {}, and a model before its training has \
                 about {}",
                digits(lowest),
                digits(untrained)
            ),
            _ if last > BLOWN_UP * first => format!(
                "the learning rate is too high: the training loss rose from {} in the first epoch to {}",
                digits(first),
                digits(last)
            ),
            _ => return None,
        };
        Some(finding(Verdict::RateTooHigh, text, self.advice.blown_up()))
    }

    fn learned_nothing(&self, baseline: Baseline, rate: Option<&Finding>) -> Option<Finding> {
        let (_, lowest) = self.lowest();
        let training = self.training.iter().copied().fold(f64::INFINITY, f64::min);
        let guessing = baseline.validation;
        // Of targets that are all the same, there is nothing to learn.
        if guessing <= 0.0 || lowest < 0.98 * guessing {
            return None;
        }
        let never_below = format!(
            "the validation loss never fell below {}, and guessing gives {}",
            digits(lowest),
            digits(guessing)
        );
        if training < 0.9 * baseline.training {
            let text = format!(
                "what was learned of the training samples (loss {}) does not hold for others: {never_below}",
                digits(training)
            );
            return Some(finding(Verdict::OverFitted, text, self.advice.over_fitted()));
        }
        let text = format!("nothing was learned: {never_below}");
        let advice = match rate.map(|finding| finding.verdict) {
            Some(Verdict::RateTooHigh) => "a tenth of the learning rate",
            Some(Verdict::RateTooLow) => "ten times the learning rate",
            _ => "a tenth and ten times of the learning rate, and whether the labels belong to their samples",
        };
        Some(finding(Verdict::LearnedNothing, text, advice))
    }

    fn over_fitted(&self) -> Option<Finding> {
        let (epoch, lowest) = self.lowest();
        let (training, validation) = self.last();
        // Where the training loss rose as well, it is the learning rate that is to blame.
        let learned_on = training < self.training[epoch - 1];
        let rises =
            validation >= (1.0 + RISE) * lowest && validation - lowest > RISE_OF_FIRST * self.training[0];
        if epoch == self.validation.len() || !rises || !learned_on {
            return None;
        }
        let text = format!(
            "over-fitted since epoch {epoch}: the validation loss rose from {} to {} while the training loss fell to {}",
            digits(lowest),
            digits(validation),
            digits(training)
        );
        Some(finding(Verdict::OverFitted, text, self.advice.over_fitted()))
    }

    /// How the validation loss fell over the last `epochs`, if that is enough for a training that is not converged.
    fn falls(&self, epochs: usize, least: f64) -> Option<Finding> {
        let before = self.validation[self.validation.len() - 1 - epochs];
        let (_, validation) = self.last();
        if validation >= (1.0 - least) * before || validation > (1.0 + RISE) * self.lowest().1 {
            return None;
        }
        let percent = 100.0 * (1.0 - validation / before);
        let text = format!(
            "not converged: the validation loss fell by {percent:.0} % in the last {}, to {}",
            if epochs == 1 { "epoch".to_string() } else { format!("{epochs} epochs") },
            digits(validation)
        );
        Some(finding(Verdict::NotConverged, text, self.advice.not_converged()))
    }

    /// What the training loss says about the learning rate.
    fn rate(&self) -> Option<Finding> {
        let (mut lowest, mut jumps) = (f64::INFINITY, 0);
        for &loss in &self.training {
            jumps += usize::from(loss > JUMP * lowest && loss - lowest > JUMP_OF_FIRST * self.training[0]);
            lowest = lowest.min(loss);
        }
        let epochs = self.training.len();
        if jumps as f64 >= JUMPS * epochs as f64 {
            let text = format!(
                "the learning rate is too high: the training loss was over {:.0} % above its lowest in {jumps} of {epochs} \
                 epochs",
                100.0 * (JUMP - 1.0)
            );
            return Some(finding(Verdict::RateTooHigh, text, self.advice.jumping()));
        }
        // A loss that is about to converge falls less and less.
        let half = epochs / 2;
        let (first, middle, last) = (self.training[0], self.training[half], self.last().0);
        let (early, late) = ((first - middle) / half as f64, (middle - last) / (epochs - 1 - half) as f64);
        let steady = early > 0.0 && late >= 0.8 * early && last > 0.5 * first;
        steady.then(|| {
            let text = format!(
                "the learning rate is too low for {epochs} epochs: the training loss fell evenly, by {} per epoch in the \
                 first half and {} in the second",
                digits(early),
                digits(late)
            );
            finding(Verdict::RateTooLow, text, "three times the learning rate")
        })
    }

    /// Whether there is anything left to learn.
    fn solved(&self, baseline: Option<Baseline>) -> Option<Finding> {
        let (_, validation) = self.last();
        let guessing =
            baseline.map(|baseline| baseline.validation).filter(|&loss| validation < SOLVED * loss)?;
        let text = format!(
            "solved: the validation loss is {}, less than {SOLVED} of that of guessing, {}",
            digits(validation),
            digits(guessing)
        );
        let advice = "fewer epochs or a smaller model, which may be as good";
        Some(finding(Verdict::Solved, text, advice))
    }

    /// What limits a training that is neither over-fitted nor at a wrong learning rate.
    fn limits(&self) -> Finding {
        let (training, validation) = self.last();
        let epochs = self.validation.len();
        if let Some(falling) = self.falls(epochs.div_ceil(5), FALLS[0]) {
            return falling;
        }
        if validation > GAP * training {
            let text = format!(
                "limited by data: the training loss, {}, is far below the validation loss, {}",
                digits(training),
                digits(validation)
            );
            return finding(Verdict::LimitedByData, text, self.advice.limited_by_data());
        }
        if let Some(falling) = self.falls(epochs / 2, FALLS[1]) {
            return falling;
        }
        let text = format!(
            "limited by size or by noise: the training loss, {}, is level and close to the validation loss, {} (under-fitted, \
             unless the inputs say no more about the targets)",
            digits(training),
            digits(validation)
        );
        finding(
            Verdict::LimitedBySize,
            text,
            "a larger model (`allometry sweep` says along which axis); if it is no better, noise limits the loss",
        )
    }
}

/// What the observed steps say.
fn of_observations(observations: &[Observation], advice: Advice) -> Vec<Finding> {
    let Some(last) = observations.last() else { return Vec::new() };
    let mut findings = Vec::new();
    let dead: Vec<&str> = (last.modules.iter())
        .filter(|module| module.gradient == Some(0.0))
        .map(|module| module.name.as_str())
        .collect();
    if !dead.is_empty() {
        let (count, all) = (dead.len(), last.modules.len());
        let names = if count > 3 { format!("{} to {}", dead[0], dead[count - 1]) } else { dead.join(", ") };
        let text =
            format!("the gradients of {count} of {all} modules ({names}) are zero at step {}", last.step);
        let advice = "a smaller learning rate, another initialisation, an activation with a slope everywhere (leaky-relu, \
                      gelu), or, where the model is deep, norms and residual connections";
        findings.push(finding(Verdict::DeadModules, text, advice));
    }
    findings.extend(gradients_over_depth(last, advice));
    let ratios = observations.iter().filter_map(median_ratio);
    let Some(median) = ratios.max_by(f64::total_cmp) else { return findings };
    let text = |which: &str| {
        format!(
            "the learning rate is too {which}: steps change weights by up to {median:.1e} of their norm, in the median"
        )
    };
    if median > RATIO.1 {
        findings.push(finding(Verdict::RateTooHigh, text("high"), "a third of the learning rate"));
    } else if median < RATIO.0 {
        findings.push(finding(Verdict::RateTooLow, text("low"), "ten times the learning rate"));
    }
    findings
}

/// The median over the modules of the change of the weights over the weights.
fn median_ratio(observation: &Observation) -> Option<f64> {
    let mut ratios: Vec<f64> =
        observation.modules.iter().filter_map(|module| module.update_ratio()).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied()
}

/// Gradients of the first quarter of the modules beside those of the last quarter.
fn gradients_over_depth(observation: &Observation, advice: Advice) -> Option<Finding> {
    let gradients: Vec<f64> = observation.modules.iter().filter_map(|module| module.gradient).collect();
    let quarter = gradients.len() / 4;
    if quarter == 0 {
        return None;
    }
    let mean = |norms: &[f64]| (norms.iter().map(|norm| norm.ln()).sum::<f64>() / norms.len() as f64).exp();
    let (first, last) = (mean(&gradients[..quarter]), mean(&gradients[gradients.len() - quarter..]));
    let ratio = first / last;
    let text = |what: &str| {
        format!(
            "gradients {what} from the last layers to the first: their norms are {last:.1e} and {first:.1e} at step {}",
            observation.step
        )
    };
    if ratio < SPREAD.0 {
        let advice = "residual connections, or a norm behind each convolution";
        Some(finding(Verdict::VanishingGradients, text("vanish"), advice))
    } else if ratio > SPREAD.1 {
        Some(finding(Verdict::ExplodingGradients, text("grow"), advice.exploding()))
    } else {
        None
    }
}
