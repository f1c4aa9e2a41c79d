//! Checks that run none of the code.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};

use crate::command::Run;
use crate::{http_peers, loom, place, suites, tools};

/// The fuzz targets, which are no members of the workspace.
pub(crate) const FUZZ_MANIFEST: &str = "fuzz/Cargo.toml";

/// A library with features.
struct Library {
    name: &'static str,
    /// What is on by default.
    default: &'static [&'static str],
    /// Each feature alone, and how many crates it may then pull in, the library itself not counted.
    /// The first is none.
    features: &'static [(&'static str, usize)],
}

const LIBRARIES: [Library; 2] = [
    Library {
        name: "larder",
        default: &["manager"],
        features: &[
            ("", 11),
            ("manager", 11),
            ("serde", 18),
            ("tracing", 13),
            ("metrics", 14),
            ("sysinfo", 14),
            ("macros", 18),
            ("config", 23),
        ],
    },
    Library {
        name: "larder-http",
        default: &[],
        features: &[
            ("", 30),
            ("admin", 92),
            ("axum", 45),
            ("compression", 31),
            ("config", 36),
            ("metrics", 32),
            ("tracing", 32),
        ],
    },
];

pub(crate) fn fmt() -> Result<()> {
    Run::cargo().args(["fmt", "--all", "--check"]).run()?;
    for manifest in [FUZZ_MANIFEST, http_peers::MANIFEST] {
        Run::cargo().args(["fmt", "--manifest-path", manifest, "--check"]).run()?;
    }
    // Compiled by rustc one by one, so that cargo knows nothing of them.
    let mut canaries = Vec::new();
    for entry in std::fs::read_dir(place::root().join("xtask/canaries"))? {
        canaries.push(entry?.path());
    }
    Run::new("rustfmt").arg("--check").args(canaries).run()
}

pub(crate) fn clippy() -> Result<()> {
    Run::cargo()
        .args(["clippy", "--workspace", "--all-features", "--all-targets", "--", "-Dwarnings"])
        .run()?;
    // All other steps have all features. Each of them alone has to compile, too: nothing unused,
    // nothing missing.
    for Library { name, features, .. } in LIBRARIES {
        for (features, _) in features {
            Run::cargo()
                .args(["clippy", "--package", name, "--no-default-features"])
                .args(["--features", features, "--all-targets", "--", "-Dwarnings"])
                .run()?;
        }
    }
    // What ordinary builds leave out: stop points and the tests that need them, and the models.
    for (purpose, flags, packages) in [
        ("hooks", suites::HOOKS, ["larder", "larder-stress"]),
        ("loom", loom::FLAGS, ["larder", "larder-loom-tests"]),
    ] {
        Run::cargo()
            .args(["clippy", "--release", "--package", packages[0], "--package", packages[1]])
            .args(["--all-targets", "--", "-Dwarnings"])
            .env("RUSTFLAGS", flags)
            .env("CARGO_TARGET_DIR", place::target_for(purpose))
            .run()?;
    }
    // With the cfg that cargo-fuzz sets, thus in a target directory of its own, and without
    // libFuzzer, which nothing is linked with here.
    Run::cargo()
        .args(["clippy", "--manifest-path", FUZZ_MANIFEST, "--no-default-features"])
        .args(["--all-targets", "--", "-Dwarnings"])
        .env("RUSTFLAGS", "--cfg fuzzing")
        .env("CARGO_TARGET_DIR", place::target_for("fuzz-lint"))
        .run()
}

pub(crate) fn rustdoc() -> Result<()> {
    Run::cargo()
        .args(["doc", "--workspace", "--all-features", "--no-deps"])
        .env("RUSTDOCFLAGS", "-Dwarnings")
        .run()
}

pub(crate) fn deny() -> Result<()> {
    tools::cargo_subcommand("deny")?;
    let check = |graph: &[&str]| {
        Run::cargo()
            .arg("deny")
            .args(graph)
            // One list of exceptions for two graphs: each leaves some unused.
            .args(["check", "--hide-inclusion-graph", "-A", "license-exception-not-encountered"])
            // Advisories are left out: their database comes from outside, so that a commit which
            // passed yesterday could fail today.
            .args(["bans", "licenses", "sources"])
            .run()
    };
    check(&["--workspace"])?;
    check(&["--manifest-path", FUZZ_MANIFEST, "--config", "deny.toml"])
}

pub(crate) fn crates() -> Result<()> {
    let metadata = Run::cargo().args(["metadata", "--no-deps", "--format-version", "1"]).read()?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    for library in &LIBRARIES {
        check_table(library, &metadata)?;
        for &(features, allowed) in library.features {
            let tree = Run::cargo()
                .args(["tree", "--package", library.name, "--no-default-features"])
                .args(["--features", features])
                .args(["--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
                .read()?;
            let crates = crates_of(library.name, &tree);
            let names = crates.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let count = crates.len();
            let what = if features.is_empty() { "no feature" } else { features };
            let what = format!("{} with {what} pulls in {count} crates", library.name);
            if count > allowed {
                bail!("{what}, {allowed} are allowed: {names}");
            }
            eprintln!("{what} ({allowed} are allowed): {names}");
        }
    }
    Ok(())
}

/// Whether the table has every feature of the library, and the default is what it says.
fn check_table(library: &Library, metadata: &serde_json::Value) -> Result<()> {
    let name = library.name;
    let package = metadata["packages"]
        .as_array()
        .and_then(|packages| packages.iter().find(|package| package["name"] == name))
        .with_context(|| format!("there is no package {name}"))?;
    let declared = package["features"].as_object().with_context(|| format!("{name} has none"))?;
    let listed: BTreeSet<&str> = library.features.iter().map(|(name, _)| *name).collect();
    let missing = declared.keys().find(|name| *name != "default" && !listed.contains(&***name));
    if let Some(feature) = missing {
        bail!("the table of {name}'s features in xtask/src/lint.rs lacks `{feature}`");
    }
    let default = declared.get("default").cloned().unwrap_or_else(|| serde_json::json!([]));
    if default != serde_json::json!(library.default) {
        bail!("the default features of {name} are {default}, not those of xtask/src/lint.rs");
    }
    Ok(())
}

/// Name and version of each crate that `cargo tree` printed of a library, itself excluded.
fn crates_of(library: &str, tree: &str) -> BTreeSet<String> {
    tree.lines()
        // A line is `name vVERSION`, then perhaps a path, `(proc-macro)` or `(*)`.
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .filter(|(name, _)| *name != library)
        .map(|(name, version)| format!("{name} {version}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_counted_once_by_name_and_version() {
        let tree = "larder v0.1.0 (/somewhere)\nahash v0.8.12\ncfg-if v1.0.4\n\
                    zerocopy-derive v0.8.0 (proc-macro)\ncfg-if v1.0.4 (*)\ncfg-if v0.9.0\n\n";
        let crates = crates_of("larder", tree);
        let names: Vec<_> = crates.iter().map(String::as_str).collect();
        assert_eq!(
            names,
            ["ahash v0.8.12", "cfg-if v0.9.0", "cfg-if v1.0.4", "zerocopy-derive v0.8.0"]
        );
    }
}
