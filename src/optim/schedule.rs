//! Learning-rate schedules.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How the learning rate changes after the warm-up.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// Stays at the peak.
    Constant,
    /// Falls to zero along half a cosine (Loshchilov and Hutter 2017,
    /// [arXiv:1608.03983](https://arxiv.org/abs/1608.03983)).
    #[default]
    Cosine,
    /// Falls to zero linearly.
    Linear,
}

/// The learning rate as a function of the step.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Schedule {
    /// The highest learning rate.
    pub peak: f64,
    /// The number of steps over which the rate rises linearly from zero to the peak.
    pub warmup: u64,
    /// The shape of the schedule after the warm-up.
    pub decay: Decay,
    /// The number of steps of the whole training, including the warm-up.
    pub total: u64,
}

impl Schedule {
    /// A schedule with the same rate at every step.
    pub fn constant(rate: f64) -> Schedule {
        Schedule { peak: rate, warmup: 0, decay: Decay::Constant, total: 0 }
    }

    /// The learning rate of step `step`, counted from 0.
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / self.warmup as f64;
        }
        let length = self.total.saturating_sub(self.warmup).max(1) as f64;
        let done = ((step - self.warmup) as f64 / length).min(1.0);
        match self.decay {
            Decay::Constant => self.peak,
            Decay::Cosine => 0.5 * self.peak * (1.0 + (std::f64::consts::PI * done).cos()),
            Decay::Linear => self.peak * (1.0 - done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Decay, Schedule};

    #[test]
    fn warm_up_rises_and_the_cosine_falls_to_zero() {
        let schedule = Schedule { peak: 0.1, warmup: 10, decay: Decay::Cosine, total: 110 };
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
