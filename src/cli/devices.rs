//! `allometry devices`

use super::{Common, print_json};
use allometry::device::{AdapterDescription, adapters};
use allometry::terminal::Table;
use allometry::units::bytes;
use allometry::{Device, Result, print_line};
use clap::Args;

#[derive(Args)]
#[command(after_help = "Example:\n  WGPU_BACKEND=vulkan allometry devices")]
pub struct DevicesArgs {
    #[command(flatten)]
    common: Common,
}

#[derive(serde::Serialize)]
struct Devices {
    /// The device that `--device` opens.
    chosen: String,
    cpu: String,
    adapters: Vec<AdapterDescription>,
}

pub fn run(args: &DevicesArgs) -> Result<()> {
    let devices =
        Devices { chosen: args.common.open()?.name(), cpu: Device::cpu().name(), adapters: adapters() };
    if args.common.output.json {
        return print_json(&devices);
    }
    let mut table = Table::new([
        "Adapter",
        "Backend",
        "Kind",
        "Driver",
        "f16",
        "Subgroups",
        "Matrices",
        "Timestamps",
        "Largest tensor",
    ])
    .with_text_columns(9);
    let yes = |flag: bool| if flag { "yes" } else { "no" }.to_string();
    for adapter in &devices.adapters {
        table.add_row([
            adapter.name.clone(),
            adapter.backend.clone(),
            adapter.kind.clone(),
            adapter.driver.clone(),
            yes(adapter.f16),
            yes(adapter.subgroups),
            adapter.cooperative_matrices.map_or("no".to_string(), |n| format!("{n}×{n}")),
            yes(adapter.timestamps),
            bytes(adapter.largest_tensor),
        ]);
    }
    table.add_row([devices.cpu.as_str(), "Rust", "CPU", "", "yes", "no", "no", "no", "memory"]);
    print_line!("{table}\nThe chosen device is {}.", devices.chosen)
}
