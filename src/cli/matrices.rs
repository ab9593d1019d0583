//! `allometry bench matrices`

use super::{Common, print_json};
use allometry::arguments::positive;
use allometry::bench::matrices::{MatrixFigure, SHAPES, measure};
use allometry::terminal::Table;
use allometry::{Result, print_line};
use clap::Args;

#[derive(Args)]
#[command(after_help = "\
Example:
  allometry bench matrices --device gpu

Products of f16 with sums in f32. Error is the largest error of an element, divided by its rounding bound: above 1 the
product is wrong. The table is empty for adapters without cooperative matrices.")]
pub struct MatricesArgs {
    /// Seconds per product.
    #[arg(long, default_value_t = 0.5, value_parser = positive)]
    seconds: f64,
    #[command(flatten)]
    common: Common,
}

#[derive(serde::Serialize)]
struct Matrices {
    device: String,
    matrices: Vec<MatrixFigure>,
}

pub fn run(args: &MatricesArgs) -> Result<()> {
    let device = args.common.open()?;
    let matrices = Matrices { device: device.name(), matrices: measure(&device, &SHAPES, args.seconds)? };
    if args.common.output.json {
        return print_json(&matrices);
    }
    if matrices.matrices.is_empty() {
        return print_line!("{} lists no cooperative matrices", matrices.device);
    }
    print_line!("Cooperative matrices of {}", matrices.device)?;
    let mut table =
        Table::new(["Matrices", "Factors", "Sums", "Product", "ms", "GFLOP/s", "Error"]).with_text_columns(4);
    for figure in &matrices.matrices {
        let matrix = figure.matrix;
        let kind = || {
            let extents = format!("{}×{}×{}", matrix.m, matrix.k, matrix.n);
            [extents, matrix.factors.to_string(), matrix.sums.to_string()]
        };
        let row = |cells: [String; 4]| kind().into_iter().chain(cells);
        if figure.products.is_empty() {
            table.add_row(row(["no kernel".to_string(), String::new(), String::new(), String::new()]));
        }
        for product in &figure.products {
            table.add_row(row([
                product.name.clone(),
                format!("{:.3}", product.seconds * 1e3),
                format!("{:.1}", product.gflops_per_second),
                format!("{:.3}{}", product.error, if product.is_right() { "" } else { " (wrong)" }),
            ]));
        }
    }
    print_line!("{table}")
}
