//! IsoFLOP profiles that do not show their minimum.
//!
//! A profile shows its minimum if its parabola, loss against ln size, falls at the smallest size and rises at the
//! largest, both by more than chance (the test of Lind and Mehlum 2010, "With or without U?", with the noise of all
//! profiles together), and if the minimum does not lie in an outermost quarter, where deviations from a parabola move
//! it.

use super::check::{Check, CheckOutcome, Fault};
use super::hint;
use super::statistics::{QuadraticFit, one_sided};
use super::subject::Subject;
use super::sweep::Run;
use crate::laws::isoflop::isoflop;
use crate::laws::{BudgetRun, Budgets, WIDEST};
use crate::rounding::{ROUNDING, levels};
use crate::units::{digits, plural};

/// The check, for the list in `mod.rs`.
pub const CHECK: Check = Check { name: "isoFLOP minima", judge };

/// The fraction of a profile's width on either side in which its minimum must not lie.
const OUTERMOST: f64 = 0.25;
/// The probability of accepting a slope that is not there.
const SLOPE: f64 = 0.05;
/// The fewest profiles with a minimum that determine a law.
const FEWEST: usize = 3;
/// The fewest different sizes of a profile.
const SIZES: usize = 4;
/// The fraction of all runs that the profiles of a table hold, if the table consists of profiles.
const MADE_OF: f64 = 0.66;
/// A full grid has about as many runs as sizes times amounts of data; profiles have far fewer, by this factor.
const GRID: f64 = 2.0;
/// FLOPs of a training per parameter and sample.
const FLOPS: f64 = 6.0;

struct BudgetProfile {
    budget: f64,
    /// ln size and ln loss.
    points: Vec<(f64, f64)>,
    parabola: QuadraticFit,
}

impl BudgetProfile {
    fn new(budget: f64, points: Vec<(f64, f64)>) -> Option<BudgetProfile> {
        let sizes: Vec<f64> = points.iter().map(|point| point.0.exp()).collect();
        let different = levels(&sizes, ROUNDING).into_iter().max().map_or(0, |most| most + 1);
        // Centring avoids a loss of digits.
        let (low, high) = ends(&points);
        let centred: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x - 0.5 * (low + high), *y)).collect();
        let parabola = QuadraticFit::through(&centred).filter(|_| different >= SIZES)?;
        Some(BudgetProfile { budget, points: centred, parabola })
    }

    /// Why it shows no minimum, given noise of this standard deviation.
    fn problem(&self, noise: f64, threshold: f64) -> Option<&'static str> {
        let (low, high) = ends(&self.points);
        let rises = |at: f64, sign: f64| {
            let (slope, error) = self.parabola.slope(at);
            sign * slope > threshold * error * noise
        };
        let margin = OUTERMOST * (high - low);
        match self.parabola.vertex() {
            Some(best) if best < low + margin => Some("at the small edge"),
            Some(best) if best > high - margin => Some("at the large edge"),
            Some(_) if rises(low, -1.0) && rises(high, 1.0) => None,
            _ => {
                let (at_low, at_high) = (self.parabola.slope(low).0, self.parabola.slope(high).0);
                match (at_low < 0.0, at_high > 0.0) {
                    (true, false) => Some("at the large edge"),
                    (false, true) => Some("at the small edge"),
                    _ => Some("hidden by scatter"),
                }
            }
        }
    }
}

fn ends(points: &[(f64, f64)]) -> (f64, f64) {
    points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), p| (p.0.min(low), p.0.max(high)))
}

