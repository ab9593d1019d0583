//! `allometry predict`

use super::{Common, print_json};
use allometry::data::table::{category, is_missing};
use allometry::data::{Inputs, Pictures};
use allometry::models::predictor::shortest;
use allometry::models::{Predictions, Predictor};
use allometry::tables::{Table, Value as Cell};
use allometry::units::{digits, plural};
use allometry::{Error, Result, note, print_line};
use clap::Args;
use csv::WriterBuilder;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "\
Example:
  allometry train keras-dense --dataset csv --data flowers.csv --out run
  allometry predict run --data new.csv > predictions.csv
  allometry predict photo-model --data photos > predictions.csv

Prints a CSV line for each row or image: the predicted class and the probability of each class, or the predicted numbers in the unit \
of the training data. The rows need the columns that the model was trained on. If they have targets too, the accuracy or the \
error is printed to standard error.")]
pub struct PredictArgs {
    /// The folder that `allometry train --out` wrote.
    model: PathBuf,
    /// A csv file of rows, for a model of tables. For a model of images: an image, a folder or a zip archive of images.
    #[arg(long, value_name = "FILE|DIR")]
    data: PathBuf,
    #[command(flatten)]
    common: Common,
}

pub fn run(args: &PredictArgs) -> Result<()> {
    let predictor = Predictor::load(&args.model, &args.common.open()?)?;
    match predictor.inputs() {
        Inputs::Table(inputs) => {
            let table = predictor.read_table(&args.data)?;
            let predictions = predictor.predict_table(&table)?;
            inputs.untrained(&table)?.iter().for_each(|found| note!("allometry: {found}"));
            compare(&predictions, &table).iter().for_each(|text| note!("allometry: {text}"));
            print(args, &predictions, None)
        }
        Inputs::Images(_) => {
            let pictures = Pictures::open(&args.data)?;
            let predictions = predictor.predict_pictures(&pictures)?;
            let labels = (0..pictures.len()).map(|image| folder(pictures.name(image)));
            in_class_folders(&predictions, labels).iter().for_each(|text| note!("allometry: {text}"));
            print(args, &predictions, Some(&pictures))
        }
    }
}

/// Prints predictions: a line each, which begins with the name of the image if there are images.
fn print(args: &PredictArgs, predictions: &Predictions, pictures: Option<&Pictures>) -> Result<()> {
    let named = |name: &str| pictures.map(|_| name.to_string()).into_iter();
    let file = |sample| pictures.map(|pictures| pictures.name(sample)).unwrap_or_default();
    if args.common.output.json {
        return (0..predictions.len()).try_for_each(|sample| {
            let mut object = object(predictions, sample);
            named(file(sample)).for_each(|name| object["file"] = json!(name));
            print_json(&object)
        });
    }
    print_row(named("file").chain(header(predictions)))?;
    (0..predictions.len())
        .try_for_each(|sample| print_row(named(file(sample)).chain(cells(predictions, sample))))
}

/// The name of the folder of a file; empty if it has none.
fn folder(name: &str) -> &str {
    name.rsplit('/').nth(1).unwrap_or_default()
}

/// How many images lie in the folder of the predicted class, as text, if all lie in the folder of a class.
fn in_class_folders<'a>(
    predictions: &Predictions,
    mut folders: impl Iterator<Item = &'a str> + Clone,
) -> Option<String> {
    let Predictions::Classes { classes, .. } = predictions else { return None };
    let right =
        folders.clone().enumerate().filter(|(image, folder)| predictions.text(*image) == *folder).count();
    let count = predictions.len();
    let share = 100.0 * right as f64 / count as f64;
    folders
        .all(|folder| classes.iter().any(|class| class == folder))
        .then(|| format!("{right} of {count} images lie in the folder of the predicted class ({share:.2} %)"))
}

