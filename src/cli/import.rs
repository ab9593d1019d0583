//! `allometry import`

use allometry::models::exchange::torchvision;
use allometry::nn::weights;
use allometry::units::grouped;
use allometry::{Result, files, print_line};
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use std::collections::HashMap;
use std::path::PathBuf;

/// Software whose models can be exchanged.
#[derive(Clone, Copy, ValueEnum)]
pub enum Software {
    /// torchvision's models: a safetensors file of `model.state_dict()`
    Torchvision,
}

#[derive(Args)]
#[command(after_help = "\
Example:
  allometry import --from torchvision resnet18.safetensors --model resnet18 --out pretrained

In Python, safetensors.torch.save_file(model.state_dict(), \"resnet18.safetensors\") writes such a file.")]
pub struct ImportArgs {
    /// The weights, a safetensors file.
    file: PathBuf,
    /// The software that wrote the file.
    #[arg(long, value_enum)]
    from: Software,
    /// The model of the file.
    #[arg(long, value_parser = PossibleValuesParser::new(torchvision::models()))]
    model: String,
    /// Directory for weights.safetensors and model.toml.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub fn run(args: &ImportArgs) -> Result<()> {
    let (architecture, tensors) = match args.from {
        Software::Torchvision => torchvision::import(&args.file, &args.model)?,
    };
    files::check_folder(&args.out)?;
    let _lock = files::Lock::take(&args.out)?;
    let path = args.out.join("weights.safetensors");
    weights::write(&path, &tensors, HashMap::from([("model".to_string(), architecture.name.clone())]))?;
    files::replace(&args.out.join("model.toml"), architecture.to_toml()?.as_bytes())?;
    let values: usize = tensors.values().map(|stored| stored.values.len()).sum();
    let count = format!("{} tensors, {} values", tensors.len(), grouped(values as u64));
    print_line!("{}: {count}; weights in {}", architecture.name, path.display())
}
