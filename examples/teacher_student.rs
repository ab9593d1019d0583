//! A law that theory predicts: the loss of students that imitate a teacher falls as N^−α with their parameters N,
//! and α is near 4/d, where d is the dimension of the teacher's input (Sharma and Kaplan 2020, "A Neural Scaling Law
//! from the Dimension of the Data Manifold", arXiv:2004.10802).
//!
//! Why 4/d: a ReLU network is linear in pieces. N parameters cut the d-dimensional input into about N pieces, of
//! edge N^(−1/d). Inside, a straight line is off from a smooth function by the square of the edge, and the squared
//! error is its fourth power.
//!
//! The setting follows the paper's code (github.com/U-Sharma/NeuralScaleID, `Experiments/L2.py`): teacher and students
//! have two hidden layers, the teacher's are random and have many more units, inputs are uniform in a cube, every step
//! of Adam sees new samples, and the loss is the mean squared error. So data doesn't limit a student; whether its size
//! or its training does, another number of `--steps` tells. The paper takes 240,000, and its teacher is a ReLU network
//! too. That is not smooth, so here it is an option, `--relu-teacher`, and else the units are tanh.
//!
//! cargo run --release --example teacher_student -- --csv students.csv

use allometry::data::{Batch, BatchTargets};
use allometry::laws::delta::PUBLISHED;
use allometry::laws::{Fit, FitOptions, Form, Interval, Points};
use allometry::nn::{Activation, Dense, Initializer, Model, Module, Sequential};
use allometry::optim::rules::adam::Adam;
use allometry::optim::{Algorithm, Decay, Schedule};
use allometry::train::{Loss, Trainer};
use allometry::{Device, Error, Result, files, note, print_line};
use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::path::PathBuf;

/// Units in each of a student's two hidden layers: from one to the next about twice the parameters.
const WIDTHS: [usize; 7] = [4, 6, 9, 13, 19, 27, 40];
/// The same of the teacher: 8 times the largest student's parameters, so that none can become its copy.
const TEACHER_WIDTH: usize = 128;
/// A seed draws samples and the first weights of students.
const SEEDS: u64 = 5;
/// None of these: a student must not begin with its teacher's numbers.
const TEACHER_SEED: u64 = 1 << 32;
const BATCH: usize = 128;
/// The loss, and the gradient with it, falls by orders of magnitude: a short memory of its size (β₂ 0.99, not 0.999)
/// follows it better.
const ADAM: Algorithm = Algorithm::Adam(Adam { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 });
/// Samples that no student was trained on, the same for all students of a teacher.
const TEST_SAMPLES: usize = 1 << 15;

#[derive(Parser)]
struct Options {
    /// Training steps of each student.
    #[arg(long, default_value_t = 40_000)]
    steps: u64,
    /// Dimensions of the teacher's input.
    #[arg(long, value_delimiter = ',', default_values_t = [2, 4, 8])]
    dimensions: Vec<usize>,
    /// A teacher of ReLU units, as the paper's, and not of tanh.
    #[arg(long)]
    relu_teacher: bool,
    /// Write the students to this file, a row each, as `allometry fit` takes it.
    #[arg(long)]
    csv: Option<PathBuf>,
}

/// A trained student.
#[derive(Clone)]
struct Row {
    width: usize,
    parameters: usize,
    dimension: usize,
    seed: u64,
    loss: f64,
}

fn main() -> Result<()> {
    let mut options = Options::parse();
    options.csv.as_deref().map_or(Ok(()), files::check_target)?;
    options.dimensions.sort_unstable();
    options.dimensions.dedup();
    let activation = if options.relu_teacher { Activation::Relu } else { Activation::Tanh };
    // One model as small as these doesn't keep two cores busy; several trainings at once do.
    let jobs: Vec<(usize, u64)> =
        options.dimensions.iter().flat_map(|&d| (0..SEEDS).map(move |seed| (d, seed))).collect();
    let trained = jobs.into_par_iter().map(|(d, seed)| train(d, activation, seed, &WIDTHS, options.steps));
    let rows = trained.collect::<Result<Vec<_>>>()?.concat();

    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(["d", "4/d", "exponent", "95 % interval", "scatter"]);
    table.column_iter_mut().for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    let mut exponents = Vec::new();
    for &dimension in &options.dimensions {
        let fit = fit(&rows, dimension)?;
        // y = k·x^α: the exponent of a falling loss is −α.
        let alpha = fit.parameters[1].1.quantity;
        let interval = Interval { low: -alpha.high, high: -alpha.low };
        table.add_row([
            dimension.to_string(),
            format!("{:.2}", 4.0 / dimension as f64),
            format!("{:.2}", -alpha.value),
            format!("[{:.2}, {:.2}]", interval.low, interval.high),
            format!("{:.0} %", 100.0 * fit.scatter),
        ]);
        exponents.push((dimension, interval));
    }
    options.csv.map_or(Ok(()), |path| write(path, &rows))?;
    print_line!("{table}\n{}", verdict(&exponents))
}

