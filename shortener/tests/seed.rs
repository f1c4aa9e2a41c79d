//! `shortener seed`: what is in the database afterwards, and that the service works with it.

use clap::Parser;
use shortener::{
    App,
    config::Config,
    load,
    seed::{self, SeedError},
};
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot};

#[derive(Debug, Parser)]
struct Seed {
    #[command(flatten)]
    options: seed::Options,
}

#[derive(Debug, Parser)]
struct Load {
    #[command(flatten)]
    options: load::Options,
}

fn options(line: &str) -> seed::Options {
    Seed::parse_from(["seed"].into_iter().chain(line.split_whitespace())).options
}

/// A service of its own, whose password hashes cost little.
fn config(folder: &TempDir) -> Config {
    let mut config = Config::default();
    config.database.url = format!("sqlite:{}", folder.path().join("shortener.db").display());
    config.auth.argon2_memory_kib = 8;
    config.auth.argon2_passes = 1;
    config.demo.enabled = false;
    config
}

async fn rows(config: &Config, query: &'static str) -> Vec<String> {
    let mut connection = SqliteConnection::connect(&config.database.url).await.unwrap();
    let rows = sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    rows
}

const ALL: [&str; 4] = [
    "SELECT id || name || email || created_ms FROM users ORDER BY id",
    "SELECT id || code || user_id || url || title || active || clicks || created_ms FROM urls ORDER BY id",
    "SELECT id || ' ' || url_id || ' ' || at_ms || day || referrer || country || browser FROM clicks ORDER BY id",
    "SELECT url_id || ' ' || kind || ' ' || day || name || clicks FROM click_counts ORDER BY 1",
];

#[tokio::test]
async fn the_same_seed_fills_two_databases_alike() {
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let line = "--users 20 --urls 100 --clicks 1k --until 1795000000000 --seed ";
    let mut found = Vec::new();
    for (folder, seed) in folders.iter().zip(["7", "7", "8"]) {
        let config = config(folder);
        seed::run(&options(&format!("{line}{seed}")), &config).await.unwrap();
        let mut tables = Vec::new();
        for query in ALL {
            tables.push(rows(&config, query).await);
        }
        found.push(tables);
    }
    assert_eq!(found[0].iter().map(Vec::len).collect::<Vec<_>>()[..3], [20, 100, 1_000]);
    assert_eq!(found[0], found[1]);
    assert_ne!(found[0], found[2]);
}

#[tokio::test]
async fn sums_of_clicks_agree_with_the_clicks() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder);
    seed::run(&options("--users 10 --urls 200 --clicks 70k"), &config).await.unwrap();
    for (query, right) in [
        (
            "SELECT CAST(count(*) AS TEXT) FROM clicks \
             WHERE NOT EXISTS (SELECT 1 FROM urls WHERE id = url_id)",
            "0",
        ),
        (
            "SELECT CAST(count(*) AS TEXT) FROM urls \
             WHERE clicks <> (SELECT count(*) FROM clicks WHERE url_id = urls.id)",
            "0",
        ),
        (
            "SELECT CAST(count(DISTINCT clicks) AS TEXT) \
             FROM (SELECT sum(clicks) AS clicks FROM click_counts GROUP BY kind)",
            "1",
        ),
        ("SELECT CAST(sum(clicks) AS TEXT) FROM click_counts WHERE kind = 0", "70000"),
        (
            "SELECT CAST(count(*) AS TEXT) FROM (\
             SELECT url_id, day, country, count(*) FROM clicks GROUP BY 1, 2, 3 \
             EXCEPT SELECT url_id, day, name, clicks FROM click_counts WHERE kind = 2)",
            "0",
        ),
    ] {
        assert_eq!(rows(&config, query).await, [right], "{query}");
    }
}

#[tokio::test]
async fn a_database_is_seeded_once_and_numbers_out_of_range_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder);
    let error = seed::run(&options("--users 0"), &config).await.unwrap_err();
    assert_eq!(error.to_string(), "--users 0 is out of range; allowed are 1 to 100000000");
    seed::run(&options("--users 2 --urls 2 --clicks 2"), &config).await.unwrap();
    let error = seed::run(&options("--users 2 --urls 2 --clicks 2"), &config).await.unwrap_err();
    assert!(matches!(error, SeedError::AlreadySeeded { .. }), "{error}");
    assert!(error.to_string().contains("user0@seed.example"), "{error}");
    assert_eq!(rows(&config, "SELECT CAST(count(*) AS TEXT) FROM urls").await, ["2"]);
}

/// The load signs in as seeded users and follows all kinds of links, so the passwords, codes and
/// owners that it computes are those in the database.
#[tokio::test(flavor = "multi_thread")]
async fn a_load_finds_what_was_seeded() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&folder);
    config.limits.logins_per_minute = 0;
    config.limits.creations_per_minute = 0;
    config.server.timing = true;
    seed::run(&options("--users 20 --urls 300 --clicks 3k --seed 5"), &config).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    config.server.listen = listener.local_addr().unwrap();
    let target = format!("http://{}", config.server.listen);
    let (stop, stopped) = oneshot::channel::<()>();
    let app = App::build(config).await.unwrap();
    let service = tokio::spawn(app.serve(listener, stopped));
    let line = "--seeded 20,300 --seed 5 --users 5 --rate 400 --duration 1 --warm-up 0 \
                --connections 4 --timeout 60 \
                --mix redirect=4,list=2,stats=1,analytics=2,profile=1,write=2,nothing=1";
    let arguments = ["load", "--target", &target].into_iter().chain(line.split_whitespace());
    let report = load::run(&Load::parse_from(arguments).options).await.unwrap();
    stop.send(()).unwrap();
    service.await.unwrap().unwrap();
    assert_eq!(report.failed(), 0, "{report}");
    assert_eq!(report.endpoints.len(), 7, "{report}");
    assert_eq!(report.endpoints.iter().map(|it| it.answered).sum::<u64>(), 400);
    for endpoint in &report.endpoints {
        // A part of what the client waits for.
        let (server, client) =
            (endpoint.server_seconds.unwrap(), endpoint.service_seconds.unwrap());
        assert!(server.p50 > 0.0 && server.p50 <= client.max, "{report}");
    }
}
