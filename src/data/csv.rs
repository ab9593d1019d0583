//! Tables of numbers for regression: a CSV file with a header, one sample a row.
//!
//! Features are standardised: each column minus its mean, over its deviation, both of the training rows
//! alone. Targets stay as they are.

use super::{DataOptions, Dataset, Splits, Target, Targets, directory};
use crate::error::{Error, Result};
use csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One half of a table's rows.
struct Rows {
    /// `[rows, features]`, standardised.
    features: Vec<f32>,
    /// `[rows, targets]`.
    targets: Vec<f32>,
    /// `[features]`.
    shape: [usize; 1],
    /// Targets per row.
    outputs: usize,
}

/// A table as it stands in the file, split by column.
struct Table {
    /// `[rows][features]`
    features: Vec<Vec<f64>>,
    /// `[rows][targets]`
    targets: Vec<Vec<f64>>,
}

/// Reads the file that the options' directory is, or the only `.csv` file in it.
pub(super) fn open(options: &DataOptions) -> Result<Splits> {
    if options.resolution.is_some() {
        let problem = "a table has no resolution; leave it out, or take a set of images";
        return Err(Error::Config { what: "dataset csv".into(), problem: problem.into() });
    }
    let fraction = options.validation_fraction;
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(Error::argument("data", "validation_fraction", fraction, "between 0 and 1"));
    }
    let path = find(directory(options)?)?;
    let table = read(&path, &options.target_columns)?;

    let count = table.features.len();
    if count < 2 {
        return Err(Error::format(path, "at least 2 rows below the header", count.to_string()));
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(options.seed));
    let held_out = ((count as f64 * fraction).round() as usize).clamp(1, count - 1);
    let (validation, train) = order.split_at(held_out);
    let train = &train[..train.len().min(options.samples.unwrap_or(usize::MAX))];

    let scales = scales(&table.features, train);
    let rows = |indices: &[usize]| Rows {
        features: indices.iter().flat_map(|&row| standardise(&table.features[row], &scales)).collect(),
        targets: indices.iter().flat_map(|&row| &table.targets[row]).map(|&value| value as f32).collect(),
        shape: [scales.len()],
        outputs: table.targets[0].len(),
    };
    Ok(Splits { train: Arc::new(rows(train)), validation: Arc::new(rows(validation)) })
}

fn find(place: &Path) -> Result<PathBuf> {
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

fn read(path: &Path, target_columns: &[String]) -> Result<Table> {
    let file = std::fs::File::open(path).map_err(Error::file(path, "open"))?;
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(file);
    let header = reader.headers().map_err(|error| failure(path, error))?.clone();
    let is_target = columns(path, &header, target_columns)?;

    let mut table = Table { features: Vec::new(), targets: Vec::new() };
    for record in reader.records() {
        let record = record.map_err(|error| failure(path, error))?;
        let row = table.features.len() + 1;
        let (mut features, mut targets) = (Vec::new(), Vec::new());
        for ((cell, name), &is_target) in record.iter().zip(&header).zip(&is_target) {
            let value = number(cell).ok_or_else(|| {
                let found = format!("{cell:?} in row {row} below the header, column {name:?}");
                Error::format(path, "a number that fits in 32 bits", found)
            })?;
            if is_target { targets.push(value) } else { features.push(value) }
        }
        table.features.push(features);
        table.targets.push(targets);
    }
    Ok(table)
}

/// Finite, also as f32. "nan" and "inf" would parse, and spoil every mean.
fn number(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|value: &f64| value.abs() <= f64::from(f32::MAX))
}

/// For each column of the header, whether it is a target.
fn columns(path: &Path, header: &StringRecord, target_columns: &[String]) -> Result<Vec<bool>> {
    let names = header.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    if header.is_empty() || header.iter().all(|name| number(name).is_some()) {
        let found = if header.is_empty() { "an empty file".into() } else { format!("numbers: {names}") };
        return Err(Error::format(path, "a header of column names in the first line", found));
    }
    let mut is_target = vec![false; header.len()];
    for target in target_columns {
        let mut places = header.iter().enumerate().filter(|(_, name)| name == target);
        match (places.next(), places.next()) {
            (Some((column, _)), None) => is_target[column] = true,
            (Some(_), Some(_)) => {
                return Err(Error::format(path, format!("one column {target:?}"), "several of that name"));
            }
            (None, _) => return Err(Error::format(path, format!("a column {target:?}"), names)),
        }
    }
    if target_columns.is_empty() {
        // The header is not empty, so there is a last column.
        is_target[header.len() - 1] = true;
    }
    if is_target.iter().all(|&is| is) {
        return Err(Error::format(path, "at least one column beside the targets", names));
    }
    Ok(is_target)
}

/// What the reader of a table complains about, as an error of this crate.
pub(crate) fn failure(path: &Path, error: csv::Error) -> Error {
    // Records are counted from the header, which is number 0. (The lines that the reader counts are one too
    // few in files with CR LF.)
    let row = error.position().map_or(0, |position| position.record());
    match error.into_kind() {
        ErrorKind::Io(source) => Error::file(path, "read")(source),
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let found = format!("{len} in row {row} below the header");
            Error::format(path, format!("{expected_len} columns, as in the header"), found)
        }
        ErrorKind::Utf8 { .. } => Error::format(path, "text in UTF-8", format!("other bytes in row {row}")),
        other => Error::format(path, "a CSV table", format!("{other:?} in row {row}")),
    }
}

/// Mean and deviation of each feature over these rows. A column that never changes is left with deviation 1
/// and becomes 0.
fn scales(features: &[Vec<f64>], rows: &[usize]) -> Vec<(f64, f64)> {
    let count = rows.len() as f64;
    let scale = |column: usize| {
        let values = || rows.iter().map(|&row| features[row][column]);
        let mean = values().sum::<f64>() / count;
        let deviation = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
        (mean, if deviation > 0.0 { deviation } else { 1.0 })
    };
    (0..features[0].len()).map(scale).collect()
}

fn standardise<'a>(row: &'a [f64], scales: &'a [(f64, f64)]) -> impl Iterator<Item = f32> + 'a {
    row.iter().zip(scales).map(|(value, (mean, deviation))| ((value - mean) / deviation) as f32)
}

impl Dataset for Rows {
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

    fn write(&self, _epoch: u64, index: usize, input: &mut [f32], target: Target<'_>) -> Result<()> {
        self.check(index, input)?;
        input.copy_from_slice(&self.features[index * input.len()..][..input.len()]);
        target.values(&self.targets[index * self.outputs..][..self.outputs])
    }
}
