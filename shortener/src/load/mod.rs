//! `shortener load`: asks a running service as many users would, and tells how long answers took.
//!
//! The load is *open-loop*: requests are due at times that were drawn beforehand, whatever the
//! service does. A latency counts from the time a request was due, so that a service which stalls
//! is charged for everybody who would have asked meanwhile (no coordinated omission). Beside it
//! stands the time from sending to the last byte, and the time the service itself reports.
//!
//! `target` says who may be asked, `mix` what is asked, `plan` when and for which code, `world`
//! brings users and codes, `client` speaks HTTP, `warming` warms the service up, `drive` runs the
//! plan, `tally` counts, `report` and `plot` tell.

mod client;
mod drive;
mod mix;
mod options;
mod plan;
mod plot;
mod report;
mod tally;
mod target;
mod warming;
mod world;

pub use mix::{Endpoint, Mix, MixError};
pub use options::{LoadError, Options};
pub use plan::Arrivals;
pub use report::{EndpointReport, Quantiles, Report};

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use plan::Plan;
use target::Target;
use world::World;

/// Runs the load that `options` ask for.
///
/// Takes the warm-up and the duration, or until the number of requests is sent, and after that at
/// most the time limit of one request.
///
/// # Errors
///
/// [`LoadError`] when an option is out of range, the target is not a loopback address, users cannot
/// sign in, or a file cannot be written. A request that fails is no error: the report counts it.
pub async fn run(options: &Options) -> Result<Report, LoadError> {
    let settings = options.check()?;
    let target = Target::resolve(&options.target, options.allow_remote).await?;
    let world = Arc::new(World::meet(&target, options, settings.timeout).await?);
    let warming = warming::run(&target, &world, &settings).await;
    let plan = Plan::new(&settings);
    let bar = progress_bar(plan.len());
    let outcome = drive::run(&target, world, plan, &settings, &bar).await;
    bar.finish_and_clear();
    let report = Report::new(options, &settings, warming, &outcome);
    if let Some(path) = &options.svg {
        write(path, &plot::draw(&outcome))?;
    }
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report).expect("a report has only text keys");
        write(path, &(text + "\n"))?;
    }
    Ok(report)
}

fn write(path: &std::path::Path, text: &str) -> Result<(), LoadError> {
    fs::write(path, text).map_err(|source| LoadError::Write { path: path.into(), source })
}

/// Drawn on a terminal only.
fn progress_bar(requests: usize) -> ProgressBar {
    let bar = ProgressBar::new(requests as u64);
    let style = "{elapsed_precise} [{wide_bar}] {human_pos}/{human_len} {per_sec} {msg}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
