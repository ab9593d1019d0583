//! Every reader of files, as a function of a file's bytes, for `tests/fuzz_seeds.rs` and for the fuzz targets in `fuzz/`.
//!
//! A function writes the bytes to a file, reads it, and uses what was read as a command would. It returns whether the
//! file was accepted. It panics if a refusal does not name the file. [`Guard`] ends the process if a reader allocates far
//! more than a small file can need.

use allometry::data::table::TableOptions;
use allometry::data::{self, DataOptions, Splits, idx};
use allometry::laws::{self, Columns, benchmark};
use allometry::models::{Architecture, Cost, Predictor, exchange::torchvision};
use allometry::nn::{Activation, BatchNorm, Dense, Model, Module, Sequential, weights};
use allometry::planner::Training;
use allometry::sweep::{Plan, Store, compound};
use allometry::tables::{Decimal, Format};
use allometry::train::{Checkpoints, Every, TrainConfig, fit_resumable};
use allometry::{Device, Error, Result, report};
use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A reader: its name, which is that of its fuzz target and of its folder in `tests/fixtures/fuzz`, and its function.
pub type Reader = (&'static str, fn(&Path, &[u8]) -> bool);

/// Every reader.
pub const READERS: &[Reader] = &[
    ("architecture", architecture),
    ("archive", archive),
    ("checkpoint", checkpoint),
    ("cifar100", cifar100),
    ("compound", compound),
    ("config", config),
    ("csv", csv),
    ("idx", idx),
    ("image", image),
    ("mnist", mnist),
    ("omniglot", omniglot),
    ("plan", plan),
    ("prediction", prediction),
    ("predictor", predictor),
    ("records", records),
    ("table", table),
    ("task", task),
    ("torchvision", torchvision),
    ("training", training),
    ("weights", weights),
];

/// Runs a reader on the bytes of a file, in a folder of this process. Returns whether the file was accepted.
pub fn run(name: &str, bytes: &[u8]) -> bool {
    static PLACE: OnceLock<TempDir> = OnceLock::new();
    let place = PLACE.get_or_init(|| TempDir::new().expect("a temporary folder can be made"));
    let (name, read) = READERS.iter().find(|(known, _)| *known == name).expect("the reader is listed");
    let folder = place.path().join(name);
    fs::create_dir_all(&folder).expect("the folder can be made");
    read(&folder, bytes)
}

/// The allocator of a process that tests readers: it ends the process at a request that no small file justifies.
pub struct Guard;

/// The most bytes of one allocation: those of the largest image that is decoded.
const MOST: usize = 1 << 30;

// SAFETY: every call is passed on to the system's allocator unchanged, or ends the process.
unsafe impl GlobalAlloc for Guard {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        refuse(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        refuse(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        refuse(size);
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn refuse(size: usize) {
    if size > MOST {
        // Aborts, and shows the stack in a debugger. A panic may allocate, which an allocator must not.
        std::process::abort();
    }
}

/// Writes a file, and returns its path.
fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).expect("the file can be written");
    path
}

/// Whether the file was accepted. A refusal has to name it, in a text that fits a screen.
fn accepted<T>(result: Result<T>, path: &Path) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains(&*path.to_string_lossy()), "{text:?} does not name {}", path.display());
            assert!(text.len() < 4000, "{} bytes of text: {text}", text.len());
            None
        }
    }
}

/// The parts of an input that stands for several files. The first bytes are their lengths but for the last's.
fn parts<const N: usize>(bytes: &[u8]) -> [&[u8]; N] {
    let (lengths, mut rest) = bytes.split_at(bytes.len().min(2 * (N - 1)));
    let mut lengths = lengths.chunks_exact(2).map(|pair| usize::from(u16::from_le_bytes([pair[0], pair[1]])));
    std::array::from_fn(|part| {
        let length = if part + 1 == N { rest.len() } else { lengths.next().unwrap_or(0).min(rest.len()) };
        let (first, others) = rest.split_at(length);
        rest = others;
        first
    })
}

/// Reads samples of both splits, as a loader does.
fn sampled(splits: &Splits) {
    for set in [&splits.train, &splits.validation] {
        let count = set.len();
        for index in [0, count.saturating_sub(1)].into_iter().filter(|&index| index < count) {
            data::Batch::gather(set.as_ref(), 0, &[index]).expect("a sample can be read");
        }
    }
}

/// Opens a set; `place` is what an error has to name.
fn opened(options: &DataOptions, place: &Path) -> Option<Splits> {
    let splits = accepted(data::open(options), place)?;
    sampled(&splits);
    Some(splits)
}

fn options(dataset: &str, place: &Path) -> DataOptions {
    DataOptions { dataset: dataset.into(), directory: Some(place.into()), ..DataOptions::default() }
}

fn idx(folder: &Path, bytes: &[u8]) -> bool {
    let path = file(folder, "images-idx3-ubyte", bytes);
    // Labels and images.
    [1, 3].map(|rank| accepted(idx::read(&path, rank), &path).is_some()).contains(&true)
}

