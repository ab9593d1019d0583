//! `allometry data`

use super::{Output, print_json};
use allometry::arguments::positive;
use allometry::data::download::{DownloadOptions, Event, download};
use allometry::data::{PUBLISHED, published};
use allometry::units::bytes;
use allometry::{Result, note, print_line};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args)]
#[command(after_help = "Example:\n  allometry data get mnist")]
pub struct DataArgs {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Subcommand)]
enum DataCommand {
    /// Download a data set.
    Get(GetArgs),
}

#[derive(Args)]
#[command(after_help = "\
Example:
  allometry data get mnist
  allometry train convnet --dataset mnist

The files are saved in data/DATASET in the folder ALLOMETRY_CACHE, or else in the user's cache
folder, where --dataset finds them without --data. Their MD5 must be the publisher's. Run the same
command again to continue an interrupted download. The variables HTTPS_PROXY, HTTP_PROXY and
ALL_PROXY can name a proxy.")]
struct GetArgs {
    #[arg(value_parser = PossibleValuesParser::new(PUBLISHED.iter().map(|set| set.name)))]
    dataset: String,
    /// Address of a folder that has the set's files, instead of the published addresses. Several are tried in order.
    #[arg(long, value_name = "URL", value_parser = address)]
    mirror: Vec<String>,
    /// Folder for the files, instead of the cache folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Seconds to wait for a connection, for an answer, and for more data.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = positive)]
    timeout: f64,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
struct Downloaded {
    dataset: String,
    folder: PathBuf,
}

pub fn run(args: &DataArgs) -> Result<()> {
    let DataCommand::Get(args) = &args.command;
    let set = published(&args.dataset).expect("the parser takes only names of published sets");
    let options = DownloadOptions {
        mirrors: args.mirror.clone(),
        folder: args.out.clone(),
        timeout: Duration::from_secs_f64(args.timeout),
    };
    let mut progress = Progress::new();
    let folder = download(set, &options, &mut |event| progress.show(event))?;
    drop(progress);
    if args.output.json {
        return print_json(&Downloaded { dataset: args.dataset.clone(), folder });
    }
    print_line!("{} is in {}", args.dataset, folder.display())
}

/// Parses an address of the protocols that downloads speak.
fn address(text: &str) -> Result<String, String> {
    match text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) {
        Some(rest) if !rest.is_empty() => Ok(text.to_string()),
        _ => Err("it must begin with https:// or http://".to_string()),
    }
}

/// A bar on the terminal for the bytes of a file, and a line for what happens to it.
struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Shows nothing until a file begins.
    fn new() -> Progress {
        Progress { bar: ProgressBar::hidden() }
    }

    fn show(&mut self, event: Event<'_>) {
        match event {
            Event::Present { name } => self.line(&format!("{name} is there")),
            Event::Begin { name, url, kept, total } => {
                self.line(&match kept {
                    0 => format!("{name} from {url}"),
                    kept => format!("{name} from {url}, after the first {}", bytes(kept)),
                });
                self.bar.finish_and_clear();
                self.bar = bar(name, kept, total);
            }
            Event::Received { bytes } => self.bar.set_position(bytes),
            Event::Failed { problem } => self.line(problem),
            Event::Done { name, bytes: size } => self.line(&format!("{name} is whole: {}", bytes(size))),
            _ => {}
        }
    }

    fn line(&self, text: &str) {
        if self.bar.is_hidden() {
            note!("{text}");
        } else {
            self.bar.suspend(|| note!("{text}"));
        }
    }
}

/// The bar of a file of which `kept` bytes are there.
fn bar(name: &str, kept: u64, total: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    // Without a length there is no bar to fill.
    let template = match total {
        Some(_) => {
            "{prefix} {bar:28.cyan/dim} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec}, {eta} left"
        }
        None => "{prefix} {spinner} {binary_bytes} {binary_bytes_per_sec}",
    };
    // The templates are constants. If a later version of the crate refuses them, the default bar is shown.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    bar.set_style(style);
    bar.set_prefix(name.to_string());
    bar.set_position(kept);
    // What was kept does not count as received: the rate starts from here.
    bar.tick();
    bar.reset_eta();
    bar
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
