//! Targets on which nothing is run, but for which the code has to compile: other processors,
//! systems, word sizes.

use anyhow::Result;

use crate::command::Run;

/// Those of the table in `docs/operation.md`.
const TARGETS: [&str; 6] = [
    "aarch64-unknown-linux-gnu",
    "i686-unknown-linux-musl",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-gnu",
    "wasm32-wasip1",
    "armv7-unknown-linux-gnueabihf",
];

const PACKAGES: [&str; 2] = ["larder", "larder-http"];

/// What users may choose for a target: nothing, and all that works there.
fn features(package: &str, target: &str) -> [&'static [&'static str]; 2] {
    let all: &[_] = match (package, target) {
        // The management API listens on sockets, which tokio does not have there.
        ("larder-http", "wasm32-wasip1") => {
            &["--features", "axum,compression,config,metrics,tracing"]
        }
        _ => &["--all-features"],
    };
    [&["--no-default-features"], all]
}

pub(crate) fn run() -> Result<()> {
    let (mut checked, mut missing) = (Vec::new(), Vec::new());
    for target in TARGETS {
        if let Err(error) = Run::new("rustup").args(["target", "add", target]).run() {
            eprintln!("{error:#}");
            missing.push(target);
            continue;
        }
        for package in PACKAGES {
            for features in features(package, target) {
                Run::cargo()
                    .args(["check", "--package", package, "--target", target])
                    .args(features)
                    .run()?;
            }
        }
        checked.push(target);
    }
    eprintln!("checked: {}", checked.join(", "));
    if !missing.is_empty() {
        eprintln!("NOT checked, since rustup could not add them: {}", missing.join(", "));
    }
    Ok(())
}
