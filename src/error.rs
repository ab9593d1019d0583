//! The error type of the crate. Each variant names the op or file that failed, the values seen, the values expected,
//! and what to do about it.

use crate::shape::{MAX_ELEMENTS, Shape};
use crate::units;
use std::path::PathBuf;

/// Every error of the crate. The public interface does not panic on user input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Shapes that an op cannot combine.
    #[error("{op}: shapes {} do not fit: {expected}", list(shapes))]
    Shape {
        /// The op.
        op: &'static str,
        /// The shapes of its operands.
        shapes: Vec<Shape>,
        /// What the op expects of them.
        expected: String,
    },

    /// An element type that an op or a device does not support.
    #[error("{op}: element type {found} given, {expected} needed")]
    DType {
        /// The op.
        op: &'static str,
        /// The element type that it was given.
        found: &'static str,
        /// The element types that it accepts.
        expected: String,
    },

    /// An argument outside its range.
    #[error("{op}: {argument} is {found}; it must be {expected}")]
    Argument {
        /// The op.
        op: &'static str,
        /// The argument's name.
        argument: &'static str,
        /// The value that it was given.
        found: String,
        /// The values that it accepts.
        expected: String,
    },

    /// Tensors on different devices, or one buffer as input and output at once.
    #[error("{op}: {problem}")]
    Placement {
        /// The op.
        op: &'static str,
        /// What is wrong with the operands, and what to do.
        problem: String,
    },

    /// `backward()` on a tensor without a graph.
    #[error("backward: {0}")]
    Graph(String),

    /// No adapter satisfies the request.
    #[error("no GPU adapter: {wanted}; found {found}. {hint}")]
    NoAdapter {
        /// What the request needs.
        wanted: String,
        /// The adapters that were found.
        found: String,
        /// What to do.
        hint: String,
    },

    /// A tensor larger than the adapter can bind in one piece.
    #[error(
        "{op}: a tensor of {} is larger than {device} can bind in one piece ({}); use a smaller batch, width or resolution, or --device cpu",
        distinct_bytes(*bytes, *limit)[0],
        distinct_bytes(*bytes, *limit)[1]
    )]
    TooLarge {
        /// The op that allocates the tensor.
        op: &'static str,
        /// Bytes of the tensor.
        bytes: u64,
        /// Bytes that the adapter can bind in one piece.
        limit: u64,
        /// The device's name.
        device: String,
    },

    /// More elements in one tensor than kernels can index.
    #[error(
        "{what}: {} elements in one tensor; kernels count up to {}; use a smaller batch, width or resolution",
        units::grouped(*elements as u64),
        units::grouped(MAX_ELEMENTS as u64)
    )]
    TooManyElements {
        /// The op or the tensor.
        what: String,
        /// The number of elements; `usize::MAX` if there are more.
        elements: usize,
    },

    /// A model whose parameters, activations or MACs exceed 64 bits.
    #[error("{what}: its {counted} are too many to count; use a smaller depth, width or resolution")]
    Uncountable {
        /// The model.
        what: String,
        /// What overflows: parameters, activations or MACs.
        counted: &'static str,
    },

    /// The device has no memory left.
    #[error(
        "out of memory on {device}{}; use a smaller batch, width or resolution",
        requested(*bytes, *live)
    )]
    OutOfMemory {
        /// The device's name.
        device: String,
        /// Bytes requested; 0 if the driver does not report which request failed.
        bytes: u64,
        /// Bytes live at the time; 0 if unknown.
        live: u64,
    },

    /// The device is gone: a driver reset, a removal or a crash.
    #[error("device lost: {device}: {reason}; start again, or use --device cpu")]
    DeviceLost {
        /// The device's name.
        device: String,
        /// The driver's message.
        reason: String,
    },

    /// The driver rejected something that this crate built: a defect in a kernel or in the driver.
    #[error("{op}: {device} rejected the kernel: {reason}")]
    Kernel {
        /// The kernel.
        op: String,
        /// The device's name.
        device: String,
        /// The driver's message.
        reason: String,
    },

    /// An error in a module of a model, with its dotted name.
    #[error("{module}: {source}")]
    Module {
        /// The module's dotted name.
        module: String,
        /// The error of the op.
        source: Box<Error>,
    },

    /// A file that cannot be opened, read or written.
    #[error("{}: cannot {action}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What failed: `"open"`, `"read"`, `"create"`, …
        action: &'static str,
        /// The system's error.
        source: std::io::Error,
    },

    /// A file whose contents do not match its format.
    #[error("{}: {expected} expected, {found} found", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What the format requires.
        expected: String,
        /// What the file contains.
        found: String,
    },

    /// A file of weights that does not fit a model: missing tensors, unexpected tensors, and tensors of another shape
    /// or type.
    #[error(
        "{}: the weights do not fit the model: {}; the file may be of another architecture (Model::load_with renames tensors, or loads a part)",
        path.display(),
        weights_mismatch(missing, unexpected, mismatched)
    )]
    Weights {
        /// The file.
        path: PathBuf,
        /// Names of the model that the file lacks.
        missing: Vec<String>,
        /// Names of the file that the model lacks.
        unexpected: Vec<String>,
        /// For each tensor of another shape or type: its name, what the file has, what the model has.
        mismatched: Vec<String>,
    },

    /// An invalid configuration, such as a model or a plan.
    #[error("{what}: {problem}")]
    Config {
        /// What is configured.
        what: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },

    /// The loss became NaN or infinite: after updates, or with the first batch, before any update.
    #[error(
        "training diverged at step {step}: the loss is {loss}{origin}{}",
        if *updated {
            "; use a smaller learning rate or clip gradients"
        } else {
            " before the first update: inputs or targets are too large; scale them down"
        }
    )]
    Diverged {
        /// The number of the step, counted from 1.
        step: u64,
        /// Its loss.
        loss: f64,
        /// Whether any step has updated the parameters.
        updated: bool,
        /// Where the first value that is not finite occurs, in parentheses; empty if it is not known.
        origin: String,
    },

    /// A sweep without a completed run.
    #[error(
        "none of {} completed: {diverged} diverged, {out_of_memory} did not fit into memory, {failed} failed; {} has the reasons",
        units::plural(*runs, "run"),
        records.display()
    )]
    NoneCompleted {
        /// The number of runs.
        runs: usize,
        /// Runs whose loss became NaN or infinite.
        diverged: usize,
        /// Runs that did not fit into memory.
        out_of_memory: usize,
        /// Runs that failed otherwise.
        failed: usize,
        /// The file of their records.
        records: PathBuf,
    },

    /// A data set that could not be downloaded.
    #[error("dataset {dataset}: not downloaded: {}; {hint}", problems.join("; "))]
    Download {
        /// The data set.
        dataset: String,
        /// What was wrong with each address, or with the folder.
        problems: Vec<String>,
        /// What to do.
        hint: String,
    },

    /// A folder that another process uses.
    #[error("{}: another process uses this folder; wait until it ends, or use another folder", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },

    /// Ctrl-C, after what can be resumed was saved.
    #[error("interrupted")]
    Interrupted,
}