/// Trains a student of each width, all on the same samples of a teacher with this activation.
fn train(
    dimension: usize,
    activation: Activation,
    seed: u64,
    widths: &[usize],
    steps: u64,
) -> Result<Vec<Row>> {
    // A device of its own: nothing is shared between jobs. A GPU is not worth it for models as small.
    let device = Device::cpu();
    let teacher = Teacher::new(&device, dimension, activation)?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let test = teacher.samples(TEST_SAMPLES, &mut random)?;
    let students = widths.iter().map(|&width| network(&device, dimension, width, Activation::Relu, seed));
    let students: Vec<Model> = students.collect::<Result<_>>()?;
    let mut trainers = Vec::new();
    for (student, &width) in students.iter().zip(widths) {
        // A step of Adam moves every weight by about the rate, and a unit by that times its inputs: a rate that falls
        // as 1/width moves units of all widths alike (Yang et al. 2022, arXiv:2203.03466).
        let peak = 0.5 / width as f64;
        let shape = Schedule::constant(peak);
        let schedule = Schedule { warmup: steps / 50, decay: Decay::Cosine, total: steps, ..shape };
        trainers.push((Trainer::new(student, Loss::mse(), ADAM)?, schedule));
    }
    for step in 0..steps {
        let batch = teacher.samples(BATCH, &mut random)?;
        for (trainer, schedule) in &mut trainers {
            trainer.step(&batch, schedule.rate(step))?;
        }
    }
    let mut rows = Vec::new();
    for ((student, (trainer, _)), &width) in students.iter().zip(&trainers).zip(widths) {
        let loss = trainer.evaluate(std::iter::once(Ok(test.clone())))?.loss;
        let parameters = student.parameters().count();
        note!("d = {dimension}, seed {seed}, width {width:3}: {parameters:5} parameters, loss {loss:.3e}");
        rows.push(Row { width, parameters, dimension, seed, loss });
    }
    Ok(rows)
}

/// Two hidden layers and a linear one, a random function of its inputs.
fn network(
    device: &Device,
    dimension: usize,
    width: usize,
    activation: Activation,
    seed: u64,
) -> Result<Model> {
    let hidden = Dense::new(width).activation(activation).kernel_initializer(Initializer::HeNormal);
    let layers = Sequential::new().add(hidden.clone()).add(hidden).add(Dense::new(1));
    let model = layers.build(device, &[dimension], seed)?;
    // Without biases a ReLU network is linear along every ray from the origin: one dimension less.
    for layer in 0..2 {
        let biases = Initializer::Normal(0.5).draw(width, (1, 1), !seed, layer);
        model.parameters().set(&format!("layers.{layer}.bias"), &biases)?;
    }
    Ok(model)
}

/// A random network, and where its outputs lie.
struct Teacher {
    network: Model,
    dimension: usize,
    mean: f32,
    deviation: f32,
}

impl Teacher {
    fn new(device: &Device, dimension: usize, activation: Activation) -> Result<Teacher> {
        let network = network(device, dimension, TEACHER_WIDTH, activation, TEACHER_SEED)?;
        let mut teacher = Teacher { network, dimension, mean: 0.0, deviation: 1.0 };
        let mut random = ChaCha8Rng::seed_from_u64(TEACHER_SEED);
        let BatchTargets::Values(values) = teacher.samples(TEST_SAMPLES, &mut random)?.targets else {
            unreachable!("a teacher's targets are numbers")
        };
        let mean =
            |of: &dyn Fn(f32) -> f32| values.iter().map(|&y| of(y) as f64).sum::<f64>() / values.len() as f64;
        teacher.mean = mean(&|y| y) as f32;
        teacher.deviation = mean(&|y| (y - teacher.mean).powi(2)).sqrt() as f32;
        Ok(teacher)
    }

    /// Inputs uniform in ±1, and the teacher's outputs, of mean 0 and variance 1: a loss of 1 is that of always
    /// guessing the mean.
    fn samples(&self, size: usize, random: &mut ChaCha8Rng) -> Result<Batch> {
        let inputs: Vec<f32> =
            (0..size * self.dimension).map(|_| 2.0 * random.random::<f32>() - 1.0).collect();
        let outputs = self.network.predict(&self.network.batch(&inputs)?)?.to_vec::<f32>()?;
        let targets = outputs.iter().map(|y| (y - self.mean) / self.deviation).collect();
        Ok(Batch { size, inputs, targets: BatchTargets::Values(targets) })
    }
}

