//! `report`: a page with the tables and pictures of the README, in full with many more, and the
//! numbers as JSON.
//!
//! - `sections`: what is measured, and how much of it.
//! - `pictures`: what is drawn.
//! - `page`: what is written.
//! - `folder`: where it is written.
//! - `interrupt`: what Ctrl-C says.

mod folder;
mod interrupt;
mod page;
mod pictures;
mod sections;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;

use self::folder::Folder;
use self::page::Page;
use self::sections::Part;
use crate::output::machine::load_average;
use crate::output::progress::{self, Progress, Work};
use crate::output::table::Table;
use crate::peers::PeerId;

/// A part of the report.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Section {
    /// The README's table of speed.
    Speed,
    /// Hit ratios on traces; in full by capacity, too.
    Hits,
    /// Bytes per entry, and entries above and below the capacity.
    Memory,
    /// The whole matrix of `throughput`; not part of a quick report.
    Throughput,
    /// Percentiles of single operations; not part of a quick report.
    Latency,
}

/// How much is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Effort {
    /// Everything: hours.
    Full,
    /// The tables of the README, with fewer rounds and caches: minutes.
    Quick,
    /// Each step once, with so few operations that the numbers mean nothing.
    Least,
}

/// What to report, and where.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) folder: PathBuf,
    pub(crate) traces: Option<PathBuf>,
    /// Those of the effort where none are chosen.
    pub(crate) sections: Vec<Section>,
    /// Those of each section where none are chosen.
    pub(crate) peers: Vec<PeerId>,
    pub(crate) seed: u64,
    pub(crate) effort: Effort,
}

impl Plan {
    fn sections(&self) -> Vec<Section> {
        match self.effort {
            _ if !self.sections.is_empty() => self.sections.clone(),
            Effort::Quick => vec![Section::Speed, Section::Hits, Section::Memory],
            Effort::Full | Effort::Least => Section::value_variants().to_vec(),
        }
    }

    /// The chosen peers, or `default`.
    fn peers(&self, default: impl Into<Vec<PeerId>>) -> Vec<PeerId> {
        if self.peers.is_empty() { default.into() } else { self.peers.clone() }
    }
}

/// Measures, writes, and returns the path of the page.
pub(crate) fn run(plan: &Plan) -> Result<PathBuf> {
    let parts = sections::parts(plan)?;
    let work = total(&parts);
    let folder = Folder::open(&plan.folder)?;
    let mut page = Page::new(plan.effort, parts.iter().map(|part| part.title()).collect());
    // First of all: a folder that cannot be written to is told before minutes are spent.
    page.write(&folder)?;
    interrupt::explain();
    let progress = Progress::new(work);
    for part in &parts {
        progress.section(part.title());
        let before = load_average();
        let outcome = part
            .run(&progress)
            .with_context(|| format!("the section {:?} failed", part.title()))?;
        page.add(&**part, outcome, [before, load_average()]);
        // After each section: a report that is interrupted keeps what it has.
        page.write(&folder)?;
    }
    Ok(folder.page())
}

/// The steps of a report and how long they take, by estimate.
pub(crate) fn outline(plan: &Plan) -> Result<Table> {
    let parts = sections::parts(plan)?;
    let head = ["section", "steps", "about"].map(str::to_owned).to_vec();
    let title = format!("A report in {}, by estimate", shown(&plan.folder));
    let mut table = Table::new(title, head);
    let row = |name: &str, work: Work| {
        vec![name.to_owned(), work.steps.to_string(), progress::time(work.seconds)]
    };
    for part in &parts {
        table.row(row(part.title(), part.work()));
    }
    table.row(row("all", total(&parts)));
    Ok(table)
}

fn total(parts: &[Box<dyn Part>]) -> Work {
    parts.iter().map(|part| part.work()).sum()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
