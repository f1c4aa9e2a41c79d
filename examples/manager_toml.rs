//! A manager of caches with settings from TOML and the environment, changed while the program runs.
//!
//! `cargo run --example manager_toml --features config`

use larder::manager::{CacheKind, CacheManager, config::ManagerConfig};

/// What a file would hold; `ManagerConfig::load("larder.toml")` reads one.
const SETTINGS: &str = r#"
[session]
max_entries = 50_000
ttl = "20m"
expiry = "after_access"

[caches.reports]
max_bytes = "64 MiB"
ttl = "1h"
"#;

#[derive(Clone, Debug)]
struct Session {
    user: u64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = ManagerConfig::from_toml_str(SETTINGS)?;
    let manager = CacheManager::from_config(&config)?;

    // A view is a typed door to one of the caches.
    let sessions = manager.view::<Session>(CacheKind::Session).keyed::<String>();
    sessions.set("4f1c", Session { user: 7 });
    println!("session 4f1c is {:?}", sessions.get("4f1c"));
    println!(
        "user {}, for {:?} more",
        sessions.get("4f1c").map_or(0, |it| it.user),
        sessions.ttl("4f1c")
    );

    let reports = manager.get_cache("reports")?.view::<String>();
    let report = reports.get_with("sales", || "rendered once".to_owned());
    println!("report: {report}");

    println!("\nkind       capacity");
    for kind in CacheKind::ALL {
        println!("{kind:<10} {:>8}", manager.cache(kind).capacity());
    }

    println!("\nother settings, while the caches are in use");
    let config = ManagerConfig::from_toml_str(&SETTINGS.replace("50_000", "80_000"))?;
    println!("changed: {:?}", manager.reload(&config)?.changed);
    println!("capacity: {}", manager.cache(CacheKind::Session).capacity());
    println!("session 4f1c is still {:?}", sessions.get("4f1c"));

    println!("\nmistakes are told all at once, with their lines");
    let mistaken = "[session]\nmax_entry = 100\nttl = '20'\n";
    if let Err(error) = ManagerConfig::from_toml_str(mistaken) {
        println!("{error}");
    }

    println!("\n{}", manager.health());
    Ok(())
}