/// A power law without a floor: students learn from noiseless samples, so that nothing is irreducible. δ is the one
/// that the README's figures were made with.
fn fit(rows: &[Row], dimension: usize) -> Result<Fit> {
    let students = || rows.iter().filter(|row| row.dimension == dimension);
    let parameters: Vec<f64> = students().map(|row| row.parameters as f64).collect();
    let losses: Vec<f64> = students().map(|row| row.loss).collect();
    let points = Points::single(("parameters", &parameters), ("loss", &losses))?;
    let options = FitOptions { form: Some(Form::Power), delta: Some(PUBLISHED), ..FitOptions::default() };
    Fit::new(&points, &options)
}

/// What the intervals, from the smallest d to the largest, say of the theory.
fn verdict(exponents: &[(usize, Interval)]) -> String {
    let step = |pair: &[(usize, Interval)]| {
        let ((d, smaller), (e, larger)) = (pair[0], pair[1]);
        let change = match () {
            _ if larger.high < smaller.low => "the exponent falls",
            _ if smaller.high < larger.low => "the exponent rises",
            _ => "the intervals overlap",
        };
        format!("From d = {d} to {e} {change}. ")
    };
    let steps: String = exponents.windows(2).map(step).collect();
    let inside = exponents.iter().filter(|(d, interval)| interval.contains(4.0 / *d as f64));
    let inside: Vec<String> = inside.map(|(d, _)| d.to_string()).collect();
    let inside = if inside.is_empty() { "no d".to_string() } else { format!("d = {}", inside.join(", ")) };
    format!("{steps}4/d is inside the interval for {inside}.")
}

fn write(path: PathBuf, rows: &[Row]) -> Result<()> {
    let failed =
        |error: csv::Error| Error::Config { what: path.display().to_string(), problem: error.to_string() };
    let mut writer = csv::Writer::from_path(&path).map_err(failed)?;
    writer.write_record(["width", "parameters", "d", "seed", "loss"]).map_err(failed)?;
    for row in rows {
        let sizes = [row.width, row.parameters, row.dimension].map(|size| size.to_string());
        writer
            .write_record(sizes.into_iter().chain([row.seed.to_string(), row.loss.to_string()]))
            .map_err(failed)?;
    }
    writer.flush().map_err(Error::file(&path, "write"))
}

#[cfg(test)]
mod tests {
    use super::{Activation, BatchTargets, Device, Interval, Teacher, train, verdict};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn a_teacher_is_normal_on_samples_that_it_was_not_normalised_on() {
        for dimension in [2, 8] {
            let teacher = Teacher::new(&Device::cpu(), dimension, Activation::Tanh).unwrap();
            let batch = teacher.samples(8192, &mut ChaCha8Rng::seed_from_u64(7)).unwrap();
            assert_eq!(batch.inputs.len(), 8192 * dimension);
            assert!(batch.inputs.iter().all(|x| x.abs() <= 1.0));
            let BatchTargets::Values(values) = batch.targets else { panic!("targets are numbers") };
            let mean = values.iter().sum::<f32>() / 8192.0;
            let variance = values.iter().map(|y| (y - mean).powi(2)).sum::<f32>() / 8192.0;
            // Standard errors are 0.011 and about 0.016.
            assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.07, "{dimension}: {mean}, {variance}");
        }
    }

    #[test]
    fn a_larger_student_comes_closer_to_the_same_teacher() {
        let rows = train(2, Activation::Tanh, 0, &[2, 16], 300).unwrap();
        assert_eq!([rows[0].parameters, rows[1].parameters], [15, 337]);
        assert!(rows[1].loss < rows[0].loss / 2.0, "{} and {}", rows[0].loss, rows[1].loss);
        assert_eq!(
            rows[0].loss.to_bits(),
            train(2, Activation::Tanh, 0, &[2], 300).unwrap()[0].loss.to_bits()
        );
    }

    #[test]
    fn the_verdict_follows_from_the_intervals() {
        let interval = |low, high| Interval { low, high };
        let exponents = [(2, interval(1.5, 2.1)), (4, interval(0.7, 0.9)), (8, interval(0.8, 1.2))];
        let expected = "From d = 2 to 4 the exponent falls. From d = 4 to 8 the intervals overlap. \
            4/d is inside the interval for d = 2.";
        assert_eq!(verdict(&exponents), expected);
        let rising = [(4, interval(0.7, 0.9)), (8, interval(0.91, 1.2))];
        let expected = "From d = 4 to 8 the exponent rises. 4/d is inside the interval for no d.";
        assert_eq!(verdict(&rising), expected);
    }
}
