//! `cargo xtask icount`: the instructions that operations take, and a gate against more of them.
//!
//! `larder-icount` runs each operation some thousand times under callgrind, which counts what
//! happens within one function of it (see there). Counts do not depend on what else the machine
//! does, so they can be judged where times cannot. They do depend on the compiler, so those that
//! are kept are judged by the one that they were counted with, and only shown by any other.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::command::Run;
use crate::{place, tools};

const PACKAGE: &str = "larder-icount";
/// The function that it runs operations in.
const MEASURED: &str = "larder_icount::measured_by_callgrind";
/// What its loop takes, with no operation in it.
const LOOP: &str = "(the loop itself)";
/// The cache that is judged.
const OURS: &str = "larder";
/// The counts that are kept, in the repository.
const KEPT: &str = "benches/icount/counts.json";
/// By how many percent a count may exceed the one that is kept.
const TOLERANCE: f64 = 3.0;
const HOW_TO_ACCEPT: &str = "to keep the new counts: cargo xtask icount --accept";

/// Whether new counts take the place of those that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Judge,
    Accept,
}

pub(crate) fn run(mode: Mode) -> Result<()> {
    tools::valgrind()?;
    let compiler = compiler()?;
    let rows = count()?;
    let file = place::root().join(KEPT);
    let kept = Kept::read(&file)?;
    print!("{}", table(&rows, &kept.counts));
    let ours = of_ours(&rows);
    if mode == Mode::Accept {
        Kept { compiler, counts: ours }.write(&file)?;
        eprintln!("kept in {KEPT}");
        return Ok(());
    }
    if kept.compiler != compiler {
        eprintln!(
            "NOT judged: the counts that are kept are those of {}, and this is {compiler}; {HOW_TO_ACCEPT}",
            kept.compiler
        );
        return Ok(());
    }
    let wrong = verdict(&ours, &kept.counts);
    ensure!(wrong.is_empty(), "{}\n{HOW_TO_ACCEPT}", wrong.join("\n"));
    eprintln!("no operation takes more than {TOLERANCE} % above what is kept in {KEPT}");
    Ok(())
}

/// Instructions per operation, by the name of the operation.
type Counts = BTreeMap<String, f64>;

/// One operation of one cache.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    operation: String,
    cache: String,
    instructions: f64,
}

/// Version and target of the compiler.
fn compiler() -> Result<String> {
    let printed = Run::new("rustc").arg("-vV").read()?;
    let field = |name: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::trim).with_context(|| format!("`rustc -vV` does not say `{name}`"))
    };
    Ok(format!("rustc {} {}", field("release:")?, field("host:")?))
}

fn count() -> Result<Vec<Row>> {
    // Flags of the environment would change the counts.
    Run::cargo()
        .args(["build", "--locked", "--profile", "icount", "--package", PACKAGE])
        .env("RUSTFLAGS", "")
        .run()?;
    let directory = place::target().join("icount").join("callgrind");
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    let out = directory.join("out");
    let printed = Run::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(format!("--toggle-collect={MEASURED}"))
        .arg(format!("--dump-after={MEASURED}"))
        .arg(place::target().join("icount").join(PACKAGE))
        .read()?;
    rows(&printed, |number| {
        let part = PathBuf::from(format!("{}.{number}", out.display()));
        fs::read_to_string(&part).with_context(|| format!("reading {}", part.display()))
    })
}

/// What the program printed, and the part of callgrind's output that belongs to each line.
fn rows(printed: &str, part: impl Fn(usize) -> Result<String>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut of_loop = None;
    for (number, line) in printed.lines().enumerate() {
        let fields: Vec<_> = line.split('\t').collect();
        let [operation, cache, times] = fields[..] else {
            bail!("{PACKAGE} printed a line that is not operation, cache, times: {line:?}");
        };
        let times: f64 = times.parse().with_context(|| format!("how often in {line:?}"))?;
        let total = total(&part(number + 1)?).with_context(|| format!("counting `{operation}`"))?;
        let each = total / times;
        // The loop is the first.
        let Some(of_loop) = of_loop else {
            ensure!(operation == LOOP, "{PACKAGE} begins with `{operation}`, not with {LOOP}");
            of_loop = Some(each);
            continue;
        };
        // As many digits as say something.
        let instructions = ((each - of_loop) * 10.0).round() / 10.0;
        rows.push(Row { operation: operation.into(), cache: cache.into(), instructions });
    }
    ensure!(!rows.is_empty(), "{PACKAGE} counted nothing");
    Ok(rows)
}

/// The instructions of a file that callgrind wrote.
fn total(part: &str) -> Result<f64> {
    let total = part.lines().find_map(|line| line.strip_prefix("totals:"));
    let total: f64 = total.context("callgrind wrote no totals")?.trim().parse()?;
    ensure!(total > 0.0, "callgrind counted nothing: is `{MEASURED}` still there?");
    Ok(total)
}

fn of_ours(rows: &[Row]) -> Counts {
    let ours = rows.iter().filter(|row| row.cache == OURS);
    ours.map(|row| (row.operation.clone(), row.instructions)).collect()
}

/// What is wrong with new counts.
fn verdict(ours: &Counts, kept: &Counts) -> Vec<String> {
    let mut wrong = Vec::new();
    for (operation, &count) in ours {
        match kept.get(operation) {
            None => wrong.push(format!("`{operation}` takes {count} instructions, none are kept")),
            Some(kept) if count > kept * (1.0 + TOLERANCE / 100.0) => wrong.push(format!(
                "`{operation}` takes {count} instructions, {:+.1} %: {kept} are kept, {TOLERANCE} % more are \
                 allowed",
                percent(count, *kept)
            )),
            Some(_) => {}
        }
    }
    for operation in kept.keys().filter(|operation| !ours.contains_key(*operation)) {
        wrong.push(format!("`{operation}` is kept, but was not counted"));
    }
    wrong
}

