//! `allometry export`

use super::import::Software;
use allometry::models::Architecture;
use allometry::models::exchange::torchvision;
use allometry::nn::weights;
use allometry::{Error, Result, files, print_line};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "\
Example:
  allometry export run --to torchvision --out resnet18.safetensors

In Python, model.load_state_dict(safetensors.torch.load_file(\"resnet18.safetensors\")) reads the file.")]
pub struct ExportArgs {
    /// Directory with weights.safetensors and model.toml, as `train --out` or `import` wrote it.
    directory: PathBuf,
    /// The software that is to read the file.
    #[arg(long, value_enum)]
    to: Software,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub fn run(args: &ExportArgs) -> Result<()> {
    let path = args.directory.join("model.toml");
    let text = std::fs::read_to_string(&path).map_err(Error::file(&path, "read"))?;
    let architecture = Architecture::from_toml(&text)?;
    let source = args.directory.join("weights.safetensors");
    let tensors = weights::read(&source, |_| true)?;
    files::check_target(&args.out)?;
    match args.to {
        Software::Torchvision => torchvision::export(&architecture, &tensors, &source, &args.out)?,
    }
    print_line!("{}: weights in {}", architecture.name, args.out.display())
}
