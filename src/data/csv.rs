//! Tables of numbers for regression: a [table](crate::tables) with a header, one sample per row.
//!
//! Features are standardised: each column minus its mean, divided by its deviation, both over the training rows.
//! Targets stay unchanged.

use super::dataset::{Dataset, Splits, Target, Targets};
use super::inputs::{InputColumn, Inputs, TableInputs, TableTarget};
use super::options::DataOptions;
use super::source::DataSource;
use crate::error::{Error, Result, listed, shown};
use crate::rounding::ROUNDING;
use crate::tables::{Format, Table, Value};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Tables of numbers in CSV files.
pub(super) const SOURCE: DataSource =
    DataSource { names: &["csv"], open, files: |options| Ok(vec![file(options.directory()?)?]) };

/// The training or validation rows of a table.
struct TableRows {
    /// `[rows, features]`, standardised.
    features: Vec<f32>,
    /// `[rows, targets]`.
    targets: Vec<f32>,
    /// `[features]`.
    shape: [usize; 1],
    /// Targets per row.
    outputs: usize,
    inputs: Arc<TableInputs>,
}

/// The largest sum of squares of all targets. Sums of squares, and the squares of gradients that Adam keeps, are f32,
/// and a gradient may be a hundred times its target.
const MOST_SQUARES: f64 = f32::MAX as f64 / 1e4;

/// Reads the options' file, or the only `.csv` file in their directory.
fn open(options: &DataOptions) -> Result<Splits> {
    if options.resolution.is_some() {
        let problem = "a table has no resolution; leave it out, or use a set of images";
        return Err(Error::Config { what: "dataset csv".into(), problem: problem.into() });
    }
    let fraction = options.validation_fraction;
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(Error::argument("data", "validation_fraction", fraction, "between 0 and 1"));
    }
    let table = Table::read(&file(options.directory()?)?, &Format::default())?;
    let (features, targets) = columns(&table, &options.target_columns)?;

    let count = table.len();
    if count < 2 {
        return Err(Error::format(table.path(), "at least 2 rows below the header", count.to_string()));
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(options.seed));
    let held_out = ((count as f64 * fraction).round() as usize).clamp(1, count - 1);
    let (validation, train) = order.split_at(held_out);
    let train = &train[..train.len().min(options.samples.unwrap_or(usize::MAX))];

    let mut halves = [train, validation].map(|rows| {
        let features = vec![0.0; rows.len() * features.len()];
        (features, vec![0.0; rows.len() * targets.len()])
    });
    let mut columns = Vec::new();
    for (place, &column) in features.iter().enumerate() {
        let values = numbers(&table, column)?;
        let (mean, deviation) = scale(&values, train);
        columns.push(InputColumn::Number { name: table.names()[column].clone(), mean, deviation });
        // A constant feature carries no information, and becomes 0.
        if deviation == 0.0 {
            continue;
        }
        for ((half, _), rows) in halves.iter_mut().zip([train, validation]) {
            let slots = half[place..].iter_mut().step_by(features.len());
            slots.zip(rows).for_each(|(slot, &row)| *slot = ((values[row] - mean) / deviation) as f32);
        }
    }
    let mut squares = 0.0;
    for (place, &column) in targets.iter().enumerate() {
        let values = numbers(&table, column)?;
        squares += values.iter().map(|value| value * value).sum::<f64>();
        if squares > MOST_SQUARES {
            return Err(too_large(&table, column, &values));
        }
        for ((_, half), rows) in halves.iter_mut().zip([train, validation]) {
            let slots = half[place..].iter_mut().step_by(targets.len());
            slots.zip(rows).for_each(|(slot, &row)| *slot = values[row] as f32);
        }
    }
    let names = targets.iter().map(|&column| table.names()[column].clone()).collect();
    let inputs = Arc::new(TableInputs { columns, target: TableTarget::Values { names } });
    let [train, validation] = halves.map(|(values, answers)| TableRows {
        features: values,
        targets: answers,
        shape: [features.len()],
        outputs: targets.len(),
        inputs: inputs.clone(),
    });
    Ok(Splits { train: Arc::new(train), validation: Arc::new(validation) })
}

/// The names of target columns, from texts that each hold a name or several separated by commas. The file's header
/// tells which commas belong to a name.
///
/// # Errors
/// A file that cannot be read, if a text has a comma.
pub fn target_names(place: &Path, texts: &[String]) -> Result<Vec<String>> {
    if !texts.iter().any(|text| text.contains(',')) {
        return Ok(texts.to_vec());
    }
    let table = Table::read(&file(place)?, &Format::default())?;
    let names = texts.iter().flat_map(|text| {
        let names = split(text, table.names());
        // A text that is no list of columns is split at every comma, so that the error names the missing column.
        names.unwrap_or_else(|| text.split(',').collect())
    });
    Ok(names.map(str::to_string).collect())
}

