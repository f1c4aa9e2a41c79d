//! The service's program.

#![forbid(unsafe_code)]

mod arguments;

use anyhow::{Context as _, Result};
use arguments::{Arguments, Command, Seed, Serve};
use clap::Parser as _;
use shortener::{
    App,
    config::{Config, SETTINGS},
    load, seed,
};
use std::{io::IsTerminal as _, process::ExitCode};
use tokio::net::TcpListener;
use tracing_subscriber::{
    filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shortener: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    match arguments.command.unwrap_or(Command::Serve(arguments.serve)) {
        Command::Serve(serve) => start(&serve),
        Command::Seed(arguments) => seed(&arguments),
        Command::Load(options) => load(&options),
        Command::Settings => {
            settings();
            Ok(())
        }
    }
}

/// Prints all settings with their built-in values.
fn settings() {
    let config = Config::default();
    for setting in SETTINGS {
        println!("{:<28} {}", setting.name, setting.help);
        println!("{:<28} {} = {}", "", setting.variable(), setting.show(&config));
    }
}

#[tokio::main]
async fn seed(arguments: &Seed) -> Result<()> {
    let config = arguments.serve.sources().load()?;
    let seeded = seed::run(&arguments.options, &config).await?;
    println!("{seeded}");
    Ok(())
}

#[tokio::main]
async fn load(options: &load::Options) -> Result<()> {
    let report = load::run(options).await?;
    print!("{report}");
    Ok(())
}

#[tokio::main]
async fn start(arguments: &Serve) -> Result<()> {
    let mut config = arguments.sources().load()?;
    let filter: Targets = config.log.filter.parse().context("log.filter")?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry().with(lines).with(filter).init();
    // Before anything is printed, so that a signal finds somebody who heeds it.
    let shutdown = shutdown()?;
    let listen = config.server.listen;
    let listener =
        TcpListener::bind(listen).await.with_context(|| format!("server.listen: {listen}"))?;
    config.server.listen = listener.local_addr()?;
    let (cache, database) = (config.server.cache, config.database.url.clone());
    let app = App::build(config).await?;
    let base = app.base_url();
    println!("shortener    {base}");
    if let Some(demo) = &app.demo {
        println!("demo login   {}  {}", demo.email, demo.password);
    }
    if cache {
        println!("dashboard    {base}api/cache/dashboard/");
    }
    if let Some(token) = &app.admin_token {
        println!("admin token  {token}");
    }
    println!("database     {}", database.split('@').next_back().unwrap_or_default());
    if !cache {
        println!("caches       none");
    }
    // Base addresses may be those of a proxy; this is the service's own.
    println!("listening on {}", listener.local_addr()?);
    app.serve(listener, shutdown).await?;
    Ok(())
}

/// Waits until somebody wants the program to end.
fn shutdown() -> Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        #[cfg(not(unix))]
        {
            // Without a handler the system ends the program by itself.
            _ = tokio::signal::ctrl_c().await;
        }
    })
}
