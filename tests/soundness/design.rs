//! Sweeps as somebody would make them who knows what they do. Nothing here comes from `check`.
//!
//! Each sweep is made twice from the same random numbers, with a [`Fault`] and without: what differs is the fault
//! alone. Losses follow one of three curves (levelling off, bending, steepening), or two sizes' sum; runs scatter
//! normally, small ones up to 1.6 times as much.

use crate::random::Random;
use allometry::laws::Columns;
use allometry::planner::soundness::{Run, RunSource, Series, Sweep};

/// What is wrong, and how much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    None,
    /// The factor that sizes span.
    Narrow(f64),
    /// 1 / (1 − ρ²), ρ the correlation of the two sizes' logarithms.
    Collinear(f64),
    /// How far from the middle of the largest budget's sizes the best one lies, in halves of their range.
    Edge(f64),
    /// Steps of the learning rate that the largest size's best lies beyond the edge.
    RateAtEdge(f64),
    /// Steps of the learning rate between the smallest and the largest size's best, where all have one rate.
    RateDrifts(f64),
    /// The part of its loss that the largest model would still lose.
    Unconverged(f64),
    /// The part by which the largest model's loss has risen at the end.
    Overfitted(f64),
    /// The scatter of runs, as a part of the difference between the smallest and the largest, with one or two seeds.
    FewSeeds(f64),
    /// By how many standard deviations of the scatter one run is off.
    Outlier(f64),
}

/// How a sweep is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    Single,
    Curves,
    Rates,
    Grid,
    Profiles,
}

impl Design {
    pub const ALL: [Design; 5] =
        [Design::Single, Design::Curves, Design::Rates, Design::Grid, Design::Profiles];
}

/// A kind of fault: its name, its layout, and the strengths that it is drawn from, evenly in the logarithm.
pub struct Kind {
    pub name: &'static str,
    pub design: Design,
    pub of: fn(f64) -> Fault,
    pub range: (f64, f64),
}

pub const KINDS: [Kind; 9] = [
    Kind { name: "sizes span a factor of", design: Design::Single, of: Fault::Narrow, range: (1.5, 10.0) },
    Kind { name: "variance inflated by", design: Design::Grid, of: Fault::Collinear, range: (3.0, 1000.0) },
    Kind { name: "minimum off the middle by", design: Design::Profiles, of: Fault::Edge, range: (0.5, 2.0) },
    Kind { name: "rates beyond the edge", design: Design::Rates, of: Fault::RateAtEdge, range: (0.25, 4.0) },
    Kind { name: "rates drift by steps", design: Design::Rates, of: Fault::RateDrifts, range: (0.5, 6.0) },
    Kind { name: "not converged by", design: Design::Curves, of: Fault::Unconverged, range: (0.003, 0.3) },
    Kind { name: "over-fitted by", design: Design::Curves, of: Fault::Overfitted, range: (0.003, 0.3) },
    Kind { name: "scatter of few seeds", design: Design::Single, of: Fault::FewSeeds, range: (0.02, 0.4) },
    Kind { name: "outlier by deviations", design: Design::Single, of: Fault::Outlier, range: (4.0, 60.0) },
];

/// A loss that falls with one size from 1 on.
#[derive(Clone, Copy)]
enum Curve {
    Levels { floor: f64, alpha: f64 },
    Bends { first: f64, second: f64, at: f64 },
    Steepens { slope: f64, bend: f64 },
}

impl Curve {
    fn draw(random: &mut Random, span: f64) -> Curve {
        match random.whole(0, 3) {
            0 | 1 => Curve::Levels { floor: random.uniform(0.0, 0.5), alpha: random.uniform(0.2, 0.8) },
            2 => Curve::Bends {
                first: random.uniform(0.25, 0.6),
                second: random.uniform(0.15, 0.25),
                at: span.powf(random.uniform(0.3, 0.7)),
            },
            _ => Curve::Steepens { slope: random.uniform(0.05, 0.3), bend: random.uniform(0.0, 0.05) },
        }
    }

