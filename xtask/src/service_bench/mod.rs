//! `cargo xtask service-bench`: the shortener with and without its caches, on SQLite and on
//! PostgreSQL, under the same load.
//!
//! Both services of a database begin with copies of the same data and take turns under the load,
//! one short round of each after another, when both have been warmed up by the same requests. The
//! median of a round is that of all its requests, misses included; of these the median of the
//! rounds counts. Nothing is slowed down.

mod options;
mod postgres;
mod suite;
mod table;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

pub(crate) use self::options::{Database, Options};
use self::postgres::Postgres;
pub(crate) use self::suite::run as test_on_postgres;
use self::table::{Rounds, Warming};
use crate::command::Run;
use crate::place;
use crate::server::{Server, Warden};

/// Shares of the endpoints: one request of a thousand changes something. `nothing` answers from no
/// data, so that it costs what the network stack costs.
const MIX: &str = "redirect=780,list=60,stats=30,analytics=40,profile=40,write=1,nothing=40";

/// Users who are logged in. They are some of all, from those with the most URLs to those with the
/// fewest.
const USERS: &str = "20";
/// The caches have room for what is asked for: a response and a query's result for each code, and
/// for each user's looks at his links. All else is as the service has it.
const CACHES: &str = "[cache.url]\nmax_entries = 300000\n[cache.analytics]\nmax_entries = 20000\n";

pub(crate) fn run(options: &Options) -> Result<()> {
    Run::cargo().args(["build", "--release", "--package", "shortener"]).run()?;
    println!("{}", heading(options));
    for database in options.databases() {
        // Ends last, since what is declared first is dropped last.
        let warden = Warden::new("larder-service-bench")?;
        let rounds = measure(database, options, &warden)?;
        println!("{}", table::markdown(database, &rounds)?);
    }
    Ok(())
}

fn heading(options: &Options) -> String {
    let Options { users, urls, clicks, rate, seconds, rounds, .. } = options;
    format!(
        "{urls} URLs of {users} users, {clicks} clicks. {rate} requests a second of {USERS} users \
         ({MIX}; Zipf 1.0), {rounds} rounds of {seconds} s each. The url cache has room for \
         300 000 entries, the analytics cache for 20 000. Load average {}.\n",
        load_average()
    )
}

fn measure(database: Database, options: &Options, warden: &Warden) -> Result<Rounds> {
    let place = Place::new(database, warden)?;
    let seeded = place.url("cached");
    let run = shortener().args(["seed", "--database", &seeded]);
    run.args(["--users", &options.users, "--urls", &options.urls, "--clicks", &options.clicks])
        .read()
        .context("seeding")?;
    place.copy("cached", "plain")?;
    let folder = warden.folder();
    let plain = start("plain", &place, warden)?;
    let cached = start("cached", &place, warden)?;
    let warm_up = Warming {
        requests: options.warm_up.clone(),
        seconds: [warm_up(&plain, options, folder)?, warm_up(&cached, options, folder)?],
    };
    let mut rounds = Rounds::after(warm_up);
    for round in 1..=options.rounds {
        let mut turns = [("plain", &plain), ("cached", &cached)];
        // Who is first has the quieter or the busier machine, whichever it is.
        if round % 2 == 0 {
            turns.reverse();
        }
        for (name, server) in turns {
            let before = queries(server)?;
            let report = load(server, options, round, folder)?;
            rounds.add(name == "cached", &report, queries(server)? - before)?;
        }
    }
    Ok(rounds)
}

/// Where the databases are.
#[derive(Debug)]
enum Place {
    Sqlite(PathBuf),
    Postgres(Postgres),
}

impl Place {
    fn new(database: Database, warden: &Warden) -> Result<Self> {
        match database {
            Database::Sqlite => Ok(Self::Sqlite(warden.folder().to_owned())),
            Database::Postgres => {
                let postgres = Postgres::start(warden)?;
                postgres.create("cached", "template0")?;
                Ok(Self::Postgres(postgres))
            }
        }
    }

    fn url(&self, name: &str) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.join(name).display()),
            Self::Postgres(postgres) => postgres.url(name),
        }
    }

    fn copy(&self, from: &str, to: &str) -> Result<()> {
        match self {
            Self::Sqlite(folder) => {
                let (from, to) = (folder.join(from), folder.join(to));
                let log = from.with_extension("db-wal");
                ensure!(!log.exists(), "{} is not part of the copy", log.display());
                fs::copy(&from, &to).map(drop).with_context(|| from.display().to_string())
            }
            Self::Postgres(postgres) => postgres.create(to, from),
        }
    }
}

fn shortener() -> Run {
    Run::new(place::target().join("release/shortener"))
}

/// Starts the service as it is, but without limits on logins, and with what it tells of its time.
fn start(name: &'static str, place: &Place, warden: &Warden) -> Result<Server> {
    let url = place.url(name);
    let settings = warden.folder().join("settings.toml");
    fs::write(&settings, CACHES)?;
    let mut run = shortener()
        .args(["serve", "--listen", "127.0.0.1:0", "--database", &url, "--config"])
        .arg(&settings);
    if name == "plain" {
        run = run.arg("--no-cache");
    }
    for setting in [
        "server.timing=true",
        "limits.logins_per_minute=0",
        "limits.creations_per_minute=0",
        "log.filter=warn",
    ] {
        run = run.args(["--set", setting]);
    }
    Server::that_prints_its_address(name, run, warden)
}

/// The same requests for both, as fast as they are answered. Returns how many seconds that took.
fn warm_up(server: &Server, options: &Options, folder: &Path) -> Result<f64> {
    let json = folder.join("warm-up.json");
    // The load has at least one request that is due.
    ask(server, options, folder)
        .args(["--warm-up-requests", &options.warm_up, "--warm-up", "0", "--requests", "1"])
        .args(["--rate", "1", "--duration", "1", "--draws", "0", "--json"])
        .arg(&json)
        .read()?;
    let report: Value = serde_json::from_str(&fs::read_to_string(&json)?)?;
    report["warm_up_seconds"].as_f64().context("no `warm_up_seconds`")
}

/// One round; each has its own requests, the same for both services.
fn load(server: &Server, options: &Options, round: usize, folder: &Path) -> Result<Value> {
    let json = folder.join("report.json");
    let (rate, seconds) = (options.rate.to_string(), options.seconds.to_string());
    let table = ask(server, options, folder)
        .args(["--rate", &rate, "--duration", &seconds, "--warm-up", "0"])
        .args(["--draws", &round.to_string(), "--json"])
        .arg(&json)
        .read()?;
    eprintln!("{table}");
    Ok(serde_json::from_str(&fs::read_to_string(&json)?)?)
}

fn ask(server: &Server, options: &Options, folder: &Path) -> Run {
    let seeded = format!("{},{}", options.users, options.urls);
    shortener()
        .within(folder)
        .args(["load", "--target", server.base(), "--seeded", &seeded, "--users", USERS])
        .args(["--mix", MIX])
}

/// How many queries the service has sent to its database so far.
fn queries(server: &Server) -> Result<u64> {
    let mut stream = TcpStream::connect(server.authority())?;
    let host = server.authority();
    write!(stream, "GET /api/health/ HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let health: Value =
        serde_json::from_str(body).with_context(|| format!("health is {answer:?}"))?;
    health["queries"].as_u64().with_context(|| format!("no `queries` in {body}"))
}

fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
