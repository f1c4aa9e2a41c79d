//! `cargo xtask dashboard-test`: the dashboard of the management API, and the page of the
//! shortener, in a browser.
//!
//! A real service with load on it, the example `dashboard`, and a shortener with its demo are
//! looked at with Chromium: Debian's, driven by playwright-core, with the rules of axe-core. What
//! the checks see is left as pictures below `target/dashboard`.
//!
//! With `--planted` each check is run once more with a fault in a file of the page, which the
//! browser gets in place of the one that is served. The check has to find it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::command::Run;
use crate::server::Server;
use crate::{place, tools};

/// What is installed from npm, pinned: with another axe-core there are other rules.
const PACKAGES: [&str; 2] = ["playwright-core@1.65.1", "axe-core@4.14.1"];
/// All checks take about two minutes, with their faults about five on two busy cores.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// What to run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The faults as well.
    pub(crate) planted: bool,
    /// The checks whose names have this in them.
    pub(crate) only: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let work = place::target().join("dashboard");
    fs::create_dir_all(&work)?;
    let browser = tools::debian("chromium", "chromium")?;
    let packages = work.join("npm");
    tools::npm_install(&packages, &PACKAGES)?;
    Run::cargo()
        .args(["build", "--package", "larder-http", "--example", "dashboard"])
        .args(["--features", "admin"])
        .run()?;
    Run::cargo().args(["build", "--package", "shortener"]).run()?;
    let example = place::target().join("debug/examples/dashboard");
    let service = Run::new(example).args(["--listen", "127.0.0.1:0"]);
    let service = Server::that_prints_its_address("service", service, &work)?;
    let shortener = shortener(&work)?;
    let mut checks = Run::new("node")
        .arg(script())
        .args(["--base", service.base(), "--shortener", shortener.base()])
        .args(["--browser".as_ref(), browser.as_os_str()])
        .args(["--packages".as_ref(), packages.as_os_str()])
        .args(["--pictures".as_ref(), work.as_os_str()]);
    if options.planted {
        checks = checks.arg("--planted");
    }
    if let Some(only) = &options.only {
        checks = checks.args(["--only", only]);
    }
    checks.run_within(LIMIT)
}

/// A shortener with an empty database, which it fills with the demo.
fn shortener(work: &Path) -> Result<Server> {
    let database = work.join("shortener.db");
    for file in ["shortener.db", "shortener.db-wal", "shortener.db-shm"] {
        let file = work.join(file);
        if file.exists() {
            fs::remove_file(file)?;
        }
    }
    let mut run = Run::new(place::target().join("debug/shortener"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(["--database", &format!("sqlite:{}", database.display())]);
    // Each check signs in, with the login that `shortener/desk.mjs` has.
    for setting in ["demo.password=a-password-for-checks", "limits.logins_per_minute=0"] {
        run = run.args(["--set", setting]);
    }
    Server::that_prints_its_address("shortener", run, work)
}

fn script() -> PathBuf {
    place::root().join("xtask/src/dashboard_test/run.mjs")
}
