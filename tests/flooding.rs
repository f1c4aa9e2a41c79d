//! Who chooses keys cannot choose which of them collide: hashes differ from process to process.

use larder::Cache;
use std::{env, process::Command};

/// Set in a process that only prints.
const CHILD: &str = "LARDER_TEST_PRINT_ORDER";

/// The order in which entries come up, which follows from the hashes of their keys alone.
fn order() -> String {
    let cache = Cache::builder().max_capacity(1_000).shards(1).build();
    cache.insert_many((0..100_u64).map(|key| (key, ())));
    let keys: Vec<String> = cache.iter().map(|(key, ())| key.to_string()).collect();
    assert_eq!(keys.len(), 100);
    keys.join(" ")
}

#[test]
fn no_two_caches_and_no_two_processes_hash_alike() {
    let mut orders = vec![order(), order()];
    if env::var_os(CHILD).is_some() {
        println!("\norder {}", orders[0]);
        return;
    }
    for _ in 0..2 {
        let output = Command::new(env::current_exe().expect("a test is a program"))
            .args(["no_two_caches_and_no_two_processes_hash_alike", "--exact", "--nocapture"])
            .env(CHILD, "1")
            .output()
            .expect("it can be run again");
        let text = String::from_utf8(output.stdout).expect("numbers");
        let line = text.lines().find_map(|line| line.strip_prefix("order "));
        orders.push(line.unwrap_or_else(|| panic!("no order in {text}")).to_owned());
    }
    orders.sort();
    orders.dedup();
    assert_eq!(orders.len(), 4, "two hashed alike");
}
