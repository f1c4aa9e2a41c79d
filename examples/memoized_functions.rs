//! Attributes that keep what functions return, and functions whose writes make that stale.
//!
//! `cargo run --example memoized_functions --features macros`

use larder::{cache_query, cache_result};
use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
};

/// Stands for a database, and says when it is asked.
static USERS: LazyLock<Mutex<HashMap<u64, String>>> =
    LazyLock::new(|| Mutex::new(HashMap::from([(1, "Ada".to_owned()), (2, "Grace".to_owned())])));

/// Reads one row: kept for five minutes, or until a function that writes the table has run.
#[cache_query(reads("users:{id}"), ttl = "5m")]
fn user(id: u64) -> Option<String> {
    println!("    SELECT name FROM users WHERE id = {id}");
    USERS.lock().expect("no panic").get(&id).cloned()
}

/// Reads the whole table.
#[cache_query(reads("users"), ttl = "5m")]
fn user_count() -> usize {
    println!("    SELECT count(*) FROM users");
    USERS.lock().expect("no panic").len()
}

/// Writes one row. What was read of it is stale when this returns, and so is what reads the whole
/// table.
#[cache_query(writes("users:{id}", "users"))]
fn rename(id: u64, name: &str) {
    println!("    UPDATE users SET name = '{name}' WHERE id = {id}");
    USERS.lock().expect("no panic").insert(id, name.to_owned());
}

/// Something slow without a table. Only `Ok` is kept, so a failure is tried again by the next call.
#[cache_result(ttl = "1h")]
fn prime(nth: u32) -> Result<u64, String> {
    println!("    looking for prime number {nth}");
    if nth == 0 {
        return Err("they are counted from 1".to_owned());
    }
    let is_prime = |&n: &u64| (2..n).take_while(|d| d * d <= n).all(|d| n % d != 0);
    Ok((2..).filter(is_prime).nth(nth as usize - 1).expect("there are infinitely many"))
}

fn main() {
    println!("a function that is called twice runs once");
    println!("user(1) = {:?}", user(1));
    println!("user(1) = {:?}", user(1));
    println!("user_count() = {}", user_count());

    println!("\na write makes stale what was read of it");
    rename(1, "Ada Lovelace");
    println!("user(1) = {:?}", user(1));
    println!("user_count() = {}", user_count());
    println!("user(1) = {:?}", user(1));

    println!("\nerrors are not kept");
    println!("prime(1000) = {:?}", prime(1_000));
    println!("prime(1000) = {:?}", prime(1_000));
    println!("prime(0) = {:?}", prime(0));
    println!("prime(0) = {:?}", prime(0));

    println!("\neach function has companions");
    prime::invalidate(1_000);
    println!("prime(1000) = {:?}", prime(1_000));
    let stats = prime::stats();
    println!("prime: {} hits, {} misses", stats.hits, stats.misses);
}
