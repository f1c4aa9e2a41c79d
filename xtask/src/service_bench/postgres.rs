//! A PostgreSQL server of this command's own, which does not run as root, on a free port of the
//! loopback interface.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::command::Run;
use crate::server::{Server, Warden, free_port};
use crate::tools;

/// Where Debian keeps each version's programs.
const VERSIONS: &str = "/usr/lib/postgresql";
/// How long the server may take until it answers.
const LIMIT: Duration = Duration::from_secs(60);
/// The user that Debian's package makes, and the one that owns the databases.
const USER: &str = "postgres";

/// A running server; dropping it ends it.
#[derive(Debug)]
pub(super) struct Postgres {
    _server: Server,
    programs: PathBuf,
    port: u16,
}

impl Postgres {
    pub(super) fn start(warden: &Warden) -> Result<Self> {
        let programs = programs()?;
        let folder = warden.folder().join("postgres");
        fs::create_dir(&folder)?;
        if is_root() {
            Run::new("chown").arg(USER).arg(&folder).run()?;
        }
        let (data, port) = (folder.join("data"), free_port()?);
        as_user(&programs.join("initdb"))
            .arg("--pgdata")
            .arg(&data)
            .args(["--username", USER, "--auth", "trust", "--encoding", "UTF8"])
            .args(["--locale", "C", "--no-sync"])
            .read()?;
        let run = as_user(&programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k"])
            .arg(&folder)
            // As it is installed, but for room to write and to keep.
            .args(["-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB"]);
        let server = Server::on_port("postgres", run, port, warden)?;
        let postgres = Self { _server: server, programs, port };
        let deadline = Instant::now() + LIMIT;
        while !postgres.program("pg_isready").arg("--quiet").succeeds() {
            ensure!(Instant::now() < deadline, "PostgreSQL does not answer on port {port}");
            thread::sleep(Duration::from_millis(50));
        }
        Ok(postgres)
    }

    /// Makes a database, empty or a copy of another one that nobody is connected to.
    pub(super) fn create(&self, name: &str, template: &str) -> Result<()> {
        self.program("createdb").args(["--template", template, name]).run()
    }

    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    fn program(&self, name: &str) -> Run {
        let port = self.port.to_string();
        Run::new(self.programs.join(name)).args(["-h", "127.0.0.1", "-p", &port, "-U", USER])
    }
}

/// The folder of the newest version that is installed.
fn programs() -> Result<PathBuf> {
    let find = || {
        let versions = fs::read_dir(VERSIONS).ok()?.filter_map(Result::ok);
        let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
        let folders = versions.map(|entry| entry.path());
        let (_, newest) = folders.filter_map(|path| Some((number(&path)?, path))).max()?;
        Some(newest.join("bin")).filter(|folder| folder.join("postgres").is_file())
    };
    if let Some(folder) = find() {
        return Ok(folder);
    }
    tools::debian("pg_ctlcluster", "postgresql")?;
    find().with_context(|| format!("postgresql is installed, and {VERSIONS} has no server"))
}

/// PostgreSQL refuses to run as root.
fn as_user(program: &Path) -> Run {
    if !is_root() {
        return Run::new(program);
    }
    let identity = ["--reuid", USER, "--regid", USER, "--clear-groups", "--"];
    // A folder that root alone may enter is no place to work in.
    Run::new("setpriv").args(identity).arg(program).within(Path::new("/"))
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