fn percent(count: f64, kept: f64) -> f64 {
    (count / kept - 1.0) * 100.0
}

/// A line per operation, a column per cache, and how ours compares with what is kept.
fn table(rows: &[Row], kept: &Counts) -> String {
    let mut operations: Vec<&str> = Vec::new();
    let mut caches: Vec<&str> = Vec::new();
    for row in rows {
        for (names, name) in [(&mut operations, &*row.operation), (&mut caches, &*row.cache)] {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let mut text = format!("{:<24}", "instructions");
    caches.iter().for_each(|cache| text += &format!("{cache:>16}"));
    text += &format!("{:>16}\n", "against kept");
    for operation in operations {
        text += &format!("{operation:<24}");
        for &cache in &caches {
            let row = rows.iter().find(|row| row.operation == operation && row.cache == cache);
            let cell = row.map_or("-".to_owned(), |row| format!("{:.0}", row.instructions));
            text += &format!("{cell:>16}");
        }
        let ours = rows.iter().find(|row| row.operation == operation && row.cache == OURS);
        let against = match (ours, kept.get(operation)) {
            (Some(ours), Some(&kept)) => format!("{:+.1} %", percent(ours.instructions, kept)),
            _ => "new".to_owned(),
        };
        text += &format!("{against:>16}\n");
    }
    text
}

/// The counts in the repository.
#[derive(Clone, Debug, Default, PartialEq)]
struct Kept {
    compiler: String,
    counts: Counts,
}

impl Kept {
    /// Empty if there is no such file yet.
    fn read(file: &Path) -> Result<Self> {
        if !file.exists() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(file).with_context(|| format!("reading {KEPT}"))?;
        Self::parse(&text).with_context(|| format!("{KEPT} is damaged; {HOW_TO_ACCEPT}"))
    }

    fn parse(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)?;
        let compiler = value["compiler"].as_str().context("no `compiler`")?.to_owned();
        let counts = value["instructions"].as_object().context("no `instructions`")?;
        let count = |(operation, count): (&String, &Value)| {
            let count = count.as_f64().with_context(|| format!("`{operation}` is no number"))?;
            Ok((operation.clone(), count))
        };
        Ok(Self { compiler, counts: counts.iter().map(count).collect::<Result<_>>()? })
    }

    fn text(&self) -> Result<String> {
        let value = json!({ "compiler": self.compiler, "instructions": self.counts });
        Ok(serde_json::to_string_pretty(&value)? + "\n")
    }

    fn write(&self, file: &Path) -> Result<()> {
        fs::write(file, self.text()?).with_context(|| format!("writing {KEPT}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, f64)]) -> Counts {
        counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn what_the_loop_takes_is_no_part_of_an_operation() {
        let printed = "(the loop itself)\tlarder\t10\nget\tlarder\t10\nget\tmoka\t5\n";
        let totals = [100, 2_345, 5_050];
        let part = |number: usize| Ok(format!("version: 1\ntotals: {}\n", totals[number - 1]));
        let rows = rows(printed, part).unwrap();
        let row = |cache: &str, instructions| Row {
            operation: "get".into(),
            cache: cache.into(),
            instructions,
        };
        assert_eq!(rows, [row("larder", 224.5), row("moka", 1_000.0)]);
        assert_eq!(of_ours(&rows), counts(&[("get", 224.5)]));
        let table = table(&rows, &counts(&[("get", 179.6)]));
        assert!(table.contains("+25.0 %") && table.contains("1000"), "{table}");
    }

    #[test]
    fn counts_that_mean_nothing_are_errors() {
        let part = |text: &'static str| move |_| Ok(text.to_owned());
        let one = "(the loop itself)\tlarder\t10\n";
        assert!(rows("", part("totals: 1")).is_err(), "nothing");
        assert!(rows(one, part("totals: 1")).is_err(), "the loop alone");
        assert!(rows("get\tlarder\t10\n", part("totals: 1")).is_err(), "no loop");
        assert!(rows("get larder 10\n", part("totals: 1")).is_err(), "no tabs");
        let two = format!("{one}get\tlarder\t10\n");
        assert!(rows(&two, part("totals: 0")).is_err(), "not collected");
        assert!(rows(&two, part("version: 1")).is_err(), "no totals");
    }

    #[test]
    fn three_percent_more_pass_and_what_is_above_does_not() {
        let kept = counts(&[("get", 200.0), ("gone", 1.0)]);
        let wrong = verdict(&counts(&[("get", 206.1), ("new", 7.0)]), &kept);
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        assert!(wrong[0].contains("`get` takes 206.1 instructions, +3.0 %: 200 are kept"));
        assert!(wrong[1].contains("`new`") && wrong[2].contains("`gone`"));
        assert!(verdict(&counts(&[("get", 206.0), ("gone", 0.5)]), &kept).is_empty());
    }

    #[test]
    fn what_is_kept_is_read_as_it_was_written() {
        let kept = Kept { compiler: "rustc 1".into(), counts: counts(&[("get, hit", 224.5)]) };
        assert_eq!(Kept::parse(&kept.text().unwrap()).unwrap(), kept);
        assert!(Kept::parse("{}").is_err() && Kept::parse("{\"compiler\": \"x\"}").is_err());
    }
}
