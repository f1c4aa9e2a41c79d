//! The table of all settings. File, environment, command line and help are made from it.

use super::{
    Config, Synchronous,
    value::{Allowed, boolean, duration, number, optional, show_duration, size},
};
use http::HeaderName;
use std::time::Duration;
use url::Url;

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its name in files, with the section: `server.listen`.
    pub name: &'static str,
    /// What it means, in a line.
    pub help: &'static str,
    /// Sets it, or says what is allowed.
    pub(super) set: fn(&mut Config, &str) -> Result<(), Allowed>,
    show: fn(&Config) -> String,
}

impl Setting {
    /// Returns the name of the environment's variable.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("SHORTENER_{}", self.name.replace('.', "_").to_uppercase())
    }

    /// Returns what it is in this configuration, as it could be written in a file, without quotes.
    #[must_use]
    pub fn show(&self, config: &Config) -> String {
        (self.show)(config)
    }
}

const NONE: &str = "none";
const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

fn shown(value: Option<&impl ToString>) -> String {
    value.map_or_else(|| NONE.to_owned(), ToString::to_string)
}

/// Secrets are set or not.
fn hidden(value: Option<&String>) -> String {
    value.map_or(NONE, |_| "(set)").to_owned()
}

fn header(text: &str) -> Result<Option<String>, Allowed> {
    let Some(name) = optional(text) else { return Ok(None) };
    match name.parse::<HeaderName>() {
        Ok(name) => Ok(Some(name.as_str().to_owned())),
        Err(_) => Err("the name of a header, or \"none\"".to_owned()),
    }
}

fn secret(text: &str, least: usize) -> Result<Option<String>, Allowed> {
    let Some(token) = optional(text) else { return Ok(None) };
    let fits = token.len() >= least && token.bytes().all(|it| it.is_ascii_graphic());
    fits.then(|| Some(token.to_owned())).ok_or_else(|| {
        format!("at least {least} visible ASCII characters without spaces, or \"none\"")
    })
}

/// A setting whose value is one field, parsed and shown by two functions.
macro_rules! setting {
    ($name:literal, $help:literal, $section:ident . $field:ident, $parse:expr, $show:expr) => {
        Setting {
            name: $name,
            help: $help,
            set: |config, text| {
                let parse: fn(&str) -> Result<_, Allowed> = $parse;
                config.$section.$field = parse(text)?;
                Ok(())
            },
            show: |config| {
                let show: fn(&_) -> String = $show;
                show(&config.$section.$field)
            },
        }
    };
}