/// The crate's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// For `map_err` on file operations: an [`Error::File`] with the path and the action (`"read"`, `"create"`, …).
    pub fn file(path: impl Into<PathBuf>, action: &'static str) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::File { path, action, source }
    }

    /// An [`Error::Format`].
    pub fn format(path: impl Into<PathBuf>, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::Format { path: path.into(), expected: expected.into(), found: found.into() }
    }

    /// Whether a smaller model or batch avoids the error: it exceeds the device's memory or the size of a tensor.
    pub fn is_about_memory(&self) -> bool {
        matches!(
            self,
            Error::OutOfMemory { .. }
                | Error::TooLarge { .. }
                | Error::TooManyElements { .. }
                | Error::Uncountable { .. }
        )
    }

    /// Adds the name of the module in which an op rejected its operands, unless the error has the name of an inner
    /// module. The model itself has the empty name, which is not added.
    pub(crate) fn in_module(self, module: &str) -> Error {
        match self {
            Error::Shape { .. } | Error::DType { .. } | Error::Argument { .. } | Error::Placement { .. }
                if !module.is_empty() =>
            {
                Error::Module { module: module.to_string(), source: Box::new(self) }
            }
            other => other,
        }
    }

    /// An [`Error::Shape`]: `op` does not accept these shapes.
    pub(crate) fn shape(op: &'static str, shapes: &[Shape], expected: impl Into<String>) -> Error {
        Error::Shape { op, shapes: shapes.to_vec(), expected: expected.into() }
    }

    /// An [`Error::Argument`]: `op` does not accept the value `found` of an argument.
    pub(crate) fn argument(
        op: &'static str,
        argument: &'static str,
        found: impl std::fmt::Display,
        expected: impl Into<String>,
    ) -> Error {
        Error::Argument { op, argument, found: found.to_string(), expected: expected.into() }
    }
}

/// Two amounts of memory; in bytes if their rounded forms are equal.
fn distinct_bytes(a: u64, b: u64) -> [String; 2] {
    let [first, second] = [a, b].map(units::bytes);
    if first == second { [a, b].map(|bytes| format!("{} B", units::grouped(bytes))) } else { [first, second] }
}

/// The known part of a failed request for memory.
fn requested(bytes: u64, live: u64) -> String {
    match (bytes, live) {
        (0, _) => String::new(),
        (bytes, 0) => format!(": {} requested", units::bytes(bytes)),
        (bytes, live) => format!(": {} requested with {} live", units::bytes(bytes), units::bytes(live)),
    }
}

/// The reason why a file of weights does not fit.
fn weights_mismatch(missing: &[String], unexpected: &[String], mismatched: &[String]) -> String {
    let parts = [("missing", missing), ("unexpected", unexpected)].into_iter();
    let parts = parts.filter(|(_, names)| !names.is_empty());
    let mut shown: Vec<String> = parts.map(|(what, names)| format!("{what}: {}", listed(names))).collect();
    // Unlike the names above, these are sentences.
    shown.extend(mismatched.iter().take(LISTED).cloned());
    if mismatched.len() > LISTED {
        shown.push(format!("{} more of another shape", mismatched.len() - LISTED));
    }
    if shown.is_empty() { "it has none of the tensors to load".to_string() } else { shown.join("; ") }
}

fn list(shapes: &[Shape]) -> String {
    shapes.iter().map(|s| s.to_string()).collect::<Vec<_>>().join(" and ")
}

/// The most characters of a file's text in a message.
const SHOWN: usize = 80;
/// The most names in a message.
const LISTED: usize = 20;

/// Text in quotes, truncated if it is long.
pub fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}… ({} characters)", &text[..end], text.chars().count()),
        None => format!("{text:?}"),
    }
}

/// The first names in quotes, separated by commas, and the number of further ones.
pub fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let first: Vec<String> = names.iter().take(LISTED).map(|name| shown(name.as_ref())).collect();
    match names.len() - first.len() {
        0 if first.is_empty() => "none".to_string(),
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// Another library's message about a file. Long lines are truncated, because the message may quote the file.
pub(crate) fn brief(message: impl std::fmt::Display) -> String {
    let cut = |line: &str| match line.char_indices().nth(2 * SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_string(),
    };
    message.to_string().lines().map(cut).collect::<Vec<_>>().join("\n")
}
