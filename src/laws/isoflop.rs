//! IsoFLOP profiles: models of several sizes trained with the same compute, and which of them is best.
//!
//! For each budget, least squares fit a parabola to the losses against ln N. Its minimum is the best size for that
//! budget, and a power law through the minima says how the best size grows (approach 2 of Hoffmann et al. 2022,
//! arXiv:2203.15556). For intervals the runs of each profile are resampled with replacement.

use super::budgets::{BudgetRun, Budgets, SIZES, budgets};
use super::frontier::Frontier;
use super::points::NEARLY;
use super::{LEVEL, Uncertain};
use crate::error::{Error, Result};
use crate::rounding::levels;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

/// Number of coefficients of a parabola; it needs as many different sizes.
const COEFFICIENTS: usize = 3;
/// How many times a draw with too few different sizes for a parabola is repeated.
const DRAWS: usize = 1000;

/// All profiles, and the law through their minima.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IsoFlop {
    /// In ascending order of budgets.
    pub profiles: Vec<IsoflopProfile>,
    /// Number of runs that belong to no budget.
    pub without_budget: usize,
    /// The best size as a power law of compute; `None` if fewer than two profiles have a minimum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontier: Option<Frontier>,
}

/// Runs of one budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IsoflopProfile {
    /// FLOPs: as given, or the geometric mean of the runs'.
    pub budget: f64,
    /// Number of runs.
    pub runs: usize,
    /// The parabola through their losses; `None` if there are fewer than four different sizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parabola: Option<Parabola>,
    /// Its minimum, or why it has none.
    #[serde(flatten)]
    pub minimum: Minimum,
}

/// What a profile says about the best size.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Minimum {
    /// The best size, and the loss there.
    Optimum {
        /// N at the parabola's minimum.
        parameters: Uncertain,
        /// The parabola's value there.
        loss: Uncertain,
    },
    /// Why the runs show no best size.
    Problem(String),
}

/// `loss = c₀ + c₁·z + c₂·z²` with `z = ln N − centre`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Parabola {
    /// The mean of ln N.
    pub centre: f64,
    /// c₀, c₁, c₂
    pub coefficients: [f64; 3],
}

impl IsoFlop {
    /// Why budgets show no best size: each reason with the budgets that it applies to.
    pub fn problems(&self) -> Vec<(&str, Vec<f64>)> {
        let mut problems: Vec<(&str, Vec<f64>)> = Vec::new();
        for profile in &self.profiles {
            let Minimum::Problem(problem) = &profile.minimum else { continue };
            match problems.iter_mut().find(|(known, _)| known == problem) {
                Some((_, budgets)) => budgets.push(profile.budget),
                None => problems.push((problem, vec![profile.budget])),
            }
        }
        problems
    }
}

/// A run as a point of the parabola.
#[derive(Debug, Clone, Copy)]
struct Point {
    log_size: f64,
    loss: f64,
    /// The index of the size among those of the group.
    size: usize,
}

impl Parabola {
    /// Fits by least squares; `None` if there are fewer than three different sizes.
    fn fit(points: &[Point]) -> Option<Parabola> {
        let count = points.len() as f64;
        let mean = |of: &dyn Fn(&Point) -> f64| points.iter().map(of).sum::<f64>() / count;
        let centre = mean(&|point| point.log_size);
        let z = |point: &Point| point.log_size - centre;
        if different(points, COEFFICIENTS) < COEFFICIENTS {
            return None;
        }
        let (second, third) = (mean(&|point| z(point).powi(2)), mean(&|point| z(point).powi(3)));
        // 1, z and q are orthogonal over the runs, so each coefficient is a separate projection.
        let q = |point: &Point| z(point).powi(2) - third / second * z(point) - second;
        let curvature = mean(&|point| q(point) * point.loss) / mean(&|point| q(point).powi(2));
        let slope = mean(&|point| z(point) * point.loss) / second;
        let coefficients =
            [mean(&|point| point.loss) - curvature * second, slope - curvature * third / second, curvature];
        Some(Parabola { centre, coefficients })
    }

    /// The loss at a size.
    pub fn at(&self, parameters: f64) -> f64 {
        let [c0, c1, c2] = self.coefficients;
        let z = parameters.ln() - self.centre;
        c0 + z * (c1 + z * c2)
    }

    /// Size and loss at the minimum, if the parabola opens upwards.
    pub fn minimum(&self) -> Option<(f64, f64)> {
        let [c0, c1, c2] = self.coefficients;
        (c2 > 0.0).then(|| ((self.centre - 0.5 * c1 / c2).exp(), c0 - 0.25 * c1 * c1 / c2))
    }
}

/// Runs of one budget, with their parabola or the reason why it shows no minimum.
struct Group {
    budget: f64,
    points: Vec<Point>,
    judged: Result<Parabola, String>,
}

