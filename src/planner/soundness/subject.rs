//! A series prepared for the checks: the runs that a law is fitted to, their surface, and the size that the law is
//! asked for.

use super::asked::Asked;
use super::outlier_test::{self, Outlier};
use super::statistics::mean;
use super::surface::{Point, Surface};
use super::sweep::{Run, RunSource, Series};
use std::collections::BTreeMap;

/// A fault matters if the answer moves by more than this fraction of its half interval, or if the interval is this many
/// times as wide.
const MOVED: f64 = 0.5;
const WIDER: f64 = 2.0;

/// How the answer changes if a fault is removed.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// Change of ln loss at the target.
    pub log: f64,
    /// Half its interval before and after.
    pub before: f64,
    pub after: f64,
    /// Whether the answer moves by more than half of its half interval, or its interval shrinks to less than half.
    pub matters: bool,
}

/// A series of runs with what the checks need to know about it.
pub struct Subject<'a> {
    pub series: &'a Series,
    pub source: &'a RunSource,
    pub asked: &'a Asked,
    /// The level of a kind of check, for all of its comparisons in this series together.
    pub level: f64,
    /// For each run the number of its group of equal sizes.
    pub groups: Vec<usize>,
    /// Indices of the runs that a law uses: those at the best learning rate of their sizes.
    pub tuned: Vec<usize>,
    /// Runs far from the surface.
    pub outliers: Vec<Outlier>,
    /// Indices of the runs that the surface is fitted to: those without outliers.
    pub kept: Vec<usize>,
    /// `None` if there are too few runs.
    pub surface: Option<Surface>,
}

impl<'a> Subject<'a> {
    /// Finds the runs at their best learning rate and the outliers, and fits a surface through the others.
    pub fn new(series: &'a Series, source: &'a RunSource, asked: &'a Asked, level: f64) -> Subject<'a> {
        let groups = series.groups();
        let tuned = tuned(series, &groups);
        let points: Vec<Point> = tuned.iter().map(|&place| series.runs[place].point()).collect();
        let found = outlier_test::found(&points, series.sizes.len(), level);
        let outliers: Vec<Outlier> =
            found.iter().map(|outlier| Outlier { run: tuned[outlier.run], ..*outlier }).collect();
        let is_out = |place: &usize| outliers.iter().any(|outlier| outlier.run == *place);
        let kept: Vec<usize> = tuned.iter().copied().filter(|place| !is_out(place)).collect();
        let mut subject =
            Subject { series, source, asked, level, groups, tuned, outliers, kept, surface: None };
        subject.surface = Surface::through(&subject.points(&subject.kept, &[]), series.sizes.len());
        subject
    }

    /// The number of sizes: 1 or 2.
    pub fn dimensions(&self) -> usize {
        self.series.sizes.len()
    }

    /// Whether the sweep's budgets use the whole set as many times as they pay for.
    pub fn is_planned_from(&self) -> bool {
        matches!(self.source, RunSource::Directory { plan, .. } if plan.whole_set.is_some())
    }

    /// Some of the runs, with the ln loss of some sizes lowered: `raised` holds group numbers and by how much.
    pub fn points(&self, places: &[usize], raised: &[(usize, f64)]) -> Vec<Point> {
        let point = |&place: &usize| {
            let by =
                raised.iter().find(|(group, _)| *group == self.groups[place]).map_or(0.0, |raised| raised.1);
            let point = self.series.runs[place].point();
            Point { loss: point.loss - by, ..point }
        };
        places.iter().map(point).collect()
    }

    /// Logarithms of the sizes that the law is asked for: the largest size times the reach; with two sizes those of the
    /// run with the most compute, each times the root of the reach. In a sweep to plan from, those of the best run
    /// instead.
    pub fn target(&self) -> [f64; 2] {
        let sizes = |run: &Run| run.sizes.map(f64::ln);
        let compute = |run: &Run| sizes(run).iter().sum::<f64>();
        let runs = &self.series.runs;
        let run = if self.is_planned_from() {
            runs.iter().min_by(|a, b| a.loss.total_cmp(&b.loss))
        } else {
            runs.iter().max_by(|a, b| compute(a).total_cmp(&compute(b)))
        };
        let largest = run.map(sizes).unwrap_or_default();
        let step = self.asked.reach.ln();
        if self.dimensions() == 1 { [largest[0] + step, 0.0] } else { largest.map(|size| size + 0.5 * step) }
    }

    /// Half the interval of ln loss at the target.
    pub fn half_width(&self) -> Option<f64> {
        Some(self.surface.as_ref()?.half_width(self.target()))
    }

    /// The change of the answer if the ln loss of some sizes is lowered; `None` if there is no answer.
    pub fn without(&self, raised: &[(usize, f64)]) -> Option<Change> {
        let surface = self.surface.as_ref()?;
        Some(self.change(surface, &surface.again(&self.points(&self.kept, raised))?))
    }

    /// How the answer changes from one surface to another.
    pub fn change(&self, from: &Surface, to: &Surface) -> Change {
        let target = self.target();
        let log = to.at(target) - from.at(target);
        let [before, after] = [from, to].map(|surface| surface.half_width(target));
        // A fault widens the interval, so the smaller interval counts.
        let moved = log.abs() > MOVED * before.min(after);
        Change { log, before, after, matters: moved || before > WIDER * after }
    }

    /// The runs that a law uses, by their sizes.
    pub fn by_sizes(&self) -> Vec<Vec<usize>> {
        let mut by_sizes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for &place in &self.tuned {
            by_sizes.entry(self.groups[place]).or_default().push(place);
        }
        by_sizes.into_values().collect()
    }

    /// Smallest and largest value of a size.
    pub fn range(&self, size: usize) -> (f64, f64) {
        let sizes = self.series.runs.iter().map(|run| run.sizes[size]);
        sizes.fold((f64::INFINITY, 0.0), |(low, high), value| (value.min(low), value.max(high)))
    }
}

/// The runs at each size's best learning rate, and those whose rate is unknown.
fn tuned(series: &Series, groups: &[usize]) -> Vec<usize> {
    let mut best: BTreeMap<usize, (f64, u64)> = BTreeMap::new();
    for (group, (rate, runs)) in rates(series, groups) {
        let loss = mean(&runs.iter().map(|&place| series.runs[place].loss.ln()).collect::<Vec<_>>());
        let entry = best.entry(group).or_insert((f64::INFINITY, 0));
        if loss < entry.0 {
            *entry = (loss, rate.to_bits());
        }
    }
    let counts = |place: &usize| {
        let rate = series.runs[*place].learning_rate;
        rate.is_none_or(|rate| best.get(&groups[*place]).is_some_and(|best| best.1 == rate.to_bits()))
    };
    (0..series.runs.len()).filter(counts).collect()
}

/// The runs of each group and learning rate, in ascending order of groups and rates.
pub fn rates(series: &Series, groups: &[usize]) -> Vec<(usize, (f64, Vec<usize>))> {
    let mut found: BTreeMap<(usize, u64), Vec<usize>> = BTreeMap::new();
    for (place, run) in series.runs.iter().enumerate() {
        if let Some(rate) = run.learning_rate {
            // Bit patterns of positive numbers are ordered like the numbers.
            found.entry((groups[place], rate.to_bits())).or_default().push(place);
        }
    }
    found.into_iter().map(|((group, bits), runs)| (group, (f64::from_bits(bits), runs))).collect()
}