fn mnist(folder: &Path, bytes: &[u8]) -> bool {
    let names = [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ];
    for (name, part) in names.into_iter().zip(parts::<4>(bytes)) {
        file(folder, name, part);
    }
    opened(&options("mnist", folder), folder).is_some()
}

fn cifar100(folder: &Path, bytes: &[u8]) -> bool {
    let names = ["train.bin", "test.bin", "fine_label_names.txt"];
    for (name, part) in names.into_iter().zip(parts::<3>(bytes)) {
        file(folder, name, part);
    }
    opened(&options("cifar100", folder), folder).is_some()
}

/// A folder of two images, one for training and one for validation.
fn image(folder: &Path, bytes: &[u8]) -> bool {
    let place = folder.join("images");
    for split in ["train", "val"] {
        let class = place.join(split).join("a");
        fs::create_dir_all(&class).expect("the folder can be made");
        file(&class, "image.jpg", if split == "train" { bytes } else { IMAGE });
    }
    opened(&DataOptions { resolution: Some(3), ..options("folder", &place) }, &place).is_some()
}

/// An image that is read.
const IMAGE: &[u8] = include_bytes!("../fixtures/images/grey.png");

fn archive(folder: &Path, bytes: &[u8]) -> bool {
    let path = file(folder, "images.zip", bytes);
    opened(&DataOptions { resolution: Some(3), ..options("folder", &path) }, &path).is_some()
}

fn omniglot(folder: &Path, bytes: &[u8]) -> bool {
    file(folder, "images_background_small1.zip", bytes);
    opened(&options("omniglot", folder), folder).is_some()
}

/// A table with the options that a plan has in TOML.
fn csv(folder: &Path, bytes: &[u8]) -> bool {
    let [toml, rows] = parts::<2>(bytes);
    let path = file(folder, "table.csv", rows);
    let Ok(table) = toml::from_str::<TableOptions>(&String::from_utf8_lossy(toml)) else { return false };
    // Other files are no input of this reader.
    let table = TableOptions { validation: None, ..table };
    match data::open(&DataOptions { table, ..options("csv", &path) }) {
        // Options that suit no table.
        Err(Error::Argument { .. }) => false,
        result => accepted(result, &path).inspect(sampled).is_some(),
    }
}

fn table(folder: &Path, bytes: &[u8]) -> bool {
    let path = file(folder, "runs.csv", bytes);
    let format = match bytes.len() % 4 {
        0 => Format { delimiter: Some(b';'), decimal: Some(Decimal::Comma), ..Format::default() },
        _ => Format::default(),
    };
    let columns =
        Columns { x: "x".into(), x2: Some("n".into()), y: "y".into(), format, ..Columns::default() };
    let grouped = accepted(laws::read_groups(&path, &columns, "g"), &path);
    for (_, group) in grouped.into_iter().flatten() {
        accepted(group, &path);
    }
    let single = Columns { x2: None, skip_missing: true, conditions: vec!["g=1".into()], ..columns };
    accepted(laws::read(&path, &single), &path).is_some()
}

fn task(folder: &Path, bytes: &[u8]) -> bool {
    let path = file(folder, "task.jsonl", bytes);
    let Some(task) = accepted(benchmark::Task::read(&path), &path) else { return false };
    for measure in [benchmark::Measure::Loss, benchmark::Measure::Seconds] {
        task.split(measure);
    }
    true
}

/// A small model with parameters and buffers.
fn model() -> Model {
    let layers = Sequential::new()
        .add(Dense::new(3).activation(Activation::Relu))
        .add(BatchNorm::new())
        .add(Dense::new(1));
    layers.build(&Device::cpu(), &[2], 0).expect("the model can be built")
}

fn weights(folder: &Path, bytes: &[u8]) -> bool {
    let path = file(folder, "weights.safetensors", bytes);
    accepted(weights::read(&path, |_| true), &path);
    let options = weights::LoadOptions::new().prefix("model.").partial();
    accepted(model().load_with(&path, &options), &path);
    accepted(model().load(&path), &path).is_some()
}

fn torchvision(folder: &Path, bytes: &[u8]) -> bool {
    let path = file(folder, "pretrained.safetensors", bytes);
    accepted(torchvision::import(&path, "mobilenet-v2"), &path).is_some()
}

fn checkpoint(folder: &Path, bytes: &[u8]) -> bool {
    static SPLITS: OnceLock<Splits> = OnceLock::new();
    let splits = SPLITS.get_or_init(|| {
        let rows: String = (0..10).map(|row| format!("{row},{},{}\n", row % 3, row % 2)).collect();
        let table = file(folder, "table.csv", format!("a,b,c\n{rows}").as_bytes());
        opened(&options("csv", &table), &table).expect("the table is valid")
    });
    let config = checkpoint_config();
    let path = file(folder, "checkpoint.safetensors", bytes);
    let checkpoints = Checkpoints::new(path.clone(), Every::Never, "a training".into());
    match fit_resumable(&model(), splits, &config, &checkpoints, &mut ()) {
        // What a damaged file holds can be numbers that no training has.
        Err(Error::Diverged { .. }) => true,
        result => accepted(result, &path).is_some(),
    }
}