/// Computes the profiles of runs. Intervals come from `resamples` draws.
///
/// # Errors
/// A run with a number that is not finite and above zero.
pub fn isoflop(runs: &[BudgetRun], budgets: Budgets, resamples: usize, seed: u64) -> Result<IsoFlop> {
    for (row, run) in runs.iter().enumerate() {
        for (name, value) in [("parameters", run.parameters), ("compute", run.compute), ("loss", run.loss)] {
            if !(value > 0.0 && value.is_finite()) {
                let found = format!("{value} in run {} of {name}", row + 1);
                return Err(Error::argument("isoflop", "runs", found, "finite and above zero"));
            }
        }
    }
    let (groups, without_budget) = match budgets {
        Budgets::Found => found(runs),
        Budgets::Given(budgets) => (nearest_to(runs, budgets), 0),
    };
    let drawn: Vec<Vec<Option<(f64, f64)>>> = (0..resamples)
        .into_par_iter()
        .map(|index| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(index as u64);
            groups.iter().map(|group| group.drawn_again(&mut random)).collect()
        })
        .collect();
    let through = |minima: &mut dyn Iterator<Item = Option<(f64, f64)>>| -> Vec<(f64, f64)> {
        let with_budget = groups.iter().zip(minima);
        with_budget.filter_map(|(group, minimum)| Some((group.budget, minimum?.0))).collect()
    };
    let minima = through(&mut groups.iter().map(Group::minimum));
    let resampled: Vec<Vec<(f64, f64)>> =
        drawn.iter().map(|minima| through(&mut minima.iter().copied())).collect();
    let frontier = Frontier::new(&minima, &resampled);
    let profiles = groups.into_iter().enumerate();
    let profiles =
        profiles.map(|(place, group)| group.profile(drawn.iter().filter_map(|row| row[place]).unzip()));
    Ok(IsoFlop { profiles: profiles.collect(), without_budget, frontier })
}

impl Group {
    fn new(budget: f64, runs: &[BudgetRun]) -> Group {
        let sizes: Vec<f64> = runs.iter().map(|run| run.parameters).collect();
        let points = runs.iter().zip(levels(&sizes, NEARLY));
        let points = points.map(|(run, size)| Point { log_size: run.parameters.ln(), loss: run.loss, size });
        let points: Vec<Point> = points.collect();
        let judged = judge(&points);
        Group { budget, points, judged }
    }

    /// Size and loss.
    fn minimum(&self) -> Option<(f64, f64)> {
        self.judged.as_ref().ok()?.minimum()
    }

    /// The minimum of as many runs drawn with replacement. It may lie outside the runs; otherwise its spread would be
    /// cut off.
    fn drawn_again(&self, random: &mut ChaCha8Rng) -> Option<(f64, f64)> {
        self.judged.as_ref().ok()?;
        for _ in 0..DRAWS {
            let draw = |_| self.points[random.random_range(0..self.points.len())];
            let drawn: Vec<Point> = (0..self.points.len()).map(draw).collect();
            if let Some(parabola) = Parabola::fit(&drawn) {
                return parabola.minimum();
            }
        }
        None
    }

    /// The profile, from the sizes and losses at the minima of all resamples.
    fn profile(self, (sizes, losses): (Vec<f64>, Vec<f64>)) -> IsoflopProfile {
        IsoflopProfile {
            budget: self.budget,
            runs: self.points.len(),
            parabola: if different(&self.points, SIZES) < SIZES { None } else { Parabola::fit(&self.points) },
            minimum: match (self.minimum(), self.judged) {
                (Some((parameters, loss)), _) => Minimum::Optimum {
                    parameters: Uncertain::new(parameters, sizes, LEVEL),
                    loss: Uncertain::new(loss, losses, LEVEL),
                },
                (None, Err(problem)) => Minimum::Problem(problem),
                (None, Ok(_)) => unreachable!("a parabola without a minimum was judged to have none"),
            },
        }
    }
}

/// The parabola of a profile that shows a minimum, or the reason why it shows none.
fn judge(points: &[Point]) -> Result<Parabola, String> {
    let sizes = different(points, SIZES);
    let parabola = Parabola::fit(points).filter(|_| sizes >= SIZES);
    let parabola = parabola.ok_or_else(|| format!("fewer than {SIZES} different sizes"))?;
    let (smallest, largest) = points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), point| {
        (point.log_size.min(low), point.log_size.max(high))
    });
    match parabola.minimum().map(|(best, _)| best.ln()) {
        None => Err("the parabola opens downwards: noise hides the minimum".to_string()),
        Some(best) if best <= smallest => Err("the best size is below the smallest".to_string()),
        Some(best) if best >= largest => Err("the best size is above the largest".to_string()),
        Some(_) => Ok(parabola),
    }
}

