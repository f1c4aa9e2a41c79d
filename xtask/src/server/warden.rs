//! Ends the servers of this process, and removes its folder, when the process is gone: by a signal
//! or by a crash.
//!
//! A shell reads the servers' process numbers from a pipe, which the system closes when this
//! process ends. Then the shell interrupts the servers that have not ended yet, waits for them, and
//! removes the folder. It ignores the signals that a terminal sends to all of them. Since nothing
//! is caught in this process, a signal ends it at once.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::rc::{Rc, Weak};

use anyhow::{Context, Result};

/// `+N` is a server that has started, `-N` one that has ended.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
pids=' '
while read -r line; do
    case "$line" in
        +*) pids="$pids${line#+} " ;;
        -*) pids="${pids%% ${line#-} *} ${pids#* ${line#-} }" ;;
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

/// A folder, and the shell that looks after it and after the servers. Has to be dropped after the
/// servers.
#[derive(Debug)]
pub(crate) struct Warden {
    folder: PathBuf,
    shell: Child,
    pipe: Option<Rc<ChildStdin>>,
}

/// A server that the warden ends. Dropping this says that the server has ended: its number may then
/// become that of another process.
#[derive(Debug)]
pub(crate) struct Watch {
    process: u32,
    pipe: Weak<ChildStdin>,
}

impl Warden {
    /// Makes a folder in the directory of temporary files.
    pub(crate) fn new(name: &str) -> Result<Self> {
        Self::within(&std::env::temp_dir(), name)
    }

    /// Makes a folder in `parent`.
    pub(crate) fn within(parent: &Path, name: &str) -> Result<Self> {
        let folder = parent.join(format!("{name}-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "warden"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("sh")?;
        let pipe = shell.stdin.take().map(Rc::new);
        Ok(Self { folder, shell, pipe })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes note of a server until what this returns is dropped.
    pub(crate) fn watch(&self, process: u32) -> Result<Watch> {
        let pipe = self.pipe.as_ref().context("the warden has no pipe")?;
        tell(pipe, &format!("+{process}"))?;
        Ok(Watch { process, pipe: Rc::downgrade(pipe) })
    }
}

fn tell(mut pipe: &ChildStdin, line: &str) -> Result<()> {
    // In one piece: this process may be gone before a second one.
    pipe.write_all(format!("{line}\n").as_bytes()).context("the warden does not listen")
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Without a pipe, the warden has ended the server.
        let Some(pipe) = self.pipe.upgrade() else { return };
        if let Err(error) = tell(&pipe, &format!("-{}", self.process)) {
            eprintln!("process {}: {error:#}", self.process);
        }
    }
}

impl Drop for Warden {
    /// Ends the servers that are still watched.
    fn drop(&mut self) {
        drop(self.pipe.take());
        if let Err(error) = self.shell.wait() {
            eprintln!("{} may be left: {error:#}", self.folder.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::ExitStatusExt;
    use std::sync::mpsc;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    /// Far longer than anything takes here.
    const LIMIT: Duration = Duration::from_secs(120);

    fn sleeper() -> Child {
        Command::new("sleep").arg("600").spawn().unwrap()
    }

    /// Closes the pipe, as the system does when the process ends.
    fn leave(warden: &mut Warden) {
        drop(warden.pipe.take());
    }

    #[test]
    fn servers_that_are_watched_are_ended_and_others_are_not() {
        for not_watched in 0..3 {
            let mut warden = Warden::new(&format!("larder-warden-{not_watched}")).unwrap();
            let folder = warden.folder().to_owned();
            fs::write(folder.join("file"), "").unwrap();
            let mut servers = [(); 3].map(|()| sleeper());
            let mut watches =
                servers.each_ref().map(|server| Some(warden.watch(server.id()).unwrap()));
            // Stands for a stranger who has got the number of a server that has ended.
            watches[not_watched] = None;
            assert!(warden.shell.try_wait().unwrap().is_none());
            leave(&mut warden);
            for (number, server) in servers.iter_mut().enumerate() {
                if number != not_watched {
                    assert_eq!(server.wait().unwrap().signal(), Some(2));
                }
            }
            drop(warden);
            assert!(!folder.exists());
            let stranger = &mut servers[not_watched];
            assert!(stranger.try_wait().unwrap().is_none());
            stranger.kill().unwrap();
            stranger.wait().unwrap();
        }
    }

    /// Starts this program again for the test below, ends it by a signal, and returns when its
    /// server has ended.
    fn end_by(signal: &str) {
        let mut program = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "server::warden::tests::runs_until_it_is_ended", "--ignored"])
            .args(["--nocapture", "--test-threads=1"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(program.stdout.take().unwrap()).lines();
        let folder = output.by_ref().map(Result::unwrap).find_map(|line| {
            let (_, folder) = line.split_once("watching in ")?;
            Some(PathBuf::from(folder))
        });
        let folder = folder.expect("it says where");
        assert!(folder.is_dir());
        let number = program.id().to_string();
        assert!(Command::new("kill").args([signal, &number]).status().unwrap().success());
        assert!(program.wait().unwrap().signal().is_some(), "{signal}");
        // The server has the same output, which therefore ends with the last of both.
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || sender.send(output.count()));
        receiver.recv_timeout(LIMIT).expect("the server ends");
        let deadline = Instant::now() + LIMIT;
        while folder.exists() {
            assert!(Instant::now() < deadline, "{} is left after {signal}", folder.display());
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn signals_end_this_process_and_its_servers() {
        for signal in ["-INT", "-TERM", "-KILL"] {
            end_by(signal);
        }
    }

    #[test]
    #[ignore = "never ends by itself, started by the test above"]
    fn runs_until_it_is_ended() {
        let warden = Warden::new("larder-warden-killed").unwrap();
        let mut server = sleeper();
        let watch = warden.watch(server.id()).unwrap();
        println!("watching in {}", warden.folder().display());
        server.wait().unwrap();
        drop(watch);
    }
}
