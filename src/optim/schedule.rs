//! Learning-rate schedules.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How the learning rate changes after the warm-up.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// Stays at the peak.
    Constant,
    /// Falls to zero along half a cosine (Loshchilov and Hutter 2017,
    /// [arXiv:1608.03983](https://arxiv.org/abs/1608.03983)).
    #[default]
    Cosine,
    /// Falls to zero linearly.
    Linear,
    /// Is multiplied by a factor at regular intervals.
    Step,
    /// Rises along half a cosine from 1/25 of the peak, then falls along half a cosine to 1/250,000 of it (Smith and
    /// Topin 2018, [arXiv:1708.07120](https://arxiv.org/abs/1708.07120), as in `torch.optim.lr_scheduler.OneCycleLR`).
    OneCycle,
    /// Stays at the peak, then falls to zero linearly in the last steps: warm-up, stable, decay (Hu et al. 2024,
    /// [arXiv:2404.06395](https://arxiv.org/abs/2404.06395)).
    Wsd,
}

/// The peak of [`Decay::OneCycle`] over its first rate, and its first rate over its last.
const ONE_CYCLE: [f64; 2] = [25.0, 1e4];

/// The learning rate as a function of the step.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Schedule {
    /// The highest learning rate.
    pub peak: f64,
    /// The number of steps over which the rate rises to the peak: linearly from zero, with [`Decay::OneCycle`] along
    /// half a cosine.
    pub warmup: u64,
    /// The shape of the schedule after the warm-up.
    pub decay: Decay,
    /// The number of steps of the whole training, including the warm-up.
    pub total: u64,
    /// With [`Decay::Step`] the factor of each drop, and the number of steps between two drops, counted from the first
    /// step.
    pub factor: f64,
    /// See `factor`.
    pub every: u64,
    /// With [`Decay::Wsd`] the number of steps at the end in which the rate falls.
    pub last: u64,
}

impl Schedule {
    /// A schedule with the same rate at every step.
    pub fn constant(rate: f64) -> Schedule {
        Schedule { peak: rate, warmup: 0, decay: Decay::Constant, total: 0, factor: 1.0, every: 1, last: 0 }
    }

    /// The learning rate of step `step`, counted from 0.
    pub fn rate(&self, step: u64) -> f64 {
        if self.decay == Decay::OneCycle {
            return self.one_cycle(step);
        }
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / self.warmup as f64;
        }
        let length = self.total.saturating_sub(self.warmup).max(1) as f64;
        let done = ((step - self.warmup) as f64 / length).min(1.0);
        match self.decay {
            Decay::Constant => self.peak,
            Decay::Cosine => 0.5 * self.peak * (1.0 + (std::f64::consts::PI * done).cos()),
            Decay::Linear => self.peak * (1.0 - done),
            Decay::Step => self.peak * self.factor.powf((step / self.every.max(1)) as f64),
            Decay::OneCycle => self.one_cycle(step),
            Decay::Wsd => {
                let left = self.total.saturating_sub(step);
                self.peak * (left as f64 / self.last.max(1) as f64).min(1.0)
            }
        }
    }

    fn one_cycle(&self, step: u64) -> f64 {
        let first = self.peak / ONE_CYCLE[0];
        // The rate is highest in the last step of the warm-up, and lowest in the last of all.
        let (top, end) = (self.warmup.saturating_sub(1), self.total.saturating_sub(1));
        let (from, to, begun, ended) =
            if step < top { (first, self.peak, 0, top) } else { (self.peak, first / ONE_CYCLE[1], top, end) };
        let done = ((step - begun) as f64 / ended.saturating_sub(begun).max(1) as f64).min(1.0);
        to + 0.5 * (from - to) * (1.0 + (std::f64::consts::PI * done).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::{Decay, Schedule};

    #[test]
    fn warm_up_rises_and_the_cosine_falls_to_zero() {
        let shape = Schedule::constant(0.1);
        let schedule = Schedule { warmup: 10, decay: Decay::Cosine, total: 110, ..shape };
        assert!((schedule.rate(0) - 0.01).abs() < 1e-15);
        assert!((schedule.rate(9) - 0.1).abs() < 1e-15);
        assert!((schedule.rate(10) - 0.1).abs() < 1e-15);
        assert!((schedule.rate(60) - 0.05).abs() < 1e-15);
        assert!(schedule.rate(110).abs() < 1e-15 && schedule.rate(1000).abs() < 1e-15);
        assert_eq!(Schedule::constant(0.3).rate(12_345), 0.3);
        let line = Schedule { decay: Decay::Linear, ..schedule };
        assert!((line.rate(35) - 0.075).abs() < 1e-15 && line.rate(110) == 0.0);
    }
}
