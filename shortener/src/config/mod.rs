//! The service's settings: built in, from a file, from the environment, from the command line, in
//! this order.

mod settings;
mod sources;
mod value;

pub use settings::{SETTINGS, Setting};
pub use sources::{ConfigError, ConfigProblem, Sources};

use larder::manager::config::ManagerConfig;
use std::{net::SocketAddr, time::Duration};
use url::Url;

/// All settings of the service. [`SETTINGS`] lists them with their names and what they mean.
#[derive(Clone, Debug)]
pub struct Config {
    /// How the service faces its clients.
    pub server: Server,
    /// Where the data are.
    pub database: Database,
    /// Passwords and sessions.
    pub auth: Auth,
    /// What clients may do how often.
    pub limits: Limits,
    /// What is allowed as a target.
    pub urls: Urls,
    /// How clicks are counted.
    pub clicks: Clicks,
    /// The management API.
    pub admin: Admin,
    /// What the first start makes.
    pub demo: Demo,
    /// What is logged.
    pub log: Log,
    /// The caches' settings, and rules of the HTTP cache beside those of the service.
    pub caches: ManagerConfig,
}

/// How the service faces its clients.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How short addresses begin. None: `http://` and where the service listens.
    pub base_url: Option<Url>,
    /// Whether answers are cached at all.
    pub cache: bool,
    /// Whether responses say how long the service took, in `Server-Timing`.
    pub timing: bool,
    /// How long the head and the body of a request may take to arrive, each.
    pub receive_timeout: Duration,
    /// How long an answer may take.
    pub request_timeout: Duration,
    /// How long requests under way have after a signal to stop.
    pub shutdown_timeout: Duration,
    /// The most bytes of a request's body.
    pub max_body: u64,
    /// The most connections at a time; further ones wait.
    pub max_connections: u64,
    /// The header in which a proxy says who the client is.
    pub client_ip_header: Option<String>,
    /// The header in which a proxy says from which country the client is.
    pub country_header: Option<String>,
    /// Headers that a proxy sets, without which requests with them would not be cached.
    pub trusted_headers: Vec<String>,
}

/// Where the data are.
#[derive(Clone, Debug)]
pub struct Database {
    /// `sqlite:FILE` or `postgres://..`.
    pub url: String,
    /// The most connections for reading, and with PostgreSQL for all.
    pub max_connections: u64,
    /// How much of an acknowledged write survives what.
    pub synchronous: Synchronous,
}

/// How much of an acknowledged write survives what; of SQLite alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// All of it survives everything, the machine's power included.
    Full,
    /// All of it survives the end of the process, whatever ends it; the last writes may be lost
    /// with the machine.
    Normal,
}

/// Passwords and sessions.
#[derive(Clone, Debug)]
pub struct Auth {
    /// How long a session lasts.
    pub session_lifetime: Duration,
    /// The memory that hashing a password takes, in KiB.
    pub argon2_memory_kib: u64,
    /// How often it goes through it.
    pub argon2_passes: u64,
    /// How many passwords are hashed at a time.
    pub hash_threads: u64,
}

/// What clients may do how often; 0 is without a limit.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Tries to log in, of an address and for an account each.
    pub logins_per_minute: u64,
    /// New accounts of an address.
    pub registrations_per_hour: u64,
    /// New short addresses of a user.
    pub creations_per_minute: u64,
    /// How many addresses and users are kept in mind.
    pub tracked: u64,
}

/// What is allowed as a target.
#[derive(Clone, Debug)]
pub struct Urls {
    /// Whether private and loopback hosts are.
    pub allow_private: bool,
    /// The most bytes.
    pub max_length: u64,
}

/// How clicks are counted.
#[derive(Clone, Debug)]
pub struct Clicks {
    /// How many may wait to be written; redirects wait when it is full.
    pub queue: u64,
    /// The most clicks that are written at once.
    pub batch: u64,
    /// How long a click may wait to be written.
    pub flush_every: Duration,
    /// How late the counts of a user may be whose addresses are clicked all the time.
    pub count_lag: Duration,
}

/// The management API.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Whether there is one.
    pub enabled: bool,
    /// The token that allows everything. None: a new one at each start.
    pub token: Option<String>,
    /// A token that allows to look.
    pub read_token: Option<String>,
}

/// What the first start makes.
#[derive(Clone, Debug)]
pub struct Demo {
    /// Whether an empty database gets a user with a few addresses.
    pub enabled: bool,
    /// The password of that user. None: a random one.
    pub password: Option<String>,
}

/// What is logged.
#[derive(Clone, Debug)]
pub struct Log {
    /// Levels, such as `info` or `warn,shortener=debug`.
    pub filter: String,
}

impl Default for Config {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            server: Server {
                listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
                base_url: None,
                cache: true,
                timing: false,
                receive_timeout: seconds(10),
                request_timeout: seconds(30),
                shutdown_timeout: seconds(20),
                max_body: 16 << 10,
                max_connections: 20_000,
                client_ip_header: None,
                country_header: None,
                trusted_headers: Vec::new(),
            },
            database: Database {
                url: "sqlite:shortener.db".to_owned(),
                max_connections: 8,
                synchronous: Synchronous::Full,
            },
            auth: Auth {
                session_lifetime: seconds(7 * 24 * 60 * 60),
                argon2_memory_kib: 19_456,
                argon2_passes: 2,
                hash_threads: 2,
            },
            limits: Limits {
                logins_per_minute: 10,
                registrations_per_hour: 20,
                creations_per_minute: 120,
                tracked: 20_000,
            },
            urls: Urls { allow_private: false, max_length: 2048 },
            clicks: Clicks {
                queue: 65_536,
                batch: 1000,
                flush_every: seconds(1),
                count_lag: seconds(60),
            },
            admin: Admin { enabled: true, token: None, read_token: None },
            demo: Demo { enabled: true, password: None },
            log: Log { filter: "info".to_owned() },
            caches: larder_http::config().build().expect("what is built in is right"),
        }
    }
}