/// How predictions differ from the targets in the table, as text; empty if it has no targets.
fn compare(predictions: &Predictions, table: &Table) -> Vec<String> {
    let column = |name: &str| table.column(name).ok();
    match predictions {
        Predictions::Classes { name, .. } => {
            let Some(column) = column(name) else { return Vec::new() };
            let rows = (0..table.len()).filter(|&row| !is_missing(table.cell(row, column)));
            let (count, right) = rows.fold((0, 0), |(count, right), row| {
                (count + 1, right + usize::from(predictions.text(row) == category(table.cell(row, column))))
            });
            let share = 100.0 * right as f64 / count as f64;
            if count == 0 {
                Vec::new()
            } else {
                vec![format!(
                    "the predicted class is right in {right} of {} ({share:.2} %)",
                    plural(count, "row")
                )]
            }
        }
        Predictions::Values { names, values } => {
            let error = |(output, name): (usize, &String)| {
                let targets = table.numbers(column(name)?).ok()?;
                let pairs = targets.iter().zip(values[output..].iter().step_by(names.len()));
                let pairs: Vec<(f64, f64)> = pairs
                    .filter_map(|(target, &value)| match target {
                        Cell::Number(target) => Some((*target, value)),
                        _ => None,
                    })
                    .collect();
                let count = pairs.len() as f64;
                let mean = pairs.iter().map(|(target, _)| target).sum::<f64>() / count;
                let residual: f64 = pairs.iter().map(|(target, value)| (target - value).powi(2)).sum();
                let total: f64 = pairs.iter().map(|(target, _)| (target - mean).powi(2)).sum();
                let error = digits((residual / count).sqrt());
                let explained = explained(pairs.len(), residual, total);
                let explained =
                    explained.map_or_else(String::new, |explained| format!(", R² {explained:.3}"));
                let rows = plural(pairs.len(), "row");
                let text = format!("{name}: root mean squared error {error} over {rows}{explained}");
                (!pairs.is_empty()).then_some(text)
            };
            names.iter().enumerate().filter_map(error).collect()
        }
    }
}

/// R², the share of the targets' variance that is explained, from sums of squares. As in scikit-learn, a single row has
/// none, and that of constant targets is 1 if all are right, else 0.
fn explained(rows: usize, residual: f64, total: f64) -> Option<f64> {
    match (rows, total > 0.0) {
        (0 | 1, _) => None,
        (_, true) => Some(1.0 - residual / total),
        (_, false) => Some(if residual == 0.0 { 1.0 } else { 0.0 }),
    }
}

/// Names of the columns.
fn header(predictions: &Predictions) -> Vec<String> {
    match predictions {
        Predictions::Classes { name, classes, .. } => {
            [name.clone()].into_iter().chain(classes.iter().map(|class| format!("{name}={class}"))).collect()
        }
        Predictions::Values { names, .. } => names.clone(),
    }
}

fn cells(predictions: &Predictions, sample: usize) -> Vec<String> {
    let numbers = numbers(predictions, sample).into_iter().map(|number| number.to_string());
    match predictions {
        Predictions::Classes { .. } => [predictions.text(sample)].into_iter().chain(numbers).collect(),
        Predictions::Values { .. } => numbers.collect(),
    }
}

/// A sample's probabilities or values.
fn numbers(predictions: &Predictions, sample: usize) -> Vec<f64> {
    match predictions {
        Predictions::Classes { classes, probabilities, .. } => {
            probabilities[sample * classes.len()..][..classes.len()].iter().copied().map(shortest).collect()
        }
        Predictions::Values { names, values } => values[sample * names.len()..][..names.len()].to_vec(),
    }
}

fn object(predictions: &Predictions, sample: usize) -> Value {
    let named = |names: &[String]| -> Map<String, Value> {
        names
            .iter()
            .cloned()
            .zip(numbers(predictions, sample).into_iter().map(|number| json!(number)))
            .collect()
    };
    match predictions {
        Predictions::Classes { classes, .. } => {
            json!({ "class": predictions.text(sample), "probabilities": named(classes) })
        }
        Predictions::Values { names, .. } => Value::Object(named(names)),
    }
}

fn print_row(cells: impl Iterator<Item = String>) -> Result<()> {
    let failed = |problem: String| Error::Config { what: "predictions".to_string(), problem };
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(cells).map_err(|error| failed(error.to_string()))?;
    let row = writer.into_inner().map_err(|error| failed(error.to_string()))?;
    print_line!("{}", String::from_utf8_lossy(&row).trim_end_matches('\n'))
}
