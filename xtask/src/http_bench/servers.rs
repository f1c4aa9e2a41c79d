//! The servers that are measured, each on the same processors, with a gigabyte for what it caches.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::command::Run;
use crate::server::{Home, Server, Warden, free_port};
use crate::{place, tools};

/// How many megabytes each may cache.
const CAPACITY: &str = "1024";
/// How many threads each has.
const THREADS: &str = "2";

/// The programs that are started.
#[derive(Debug)]
pub(super) struct Programs {
    nginx: PathBuf,
    varnish: PathBuf,
}

impl Programs {
    /// Builds or installs what is missing.
    pub(super) fn get() -> Result<Self> {
        Run::cargo()
            .args(["build", "--release", "--package", "larder-http", "--features", "axum"])
            .args(["--example", "proxy", "--example", "memory"])
            .run()?;
        Ok(Self {
            nginx: tools::debian("nginx", "nginx")?,
            varnish: tools::debian("varnishd", "varnish")?,
        })
    }

    pub(super) fn nginx_version(&self) -> Run {
        Run::new(&self.nginx).arg("-v")
    }

    pub(super) fn varnish_version(&self) -> Run {
        Run::new(&self.varnish).arg("-V")
    }
}

/// How servers are started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start<'a> {
    pub(super) programs: &'a Programs,
    pub(super) cores: &'a str,
    /// Where they put what they have to say.
    pub(super) work: &'a Path,
    /// Ends them if need be; what they cache in files is in its folder.
    pub(super) warden: &'a Warden,
}

impl Start<'_> {
    /// A handler of axum that answers from memory.
    pub(super) fn handler(self, name: &'static str, cached: bool) -> Result<Server> {
        let run = self.example("memory").env("TOKIO_WORKER_THREADS", THREADS);
        let run = if cached { run.arg("--cached") } else { run };
        Server::that_prints_its_address(name, run, self.home())
    }

    pub(super) fn larder(self, origin: &Server) -> Result<Server> {
        let run = self.example("proxy").args(["--origin", origin.base(), "--capacity", CAPACITY]);
        let run = run.args(["--listen", "127.0.0.1:0", "--workers", THREADS]);
        Server::that_prints_its_address("larder", run, self.home())
    }

    pub(super) fn nginx(self, origin: &Server) -> Result<Server> {
        let port = free_port()?;
        let configuration = self.work.join("nginx.conf");
        let (temporary, work) = (self.warden.folder().display(), self.work.display());
        let text = format!(
        "daemon off;
worker_processes {THREADS};
pid {work}/nginx.pid;
error_log {work}/nginx-error.log;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    sendfile on;
    keepalive_requests 1000000000;
    open_file_cache max=20000;
    client_body_temp_path {temporary}/body;
    proxy_temp_path {temporary}/proxy;
    fastcgi_temp_path {temporary}/fastcgi;
    uwsgi_temp_path {temporary}/uwsgi;
    scgi_temp_path {temporary}/scgi;
    proxy_cache_path {temporary}/cache levels=1:2 keys_zone=bench:32m max_size={CAPACITY}m inactive=600m
        use_temp_path=off;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://{};
            proxy_http_version 1.1;
            proxy_cache bench;
        }}
    }}
}}
",
        origin.authority()
    );
        fs::write(&configuration, text)?;
        let run = self.pinned(&self.programs.nginx).arg("-c").arg(&configuration);
        Server::on_port("nginx", run.arg("-p").arg(self.work), port, self.home())
    }

    pub(super) fn varnish(self, origin: &Server) -> Result<Server> {
        let port = free_port()?;
        let run = self
            .pinned(&self.programs.varnish)
            .args(["-F", "-j", "none", "-n"])
            .arg(self.warden.folder().join("varnish"))
            .args(["-a", &format!("127.0.0.1:{port}"), "-b", origin.authority()])
            .args(["-s", &format!("malloc,{CAPACITY}M")]);
        Server::on_port("varnish", run, port, self.home())
    }

    fn home(&self) -> Home<'_> {
        Home { logs: self.work, warden: Some(self.warden) }
    }

    fn example(self, name: &str) -> Run {
        self.pinned(&place::target().join("release/examples").join(name))
    }

    /// On the processors of all; taskset becomes the program itself.
    fn pinned(self, program: &Path) -> Run {
        Run::new("taskset").args(["-c", self.cores]).arg(program)
    }
}
