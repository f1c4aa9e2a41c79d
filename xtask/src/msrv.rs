//! The oldest compiler that the published packages declare, and the oldest dependencies.
//!
//! Only that compiler can tell whether it accepts the code. Where rustup cannot get it, clippy
//! looks for items of the standard library that are too new, which is less: a newer compiler also
//! accepts what an older one rejects. The step says which of the two it did.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::Run;
use crate::{place, tools};

/// What a user may choose.
const FEATURES: [&[&str]; 3] = [&["--no-default-features"], &[], &["--all-features"]];

pub(crate) fn run() -> Result<()> {
    let metadata = Run::cargo().args(["metadata", "--no-deps", "--format-version", "1"]).read()?;
    let published = published(&serde_json::from_str(&metadata)?)?;
    let version = declared(&published)?;
    let compiler = match tools::toolchain(version) {
        Ok(()) => Some(version),
        Err(error) => {
            eprintln!("{error:#}");
            None
        }
    };
    match compiler {
        Some(_) => {
            for features in FEATURES {
                check(compiler).arg("--locked").args(packages(&published)).args(features).run()?;
            }
        }
        None => Run::cargo()
            .args(["clippy", "--locked"])
            .args(packages(&published))
            .args(["--all-features", "--", "-Dclippy::incompatible_msrv"])
            .run()?,
    }
    minimal_versions(compiler, &published)?;
    match compiler {
        Some(_) => eprintln!("checked with the declared compiler, {version}"),
        None => eprintln!(
            "NOT checked with the declared compiler, {version}, which could not be installed; clippy \
             found nothing of the standard library that is newer"
        ),
    }
    Ok(())
}

/// `cargo check`, by the declared compiler if it is there.
fn check(compiler: Option<&str>) -> Run {
    let cargo = match compiler {
        Some(version) => Run::cargo().arg(format!("+{version}")),
        None => Run::cargo(),
    };
    cargo.arg("check").env("CARGO_TARGET_DIR", place::target_for("msrv"))
}

/// A package that others depend on.
#[derive(Debug, PartialEq, Eq)]
struct Published {
    name: String,
    directory: String,
    rust_version: String,
    features: Vec<String>,
}

/// The members of the workspace that may be published.
fn published(metadata: &Value) -> Result<Vec<Published>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let packages = metadata["packages"].as_array().context("no packages")?;
    packages
        .iter()
        .filter(|package| package["publish"].is_null())
        .map(|package| {
            let name = text(&package["name"]).context("a package without a name")?;
            let manifest =
                text(&package["manifest_path"]).context("a package without a manifest")?;
            let directory =
                Path::new(&manifest).parent().context("a manifest without a directory")?;
            Ok(Published {
                directory: directory.display().to_string(),
                rust_version: text(&package["rust_version"])
                    .with_context(|| format!("`{name}` declares no `rust-version`"))?,
                features: package["features"]
                    .as_object()
                    .map(|features| features.keys().cloned().collect())
                    .unwrap_or_default(),
                name,
            })
        })
        .collect()
}

/// The one version that all of them declare.
fn declared(published: &[Published]) -> Result<&str> {
    let versions: BTreeSet<_> = published.iter().map(|package| &*package.rust_version).collect();
    match versions.first() {
        Some(version) if versions.len() == 1 => Ok(version),
        _ => bail!("the published packages should declare one `rust-version`, not {versions:?}"),
    }
}

fn packages(published: &[Published]) -> impl Iterator<Item = &str> {
    published.iter().flat_map(|package| ["--package", &package.name])
}

/// Builds with the oldest dependencies that the manifests permit, which a lock file may hold.
/// They are chosen for a package of its own: those of the workspace have dependencies that no user
/// gets to see.
fn minimal_versions(compiler: Option<&str>, published: &[Published]) -> Result<()> {
    tools::nightly()?;
    let directory = place::target_for("msrv").join("minimal");
    fs::create_dir_all(&directory)?;
    let manifest = directory.join("Cargo.toml");
    fs::write(&manifest, user_of(published))?;
    fs::write(directory.join("lib.rs"), "")?;
    let lock = directory.join("Cargo.lock");
    if lock.exists() {
        fs::remove_file(&lock)?;
    }
    let manifest = manifest.as_os_str();
    Run::cargo_nightly()
        .args(["-Zminimal-versions", "generate-lockfile", "--quiet", "--manifest-path"])
        .arg(manifest)
        .run()?;
    check(compiler).args(["--locked", "--manifest-path"]).arg(manifest).run()
}

/// The manifest of a package that depends on all of them, with all features.
fn user_of(published: &[Published]) -> String {
    let mut manifest = "[package]\nname = \"minimal\"\nedition = \"2024\"\npublish = false\n\
                        [lib]\npath = \"lib.rs\"\n[workspace]\n[dependencies]\n"
        .to_owned();
    for Published { name, directory, features, .. } in published {
        writeln!(manifest, "{name} = {{ path = {directory:?}, features = {features:?} }}")
            .expect("a string can be written to");
    }
    manifest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metadata(version: Value) -> Value {
        json!({ "packages": [
            { "name": "a", "publish": null, "manifest_path": "/x/Cargo.toml",
              "rust_version": "1.88", "features": { "default": [], "full": [] } },
            { "name": "b", "publish": null, "manifest_path": "/x/b/Cargo.toml",
              "rust_version": version, "features": {} },
            { "name": "tool", "publish": [], "manifest_path": "/x/t/Cargo.toml",
              "rust_version": "1.91", "features": {} },
        ] })
    }

    #[test]
    fn only_what_is_published_is_looked_at() {
        let published = published(&metadata(json!("1.88"))).unwrap();
        assert_eq!(packages(&published).collect::<Vec<_>>(), ["--package", "a", "--package", "b"]);
        assert_eq!(declared(&published).unwrap(), "1.88");
        let manifest = user_of(&published);
        let lines = "a = { path = \"/x\", features = [\"default\", \"full\"] }\n\
                     b = { path = \"/x/b\", features = [] }\n";
        assert!(manifest.ends_with(lines), "{manifest}");
    }

    #[test]
    fn a_version_that_is_missing_or_another_is_refused() {
        let error = published(&metadata(Value::Null)).unwrap_err().to_string();
        assert!(error.contains("`b` declares no `rust-version`"), "{error}");
        let two = published(&metadata(json!("1.90"))).unwrap();
        let error = declared(&two).unwrap_err().to_string();
        assert!(error.contains("1.88") && error.contains("1.90"), "{error}");
    }
}
