//! `cargo xtask http-conformance`: the public suite http-cache-tests against the caching proxy of
//! larder-http, and against nginx and varnish beside it.
//!
//! The suite has an origin server, which answers as each test says, and a client, which talks to it
//! through the cache under test. What both saw decides each test. The suite is BSD-licensed and
//! comes from npm; nothing of it is in this repository.

mod peers;
mod report;
mod suite;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use self::report::{Kind, Results};
use self::suite::Suite;
use crate::place;
use crate::server::Server;

/// The least percentage of required tests that the proxy has to pass.
const REQUIRED: f64 = 88.0;
/// The least percentage of optimal ones.
const OPTIMAL: f64 = 70.0;

/// What to run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// nginx and varnish as well.
    pub(crate) with_peers: bool,
    /// A checkout of the suite instead of the package on npm.
    pub(crate) suite: Option<PathBuf>,
    /// One test alone, shown instead of judged.
    pub(crate) test: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let work = place::target().join("http-conformance");
    fs::create_dir_all(&work)?;
    let suite = Suite::install(&work, options.suite.as_deref())?;
    let origin = suite.start_origin(&work)?;
    if let Some(test) = &options.test {
        let proxy = peers::larder(&origin, &work)?;
        return suite.show(test, proxy.base());
    }
    let mut servers = vec![("larder", peers::larder(&origin, &work)?)];
    if options.with_peers {
        servers.push(("nginx", peers::nginx(&origin, &work)?));
        servers.push(("varnish", peers::varnish(&origin, &work)?));
    }
    let results = run_all(&suite, &servers, &work);
    drop(servers);
    drop(origin);
    peers::clean_up(&work)?;
    let results = results?;
    print!("{}", report::table(&results));
    for results in &results {
        let file = work.join(format!("failures-{}.txt", results.server));
        fs::write(&file, results.failures())?;
        eprintln!("what {} did not pass: {}", results.server, file.display());
    }
    judge(&results[0])
}

/// One server after the other, so that none is slowed down by another's run.
fn run_all(suite: &Suite, servers: &[(&'static str, Server)], work: &Path) -> Result<Vec<Results>> {
    let one = |(name, server): &(&'static str, Server)| {
        let judged =
            suite.run(name, server.base(), work).with_context(|| format!("with {name}"))?;
        Results::new(name, &judged)
    };
    servers.iter().map(one).collect()
}

fn judge(ours: &Results) -> Result<()> {
    for (kind, least) in [(Kind::Required, REQUIRED), (Kind::Optimal, OPTIMAL)] {
        let percent = ours.score(kind).percent();
        ensure!(
            percent >= least,
            "{percent:.1} % of the {kind:?} tests passed; at least {least} % have to"
        );
    }
    Ok(())
}
