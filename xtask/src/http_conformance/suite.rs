//! The suite itself: where it comes from, its origin server, its client.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::command::{self, Ended, Run};
use crate::server::Server;
use crate::{place, tools};

/// The package on npm, pinned: a score is that of one version of the tests.
const PACKAGE: &str = "http-cache-tests@0.4.5";
/// What the checkout of a newer suite imports: the packages of its client alone.
const IMPORTED: &str = "undici@^7.4.0";
/// A run takes about a minute and a half; it waits far longer for a proxy that answers nothing.
const CLIENT_LIMIT: Duration = Duration::from_secs(20 * 60);

/// An installed suite.
#[derive(Debug)]
pub(super) struct Suite {
    directory: PathBuf,
    /// `server` and `cli` of this version, relative to `directory`.
    server: PathBuf,
    client: PathBuf,
}

impl Suite {
    /// Installs the package from npm below `under`, or copies the checkout at `from` there.
    pub(super) fn install(under: &Path, from: Option<&Path>) -> Result<Self> {
        match from {
            None => Self::from_npm(&under.join("npm")),
            Some(checkout) => Self::from_checkout(&under.join("checkout"), checkout),
        }
    }

    fn from_npm(under: &Path) -> Result<Self> {
        tools::npm_install(under, &[PACKAGE])?;
        Self::in_directory(under.join("node_modules/http-cache-tests"))
    }

    fn from_checkout(under: &Path, checkout: &Path) -> Result<Self> {
        // A package is looked for in the directories above the file that imports it.
        tools::npm_install(under, &[IMPORTED])?;
        let directory = under.join("suite");
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        Run::new("cp").arg("-R").args([checkout, &directory]).run()?;
        Self::in_directory(directory)
    }

    fn in_directory(directory: PathBuf) -> Result<Self> {
        let one_of = |names: [&str; 2]| {
            let found = names.into_iter().find(|name| directory.join(name).is_file());
            found.map(PathBuf::from).with_context(|| {
                format!("{} has neither {} nor {}", directory.display(), names[0], names[1])
            })
        };
        let server = one_of(["test-engine/server/server.mjs", "server/server.mjs"])?;
        let client = one_of(["test-engine/cli.mjs", "cli.mjs"])?;
        Ok(Self { directory, server, client })
    }

    /// Starts the suite's origin server on a free port of the loopback interface.
    pub(super) fn start_origin(&self, work: &Path) -> Result<Server> {
        let run = Run::new("node")
            .arg("--import")
            .arg(script("loopback.mjs"))
            .arg(&self.server)
            .within(&self.directory)
            .env("npm_config_protocol", "http")
            .env("npm_config_port", "0")
            .env("npm_config_pidfile", work.join("origin.pid"));
        Server::that_prints_its_address("origin", run, work)
    }

    /// Runs every test against the server at `base` and returns what the suite judges of each.
    pub(super) fn run(&self, name: &str, base: &str, work: &Path) -> Result<Value> {
        let results = work.join(format!("results-{name}.json"));
        let log = File::create(work.join(format!("client-{name}.log")))?;
        let child = self.client(base, "").spawn(File::create(&results)?, log)?;
        match command::wait(child, CLIENT_LIMIT)? {
            Ended::Exited(status) => ensure!(status.success(), "the suite's client: {status}"),
            Ended::TimedOut => {
                bail!("the suite's client still runs after {} s", CLIENT_LIMIT.as_secs())
            }
        }
        let judged = Run::new("node")
            .arg("--no-warnings")
            .arg(script("judge.mjs"))
            .args([&self.directory, &results])
            .read()?;
        serde_json::from_str(&judged).context("what judge.mjs printed")
    }

    /// Runs one test and shows its requests and responses.
    pub(super) fn show(&self, test: &str, base: &str) -> Result<()> {
        self.client(base, test).run_within(CLIENT_LIMIT)
    }

    fn client(&self, base: &str, test: &str) -> Run {
        Run::new("node")
            .arg("--no-warnings")
            .arg(&self.client)
            .within(&self.directory)
            .env("npm_config_base", base)
            // Both: an empty one is passed over for the other.
            .env("npm_config_id", test)
            .env("npm_package_config_id", test)
    }
}

fn script(name: &str) -> PathBuf {
    place::root().join("xtask/src/http_conformance").join(name)
}
