//! The folder for files that can be made or downloaded again: tuned variants of kernels, data sets.

use crate::error::{Error, Result};
use etcetera::BaseStrategy;
use std::ffi::OsString;
use std::path::PathBuf;

/// The variable that names the folder.
const VARIABLE: &str = "ALLOMETRY_CACHE";

/// `ALLOMETRY_CACHE`, else the folder `allometry` in the user's cache: `XDG_CACHE_HOME` or `~/.cache` on Linux, and the
/// like elsewhere. `None` if the user has no home folder. The folder may not exist yet.
pub fn folder() -> Option<PathBuf> {
    let user = etcetera::choose_base_strategy().ok().map(|strategy| strategy.cache_dir());
    choose(std::env::var_os(VARIABLE), user)
}

/// The same, for files that need the folder.
///
/// # Errors
/// [`Error::Config`] about `what` if there is no folder.
pub fn folder_for(what: &str) -> Result<PathBuf> {
    folder().ok_or_else(|| Error::Config {
        what: what.to_string(),
        problem: format!("there is no cache folder; set {VARIABLE} to a folder"),
    })
}

/// The folder by the value of the variable and the user's cache. An empty value counts as none.
fn choose(variable: Option<OsString>, user: Option<PathBuf>) -> Option<PathBuf> {
    match variable.filter(|folder| !folder.is_empty()) {
        Some(folder) => Some(folder.into()),
        None => user.map(|user| user.join("allometry")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_comes_before_the_users_cache() {
        let user = || Some(PathBuf::from("/home/ada/.cache"));
        assert_eq!(choose(Some("/tmp/x".into()), user()), Some("/tmp/x".into()));
        assert_eq!(choose(Some("/tmp/x".into()), None), Some("/tmp/x".into()));
        for variable in [None, Some(OsString::new())] {
            assert_eq!(choose(variable.clone(), user()), Some("/home/ada/.cache/allometry".into()));
            assert_eq!(choose(variable, None), None);
        }
    }
}
