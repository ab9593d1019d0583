//! Estimators, which predict the held-out runs.

use crate::error::Result;
use crate::laws::average::{Average, Calibration, Direction, Member};
use crate::laws::delta::PUBLISHED;
use crate::laws::distributions::normal_quantile;
use crate::laws::{Fit, FitOptions, Form, Points, Uncertain};
use crate::rounding::levels;

/// Levels of the intervals that are scored.
pub const LEVELS: [f64; 3] = [0.5, 0.8, 0.95];
/// The smallest deviation of ln y of a naive estimator.
const LEAST: f64 = 0.01;
/// Sizes closer together than this fraction form one step.
const APART: f64 = 0.3;

/// A way to predict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Estimator {
    /// The largest measured size's value.
    Last,
    /// The power law through the two largest sizes.
    LastTwo,
    /// A single form, or the form with the best score, by the Huber loss of the published δ, as earlier versions
    /// predicted.
    Form(Option<Form>),
    /// One member of the average.
    Member(Member),
    /// The average without calibration.
    Uncalibrated,
    /// The calibrated average.
    Average,
}

/// A prediction with an interval for each of [`LEVELS`].
#[derive(Debug, Clone, Copy)]
pub struct EstimatorPrediction {
    /// The central value.
    pub value: f64,
    /// Lower and upper ends.
    pub intervals: [(f64, f64); 3],
}

impl EstimatorPrediction {
    fn of(interval: impl Fn(f64) -> Uncertain) -> EstimatorPrediction {
        let ends = LEVELS.map(interval);
        let intervals = ends.map(|quantity| (quantity.low, quantity.high));
        EstimatorPrediction { value: ends[1].value, intervals }
    }

    fn normal(log: f64, deviation: f64) -> EstimatorPrediction {
        let ends = |level: f64| {
            let half = normal_quantile(0.5 + 0.5 * level);
            ((log - half * deviation).exp(), (log + half * deviation).exp())
        };
        EstimatorPrediction { value: log.exp(), intervals: LEVELS.map(ends) }
    }
}

impl Estimator {
    /// Every estimator that is scored.
    pub const ALL: [Estimator; 10] = [
        Estimator::Last,
        Estimator::LastTwo,
        Estimator::Form(Some(Form::Power)),
        Estimator::Form(Some(Form::Floor)),
        Estimator::Form(None),
        Estimator::Member(Member::Floor),
        Estimator::Member(Member::Trend),
        Estimator::Member(Member::Line),
        Estimator::Uncalibrated,
        Estimator::Average,
    ];
    /// The estimators that the average has to beat.
    pub const NAIVE: [Estimator; 3] = [Estimator::Last, Estimator::LastTwo, Estimator::Form(None)];

    /// The name in tables.
    pub fn name(self) -> String {
        match self {
            Estimator::Last => "last size".into(),
            Estimator::LastTwo => "last two sizes".into(),
            Estimator::Form(Some(form)) => format!("{form} law"),
            Estimator::Form(None) => "chosen form".into(),
            Estimator::Member(member) => format!("member {}", member.name()),
            Estimator::Uncalibrated => "average, uncalibrated".into(),
            Estimator::Average => "average".into(),
        }
    }

    /// Predicts one more run at each of these sizes.
    ///
    /// # Errors
    /// Rows to which the estimator cannot be fitted.
    pub fn predict(
        self,
        points: &Points,
        direction: Direction,
        at: &[[f64; 2]],
    ) -> Result<Vec<EstimatorPrediction>> {
        let average = |members: &[Member], calibration: Calibration| {
            let average = Average::of(members, points, direction, calibration)?;
            Ok(at.iter().map(|&x| EstimatorPrediction::of(|level| average.at(x).interval(level))).collect())
        };
        match self {
            Estimator::Last | Estimator::LastTwo => {
                let steps = Steps::of(points);
                Ok(at
                    .iter()
                    .map(|x| steps.predict(self == Estimator::LastTwo, x[0].ln() + x[1].ln()))
                    .collect())
            }
            Estimator::Form(form) => {
                // For two sizes there is one form.
                let form = if points.sizes().len() == 2 { Some(Form::Joint) } else { form };
                let delta = Some(PUBLISHED);
                let fit =
                    Fit::new(points, &FitOptions { form, resamples: 1000, delta, ..FitOptions::default() })?;
                let predict =
                    |&x: &[f64; 2]| EstimatorPrediction::of(|level| fit.bootstrap.prediction(x, level));
                Ok(at.iter().map(predict).collect())
            }
            Estimator::Member(member) => average(&[member], Calibration::NONE),
            Estimator::Uncalibrated => average(&Member::ALL, Calibration::NONE),
            Estimator::Average => average(&Member::ALL, Calibration::of(direction)),
        }
    }
}

/// The product of the sizes in steps, and the mean of ln y in each step.
struct Steps {
    x: Vec<f64>,
    y: Vec<f64>,
}

impl Steps {
    fn of(points: &Points) -> Steps {
        let products: Vec<f64> = points.x().iter().map(|x| x[0] * x[1]).collect();
        let steps = levels(&products, APART);
        let count = steps.iter().max().map_or(0, |last| last + 1);
        let mean = |of: &dyn Fn(usize) -> f64, step: usize| {
            let rows: Vec<f64> = (0..products.len()).filter(|&row| steps[row] == step).map(of).collect();
            rows.iter().sum::<f64>() / rows.len() as f64
        };
        Steps {
            x: (0..count).map(|step| mean(&|row| products[row].ln(), step)).collect(),
            y: (0..count).map(|step| mean(&|row| points.y()[row].ln(), step)).collect(),
        }
    }

    /// ln y from the first `count` steps: that of the last step, or the line through the last two.
    fn extrapolate(&self, line: bool, count: usize, x: f64) -> f64 {
        let last = count - 1;
        if !line || last == 0 {
            return self.y[last];
        }
        let slope = (self.y[last] - self.y[last - 1]) / (self.x[last] - self.x[last - 1]);
        self.y[last] + slope * (x - self.x[last])
    }

    /// Predicts with the deviation of the errors that the same rule makes for each measured step, growing as the root
    /// of the distance in steps.
    fn predict(&self, line: bool, x: f64) -> EstimatorPrediction {
        let count = self.x.len();
        let first = if line { 2 } else { 1 };
        let errors = (first..count).map(|step| self.extrapolate(line, step, self.x[step]) - self.y[step]);
        let squares: Vec<f64> = errors.map(|error| error * error).collect();
        let one = (squares.iter().sum::<f64>() / squares.len().max(1) as f64).sqrt().max(LEAST);
        let step = (self.x[count - 1] - self.x[0]) / (count - 1).max(1) as f64;
        let steps = ((x - self.x[count - 1]) / step).max(1.0);
        EstimatorPrediction::normal(self.extrapolate(line, count, x), one * steps.sqrt())
    }
}