/// Splits a list of known names at commas. Longer names are tried first.
fn split<'a>(text: &'a str, known: &[String]) -> Option<Vec<&'a str>> {
    let is_known = |name: &str| known.iter().any(|known| known == name);
    if is_known(text.trim()) {
        return Some(vec![text.trim()]);
    }
    text.rmatch_indices(',').find_map(|(comma, _)| {
        let first = text[..comma].trim();
        let others = is_known(first).then(|| split(&text[comma + 1..], known))??;
        Some([&[first], &others[..]].concat())
    })
}

/// The file at a path, or the only `.csv` file in the folder there.
fn file(place: &Path) -> Result<PathBuf> {
    if !place.is_dir() {
        return Ok(place.into());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(place).map_err(Error::file(place, "list"))? {
        let path = entry.map_err(Error::file(place, "list"))?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
            files.push(path);
        }
    }
    match files.len() {
        1 => Ok(files.remove(0)),
        found => Err(Error::Config {
            what: "dataset csv".into(),
            problem: format!("{found} .csv files in {}; name one with --data FILE", place.display()),
        }),
    }
}

/// A column of finite numbers that fit in f32.
fn numbers(table: &Table, column: usize) -> Result<Vec<f64>> {
    let values = table.numbers(column)?.into_iter().enumerate();
    let number = |(row, value)| match value {
        Value::Number(number) if fits(number) => Ok(number),
        _ => Err(Error::format(table.path(), "a number that fits in 32 bits", table.place(row, column))),
    };
    values.map(number).collect()
}

fn fits(value: f64) -> bool {
    value.abs() <= f64::from(f32::MAX)
}

/// The indices of feature columns and of target columns.
fn columns(table: &Table, target_columns: &[String]) -> Result<(Vec<usize>, Vec<usize>)> {
    let names = table.names();
    if names.iter().all(|name| name.parse().is_ok_and(fits)) {
        let found =
            if names.is_empty() { "an empty file".into() } else { format!("numbers: {}", listed(names)) };
        return Err(Error::format(table.path(), "a header of column names in the first line", found));
    }
    let mut targets = target_columns.iter().map(|name| table.column(name)).collect::<Result<Vec<usize>>>()?;
    if targets.is_empty() {
        // There are names, so there is a last one.
        targets.push(names.len() - 1);
    }
    let (targets, features): (Vec<usize>, Vec<usize>) =
        (0..names.len()).partition(|column| targets.contains(column));
    if features.is_empty() {
        return Err(Error::format(table.path(), "at least one column beside the targets", listed(names)));
    }
    Ok((features, targets))
}

/// Mean and deviation of a feature over these rows; the deviation is 0 if it is constant except for rounding.
fn scale(values: &[f64], rows: &[usize]) -> (f64, f64) {
    let values = || rows.iter().map(|&row| values[row]);
    let (low, high) = values()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (value.min(low), value.max(high)));
    let rounding = ROUNDING * low.abs().max(high.abs());
    // The squares of smaller differences would underflow.
    let smallest = f64::MIN_POSITIVE.sqrt();
    let count = rows.len() as f64;
    let mean = values().sum::<f64>() / count;
    if high - low <= rounding.max(smallest) {
        return (mean, 0.0);
    }
    let deviation = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    (mean, deviation)
}

fn too_large(table: &Table, column: usize, values: &[f64]) -> Error {
    let largest = values.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    let power = 10f64.powf(largest.log10().floor());
    let name = shown(&table.names()[column]);
    let found = format!("targets up to {largest:e} in column {name} (scale them down: divide by {power:e})");
    Error::format(table.path(), "targets whose squares can be summed in 32 bits", found)
}

impl Dataset for TableRows {
    fn name(&self) -> &str {
        "csv"
    }

    fn len(&self) -> usize {
        self.features.len() / self.shape[0]
    }

    fn sample_shape(&self) -> &[usize] {
        &self.shape
    }

    fn targets(&self) -> Targets {
        Targets::Values(self.outputs)
    }

    fn inputs(&self) -> Option<Inputs> {
        Some(Inputs::Table(TableInputs::clone(&self.inputs)))
    }

    fn write(&self, _epoch: u64, index: usize, input: &mut [f32], target: Target<'_>) -> Result<()> {
        self.check(index, input)?;
        input.copy_from_slice(&self.features[index * input.len()..][..input.len()]);
        target.values(&self.targets[index * self.outputs..][..self.outputs])
    }
}
