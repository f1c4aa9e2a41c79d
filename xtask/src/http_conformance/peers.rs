//! The caches that are run: the proxy of larder-http, nginx, varnish.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::command::Run;
use crate::server::{Server, free_port};
use crate::{place, tools};

/// Builds the example and starts it in front of `origin`.
pub(super) fn larder(origin: &Server, work: &Path) -> Result<Server> {
    Run::cargo()
        .args(["build", "--release", "--package", "larder-http", "--example", "proxy"])
        .run()?;
    let run = Run::new(place::target().join("release/examples/proxy")).args([
        "--origin",
        origin.base(),
        "--listen",
        "127.0.0.1:0",
    ]);
    Server::that_prints_its_address("larder", run, work)
}

/// nginx with the settings that the suite's authors publish its results with.
pub(super) fn nginx(origin: &Server, work: &Path) -> Result<Server> {
    let program = tools::debian("nginx", "nginx")?;
    let port = free_port()?;
    let files = memory_backed(work)?;
    let configuration = work.join("nginx.conf");
    fs::write(&configuration, nginx_configuration(origin.authority(), port, &files, work))?;
    let run = Run::new(program).arg("-c").arg(&configuration).arg("-p").arg(work);
    Server::on_port("nginx", run, port, work)
}

fn nginx_configuration(origin: &str, port: u16, files: &Path, work: &Path) -> String {
    let (files, work) = (files.display(), work.display());
    format!(
        "daemon off;
pid {work}/nginx.pid;
error_log {work}/nginx-error.log;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {files}/body;
    proxy_temp_path {files}/proxy;
    fastcgi_temp_path {files}/fastcgi;
    uwsgi_temp_path {files}/uwsgi;
    scgi_temp_path {files}/scgi;
    proxy_cache_path {files}/cache levels=1:2 keys_zone=conformance:8m max_size=256m inactive=600m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://{origin};
            proxy_http_version 1.1;
            proxy_cache conformance;
            proxy_cache_revalidate on;
        }}
    }}
}}
"
    )
}

/// varnish with its built-in VCL, and the parameters that the suite's authors publish its results
/// with.
pub(super) fn varnish(origin: &Server, work: &Path) -> Result<Server> {
    let program = tools::debian("varnishd", "varnish")?;
    let port = free_port()?;
    let files = memory_backed(work)?;
    let run = Run::new(program)
        // In the foreground, without changing its user: only the loopback interface reaches it.
        .args(["-F", "-j", "none", "-n"])
        .arg(files.join("varnish"))
        .args(["-a", &format!("127.0.0.1:{port}"), "-b", origin.authority()])
        .args(["-p", "default_ttl=0", "-p", "default_grace=0", "-p", "default_keep=3600"])
        .args(["-s", "malloc,64M"]);
    Server::on_port("varnish", run, port, work)
}

/// A directory for what the peers cache: in memory where the system has such a place.
fn memory_backed(work: &Path) -> Result<PathBuf> {
    let shared = Path::new("/dev/shm");
    let files = match shared.is_dir() {
        true => shared.join(format!("larder-http-conformance-{}", std::process::id())),
        false => work.join("files"),
    };
    fs::create_dir_all(&files)?;
    Ok(files)
}

/// Removes what [`memory_backed`] made.
pub(super) fn clean_up(work: &Path) -> Result<()> {
    fs::remove_dir_all(memory_backed(work)?)?;
    Ok(())
}