    fn log(self, x: f64) -> f64 {
        match self {
            Curve::Levels { floor, alpha } => (floor + (1.0 - floor) * x.powf(-alpha)).ln(),
            Curve::Bends { first, second, at } => {
                -first * x.ln() + 0.5 * (first - second) * (1.0 + (x / at).powi(2)).ln()
            }
            Curve::Steepens { slope, bend } => -slope * x.ln() - bend * x.ln().powi(2),
        }
    }
}

/// A sweep, and what the generator knows of it.
pub struct Made {
    pub sweep: Sweep,
    /// Learning rate that all sizes would have where one is chosen for all.
    pub common_rate: Option<f64>,
}

/// The sweep that a seed makes, with the fault or, by the same random numbers, without.
pub fn make(design: Design, seed: u64, fault: Fault) -> Made {
    make_pair(design, seed, fault, fault != Fault::None)
}

/// The same sweep without its fault.
pub fn make_sound(design: Design, seed: u64, fault: Fault) -> Made {
    make_pair(design, seed, fault, false)
}

fn make_pair(design: Design, seed: u64, fault: Fault, faulty: bool) -> Made {
    let mut random = Random::new(seed);
    match design {
        Design::Single | Design::Curves => single(&mut random, fault, faulty, design == Design::Curves),
        Design::Rates => rates(&mut random, fault, faulty),
        Design::Grid => grid(&mut random, fault, faulty),
        Design::Profiles => profiles(&mut random, fault, faulty),
    }
}

fn run(name: String, sizes: [f64; 2], log_loss: f64) -> Run {
    Run { name, sizes, loss: log_loss.exp(), learning_rate: None, budget: None, curve: Vec::new() }
}

fn table(sizes: &[&str], runs: Vec<Run>, common_rate: Option<f64>) -> Made {
    let columns = Columns {
        x: sizes[0].to_string(),
        x2: sizes.get(1).map(|name| name.to_string()),
        y: "loss".to_string(),
        ..Columns::default()
    };
    let series = Series {
        name: String::new(),
        sizes: sizes.iter().map(|name| name.to_string()).collect(),
        quantity: "loss".to_string(),
        runs,
    };
    let source = RunSource::Table { path: "runs.csv".into(), columns, learning_rate: None };
    Made { sweep: Sweep { series: vec![series], source, left_out: None }, common_rate }
}

/// The standard deviation of a run: small models scatter more.
fn noise(sigma: f64, unevenness: f64, part: f64) -> f64 {
    sigma * unevenness.powf(1.0 - part)
}

/// Six to nine sizes, each with two to five seeds, over a factor of 20 to 200.
fn single(random: &mut Random, fault: Fault, faulty: bool, curves: bool) -> Made {
    let (sizes, span) = (random.whole(6, 9), random.logarithmic(20.0, 200.0));
    let curve = Curve::draw(random, span);
    let difference = curve.log(1.0) - curve.log(span);
    let mut seeds = random.whole(2, 5);
    let mut sigma = difference * random.logarithmic(1.0 / 300.0, 1.0 / 40.0);
    let unevenness = random.uniform(1.0, 1.6);
    if let Fault::FewSeeds(part) = fault {
        // So many seeds say as much as two of a sweep whose runs scatter by a fortieth of the difference.
        sigma = part * difference;
        let few = 1 + seeds % 2;
        seeds = if faulty { few } else { few.max((2.0 * (40.0 * part).powi(2)).ceil() as usize) };
    }
    let drawn_span = match fault {
        Fault::Narrow(narrow) if faulty => narrow,
        _ => span,
    };
    let odd = (random.whole(0, sizes - 1), random.uniform(-0.3, 0.7).signum());
    let base = random.logarithmic(1e3, 1e7);
    let shape = Training::draw(random);
    let mut runs = Vec::new();
    // Seed by seed, so that more of them change nothing in the first.
    for seed in 0..seeds {
        for place in 0..sizes {
            let part = place as f64 / (sizes - 1) as f64;
            let x = span * drawn_span.powf(part - 1.0);
            let deviation = noise(sigma, unevenness, x.ln() / span.ln());
            let mut log = curve.log(x) + deviation * random.normal();
            if let (Fault::Outlier(strength), true, 0) = (fault, faulty, seed) {
                log += if place == odd.0 { odd.1 * strength * deviation } else { 0.0 };
            }
            let mut run = run(format!("row {}", runs.len() + 1), [base * x, 1.0], log);
            if curves {
                shape.train(&mut run, random, if faulty { fault } else { Fault::None }, part, 0.2 * sigma);
            }
            runs.push(run);
        }
    }
    table(&["N"], runs, None)
}

