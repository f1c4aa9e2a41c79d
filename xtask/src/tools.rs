//! What the checks need beyond cargo, installed when it is missing.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::command::Run;

/// The cargo subcommand `cargo NAME` from the package `cargo-NAME`.
pub(crate) fn cargo_subcommand(name: &str) -> Result<()> {
    if Run::cargo().args([name, "--version"]).succeeds() {
        return Ok(());
    }
    let package = format!("cargo-{name}");
    eprintln!("{package} is missing; installing it");
    Run::cargo()
        .args(["install", "--locked", &package])
        .run()
        .with_context(|| format!("this step needs {package}"))
}

/// The nightly toolchain, which alone knows sanitizers.
pub(crate) fn nightly() -> Result<()> {
    if Run::cargo_nightly().arg("--version").succeeds() {
        return Ok(());
    }
    eprintln!("the nightly toolchain is missing; installing it");
    Run::new("rustup")
        .args(["toolchain", "install", "nightly", "--profile", "minimal"])
        .run()
        .context("this step needs a nightly toolchain: sanitizers are not on stable")
}

/// The toolchain of one version of the compiler.
pub(crate) fn toolchain(version: &str) -> Result<()> {
    if Run::new("rustup").args(["run", version, "cargo", "--version"]).succeeds() {
        return Ok(());
    }
    eprintln!("the toolchain {version} is missing; installing it");
    Run::new("rustup")
        .args(["toolchain", "install", version, "--profile", "minimal", "--no-self-update"])
        .run()
        .with_context(|| format!("the toolchain {version} could not be installed"))
}

/// Valgrind, which counts instructions.
pub(crate) fn valgrind() -> Result<()> {
    debian("valgrind", "valgrind").map(|_| ())
}

/// The path of `program`, from Debian's `package` if it is missing.
pub(crate) fn debian(program: &str, package: &str) -> Result<PathBuf> {
    // Where Debian keeps servers, which not everybody's PATH has.
    let find = || in_path(program).or_else(|| in_directory(Path::new("/usr/sbin"), program));
    if let Some(path) = find() {
        return Ok(path);
    }
    eprintln!("{program} is missing; installing it");
    // Without the rights, or on another system, this fails and says so.
    let install =
        || Run::new("apt-get").args(["install", "--yes", "--no-install-recommends", package]).run();
    let update = || Run::new("apt-get").arg("update").run();
    install().or_else(|_| update().and_then(|()| install())).with_context(|| {
        format!(
            "this step needs {program} (Debian: apt-get install {package}), and could not install it"
        )
    })?;
    find().with_context(|| format!("{package} is installed, and there is no {program}"))
}

/// Packages of npm, in `under/node_modules`.
pub(crate) fn npm_install(under: &Path, packages: &[&str]) -> Result<()> {
    let found =
        Run::new("node").arg("--version").succeeds() && Run::new("npm").arg("-v").succeeds();
    ensure!(found, "this task needs node 20.18 or newer, and npm");
    fs::create_dir_all(under)?;
    Run::new("npm")
        .args([
            "install",
            "--no-audit",
            "--no-fund",
            "--no-save",
            "--prefer-offline",
            "--ignore-scripts",
            "--omit=dev",
        ])
        .arg("--prefix")
        .arg(under)
        .args(packages)
        .run()
}

/// The program that turns addresses into function names, where the sanitizers' run-time would not
/// find one itself. Without one a report has bare addresses, and suppressions, which match names,
/// match nothing.
pub(crate) fn symbolizer() -> Result<Option<PathBuf>> {
    if in_path("llvm-symbolizer").is_some() {
        return Ok(None);
    }
    match in_path("addr2line") {
        // Only an absolute path will do.
        Some(path) => Ok(Some(path)),
        None => bail!(
            "neither llvm-symbolizer (Debian: llvm) nor addr2line (Debian: binutils) was found; \
             sanitizer reports need one of them"
        ),
    }
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).find_map(|directory| in_directory(&directory, program))
}

fn in_directory(directory: &Path, program: &str) -> Option<PathBuf> {
    let file = directory.join(program);
    file.is_file().then_some(file)
}
