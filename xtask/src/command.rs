//! Running other programs: shown before they run, judged by how they end.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::IsTerminal;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::place;

/// A program about to run in the repository's root.
#[derive(Debug)]
pub(crate) struct Run {
    command: Command,
    /// What a person would type, environment included.
    shown: String,
}

/// How a program with a time limit ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Exited(ExitStatus),
    TimedOut,
}

impl Run {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let program = program.as_ref();
        let mut command = Command::new(program);
        command.current_dir(place::root());
        Self { command, shown: quoted(program) }
    }

    /// `cargo` of the toolchain that runs this program.
    pub(crate) fn cargo() -> Self {
        let mut run = Self::new("cargo");
        // `--cfg` flags come from each task alone, and this variable would outrank them.
        run.command.env_remove("CARGO_ENCODED_RUSTFLAGS");
        // A log has no use for progress bars, but colours are worth keeping where CI shows them.
        if !std::io::stderr().is_terminal() {
            run.command.env("CARGO_TERM_PROGRESS_WHEN", "never");
            let unset = |name| std::env::var_os(name).is_none();
            if std::env::var_os("CI").is_some() && unset("CARGO_TERM_COLOR") && unset("NO_COLOR") {
                run.command.env("CARGO_TERM_COLOR", "always");
            }
        }
        run
    }

    /// `cargo` of the nightly toolchain.
    pub(crate) fn cargo_nightly() -> Self {
        Self::cargo().arg("+nightly")
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.shown.push(' ');
        self.shown.push_str(&quoted(arg.as_ref()));
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(self, args: I) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.shown = format!("{name}={} {}", quoted(value.as_ref()), self.shown);
        self.command.env(name, value);
        self
    }

    /// In `directory` instead of the repository's root.
    pub(crate) fn within(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Starts it and returns at once; what it prints goes to `stdout` and `stderr`.
    pub(crate) fn spawn(
        mut self,
        stdout: impl Into<Stdio>,
        stderr: impl Into<Stdio>,
    ) -> Result<Child> {
        self.show();
        self.command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        self.command.spawn().with_context(|| self.could_not_start())
    }

    /// Runs to the end, output going where ours goes; any failure is an error.
    pub(crate) fn run(mut self) -> Result<()> {
        self.show();
        let status = self.command.status().with_context(|| self.could_not_start())?;
        self.check(status)
    }

    /// As [`run`](Self::run), but ended when `limit` has passed. For programs that might hang, and
    /// only for those that start no others: these would live on.
    pub(crate) fn run_within(mut self, limit: Duration) -> Result<()> {
        self.show();
        let child = self.command.spawn().with_context(|| self.could_not_start())?;
        match wait(child, limit)? {
            Ended::Exited(status) => self.check(status),
            Ended::TimedOut => bail!("still running after {} s: {}", limit.as_secs(), self.shown),
        }
    }

    /// Runs with both outputs in the file `log`; how it ended is for the caller to judge.
    pub(crate) fn log_within(mut self, log: &Path, limit: Duration) -> Result<Ended> {
        if let Some(directory) = log.parent() {
            fs::create_dir_all(directory)?;
        }
        let file = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        self.command.stdout(file.try_clone()?).stderr(file).stdin(Stdio::null());
        let child = self.command.spawn().with_context(|| self.could_not_start())?;
        wait(child, limit)
    }

    /// Runs to the end and returns what it printed; errors still go where ours go.
    pub(crate) fn read(mut self) -> Result<String> {
        self.show();
        let output = self
            .command
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| self.could_not_start())?;
        self.check(output.status)?;
        String::from_utf8(output.stdout).with_context(|| format!("output of {}", self.shown))
    }

    /// Runs to the end and returns what it printed to its two outputs.
    pub(crate) fn read_both(mut self) -> Result<(String, String)> {
        self.show();
        let output = self.command.output().with_context(|| self.could_not_start())?;
        let text =
            |bytes| String::from_utf8(bytes).with_context(|| format!("output of {}", self.shown));
        let (printed, errors) = (text(output.stdout)?, text(output.stderr)?);
        self.check(output.status).context(errors.clone())?;
        Ok((printed, errors))
    }

    /// The first line that it prints to either output, however it ends.
    pub(crate) fn first_line(mut self) -> Result<String> {
        let output = self.command.output().with_context(|| self.could_not_start())?;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }

    /// Whether it runs and succeeds; nothing is shown.
    pub(crate) fn succeeds(mut self) -> bool {
        let quiet = self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    }

    fn show(&self) {
        eprintln!("$ {}", self.shown);
    }

    fn could_not_start(&self) -> String {
        format!("could not start: {}", self.shown)
    }

    fn check(&self, status: ExitStatus) -> Result<()> {
        if status.success() {
            return Ok(());
        }
        bail!("{status}: {}", self.shown)
    }
}

pub(crate) fn wait(mut child: Child, limit: Duration) -> Result<Ended> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::Exited(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(Ended::TimedOut);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// As typed at a shell, relative to the root where it can be.
fn quoted(word: &OsStr) -> String {
    let root = format!("{}/", place::root().display());
    let word = word.to_string_lossy().replace(&root, "");
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_and_success_are_told_apart() {
        assert!(Run::new("true").run().is_ok());
        assert!(Run::new("false").run().is_err());
        assert!(Run::new("true").succeeds());
        assert!(!Run::new("false").succeeds());
        assert!(!Run::new("no-such-program-anywhere").succeeds());
        assert!(Run::new("no-such-program-anywhere").run().is_err());
    }

    #[test]
    fn what_hangs_is_ended() {
        let started = Instant::now();
        let error = Run::new("sleep").arg("60").run_within(Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("still running"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn shown_as_one_would_type_it() {
        let run = Run::new("cargo").args(["test", "--", "a b"]).env("RUSTFLAGS", "--cfg x");
        assert_eq!(run.shown, "RUSTFLAGS='--cfg x' cargo test -- 'a b'");
    }
}