/// How losses come down along a training.
struct Training {
    points: usize,
    excess: f64,
    rate: f64,
    turn: f64,
}

impl Training {
    fn draw(random: &mut Random) -> Training {
        Training {
            points: random.whole(6, 12),
            excess: random.uniform(0.3, 1.5),
            rate: random.uniform(9.0, 12.0),
            turn: random.uniform(0.3, 0.8),
        }
    }

    /// Gives the run its curve, and the loss at its end.
    fn train(&self, run: &mut Run, random: &mut Random, fault: Fault, part: f64, sigma: f64) {
        let best = run.loss.ln();
        let mut rate = self.rate;
        let mut rise = 0.0;
        match fault {
            // Larger models take longer.
            Fault::Unconverged(left) => {
                let slowest = (self.excess / left).ln();
                rate += part * (slowest - rate);
            }
            Fault::Overfitted(risen) => rise = part * (1.0 + risen).ln(),
            _ => {}
        }
        for point in 1..=self.points {
            let done = point as f64 / self.points as f64;
            let above = (1.0 + self.excess * (-rate * done).exp()).ln();
            let turned = ((done - self.turn) / (1.0 - self.turn)).max(0.0).powf(1.5);
            let log = best + above + rise * turned + sigma * random.normal();
            run.curve.push((1e4 * point as f64, log.exp()));
        }
        run.loss = run.curve[self.points - 1].1;
    }
}

/// Six sizes, each with five (or, for a drift, eleven) learning rates a factor of two apart, one or two seeds.
fn rates(random: &mut Random, fault: Fault, faulty: bool) -> Made {
    let (sizes, span) = (random.whole(6, 8), random.logarithmic(20.0, 200.0));
    let curve = Curve::draw(random, span);
    let difference = curve.log(1.0) - curve.log(span);
    let sigma = difference * random.logarithmic(1.0 / 300.0, 1.0 / 60.0);
    let seeds = random.whole(1, 2);
    let curvature = difference * random.logarithmic(0.02, 0.1);
    let drifts = matches!(fault, Fault::RateDrifts(_));
    let middle = if drifts { 5.0 } else { 2.0 };
    let off = random.uniform(-0.4, 0.4);
    let side = random.uniform(-1.0, 1.0).signum();
    let base = random.logarithmic(1e3, 1e7);
    let mut runs = Vec::new();
    for place in 0..sizes {
        let part = place as f64 / (sizes - 1) as f64;
        let x = span.powf(part);
        let best = middle
            + off
            + match fault {
                Fault::RateAtEdge(beyond) if faulty => side * part * (2.0 + beyond - side * off),
                Fault::RateDrifts(steps) if faulty => side * (part - 0.5) * steps,
                _ => 0.0,
            };
        for step in 0..=(2.0 * middle) as usize {
            for _ in 0..seeds {
                let distance = step as f64 - best;
                // Too large a rate costs more than one that is too small.
                let cost = curvature * distance.powi(2) * if distance > 0.0 { 1.3 } else { 1.0 };
                let log = curve.log(x) + cost + sigma * random.normal();
                let mut run = run(format!("row {}", runs.len() + 1), [base * x, 1.0], log);
                run.learning_rate = Some(1e-4 * 2f64.powi(step as i32));
                runs.push(run);
            }
        }
    }
    table(&["N"], runs, drifts.then(|| 1e-4 * 2f64.powi(middle as i32)))
}

/// A loss of two sizes, each from 1 on.
#[derive(Clone, Copy)]
struct Joint {
    floor: f64,
    parts: [f64; 2],
    exponents: [f64; 2],
}

impl Joint {
    fn draw(random: &mut Random) -> Joint {
        Joint {
            floor: random.uniform(0.0, 0.5),
            parts: [random.uniform(0.4, 0.6), random.uniform(0.4, 0.6)],
            exponents: [random.uniform(0.25, 0.5), random.uniform(0.25, 0.5)],
        }
    }

