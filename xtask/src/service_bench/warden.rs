//! Whatever ends this process, a signal or a crash, ends the servers it has started, and removes its folder.
//!
//! A shell reads the numbers of the servers from a pipe. When the pipe closes it interrupts those
//! that have not been crossed out, waits for them, and removes the folder.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result};

/// `+N` is a server that has started; `none` says that all have ended.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
pids=
while read -r line; do
    case "$line" in
        +*) pids="$pids ${line#+}" ;;
        none) pids= ;;
    esac
done
for pid in $pids; do kill -INT "$pid" 2>/dev/null; done
for pid in $pids; do
    n=0
    while kill -0 "$pid" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
    kill -KILL "$pid" 2>/dev/null
done
rm -rf "$1"
"#;

/// A folder, and who looks after it. Dropped after the servers have ended.
#[derive(Debug)]
pub(super) struct Warden {
    folder: PathBuf,
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Warden {
    /// Makes a folder in that of temporary files.
    pub(super) fn new(name: &str) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "warden"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("sh")?;
        let pipe = shell.stdin.take();
        Ok(Self { folder, shell, pipe })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes note of a server.
    pub(super) fn watch(&mut self, process: u32) -> Result<()> {
        self.tell(&format!("+{process}"))
    }

    fn tell(&mut self, line: &str) -> Result<()> {
        let pipe = self.pipe.as_mut().context("the warden has been sent away")?;
        writeln!(pipe, "{line}").context("the warden does not listen")
    }
}

impl Drop for Warden {
    fn drop(&mut self) {
        // Their numbers may be those of other processes by now.
        let told = self.tell("none");
        drop(self.pipe.take());
        if let Err(error) = told.and_then(|()| Ok(self.shell.wait()?)) {
            eprintln!("{} may be left: {error:#}", self.folder.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("600").spawn().unwrap()
    }

    #[test]
    fn servers_are_ended_and_the_folder_is_removed_when_this_process_is_gone() {
        let mut warden = Warden::new("larder-warden-gone").unwrap();
        let mut server = sleeper();
        warden.watch(server.id()).unwrap();
        fs::write(warden.folder().join("file"), "").unwrap();
        assert!(warden.shell.try_wait().unwrap().is_none());
        // As the system does when the process ends.
        drop(warden.pipe.take());
        let status = server.wait().unwrap();
        warden.shell.wait().unwrap();
        assert_eq!(status.signal(), Some(2));
        assert!(!warden.folder().exists());
    }

    #[test]
    fn what_has_ended_by_itself_is_not_touched() {
        let mut warden = Warden::new("larder-warden-ended").unwrap();
        let folder = warden.folder().to_owned();
        // Stands for a stranger who has got the number of a server that has ended.
        let mut stranger = sleeper();
        warden.watch(stranger.id()).unwrap();
        drop(warden);
        assert!(!folder.exists());
        assert!(stranger.try_wait().unwrap().is_none());
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}
