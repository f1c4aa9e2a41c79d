//! Where things are.

use std::env;
use std::path::{Path, PathBuf};

/// The repository's root: the directory above this package.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies inside the workspace")
}

/// The target directory of ordinary builds.
pub(crate) fn target() -> PathBuf {
    // Absolute, because commands do not all run where this process does.
    match env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => std::path::absolute(directory).expect("the current directory is known"),
        None => root().join("target"),
    }
}

/// The target directory of builds with flags of their own, `target-loom` for `loom`. Sharing one
/// would rebuild every dependency each time the flags change.
pub(crate) fn target_for(purpose: &str) -> PathBuf {
    let mut directory = target().into_os_string();
    directory.push("-");
    directory.push(purpose);
    directory.into()
}