/// All settings, in the order in which they are explained.
pub const SETTINGS: &[Setting] = &[
    setting!(
        "server.listen",
        "Address and port to listen on",
        server.listen,
        |text| text.parse().map_err(|_| {
            "an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned()
        }),
        ToString::to_string
    ),
    setting!(
        "server.base_url",
        "How short addresses begin; none: http:// and where the service listens",
        server.base_url,
        base_url,
        |url: &Option<Url>| shown(url.as_ref())
    ),
    setting!(
        "server.cache",
        "Whether answers are cached",
        server.cache,
        boolean,
        ToString::to_string
    ),
    setting!(
        "server.timing",
        "Whether responses say how long the service took (Server-Timing)",
        server.timing,
        boolean,
        ToString::to_string
    ),
    setting!(
        "server.receive_timeout",
        "How long head and body of a request may take to arrive, each",
        server.receive_timeout,
        |text| duration(text, 100 * MILLI..=600 * SECOND),
        |it| show_duration(*it)
    ),
    setting!(
        "server.request_timeout",
        "How long an answer may take",
        server.request_timeout,
        |text| duration(text, 100 * MILLI..=600 * SECOND),
        |it| show_duration(*it)
    ),
    setting!(
        "server.shutdown_timeout",
        "How long requests under way have after a signal to stop",
        server.shutdown_timeout,
        |text| duration(text, 100 * MILLI..=600 * SECOND),
        |it| show_duration(*it)
    ),
    setting!(
        "server.max_body",
        "The most bytes of a request's body",
        server.max_body,
        |text| size(text, 4096..=1 << 20),
        ToString::to_string
    ),
    setting!(
        "server.max_connections",
        "The most connections at a time; further ones wait",
        server.max_connections,
        |text| number(text, 1..=1_000_000),
        ToString::to_string
    ),
    setting!(
        "server.client_ip_header",
        "Header in which a proxy says who the client is; its last value counts",
        server.client_ip_header,
        header,
        |it: &Option<String>| shown(it.as_ref())
    ),
    setting!(
        "server.country_header",
        "Header in which a proxy says the client's country, two letters",
        server.country_header,
        header,
        |it: &Option<String>| shown(it.as_ref())
    ),
    setting!(
        "server.trusted_headers",
        "Headers that a proxy sets, such as x-forwarded-proto; otherwise requests with them are not cached",
        server.trusted_headers,
        headers,
        |it: &Vec<String>| it.join(",")
    ),
    setting!(
        "database.url",
        "sqlite:FILE or postgres://USER@HOST/NAME (also DATABASE_URL)",
        database.url,
        database_url,
        |it: &String| shown_url(it)
    ),
    setting!(
        "database.max_connections",
        "The most connections to the database",
        database.max_connections,
        |text| number(text, 1..=1000),
        ToString::to_string
    ),
    setting!(
        "database.synchronous",
        "Of SQLite: full survives a power failure, normal the end of the process",
        database.synchronous,
        synchronous,
        |it| match it {
            Synchronous::Full => "full".to_owned(),
            Synchronous::Normal => "normal".to_owned(),
        }
    ),
    setting!(
        "auth.session_lifetime",
        "How long somebody stays logged in",
        auth.session_lifetime,
        |text| duration(text, SECOND..=24 * 365 * HOUR),
        |it| show_duration(*it)
    ),
    setting!(
        "auth.argon2_memory_kib",
        "Memory that hashing a password takes, in KiB",
        auth.argon2_memory_kib,
        |text| number(text, 8..=1 << 20),
        ToString::to_string
    ),
    setting!(
        "auth.argon2_passes",
        "How often hashing goes through that memory",
        auth.argon2_passes,
        |text| number(text, 1..=100),
        ToString::to_string
    ),
    setting!(
        "auth.hash_threads",
        "How many passwords are hashed at a time",
        auth.hash_threads,
        |text| number(text, 1..=256),
        ToString::to_string
    ),
    setting!(
        "limits.logins_per_minute",
        "Tries to log in, of an address and for an account; 0: no limit",
        limits.logins_per_minute,
        |text| number(text, 0..=1_000_000),
        ToString::to_string
    ),
    setting!(
        "limits.registrations_per_hour",
        "New accounts of an address; 0: no limit",
        limits.registrations_per_hour,
        |text| number(text, 0..=1_000_000),
        ToString::to_string
    ),
    setting!(
        "limits.creations_per_minute",
        "New short addresses of a user; 0: no limit",
        limits.creations_per_minute,
        |text| number(text, 0..=1_000_000),
        ToString::to_string
    ),
    setting!(
        "limits.tracked",
        "How many addresses and users the limits keep in mind",
        limits.tracked,
        |text| number(text, 100..=10_000_000),
        ToString::to_string
    ),
    setting!(
        "urls.allow_private",
        "Whether targets may be private or of this machine",
        urls.allow_private,
        boolean,
        ToString::to_string
    ),
    setting!(
        "urls.max_length",
        "The most bytes of a target",
        urls.max_length,
        |text| number(text, 20..=8000),
        ToString::to_string
    ),
    setting!(
        "clicks.queue",
        "How many clicks may wait to be written; redirects wait when it is full",
        clicks.queue,
        |text| number(text, 1..=10_000_000),
        ToString::to_string
    ),
    setting!(
        "clicks.batch",
        "The most clicks that are written at once",
        clicks.batch,
        |text| number(text, 1..=5000),
        ToString::to_string
    ),
    setting!(
        "clicks.flush_every",
        "How long a click may wait to be written",
        clicks.flush_every,
        |text| duration(text, MILLI..=60 * SECOND),
        |it| show_duration(*it)
    ),
    setting!(
        "clicks.count_lag",
        "How late cached counts may be of a user whose addresses are clicked all the time",
        clicks.count_lag,
        |text| duration(text, Duration::ZERO..=HOUR),
        |it| show_duration(*it)
    ),
    setting!(
        "admin.enabled",
        "Whether there is a management API with a dashboard",
        admin.enabled,
        boolean,
        ToString::to_string
    ),
    setting!(
        "admin.token",
        "Token of the management API; none: a new one at each start",
        admin.token,
        |text| secret(text, 12),
        |it: &Option<String>| hidden(it.as_ref())
    ),
    setting!(
        "admin.read_token",
        "Token that allows to look at the management API, and no more",
        admin.read_token,
        |text| secret(text, 12),
        |it: &Option<String>| hidden(it.as_ref())
    ),
    setting!(
        "demo.enabled",
        "Whether an empty database gets a demo user with a few addresses",
        demo.enabled,
        boolean,
        ToString::to_string
    ),
    setting!(
        "demo.password",
        "Password of the demo user; none: a random one, which the first start prints",
        demo.password,
        |text| secret(text, 10),
        |it: &Option<String>| hidden(it.as_ref())
    ),
    setting!(
        "log.filter",
        "What is logged: error, warn, info, debug, trace, or such as warn,shortener=debug",
        log.filter,
        filter,
        Clone::clone
    ),
];

fn base_url(text: &str) -> Result<Option<Url>, Allowed> {
    let Some(text) = optional(text) else { return Ok(None) };
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
    });
    url.map(Some).ok_or_else(|| {
        "an http or https URL without a path, such as https://sho.rt, or \"none\"".to_owned()
    })
}

fn headers(text: &str) -> Result<Vec<String>, Allowed> {
    let names = text.split(',').map(header).collect::<Result<Vec<_>, _>>();
    names
        .map(|names| names.into_iter().flatten().collect())
        .map_err(|_| "names of headers with commas between them, or \"none\"".to_owned())
}

fn database_url(text: &str) -> Result<String, Allowed> {
    let known = ["sqlite:", "postgres://", "postgresql://"];
    if known.iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme)) {
        return Ok(text.to_owned());
    }
    Err("sqlite:FILE or postgres://USER@HOST/NAME".to_owned())
}

/// Without the password.
fn shown_url(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            _ = parsed.set_password(Some("***"));
            parsed.into()
        }
        _ => url.to_owned(),
    }
}

fn synchronous(text: &str) -> Result<Synchronous, Allowed> {
    match text {
        "full" => Ok(Synchronous::Full),
        "normal" => Ok(Synchronous::Normal),
        _ => Err("full or normal".to_owned()),
    }
}

fn filter(text: &str) -> Result<String, Allowed> {
    text.parse::<tracing_subscriber::filter::Targets>().map(|_| text.to_owned()).map_err(|_| {
        "a level (off, error, warn, info, debug, trace), or target=level, with commas between"
            .to_owned()
    })
}
