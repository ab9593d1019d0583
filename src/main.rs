//! The driver: parses the command line, calls the library, and prints.

mod cli;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    name_runtime_folder();
    cli::run()
}

/// Sets `XDG_RUNTIME_DIR` if it is not an absolute path of a folder. Mesa's Vulkan drivers look for a Wayland display
/// there, and the library that they use prints a warning if the variable is not valid. Any folder works; in this one,
/// other users can't create a display.
fn name_runtime_folder() {
    const NAME: &str = "XDG_RUNTIME_DIR";
    let is_named = std::env::var_os(NAME).is_some_and(|folder| {
        let folder = Path::new(&folder);
        folder.is_absolute() && folder.is_dir()
    });
    if cfg!(unix) && !is_named {
        // SAFETY: no other thread reads or writes the environment, because `main` calls this before it starts any.
        unsafe { std::env::set_var(NAME, "/") };
    }
}
