//! Sweeps whose losses follow a law, so that the best training is known.

use crate::blank;
use allometry::models::Architecture;
use allometry::models::cost::Cost;
use allometry::planner::candidate::{Candidate, Field};
use allometry::planner::evidence::{AxisWithoutLaw, Evidence, gather};
use allometry::planner::search::{Found, Rules, TrainingOption, search};
use allometry::planner::speed::Timing;
use allometry::sweep::{Plan, Record, Throughput, Variant};
use allometry::train::TrainConfig;
use std::sync::OnceLock;

/// E, A, α, B, β of the loss in M MACs and D samples.
const LAW: [f64; 5] = [0.2, 60.0, 0.35, 90.0, 0.42];

pub fn law(macs: f64, samples: f64) -> f64 {
    let [e, a, alpha, b, beta] = LAW;
    e + a * macs.powf(-alpha) + b * samples.powf(-beta)
}

/// θ of the same, as optimisers see it.
pub fn theta() -> Vec<f64> {
    let [e, a, alpha, b, beta] = LAW;
    vec![a.ln(), alpha, b.ln(), beta, e.ln()]
}

/// A sweep over the width of a network of two layers, one epoch each.
pub fn plan(samples: &[usize]) -> Plan {
    Plan {
        factors: vec![0.25, 0.5, 1.0, 2.0],
        samples: samples.to_vec(),
        config: TrainConfig { epochs: 1, batch: 16, ..TrainConfig::default() },
        ..Plan::new("glyphs", Architecture::preset("mlp").unwrap())
    }
}

/// What a run of `variant` leaves if its loss follows the law.
fn record(variant: &Variant, plan: &Plan) -> Record {
    let Cost { parameters, macs, .. } = Cost::of(&variant.architecture).unwrap();
    let samples = variant.train_samples.unwrap_or(10_000) as u64;
    let loss = law(macs as f64, samples as f64);
    let mut edited = blank::record(variant);
    edited.config.epochs = variant.epochs;
    edited.config.batch = plan.config.batch;
    edited.config.learning_rate = plan.config.learning_rate;
    edited.cost.parameters = parameters;
    edited.cost.macs = macs;
    edited.cost.training_flops = 6.0 * macs as f64 * samples as f64;
    edited.cost.samples_seen = samples;
    edited.cost.train_samples = samples;
    edited.quality_mut().unwrap().train_loss = Some(loss);
    edited.quality_mut().unwrap().validation_loss = Some(loss);
    edited.cost.samples_per_second = Some(Throughput { median: 1e9 / macs as f64, iqr: 0.0 });
    edited.cost.wall_seconds = 1.0;
    edited
}

/// The records of a plan's runs, if their losses follow the law.
pub fn records(plan: &Plan) -> Vec<Record> {
    plan.variants().unwrap().iter().map(|variant| record(variant, plan)).collect()
}

/// What the runs of a plan say, if their losses follow the law.
pub fn laws(plan: &Plan) -> (Vec<Evidence>, Vec<AxisWithoutLaw>) {
    gather(plan, &records(plan), 10_000, None)
}

/// A sweep's plan with its models, and a search in them.
pub struct Synthetic {
    pub plan: Plan,
    pub fields: Vec<Field>,
}

impl Synthetic {
    pub fn new(samples: &[usize]) -> Synthetic {
        let plan = plan(samples);
        let records = records(&plan);
        Synthetic::of(plan, &records)
    }

    /// With these records of the plan's runs.
    pub fn of(plan: Plan, records: &[Record]) -> Synthetic {
        let (evidence, left_out) = gather(&plan, records, 10_000, Some(16_000));
        assert!(left_out.is_empty(), "{left_out:?}");
        let fields = evidence.into_iter().map(|evidence| Field::new(&plan, evidence, None).unwrap());
        Synthetic { fields: fields.collect(), plan }
    }

    /// The sweep that varies width and samples; its law takes a while to fit.
    pub fn joint() -> &'static Synthetic {
        static JOINT: OnceLock<Synthetic> = OnceLock::new();
        JOINT.get_or_init(|| Synthetic::new(&SAMPLES))
    }

    pub fn with_memory(&self, memory: u64) -> Synthetic {
        let fields = self.fields.iter();
        let fields =
            fields.map(|field| Field::new(&self.plan, field.evidence.clone(), Some(memory)).unwrap());
        Synthetic { fields: fields.collect(), plan: self.plan.clone() }
    }

    pub fn rules(&self, budget: &str) -> Rules<'_> {
        Rules {
            budget: budget.parse().unwrap(),
            target_loss: None,
            far: false,
            config: &self.plan.config,
            available: None,
            validation: 1000,
        }
    }

    pub fn search(&self, rules: &Rules) -> Found {
        search(&self.fields, rules, &timing).expect("something fits")
    }

    pub fn model(&self, choice: &TrainingOption) -> &Candidate {
        &self.fields[choice.field].candidates[choice.candidate]
    }
}

/// A thousand million MACs a second, and a second to begin with.
pub fn timing(candidate: &Candidate) -> Timing {
    let sample = candidate.macs as f64 / 1e9;
    Timing { start: 1.0, sample, later_sample: sample, validation_sample: sample / 3.0 }
}

pub const SAMPLES: [usize; 4] = [1600, 4800, 16_000, 48_000];