fn judge(subject: &Subject) -> CheckOutcome {
    if subject.dimensions() != 2 {
        return CheckOutcome::Fine;
    }
    let profiles = profiles(subject);
    if profiles.is_empty() {
        return CheckOutcome::Fine;
    }
    let freedom: usize = profiles.iter().map(|profile| profile.points.len() - 3).sum();
    let squares: f64 = profiles.iter().map(|profile| profile.parabola.squares).sum();
    let noise = (squares / freedom.max(1) as f64).sqrt();
    let threshold = one_sided(SLOPE, freedom.max(1));
    let problems: Vec<(f64, &str)> = profiles
        .iter()
        .filter_map(|profile| Some((profile.budget, profile.problem(noise, threshold)?)))
        .collect();
    if problems.is_empty() {
        return CheckOutcome::Fine;
    }
    let left = profiles.len() - problems.len();
    let name = &subject.series.sizes[0];
    let count = |words: &str| problems.iter().filter(|(_, problem)| *problem == words).count();
    let (small, large) = (count("at the small edge"), count("at the large edge"));
    let listed: Vec<String> =
        problems.iter().take(5).map(|(budget, problem)| format!("{} {problem}", digits(*budget))).collect();
    let more = if problems.len() > listed.len() { ", …" } else { "" };
    let most = profiles.iter().map(|profile| profile.budget).fold(0.0, f64::max);
    CheckOutcome::Found(Fault {
        fault: "isoFLOP minima at the edge".to_string(),
        problem: format!(
            "the best {name} of {} of {} is not well inside the sizes tried: {}{more} (FLOPs)",
            problems.len(),
            plural(profiles.len(), "budget"),
            listed.join(", ")
        ),
        consequence: match left {
            0 => format!("no budget remains to show how the best {name} grow with compute"),
            1 => format!("1 budget remains, which does not show how the best {name} grow with compute"),
            _ => format!("{left} budgets remain to show how the best {name} grow with compute"),
        },
        effect: None,
        hint: hint::edge(subject, large >= small),
        // The largest budget has the largest influence on larger ones. A sweep to plan from is a surface, and the best
        // model for more compute is no smaller, so there the large edge counts.
        matters: if subject.is_planned_from() {
            problems.contains(&(most, "at the large edge"))
        } else {
            left < FEWEST || 2 * problems.len() > left || problems.iter().any(|(budget, _)| *budget == most)
        },
    })
}

/// The profiles of a sweep that consists of profiles.
fn profiles(subject: &Subject) -> Vec<BudgetProfile> {
    let runs = || subject.kept.iter().map(|&place| &subject.series.runs[place]);
    let point = |sizes: [f64; 2], loss: f64| (sizes[0].ln(), loss.ln());
    let mut budgets: Vec<f64> = runs().filter_map(|run| run.budget).collect();
    if !budgets.is_empty() {
        budgets.sort_by(f64::total_cmp);
        budgets.dedup();
        let of = |budget: f64| {
            let runs = runs().filter(|run| run.budget == Some(budget));
            BudgetProfile::new(budget, runs.map(|run| point(run.sizes, run.loss)).collect())
        };
        return budgets.iter().filter_map(|&budget| of(budget)).collect();
    }
    let compute = |sizes: [f64; 2]| FLOPS * sizes[0] * sizes[1];
    let rows: Vec<BudgetRun> = runs()
        .map(|run| BudgetRun { parameters: run.sizes[0], compute: compute(run.sizes), loss: run.loss })
        .collect();
    let Ok(found) = isoflop(&rows, Budgets::Found, 2, 0) else { return Vec::new() };
    let nearest = |run: &&Run| {
        let distance = |budget: f64| (budget / compute(run.sizes)).ln().abs();
        found
            .profiles
            .iter()
            .map(|profile| profile.budget)
            // Isolated runs have no budget.
            .filter(|budget| distance(*budget) <= WIDEST)
            .min_by(|a, b| distance(*a).total_cmp(&distance(*b)))
    };
    let of = |budget: f64| {
        let runs = runs().filter(|run| nearest(run) == Some(budget));
        BudgetProfile::new(budget, runs.map(|run| point(run.sizes, run.loss)).collect())
    };
    let profiles: Vec<BudgetProfile> =
        found.profiles.iter().filter_map(|profile| of(profile.budget)).collect();
    let held: usize = profiles.iter().map(|profile| profile.points.len()).sum();
    let different = |size: usize| {
        let sizes: Vec<f64> = rows.iter().zip(runs()).map(|(_, run)| run.sizes[size]).collect();
        levels(&sizes, 0.02).into_iter().max().map_or(0, |most| most + 1) as f64
    };
    let made_of_them = profiles.len() > 1
        && held as f64 >= MADE_OF * rows.len() as f64
        && different(0) * different(1) > GRID * rows.len() as f64;
    if made_of_them { profiles } else { Vec::new() }
}
