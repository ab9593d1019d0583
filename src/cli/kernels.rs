//! `allometry bench kernels`

use super::{Common, print_json};
use allometry::arguments::positive;
use allometry::bench::{FAMILIES, Figure, Roofline, cases};
use allometry::device::profile::Clock;
use allometry::terminal::Table;
use allometry::units::bytes;
use allometry::{Result, note, print_line};
use clap::Args;
use clap::builder::PossibleValuesParser;

#[derive(Args)]
#[command(after_help = "\
Example:
  allometry bench kernels --family matmul,ladder

Attained is the shortest time that the device's roofline allows, divided by the measured time. More than
105 % is a measurement error: operands stay in a cache, or other work slowed a probe down. Kernels whose
tensors don't fit into memory are skipped, and the command exits with 4.")]
pub struct KernelsArgs {
    /// Families of kernels; by default all.
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(FAMILIES))]
    family: Vec<String>,
    /// Seconds per measurement.
    #[arg(long, default_value_t = 0.5, value_parser = positive)]
    seconds: f64,
    #[command(flatten)]
    common: Common,
}

#[derive(serde::Serialize)]
struct Figures {
    device: String,
    clock: Clock,
    roofline: Roofline,
    kernels: Vec<Figure>,
}

pub fn run(args: &KernelsArgs) -> Result<()> {
    let device = args.common.open()?;
    let roofline = Roofline::measure(&device, args.seconds)?;
    let mut kernels = Vec::new();
    let chosen: Vec<&str> = FAMILIES
        .iter()
        .copied()
        .filter(|name| args.family.is_empty() || args.family.iter().any(|f| f == name))
        .collect();
    // A family that does not fit into memory is skipped; the others are measured.
    let mut out_of_memory = Ok(());
    for family in chosen {
        let measured = cases(&device, family).and_then(|cases| {
            for mut case in cases {
                kernels.push(Figure::measure(&device, &roofline, &mut case, args.seconds)?);
            }
            Ok(())
        });
        match measured {
            Ok(()) => {}
            Err(error) if error.is_about_memory() => {
                note!("{family}: not all kernels are measured: {error}");
                out_of_memory = out_of_memory.and(Err(error));
            }
            Err(error) => return Err(error),
        }
        // Buffers of the next family have other sizes.
        device.trim();
    }
    let figures = Figures { device: device.name(), clock: device.clock(), roofline, kernels };
    if args.common.output.json {
        print_json(&figures)?;
        return out_of_memory;
    }
    print_line!(
        "{}: at best {:.1} GFLOP/s; {:.1} GB/s read, {:.1} written, {:.1} copied, in tensors of {}",
        figures.device,
        roofline.flops_per_second / 1e9,
        roofline.read_bytes_per_second / 1e9,
        roofline.written_bytes_per_second / 1e9,
        roofline.copied_bytes_per_second / 1e9,
        bytes(roofline.tensor_bytes)
    )?;
    let mut table = Table::new(["Family", "Work", "ms", "GFLOP/s", "GB/s", "Attained"]).with_text_columns(2);
    for figure in &figures.kernels {
        table.add_row([
            figure.family.to_string(),
            figure.name.clone(),
            format!("{:.3}", figure.seconds * 1e3),
            format!("{:.1}", figure.gflops_per_second),
            format!("{:.1}", figure.gigabytes_per_second),
            format!("{:.0} %", 100.0 * figure.attained),
        ]);
    }
    print_line!("{table}")?;
    let implausible: Vec<&str> =
        figures.kernels.iter().filter(|f| f.is_implausible()).map(|f| f.name.as_str()).collect();
    if !implausible.is_empty() {
        print_line!("Implausible, above 105 % of the roofline: {}", implausible.join("; "))?;
    }
    out_of_memory
}
