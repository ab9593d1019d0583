//! The driver: parses, calls the library, prints.

mod cli;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    name_runtime_folder();
    cli::run()
}

/// Gives `XDG_RUNTIME_DIR` a folder where no session did. Mesa's Vulkan drivers look for a Wayland display there, and
/// the library that they use complains on standard error where the variable names none. Any folder will do; of this one
/// no other user can make a display's.
fn name_runtime_folder() {
    const NAME: &str = "XDG_RUNTIME_DIR";
    let is_named = std::env::var_os(NAME).is_some_and(|folder| {
        let folder = Path::new(&folder);
        folder.is_absolute() && folder.is_dir()
    });
    if cfg!(unix) && !is_named {
        // SAFETY: no other thread reads or writes the environment, as `main` does this before anything starts one.
        unsafe { std::env::set_var(NAME, "/") };
    }
}
