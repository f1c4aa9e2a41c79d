//! The page, and the numbers as JSON.

use std::env;
use std::fmt::Write as _;

use anyhow::Result;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Effort;
use super::folder::Folder;
use super::sections::Part;
use crate::output::machine;
use crate::output::table::Table;
use crate::output::versions;
use crate::peers::PeerId;

/// The first line of a page.
pub(super) const TITLE: &str = "# larder beside its peers\n";

/// What a section came to.
#[derive(Default)]
pub(super) struct Outcome {
    text: String,
    /// File names and SVG.
    pictures: Vec<(String, String)>,
    numbers: Map<String, Value>,
}

impl Outcome {
    pub(super) fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.text, "{text}\n");
    }

    pub(super) fn tables(&mut self, tables: &[Table]) {
        for table in tables {
            self.text += &table.markdown();
        }
    }

    /// Shows a picture; `name` becomes a file name without surprises.
    pub(super) fn picture(&mut self, name: &str, title: &str, svg: String) {
        let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let kept = |c: char| if keep(c) { c.to_ascii_lowercase() } else { '-' };
        let file = name.chars().map(kept).collect::<String>() + ".svg";
        let _ = writeln!(self.text, "![{title}]({file})\n");
        self.pictures.push((file, svg));
    }

    pub(super) fn numbers(&mut self, name: &str, results: &impl Serialize) -> Result<()> {
        self.numbers.insert(name.to_owned(), serde_json::to_value(results)?);
        Ok(())
    }
}

/// What has been measured so far.
pub(super) struct Page {
    head: String,
    text: String,
    numbers: Map<String, Value>,
    /// What has yet to be written.
    pictures: Vec<(String, String)>,
    /// The sections that are missing.
    missing: Vec<&'static str>,
}

impl Page {
    /// An empty page, for these sections.
    pub(super) fn new(effort: Effort, missing: Vec<&'static str>) -> Self {
        let command = command();
        let machine = machine::describe();
        let load = machine::load_average();
        let mut packages: Vec<String> = PeerId::all()
            .iter()
            .map(|peer| format!("{} {}", peer.package(), versions::of(peer.package())))
            .collect();
        packages.dedup();
        let mut head = format!("{TITLE}\n```sh\n{command}\n```\n\nMachine: {machine}");
        if let Some(load) = load {
            let _ = write!(head, "; load average {load:.2} before the first section");
        }
        let _ = writeln!(head, ".\n\nVersions: {}.\n", packages.join(", "));
        if effort == Effort::Least {
            head += "**A trial:** so few operations that the numbers mean nothing.\n\n";
        }
        let numbers = [
            ("command", json!(command)),
            ("machine", json!(machine)),
            ("load_average", json!(load)),
            ("versions", json!(packages)),
        ];
        let numbers = numbers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { head, text: String::new(), numbers, pictures: Vec::new(), missing }
    }

    /// Adds a section, with the load averages before and after it.
    pub(super) fn add(&mut self, part: &dyn Part, outcome: Outcome, load: [Option<f64>; 2]) {
        let title = part.title();
        self.missing.retain(|missing| *missing != title);
        let _ = writeln!(self.text, "## {title}\n\n{}", part.what());
        let _ = writeln!(self.text, "At length: `larder-bench {}`.", part.command());
        if let [Some(before), Some(after)] = load {
            let _ = writeln!(
                self.text,
                "Load average: {before:.2} before, {after:.2} after; the measurement itself adds \
                 1 to 2."
            );
        }
        let _ = writeln!(self.text, "\n{}", outcome.text.trim_end());
        self.text.push('\n');
        self.numbers.extend(outcome.numbers);
        self.pictures.extend(outcome.pictures);
    }

    /// Writes the page, the pictures that are new, and the numbers.
    pub(super) fn write(&mut self, folder: &Folder) -> Result<()> {
        let missing = match &self.missing[..] {
            [] => String::new(),
            titles => format!(
                "**Unfinished.** Missing: {}. The run goes on, or it was interrupted.\n\n",
                titles.join(", ")
            ),
        };
        // Before its pictures: the page tells a later report which files it may replace.
        folder.write_page(&format!("{}{missing}{}", self.head, self.text))?;
        for (file, svg) in self.pictures.drain(..) {
            folder.write(&file, &svg)?;
        }
        self.numbers.insert("missing".to_owned(), json!(self.missing));
        folder.write_numbers(&serde_json::to_string_pretty(&self.numbers)?)
    }
}

/// The command that runs, without the path to the program.
fn command() -> String {
    let arguments = env::args().skip(1);
    let mut command = "larder-bench".to_owned();
    for argument in arguments {
        let plain = |c: char| c.is_alphanumeric() || "-_./,=:%+".contains(c);
        let quoted = argument.is_empty() || !argument.chars().all(plain);
        let _ =
            if quoted { write!(command, " {argument:?}") } else { write!(command, " {argument}") };
    }
    command
}