    fn log(&self, sizes: [f64; 2]) -> f64 {
        let part = |size: usize| self.parts[size] * sizes[size].powf(-self.exponents[size]);
        (self.floor + part(0) + part(1)).ln()
    }

    /// The best first size at this product of both.
    fn best(&self, product: f64) -> f64 {
        let [a, b] = self.exponents;
        (a * self.parts[0] * product.powf(b) / (b * self.parts[1])).powf(1.0 / (a + b))
    }
}

/// Four to six models, each on four to six amounts of data.
fn grid(random: &mut Random, fault: Fault, faulty: bool) -> Made {
    let law = Joint::draw(random);
    let counts = [random.whole(4, 6), random.whole(4, 6)];
    let spans = [random.logarithmic(20.0, 100.0), random.logarithmic(20.0, 100.0)];
    let difference = law.log([1.0, 1.0]) - law.log(spans);
    let sigma = difference * random.logarithmic(1.0 / 300.0, 1.0 / 60.0);
    let seeds = random.whole(1, 2);
    let correlation = match fault {
        Fault::Collinear(inflation) if faulty => (1.0 - 1.0 / inflation).sqrt(),
        _ => 0.0,
    };
    let bases = [random.logarithmic(1e3, 1e7), random.logarithmic(1e4, 1e8)];
    // Places from −1 to 1; those of a grid have no correlation, and nearly the same spread.
    let place = |index: usize, count: usize| 2.0 * index as f64 / (count - 1) as f64 - 1.0;
    let mut runs = Vec::new();
    for _ in 0..seeds {
        for (i, j) in (0..counts[0]).flat_map(|i| (0..counts[1]).map(move |j| (i, j))) {
            let (u, free) = (place(i, counts[0]), place(j, counts[1]));
            let spread = |count: usize| ((count + 1) as f64 / (3.0 * (count - 1) as f64)).sqrt();
            let v = correlation * u * spread(counts[1]) / spread(counts[0])
                + (1.0 - correlation * correlation).sqrt() * free;
            let sizes = [spans[0].powf(0.5 + 0.5 * u), spans[1].powf(0.5 + 0.5 * v)];
            let log = law.log(sizes) + sigma * random.normal();
            runs.push(run(
                format!("row {}", runs.len() + 1),
                [bases[0] * sizes[0], bases[1] * sizes[1]],
                log,
            ));
        }
    }
    table(&["N", "D"], runs, None)
}

/// Four to six budgets over a factor of 30 to 300, each with seven or eight models around the best.
fn profiles(random: &mut Random, fault: Fault, faulty: bool) -> Made {
    let law = Joint::draw(random);
    let (budgets, models) = (random.whole(4, 6), random.whole(7, 8));
    let (first, span) = (random.logarithmic(100.0, 1000.0), random.logarithmic(30.0, 300.0));
    let half = random.uniform(4f64.ln(), 8f64.ln());
    let curvature = law.log([law.best(first) * half.exp(), first / law.best(first) / half.exp()])
        - law.log([law.best(first), first / law.best(first)]);
    let sigma = curvature * random.logarithmic(1.0 / 60.0, 1.0 / 15.0);
    let side = random.uniform(-1.0, 1.0).signum();
    let off = random.uniform(-0.15, 0.15);
    let bases = [random.logarithmic(1e3, 1e7), random.logarithmic(1e4, 1e8)];
    // Sizes that were right for small budgets, or for none.
    let everywhere = random.whole(0, 1) == 1;
    let mut runs = Vec::new();
    for budget in 0..budgets {
        let part = budget as f64 / (budgets - 1) as f64;
        let product = first * span.powf(part);
        let shift = match fault {
            Fault::Edge(halves) if faulty => side * halves * if everywhere { 1.0 } else { part },
            _ => off,
        };
        for model in 0..models {
            let place = 2.0 * model as f64 / (models - 1) as f64 - 1.0;
            let n = law.best(product) * ((place + shift) * half).exp();
            let sizes = [n, product / n];
            let log = law.log(sizes) + sigma * random.normal();
            runs.push(run(
                format!("row {}", runs.len() + 1),
                [bases[0] * sizes[0], bases[1] * sizes[1]],
                log,
            ));
        }
    }
    table(&["N", "D"], runs, None)
}
