//! Tables for regression and classification: a [table](super::table) in a CSV file, one sample per row.
//!
//! Numbers are standardised: each column minus its mean, divided by its deviation, both over the training rows. Other
//! columns hold names of categories, and become one feature per category. Targets are numbers, which stay unchanged
//! unless [`TableOptions::scale_targets`](super::TableOptions::scale_targets) is set, or names of classes.

use super::dataset::{Dataset, Splits, Target, Targets};
use super::inputs::Inputs;
use super::options::{DataOptions, SPLIT_SEED};
use super::source::DataSource;
use super::table::{
    Cells, Kind, Missing, Source, TableInputs, TableTarget, Task, categorical_help, check_categories,
    classes, features, file, ignoring, input_column, missing_value, places, target_column, targets,
};
use crate::error::{Error, Result, listed, shown};
use crate::tables::Table;
use crate::units::plural;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

/// Tables in CSV files.
pub(super) const SOURCE: DataSource = DataSource { names: &["csv"], open, files };

/// The training or validation rows of a table.
struct TableRows {
    /// `[rows, features]`.
    features: Vec<f32>,
    answers: Answers,
    /// `[features]`.
    shape: [usize; 1],
    inputs: Arc<TableInputs>,
}

/// The targets of some rows.
enum Answers {
    /// `[rows]`, and the number of classes.
    Classes(Vec<u32>, usize),
    /// `[rows, numbers per row]`, and the numbers per row.
    Values(Vec<f32>, usize),
}

/// The largest sum of squares of all targets. Sums of squares, and the squares of gradients that Adam keeps, are f32,
/// and a gradient may be a hundred times its target.
const MOST_SQUARES: f64 = f32::MAX as f64 / 1e4;

/// The options' file, or the only `.csv` file in their directory, and the validation file.
fn files(options: &DataOptions) -> Result<Vec<PathBuf>> {
    let first = file(options.directory()?)?;
    Ok([Some(first), options.table.validation.clone()].into_iter().flatten().collect())
}

fn open(options: &DataOptions) -> Result<Splits> {
    if options.resolution.is_some() {
        let problem = "a table has no resolution; leave it out, or use a set of images";
        return Err(Error::Config { what: "dataset csv".into(), problem: problem.into() });
    }
    let fraction = options.validation_fraction;
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(Error::argument("data", "validation_fraction", fraction, "between 0 and 1"));
    }
    let source = Source::read(&file(options.directory()?)?, &options.table)?;
    let columns = Columns::read(&source, options)?;
    let rows = columns.rows(&source, options.table.missing)?;
    let (all, validation) = halves(&source, rows.clone(), options, || columns.lacking(source.len()))?;
    let train = &all[..all.len().min(options.samples.unwrap_or(usize::MAX))];
    let (answers, target) = columns.answers(&source, options, &rows, &all, [train, &validation])?;
    let inputs = TableInputs {
        missing: options.table.missing,
        delimiter: options.table.delimiter,
        decimal: options.table.decimal,
        header: options.table.header,
        target,
        columns: (columns.features.iter())
            .map(|(name, cells)| input_column(name, cells, train, &rows))
            .collect(),
    };
    let inputs = Arc::new(inputs);
    let width = inputs.features();
    if width == 0 {
        let expected = "a column with values beside the targets";
        return Err(Error::format(source.first().path(), expected, "only missing values"));
    }
    let half = |rows: &[usize], answers| {
        let mut features = vec![0.0; rows.len() * width];
        let mut first = 0;
        for (column, (_, cells)) in inputs.columns.iter().zip(&columns.features) {
            column.write(cells, rows.iter().copied(), width, &mut features[first..]);
            first += column.features();
        }
        TableRows { features, answers, shape: [width], inputs: inputs.clone() }
    };
    let [first, second] = answers;
    Ok(Splits { train: Arc::new(half(train, first)), validation: Arc::new(half(&validation, second)) })
}

