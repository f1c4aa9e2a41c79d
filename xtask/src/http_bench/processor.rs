//! How much processor time a server has used. Unlike rates it says something on a busy machine,
//! too.

use std::fs;

use anyhow::{Context, Result};

/// The system counts in hundredths of a second, whatever its own clock does.
const MICROSECONDS: u64 = 10_000;

/// What a process and those that it started have used, in microseconds.
pub(super) fn used(root: u32) -> Result<u64> {
    let (mut all, mut left, mut processes) = (0, vec![root], Vec::new());
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // One that has ended meanwhile is none of those that are looked for.
        if let Ok(text) = fs::read_to_string(format!("/proc/{id}/stat")) {
            processes.push((id, process(&text).with_context(|| text.clone())?));
        }
    }
    while let Some(id) = left.pop() {
        let this = processes.iter().find(|process| process.0 == id);
        all += this.with_context(|| format!("there is no process {id}"))?.1.ticks * MICROSECONDS;
        left.extend(processes.iter().filter(|it| it.1.parent == id).map(|it| it.0));
    }
    Ok(all)
}

#[derive(Debug, PartialEq, Eq)]
struct Process {
    parent: u32,
    /// In the program and in the system.
    ticks: u64,
}

/// Reads a line of `/proc/PID/stat`.
fn process(text: &str) -> Option<Process> {
    // The name of the program may have spaces and parentheses.
    let fields: Vec<_> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Process { parent: number(1)?.try_into().ok()?, ticks: number(11)? + number(12)? })
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::command::Run;

    #[test]
    fn parent_and_time_are_read() {
        let text = "17 (a) b) S 5 17 17 0 -1 4194560 9 0 0 0 30 12 0 0 20 0 1 0 77";
        assert_eq!(process(text), Some(Process { parent: 5, ticks: 42 }));
        assert_eq!(process("17 (a"), None);
    }

    #[test]
    fn what_children_use_counts() {
        let script = "sh -c 'while :; do :; done' & trap 'kill $!' TERM; wait";
        let run = Run::new("sh").args(["-c", script]);
        let mut parent = run.spawn(Stdio::null(), Stdio::null()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        // The parent does nothing but wait.
        while used(parent.id()).unwrap() < 5 * MICROSECONDS && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        let all = used(parent.id()).unwrap();
        assert!(Run::new("kill").arg(parent.id().to_string()).succeeds());
        parent.wait().unwrap();
        assert!(all >= 5 * MICROSECONDS, "{all} microseconds");
    }
}
