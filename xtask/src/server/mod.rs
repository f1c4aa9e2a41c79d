//! A server that is started for a run, and ended with it: by its [`Drop`], or by its [`Warden`] if
//! that does not run.

mod warden;

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

pub(crate) use self::warden::Warden;

use self::warden::Watch;
use crate::command::Run;

/// How long a server may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a server may take to end when it is asked to.
const END_LIMIT: Duration = Duration::from_secs(10);

/// Where a server's log is written, and who ends the server if this process is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home<'a> {
    pub(crate) logs: &'a Path,
    pub(crate) warden: Option<&'a Warden>,
}

impl<'a, P: AsRef<Path> + ?Sized> From<&'a P> for Home<'a> {
    fn from(logs: &'a P) -> Self {
        Self { logs: logs.as_ref(), warden: None }
    }
}

impl<'a> From<&'a Warden> for Home<'a> {
    fn from(warden: &'a Warden) -> Self {
        Self { logs: warden.folder(), warden: Some(warden) }
    }
}

impl Home<'_> {
    fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }
}

/// A running server; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Server {
    name: &'static str,
    child: Child,
    base: String,
    /// Dropped after the server has ended.
    watch: Option<Watch>,
}

impl Server {
    /// Starts a server that takes a free port itself and prints `http://HOST:PORT` when it listens.
    pub(crate) fn that_prints_its_address<'a>(
        name: &'static str,
        run: Run,
        home: impl Into<Home<'a>>,
    ) -> Result<Self> {
        let home = home.into();
        let log = home.log(name);
        let child = run.spawn(Stdio::piped(), File::create(&log)?)?;
        let mut server = Self::watched(name, child, String::new(), home)?;
        let printed = server.child.stdout.take().expect("its output is a pipe");
        let (sender, receiver) = mpsc::channel();
        // Reads to the end, so that the server never waits for a full pipe.
        thread::spawn(move || {
            for line in BufReader::new(printed).lines().map_while(Result::ok) {
                if let Some(base) = address_in(&line) {
                    // Only the first is waited for.
                    let _ = sender.send(base);
                }
            }
        });
        server.base = match receiver.recv_timeout(START_LIMIT) {
            Ok(base) => base,
            Err(RecvTimeoutError::Timeout) => bail!("{name} printed no address"),
            Err(RecvTimeoutError::Disconnected) => {
                bail!("{name} ended:\n{}", fs::read_to_string(log).unwrap_or_default())
            }
        };
        Ok(server)
    }

    /// Starts a server that was told to listen on `port`, and waits until it does.
    pub(crate) fn on_port<'a>(
        name: &'static str,
        run: Run,
        port: u16,
        home: impl Into<Home<'a>>,
    ) -> Result<Self> {
        let home = home.into();
        let log = home.log(name);
        let file = File::create(&log)?;
        let child = run.spawn(file.try_clone()?, file)?;
        let mut server = Self::watched(name, child, format!("http://127.0.0.1:{port}"), home)?;
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = server.child.try_wait()? {
                bail!("{name}: {status}\n{}", fs::read_to_string(log).unwrap_or_default());
            }
            if Instant::now() >= deadline {
                bail!("{name} does not listen on port {port}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    fn watched(name: &'static str, child: Child, base: String, home: Home<'_>) -> Result<Self> {
        let mut server = Self { name, child, base, watch: None };
        server.watch = home.warden.map(|warden| warden.watch(server.id())).transpose()?;
        Ok(server)
    }

    /// `http://HOST:PORT`.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// `HOST:PORT`.
    pub(crate) fn authority(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, which lets it end its own children, and insists after a while.
    fn end(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let asked = Run::new("kill").arg(self.child.id().to_string()).succeeds();
        let deadline = Instant::now() + END_LIMIT;
        while asked && Instant::now() < deadline {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        eprintln!("{} did not end when asked to", self.name);
        self.child.kill()?;
        self.child.wait().map(drop).context("waiting for its end")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("{} could not be ended: {error:#}", self.name);
        }
    }
}

/// A port that is free now, for servers that cannot choose one themselves.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn address_in(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("http://")?;
    let authority = rest.split(|c: char| c == '/' || c.is_whitespace()).next()?;
    Some(format!("http://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_what_servers_print() {
        for line in ["Listening on http://127.0.0.1:8000/", "listening on http://127.0.0.1:8000"] {
            assert_eq!(address_in(line).as_deref(), Some("http://127.0.0.1:8000"));
        }
        assert_eq!(address_in("PID file write error"), None);
    }

    #[test]
    fn a_server_that_ends_at_once_is_an_error_with_its_words() {
        let work = std::env::temp_dir();
        let run = Run::new("sh").args(["-c", "echo no such origin >&2"]);
        let error = Server::that_prints_its_address("silent", run, &work).unwrap_err();
        assert!(error.to_string().contains("no such origin"), "{error}");
    }

    #[test]
    fn a_server_under_a_warden_ends_with_it() {
        use std::os::unix::process::ExitStatusExt;

        let warden = Warden::new("larder-server-under-a-warden").unwrap();
        let run = Run::new("sh").args(["-c", "echo http://127.0.0.1:1/; exec sleep 60"]);
        let mut server = Server::that_prints_its_address("sleeper", run, &warden).unwrap();
        let child = &mut server.child;
        let status = thread::scope(|scope| {
            let ending = scope.spawn(|| child.wait());
            // The server is not dropped before it, as if this process were gone.
            drop(warden);
            ending.join().unwrap().unwrap()
        });
        assert_eq!(status.signal(), Some(2));
    }
}