/// The columns of a table, with their names.
struct Columns<'t> {
    features: Vec<(String, Cells<'t>)>,
    targets: Vec<(String, Cells<'t>)>,
    /// Where the columns are in the table: features, then targets.
    places: Vec<usize>,
}

impl<'t> Columns<'t> {
    fn read(source: &'t Source, options: &DataOptions) -> Result<Columns<'t>> {
        let table = source.first();
        check_names(table)?;
        let wanted = targets(table, options)?;
        let others = features(table, &wanted, options)?;
        let categorical = places(table, &options.table.categorical)?;
        others.iter().chain(&wanted).try_for_each(|&place| check_single(table, place))?;
        let task = options.table.task;
        if task == Task::Classification && wanted.len() > 1 {
            let names: Vec<&String> = wanted.iter().map(|&place| &table.names()[place]).collect();
            let problem = format!("classification has one target column; given are {}", listed(&names));
            return Err(Error::Config { what: "dataset csv".into(), problem });
        }
        let read = |place: usize, kind: Kind, help: &str| {
            let column = source.column(place)?;
            let cells = Cells::read(source, &column, kind, help)?;
            Ok((column.name, cells))
        };
        let feature = |&place: &usize| {
            let name = &table.names()[place];
            if categorical.contains(&place) {
                return read(place, Kind::Names, "");
            }
            let (name, cells) = read(place, Kind::Detect, &categorical_help(name))?;
            if let Cells::Names(names) = &cells {
                check_categories(source, &source.column(place)?, names)?;
            }
            Ok((name, cells))
        };
        let target = |&place: &usize| match task {
            Task::Classification => read(place, Kind::Names, ""),
            Task::Regression => read(place, Kind::Numbers, "--task classification reads targets as classes"),
        };
        Ok(Columns {
            features: others.iter().map(feature).collect::<Result<_>>()?,
            targets: wanted.iter().map(target).collect::<Result<_>>()?,
            places: others.into_iter().chain(wanted).collect(),
        })
    }

    /// The rows to use, in their order.
    fn rows(&self, source: &Source, missing: Missing) -> Result<Vec<usize>> {
        let has =
            |cells: &[(String, Cells)], row: usize| cells.iter().any(|(_, cells)| cells.is_missing(row));
        if missing == Missing::Refuse {
            let columns = self.features.iter().chain(&self.targets).zip(&self.places);
            for ((_, cells), &place) in columns {
                if let Some(row) = (0..source.len()).find(|&row| cells.is_missing(row)) {
                    return Err(missing_value(source, row, &source.column(place)?));
                }
            }
        }
        let complete = |row: &usize| {
            !has(&self.targets, *row) && (missing != Missing::Drop || !has(&self.features, *row))
        };
        Ok((0..source.len()).filter(complete).collect())
    }

    /// The columns that lack most values, as text; empty if none lacks one.
    fn lacking(&self, rows: usize) -> String {
        /// The most columns that are named.
        const NAMED: usize = 5;
        let columns = self.features.iter().chain(&self.targets);
        let lacks = |cells: &Cells| (0..rows).filter(|&row| cells.is_missing(row)).count();
        let mut lacking: Vec<(usize, &str)> = columns
            .map(|(name, cells)| (lacks(cells), name.as_str()))
            .filter(|(count, _)| *count > 0)
            .collect();
        if lacking.is_empty() {
            return String::new();
        }
        lacking.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        let named = lacking.iter().take(NAMED);
        let named: Vec<String> =
            named.map(|(count, name)| format!("{} in {}", shown(name), plural(*count, "row"))).collect();
        let more = if lacking.len() > NAMED { ", …" } else { "" };
        format!(" of {rows} (without a value: {}{more})", named.join(", "))
    }

    /// The targets of training and validation rows, and what they are. Targets are scaled by `all` the training rows that
    /// there are: losses of trainings on different numbers of samples must have the same unit.
    fn answers(
        &self,
        source: &Source,
        options: &DataOptions,
        rows: &[usize],
        all: &[usize],
        halves: [&[usize]; 2],
    ) -> Result<([Answers; 2], TableTarget)> {
        if let ([(name, Cells::Names(names))], Some(&place)) = (&self.targets[..], self.places.last()) {
            let classes = classes(source, &source.column(place)?, names, rows)?;
            let labels: HashMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
            let answers = halves.map(|rows| {
                let label = |&row: &usize| names[row].map(|name| labels[name]);
                Answers::Classes(rows.iter().filter_map(label).collect(), classes.len())
            });
            return Ok((answers, TableTarget::Classes { name: name.clone(), classes }));
        }
        let outputs = self.targets.len();
        let mut answers = halves.map(|rows| vec![0.0; rows.len() * outputs]);
        let (mut columns, mut squares) = (Vec::new(), 0.0);
        for (place, (name, cells)) in self.targets.iter().enumerate() {
            let Cells::Numbers(values) = cells else {
                unreachable!("targets of regression are read as numbers")
            };
            let column = target_column(name, values, all, options.table.scale_targets);
            let scaled = |row: usize| (values[row] - column.mean) / column.deviation;
            squares += rows.iter().map(|&row| scaled(row).powi(2)).sum::<f64>();
            if squares > MOST_SQUARES {
                return Err(too_large(source.first(), name, rows.iter().map(|&row| values[row])));
            }
            for (answers, rows) in answers.iter_mut().zip(halves) {
                let slots = answers[place..].iter_mut().step_by(outputs);
                slots.zip(rows).for_each(|(slot, &row)| *slot = scaled(row) as f32);
            }
            columns.push(column);
        }
        Ok((answers.map(|values| Answers::Values(values, outputs)), TableTarget::Values { columns }))
    }
}

/// Splits rows into training and validation rows, the training rows in an order that the seed draws.
fn halves(
    source: &Source,
    mut rows: Vec<usize>,
    options: &DataOptions,
    lacking: impl Fn() -> String,
) -> Result<(Vec<usize>, Vec<usize>)> {
    let table = source.first();
    let shuffled = |mut rows: Vec<usize>, seed: u64| {
        rows.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        rows
    };
    Ok(if options.table.validation.is_some() {
        let validation = rows.split_off(rows.partition_point(|&row| row < table.len()));
        if rows.is_empty() || validation.is_empty() {
            let found = format!("{} and {}{}", rows.len(), validation.len(), lacking());
            return Err(Error::format(
                table.path(),
                "at least 1 row for training and 1 for validation",
                found,
            ));
        }
        (shuffled(rows, options.seed), validation)
    } else {
        let count = rows.len();
        if count < 2 {
            let left = match options.table.missing {
                _ if table.len() == count => "",
                Missing::Mean => " that have a target",
                _ => " that have all values (--ignore leaves a column out, --missing mean fills in means)",
            };
            let below = if table.has_header() { " below the header" } else { "" };
            return Err(Error::format(
                table.path(),
                format!("at least 2 rows{below}{left}"),
                if table.is_empty() { "none".to_string() } else { format!("{count}{}", lacking()) },
            ));
        }
        let held_out = ((count as f64 * options.validation_fraction).round() as usize).clamp(1, count - 1);
        let mut validation = shuffled(rows.clone(), SPLIT_SEED);
        validation.truncate(held_out);
        let is_held_out: HashSet<usize> = validation.iter().copied().collect();
        let mut train = shuffled(rows, options.seed);
        train.retain(|row| !is_held_out.contains(row));
        (train, validation)
    })
}

/// Refuses a column whose name others have too: predictions find columns by their names.
fn check_single(table: &Table, place: usize) -> Result<()> {
    let name = &table.names()[place];
    let count = table.names().iter().filter(|other| *other == name).count();
    if count == 1 {
        return Ok(());
    }
    let expected = format!(
        "one column {} (rename the others in the file, or leave all of them out with {})",
        shown(name),
        ignoring(name)
    );
    Err(Error::format(table.path(), expected, format!("{count} of that name")))
}

/// Refuses a table without names where they are expected.
fn check_names(table: &Table) -> Result<()> {
    let names = table.names();
    let are_numbers = names.iter().all(|name| name.parse::<f64>().is_ok_and(f64::is_finite));
    if are_numbers && table.has_header() {
        let expected = "a header of column names in the first line (--no-header if it is a row)";
        return Err(Error::format(table.path(), expected, format!("numbers: {}", listed(names))));
    }
    Ok(())
}

fn too_large(table: &Table, name: &str, values: impl Iterator<Item = f64>) -> Error {
    let largest = values.fold(0.0f64, |largest, value| largest.max(value.abs()));
    let power = 10f64.powf(largest.log10().floor());
    let name = shown(name);
    let found = format!("targets up to {largest:e} in column {name} (scale them down: divide by {power:e})");
    Error::format(table.path(), "targets whose squares can be summed in 32 bits", found)
}

impl Dataset for TableRows {
    fn name(&self) -> &str {
        "csv"
    }

    fn len(&self) -> usize {
        match &self.answers {
            Answers::Classes(labels, _) => labels.len(),
            Answers::Values(values, outputs) => values.len() / outputs,
        }
    }

    fn sample_shape(&self) -> &[usize] {
        &self.shape
    }

    fn targets(&self) -> Targets {
        match self.answers {
            Answers::Classes(_, classes) => Targets::Classes(classes),
            Answers::Values(_, outputs) => Targets::Values(outputs),
        }
    }

    fn inputs(&self) -> Option<Inputs> {
        Some(Inputs::Table(TableInputs::clone(&self.inputs)))
    }

    fn write(&self, _epoch: u64, index: usize, input: &mut [f32], target: Target<'_>) -> Result<()> {
        self.check(index, input)?;
        input.copy_from_slice(&self.features[index * input.len()..][..input.len()]);
        match &self.answers {
            Answers::Classes(labels, _) => target.class(labels[index]),
            Answers::Values(values, outputs) => target.values(&values[index * outputs..][..*outputs]),
        }
    }
}
