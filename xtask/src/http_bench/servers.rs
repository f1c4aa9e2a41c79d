//! The servers that are measured, each with two threads and a gigabyte for what it caches.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::command::Run;
use crate::http_conformance::server::{Server, free_port};
use crate::{place, tools};

/// How many megabytes each may cache.
const CAPACITY: &str = "1024";

/// Builds the examples that are started here.
pub(super) fn build() -> Result<()> {
    Run::cargo()
        .args(["build", "--release", "--package", "larder-http", "--features", "axum"])
        .args(["--example", "proxy", "--example", "memory"])
        .run()
}

fn example(name: &str) -> Run {
    Run::new(place::target().join("release/examples").join(name)).env("TOKIO_WORKER_THREADS", "2")
}

/// A handler of axum that answers from memory.
pub(super) fn handler(name: &'static str, cached: bool, work: &Path) -> Result<Server> {
    let run = example("memory");
    Server::that_prints_its_address(name, if cached { run.arg("--cached") } else { run }, work)
}

pub(super) fn larder(origin: &Server, work: &Path) -> Result<Server> {
    let run = example("proxy").args(["--origin", origin.base(), "--listen", "127.0.0.1:0"]);
    Server::that_prints_its_address("larder", run.args(["--capacity", CAPACITY]), work)
}

pub(super) fn nginx(origin: &Server, files: &Path, work: &Path) -> Result<Server> {
    let (program, port) = (tools::debian("nginx", "nginx")?, free_port()?);
    let configuration = work.join("nginx.conf");
    let (temporary, work_) = (files.display(), work.display());
    let text = format!(
        "daemon off;
worker_processes 2;
pid {work_}/nginx.pid;
error_log {work_}/nginx-error.log;
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
    let run = Run::new(program).arg("-c").arg(&configuration).arg("-p").arg(work);
    Server::on_port("nginx", run, port, work)
}

pub(super) fn varnish(origin: &Server, files: &Path, work: &Path) -> Result<Server> {
    let (program, port) = (tools::debian("varnishd", "varnish")?, free_port()?);
    let run = Run::new(program)
        .args(["-F", "-j", "none", "-n"])
        .arg(files.join("varnish"))
        .args(["-a", &format!("127.0.0.1:{port}"), "-b", origin.authority()])
        .args(["-s", &format!("malloc,{CAPACITY}M")]);
    Server::on_port("varnish", run, port, work)
}

/// A directory in memory, removed when it is dropped.
#[derive(Debug)]
pub(super) struct Files(PathBuf);

impl Files {
    pub(super) fn new(work: &Path) -> Result<Self> {
        let shared = Path::new("/dev/shm");
        let name = format!("larder-http-bench-{}", std::process::id());
        let files = if shared.is_dir() { shared.join(name) } else { work.join(name) };
        fs::create_dir_all(&files)?;
        Ok(Self(files))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} could not be removed: {error}", self.0.display());
        }
    }
}
