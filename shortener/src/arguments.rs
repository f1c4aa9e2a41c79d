//! The command line.

use clap::{Args, Parser, Subcommand};
use shortener::{config::Sources, load, seed};
use std::path::PathBuf;

/// A URL shortener behind every layer of the cache larder.
///
/// Without a command it serves. The first start makes the database with a demo user and prints how
/// to log in.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: Serve,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the service until SIGTERM or Ctrl-C (the default)
    Serve(Serve),
    /// Fills a database with made-up users, URLs and clicks
    Seed(Seed),
    /// Asks a running service as many users would, and tells how long answers took
    Load(load::Options),
    /// Lists all settings, their variables and built-in values
    Settings,
}

/// What is to be made up, and for which service: its settings say which database.
#[derive(Debug, Args)]
pub(crate) struct Seed {
    #[command(flatten)]
    pub(crate) options: seed::Options,
    #[command(flatten)]
    pub(crate) serve: Serve,
}

/// What the service is to be like. Each setting can also be in a file, or a variable SHORTENER_..;
/// the command line counts more than both.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Settings in TOML
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(short, long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// How short addresses begin [default: http:// and where it listens]
    #[arg(short, long, value_name = "URL")]
    base_url: Option<String>,
    /// sqlite:FILE or postgres://USER@HOST/NAME [default: sqlite:shortener.db]
    #[arg(short, long, value_name = "URL")]
    database: Option<String>,
    /// Serves without any cache, with the same answers
    #[arg(long)]
    no_cache: bool,
    /// Token of the management API [default: a new one, which is printed]
    #[arg(long, value_name = "TOKEN")]
    admin_token: Option<String>,
    /// Makes no demo user in an empty database
    #[arg(long)]
    no_demo: bool,
    /// What is logged, such as warn,shortener=debug [default: info]
    #[arg(long, value_name = "LEVELS")]
    log: Option<String>,
    /// Any other setting (`shortener settings` lists them); may be repeated
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("allowed is NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

impl Serve {
    /// Returns where the settings come from.
    pub(crate) fn sources(&self) -> Sources {
        let named = [
            ("server.listen", &self.listen),
            ("server.base_url", &self.base_url),
            ("database.url", &self.database),
            ("admin.token", &self.admin_token),
            ("log.filter", &self.log),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        let off = [("server.cache", self.no_cache), ("demo.enabled", self.no_demo)];
        let off = off.into_iter().filter(|(_, is_off)| *is_off);
        let flags = named.chain(off.map(|(name, _)| (name, "false".to_owned())));
        let flags = flags.map(|(name, value)| (name.to_owned(), value));
        Sources::of_process(self.config.clone(), flags.chain(self.set.clone()).collect())
    }
}
