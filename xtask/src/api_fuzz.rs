//! `cargo xtask api-fuzz`: schemathesis against the management API of larder-http.
//!
//! It reads the OpenAPI document of a server that runs, makes requests of it that fit and requests
//! that do not, and compares every answer with what the document says. It comes from PyPI, into an
//! environment of its own below `target/`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::Run;
use crate::place;
use crate::server::Server;

/// The version whose checks these are.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// Requests for each operation and kind of check, when nothing else is said.
pub(crate) const EXAMPLES: u32 = 100;

pub(crate) fn run(examples: u32) -> Result<()> {
    let work = place::target().join("api-fuzz");
    fs::create_dir_all(&work)?;
    let schemathesis = install(&work)?;
    Run::cargo()
        .args(["build", "--package", "larder-http", "--features", "admin", "--example", "admin"])
        .run()?;
    // Wrong tokens are among what is tried.
    let program = place::target().join("debug/examples/admin");
    let server = Server::that_prints_its_address(
        "admin",
        Run::new(program).args(["127.0.0.1:0", "--tries", "1000000000"]),
        &work,
    )?;
    Run::new(schemathesis)
        .args(["run", &format!("{}/api/cache/openapi.json", server.base())])
        .args(["--header", "Authorization: Bearer admin-token"])
        // It has no end.
        .args(["--exclude-path", "/events/"])
        .args(["--checks", "all", "--max-examples", &examples.to_string()])
        .args(["--request-timeout", "10", "--no-color"])
        .within(&work)
        .run()
        .context("the answers are not those of the OpenAPI document")
}

/// Returns the path of the program.
fn install(work: &Path) -> Result<PathBuf> {
    let environment = work.join("venv");
    let (python, program) = (environment.join("bin/python"), environment.join("bin/schemathesis"));
    let wanted = SCHEMATHESIS.rsplit('=').next().unwrap_or_default();
    if Run::new(&program).arg("--version").read().is_ok_and(|it| it.contains(wanted)) {
        return Ok(program);
    }
    Run::new("python3").args(["-m", "venv"]).arg(&environment).run()?;
    Run::new(python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", SCHEMATHESIS])
        .run()
        .context("this command needs schemathesis from PyPI")?;
    Ok(program)
}
