//! The machine: the processors that all take part in, and what it is made of.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::command::Run;

/// How many processors the servers and wrk share.
const CORES: usize = 2;

/// The processors that servers and wrk run on, as taskset takes them: the first two that this
/// process may use.
pub(super) fn cores() -> Result<String> {
    let status = fs::read_to_string("/proc/self/status").context("the processors of this one")?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let numbers = numbers(list.context("no list of processors")?.trim())?;
    ensure!(numbers.len() >= CORES, "this needs {CORES} processors, and has {}", numbers.len());
    Ok(numbers[..CORES].iter().map(u32::to_string).collect::<Vec<_>>().join(","))
}

/// The numbers in a list such as `0-2,5`.
fn numbers(list: &str) -> Result<Vec<u32>> {
    let mut all = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        all.extend(first.parse::<u32>()?..=last.parse()?);
    }
    Ok(all)
}

/// The machine and the programs in words.
pub(super) fn describe(cores: &str, programs: [(&str, Run); 3]) -> Result<String> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let information = read("/proc/cpuinfo");
    let field = |name| information.lines().find(|line| line.starts_with(name));
    let model = field("model name").and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown");
    let all = information.lines().filter(|line| line.starts_with("processor")).count();
    let system = read("/proc/sys/kernel/osrelease");
    let mut words = format!("{model}, processors {cores} of {all}, Linux {}", system.trim());
    for (name, run) in programs {
        let line = run.first_line()?;
        let version = version(&line).with_context(|| format!("{name} says {line:?}"))?;
        words.push_str(&format!(", {name} {version}"));
    }
    Ok(words)
}

/// The first word that begins with a digit, as in `nginx version: nginx/1.22.1`.
fn version(line: &str) -> Option<&str> {
    let separators = |c: char| c.is_whitespace() || "/-()[".contains(c);
    line.split(separators).find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
}

pub(super) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors_are_read() {
        assert_eq!(numbers("0-1").unwrap(), [0, 1]);
        assert_eq!(numbers("3,5-7,9").unwrap(), [3, 5, 6, 7, 9]);
        assert!(numbers("").is_err() && numbers("0-x").is_err());
    }

    #[test]
    fn versions_are_found_in_what_programs_say() {
        assert_eq!(version("nginx version: nginx/1.22.1"), Some("1.22.1"));
        assert_eq!(version("varnishd (varnish-7.1.1 revision 7cee1c5)"), Some("7.1.1"));
        assert_eq!(version("wrk debian/4.1.0-3+b2 [epoll]"), Some("4.1.0"));
        assert_eq!(version("no such option"), None);
    }
}