/// The training of the checkpoints: four steps, with all that a checkpoint can hold.
fn checkpoint_config() -> TrainConfig {
    TrainConfig {
        epochs: 2,
        batch: 4,
        average: Some(0.9),
        early_stopping: Some(2),
        precision: allometry::nn::Precision::Mixed,
        ..TrainConfig::default()
    }
}

fn architecture(folder: &Path, bytes: &[u8]) -> bool {
    let path = file(folder, "model.toml", bytes);
    let name = path.to_str().expect("temporary folders have names in UTF-8");
    let Some(found) = accepted(Architecture::load(name), &path) else { return false };
    let text = found.to_toml().expect("a model that was read can be written");
    assert_eq!(Architecture::from_toml(&text).expect("a model that was written can be read"), found);
    let _ = Cost::of(&found);
    true
}

fn config(folder: &Path, bytes: &[u8]) -> bool {
    let path = file(folder, "config.toml", bytes);
    let Some(found) = accepted(TrainConfig::load(&path), &path) else { return false };
    let text = found.to_toml().expect("a configuration that was read can be written");
    assert_eq!(TrainConfig::from_toml(&text).expect("a configuration that was written can be read"), found);
    true
}

fn training(folder: &Path, bytes: &[u8]) -> bool {
    let path = file(folder, "training.toml", bytes);
    let name = path.to_str().expect("temporary folders have names in UTF-8");
    let Some(Some(found)) = accepted(Training::find(name), &path) else { return false };
    let text = found.to_toml().expect("a training that was read can be written");
    // Numbers that are not a number differ from themselves.
    let again = Training::from_toml(&text).expect("a training that was written can be read");
    assert_eq!(format!("{again:?}"), format!("{found:?}"));
    true
}

fn plan(folder: &Path, bytes: &[u8]) -> bool {
    let path = file(folder, "plan.toml", bytes);
    let Some((found, _)) = accepted(Store::load(folder), &path) else { return false };
    found.variants().expect("a plan that was read has runs");
    let text = found.to_toml().expect("a plan that was read can be written");
    Plan::from_toml(&text).expect("a plan that was written can be read");
    true
}

/// The plan of the sweep that the records are in.
const PLAN: &str = include_str!("../fixtures/fuzz/plan/valid-sweep");

fn records(folder: &Path, bytes: &[u8]) -> bool {
    file(folder, "plan.toml", PLAN.as_bytes());
    let path = file(folder, "runs.jsonl", bytes);
    let Some((plan, records)) = accepted(Store::load(folder), &path) else { return false };
    report::table(&records);
    let store = Store::open(folder, &plan).expect("a log that was read can be opened");
    assert_eq!(store.records().len(), records.len());
    true
}

fn prediction(folder: &Path, bytes: &[u8]) -> bool {
    let (path, answer) = (file(folder, "prediction.json", bytes), file(folder, "answer.json", bytes));
    let predicted = accepted(Store::load_prediction(folder, 1), &path).is_some();
    accepted(report::Answer::load(folder), &answer).is_some() | predicted
}

fn compound(folder: &Path, bytes: &[u8]) -> bool {
    let path = file(folder, "compound.toml", bytes);
    let Some(found) = accepted(compound::Answer::load(&path), &path) else { return false };
    found.sentences();
    true
}

/// A saved model that reads two numbers and a category, with what its `inputs.toml` says, on a table of rows.
fn predictor(folder: &Path, bytes: &[u8]) -> bool {
    static SAVED: OnceLock<()> = OnceLock::new();
    let device = Device::cpu();
    SAVED.get_or_init(|| {
        let text = "name = \"rows\"\ninput = { features = 4 }\noutput = { classes = 2 }\nstages = []\n";
        file(folder, "model.toml", text.as_bytes());
        let architecture = Architecture::from_toml(text).expect("the model is valid");
        let model = architecture.build(&TrainConfig::default(), &device).expect("the model can be built");
        model
            .save(&folder.join("weights.safetensors"), Default::default())
            .expect("the weights can be saved");
    });
    let [inputs, rows] = parts::<2>(bytes);
    let (path, rows) = (file(folder, "inputs.toml", inputs), file(folder, "rows.csv", rows));
    let Some(predictor) = accepted(Predictor::load(folder, &device), &path) else { return false };
    let Some(samples) = accepted(predictor.read_table(&rows), &rows) else { return false };
    let Some(predictions) = accepted(predictor.predict_table(&samples), &rows) else { return false };
    (0..predictions.len()).for_each(|row| drop(predictions.text(row)));
    true
}
