//! Targets on which nothing is run, but for which the code has to compile: other processors, systems, word sizes.

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

const FEATURES: [&str; 2] = ["--no-default-features", "--all-features"];

pub(crate) fn run() -> Result<()> {
    let (mut checked, mut missing) = (Vec::new(), Vec::new());
    for target in TARGETS {
        if let Err(error) = Run::new("rustup").args(["target", "add", target]).run() {
            eprintln!("{error:#}");
            missing.push(target);
            continue;
        }
        for package in PACKAGES {
            for features in FEATURES {
                Run::cargo()
                    .args(["check", "--package", package, "--target", target, features])
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
