//! How long a training takes on this device: a law of seconds per sample in MACs on each axis, corrected by pilot runs
//! of the best models.

use super::candidate::Candidate;
use super::pilot::PilotRun;
use crate::error::Result;
use crate::laws::PowerLaw;
use crate::models::axis::Axis;

/// A forward pass is a third of a training step's work; used until a pilot run measures it.
const FORWARD: f64 = 1.0 / 3.0;

/// The relative error of a training's time even if pilot runs agree: they cannot see later changes of the machine's
/// speed.
const LATER: f64 = 0.1;

/// Pilot runs of one model agree if they differ by no more than this fraction.
const AGREE: f64 = 0.08;

/// The times that make up one model's training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// Seconds before the first step: opening device and data, building the model, compiling kernels.
    pub start: f64,
    /// Training in the first epoch, per sample.
    pub sample: f64,
    /// Training in later epochs, per sample.
    pub later_sample: f64,
    /// Validation, per sample.
    pub validation_sample: f64,
}

impl Timing {
    /// Seconds of a training of `epochs` epochs, each on `samples` samples with a validation on `validation` samples.
    pub fn seconds(&self, epochs: usize, samples: usize, validation: usize) -> f64 {
        let judged = epochs as f64 * validation as f64 * self.validation_sample;
        self.start + samples as f64 * self.of_epochs(epochs) + judged
    }

    /// The number of samples per epoch that such a training has time for.
    pub fn samples(&self, seconds: f64, epochs: usize, validation: usize) -> f64 {
        let judged = epochs as f64 * validation as f64 * self.validation_sample;
        ((seconds - self.start - judged) / self.of_epochs(epochs)).max(0.0)
    }

    fn of_epochs(&self, epochs: usize) -> f64 {
        self.sample + (epochs as f64 - 1.0) * self.later_sample
    }
}

/// The timing of any model on some axes.
#[derive(Debug)]
pub struct SpeedModel {
    /// Seconds for opening the device.
    device_seconds: f64,
    laws: Vec<(Axis, PowerLaw)>,
    /// Every pilot run of each model.
    pilots: Vec<(Candidate, Vec<PilotRun>)>,
}

impl SpeedModel {
    /// A model without measurements, for a device that takes `device_seconds` to open.
    pub fn new(device_seconds: f64) -> SpeedModel {
        SpeedModel { device_seconds, laws: Vec::new(), pilots: Vec::new() }
    }

    /// Fits the law of an axis to measured models: (MACs, seconds per sample).
    ///
    /// # Errors
    /// Those of [`PowerLaw::fit`].
    pub fn learn(&mut self, axis: Axis, measured: &[(f64, f64)]) -> Result<()> {
        self.laws.push((axis, PowerLaw::fit(measured)?));
        Ok(())
    }

    /// Adds a pilot run of a model.
    pub fn add(&mut self, candidate: Candidate, pilot: PilotRun) {
        let mut known = self.pilots.iter_mut();
        match known.find(|(other, _)| other.architecture == candidate.architecture) {
            Some((_, before)) => before.push(pilot),
            None => self.pilots.push((candidate, vec![pilot])),
        }
    }

    /// Every pilot run of a model.
    pub fn pilots(&self, candidate: &Candidate) -> &[PilotRun] {
        let known = |(other, _): &&(Candidate, Vec<PilotRun>)| other.architecture == candidate.architecture;
        self.pilots.iter().find(known).map_or(&[], |(_, pilots)| pilots)
    }

    /// The pilot runs of a model combined; `None` without one.
    pub fn pilot(&self, candidate: &Candidate) -> Option<PilotRun> {
        PilotRun::together(self.pilots(candidate))
    }

    /// How much longer the slowest pilot run of a model takes than its fastest, as a fraction; the largest of all
    /// models, 0 if no model has two.
    pub fn wavering(&self) -> f64 {
        let of_model = |(_, pilots): &(Candidate, Vec<PilotRun>)| {
            let speeds = || pilots.iter().map(PilotRun::mean_sample);
            let (fast, slow) = (speeds().fold(f64::INFINITY, f64::min), speeds().fold(0.0, f64::max));
            slow / fast - 1.0
        };
        self.pilots.iter().map(of_model).fold(0.0, f64::max)
    }

    /// Whether the pilot runs of each model agree.
    pub fn agrees(&self) -> bool {
        self.wavering() <= AGREE
    }

    /// The smallest and largest seconds of a training with these expected seconds, from the differences between pilot
    /// runs and a further tenth.
    pub fn interval(&self, seconds: f64) -> (f64, f64) {
        let factor = (1.0 + self.wavering()).sqrt() * (1.0 + LATER);
        (seconds / factor, seconds * factor)
    }

    /// The speed of a model: measured, or by the law, corrected by the measured models on its axis.
    pub fn timing(&self, candidate: &Candidate) -> Timing {
        let own = self.pilot(candidate);
        // A process compiles kernels once, in the first pilot run.
        let first_step = self.most(|pilot| pilot.first_step);
        let opening = own.as_ref().map_or_else(|| self.most(|pilot| pilot.opening), |own| own.opening);
        let start = self.device_seconds + opening + first_step;
        if let Some(own) = own {
            let PilotRun { sample, later_sample, validation_sample, .. } = own;
            return Timing { start, sample, later_sample, validation_sample };
        }
        let law = self.laws.iter().find(|(axis, _)| *axis == candidate.axis).map(|(_, law)| law);
        let by_law = |macs: u64| law.map_or(f64::NAN, |law| law.predict(macs as f64));
        let correction = |candidate: &Candidate, own: &PilotRun| own.sample / by_law(candidate.macs);
        let later = |_: &Candidate, own: &PilotRun| own.later_sample / own.sample;
        let forward = |_: &Candidate, own: &PilotRun| own.validation_sample / own.sample;
        let sample = by_law(candidate.macs) * self.between(candidate, correction).unwrap_or(1.0);
        let later_sample = sample * self.between(candidate, later).unwrap_or(1.0);
        let validation_sample = sample * self.between(candidate, forward).unwrap_or(FORWARD);
        Timing { start, sample, later_sample, validation_sample }
    }

    fn most(&self, of: fn(&PilotRun) -> f64) -> f64 {
        self.pilots.iter().flat_map(|(_, pilots)| pilots).map(of).fold(0.0, f64::max)
    }

    /// A ratio of pilot runs on the candidate's axis, interpolated in logarithms between its two neighbours in size.
    /// Beyond the outermost run it is that of the outermost.
    fn between(&self, candidate: &Candidate, of: impl Fn(&Candidate, &PilotRun) -> f64) -> Option<f64> {
        let on_axis = self.pilots.iter().filter(|(other, _)| other.axis == candidate.axis);
        let at = (candidate.macs as f64).ln();
        let mut below: Option<(f64, f64)> = None;
        let mut above: Option<(f64, f64)> = None;
        for (other, pilots) in on_axis {
            let Some(pilot) = PilotRun::together(pilots) else { continue };
            let place = ((other.macs as f64).ln(), of(other, &pilot).ln());
            if place.0 <= at && below.is_none_or(|nearest| nearest.0 < place.0) {
                below = Some(place);
            }
            if place.0 >= at && above.is_none_or(|nearest| nearest.0 > place.0) {
                above = Some(place);
            }
        }
        let log = match (below, above) {
            (Some(below), Some(above)) if below.0 < above.0 => {
                below.1 + (above.1 - below.1) * (at - below.0) / (above.0 - below.0)
            }
            (Some(nearest), _) | (None, Some(nearest)) => nearest.1,
            (None, None) => return None,
        };
        Some(log.exp())
    }
}