/// The number of different sizes, counted up to `most`.
fn different(points: &[Point], most: usize) -> usize {
    let mut found = Vec::with_capacity(most);
    for point in points {
        if found.len() == most {
            break;
        }
        if !found.contains(&point.size) {
            found.push(point.size);
        }
    }
    found.len()
}

/// The runs of each budget found among them, and how many belong to none.
fn found(runs: &[BudgetRun]) -> (Vec<Group>, usize) {
    let (clusters, without) = budgets(runs);
    let budget =
        |runs: &[BudgetRun]| (runs.iter().map(|run| run.compute.ln()).sum::<f64>() / runs.len() as f64).exp();
    (clusters.into_iter().map(|runs| Group::new(budget(&runs), &runs)).collect(), without)
}

/// Assigns each run to the nearest of these budgets, by ratio.
fn nearest_to(runs: &[BudgetRun], budgets: &[f64]) -> Vec<Group> {
    let mut budgets = budgets.to_vec();
    budgets.sort_by(f64::total_cmp);
    let mut groups = vec![Vec::new(); budgets.len()];
    for run in runs {
        let distance = |place: &usize| (budgets[*place] / run.compute).ln().abs();
        let nearest = (0..budgets.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)));
        if let Some(place) = nearest {
            groups[place].push(*run);
        }
    }
    budgets.into_iter().zip(groups).map(|(budget, runs)| Group::new(budget, &runs)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Losses on parabolas with their minima at 0.3·C^0.4, three budgets.
    fn runs(factors: &[f64]) -> Vec<BudgetRun> {
        let run = |compute: f64, factor: f64| BudgetRun {
            parameters: 0.3 * compute.powf(0.4) * factor,
            // Whole batches never meet a budget exactly.
            compute: compute * (1.0 - 0.01 * factor.ln().abs()),
            loss: 2.0 + 0.1 * factor.ln().powi(2),
        };
        [1e12, 1e13, 1e14].iter().flat_map(|&compute| factors.iter().map(move |&f| run(compute, f))).collect()
    }

    #[test]
    fn minima_and_their_law_are_recovered() {
        let runs = runs(&[0.2, 0.5, 0.9, 2.0, 4.5]);
        for budgets in [Budgets::Found, Budgets::Given(&[1e12, 1e13, 1e14])] {
            let found = isoflop(&runs, budgets, 50, 0).unwrap();
            assert_eq!(found.profiles.iter().map(|profile| profile.runs).collect::<Vec<_>>(), [5, 5, 5]);
            let frontier = found.frontier.unwrap();
            assert!((frontier.a.value - 0.4).abs() < 1e-3, "{:?}", frontier.a);
            for profile in &found.profiles {
                let Minimum::Optimum { parameters, loss } = &profile.minimum else { panic!("{profile:?}") };
                let expected = 0.3 * profile.budget.powf(0.4);
                assert!((parameters.value / expected - 1.0).abs() < 0.01, "{parameters:?} for {expected}");
                assert!((loss.value - 2.0).abs() < 1e-9 && loss.se < 1e-9, "{loss:?}");
                assert!((profile.parabola.unwrap().at(expected) - 2.0).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn profiles_without_a_minimum_say_why() {
        let problem = |factors: &[f64], sign: f64| {
            let mut runs = runs(factors);
            for run in &mut runs {
                run.loss = 2.0 + sign * (run.loss - 2.0);
            }
            let found = isoflop(&runs, Budgets::Given(&[1e12, 1e13, 1e14]), 10, 0).unwrap();
            assert!(found.frontier.is_none());
            match found.profiles[0].minimum.clone() {
                Minimum::Problem(problem) => problem,
                Minimum::Optimum { .. } => panic!("a minimum was found"),
            }
        };
        assert_eq!(problem(&[0.5, 1.0, 2.0], 1.0), "fewer than 4 different sizes");
        assert!(problem(&[1.5, 2.0, 3.0, 4.0], 1.0).contains("below the smallest"));
        assert!(problem(&[0.2, 0.3, 0.4, 0.5], 1.0).contains("above the largest"));
        assert!(problem(&[0.3, 0.5, 2.0, 3.0], -1.0).contains("opens downwards"));
    }

    #[test]
    fn intervals_cover_the_exponent() {
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let mut covered = 0;
        for repeat in 0..100 {
            let mut runs = runs(&[0.25, 0.5, 1.0, 2.0, 3.0, 4.0]);
            for run in &mut runs {
                // The sum of twelve uniform numbers is nearly normal, with a standard deviation of 1.
                let noise = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
                run.loss *= 1.0 + 0.005 * noise;
            }
            let a = isoflop(&runs, Budgets::Found, 200, repeat).unwrap().frontier.unwrap().a;
            covered += usize::from(a.interval().contains(0.4));
        }
        // Resampling within a profile leaves few sizes, which makes the interval wide.
        assert!((90..=100).contains(&covered), "{covered} of 100");
    }
}
