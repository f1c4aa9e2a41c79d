//! A program that was written for `moka::future`, and runs with larder by another import.
//!
//! `cargo run --example from_moka`

// It was: use moka::{future::Cache, notification::RemovalCause, ops::compute::Op};
use larder::{RemovalCause, future::Cache, ops::compute::Op};
use std::{sync::Arc, time::Duration};

#[tokio::main]
async fn main() {
    let stock: Cache<String, u32> = Cache::builder()
        .name("stock")
        .max_capacity(100)
        .time_to_live(Duration::from_secs(60))
        .eviction_listener(|item: Arc<String>, count, cause| {
            if cause != RemovalCause::Size {
                println!("    {item} {count}: {cause:?}");
            }
        })
        .build();

    stock.insert("apples".to_owned(), 7).await;
    println!("get(apples)          {:?}", stock.get("apples").await);

    let pears = stock.get_with("pears".to_owned(), async { 3 }).await;
    println!("get_with(pears)      {pears}");
    let figs = stock.try_get_with("figs".to_owned(), async { Err("none in the store") }).await;
    println!("try_get_with(figs)   {figs:?}");

    let sold = stock
        .entry("apples".to_owned())
        .and_upsert_with(async |entry| entry.map_or(0, |it| it.into_value() - 1))
        .await;
    println!("and_upsert_with      {}", sold.into_value());
    let result = stock
        .entry("pears".to_owned())
        .and_compute_with(async |entry| match entry {
            Some(entry) if *entry.value() > 0 => Op::Put(entry.value() - 1),
            Some(_) => Op::Remove,
            None => Op::Nop,
        })
        .await;
    println!("and_compute_with     {:?}", result.into_entry().map(|it| it.into_value()));

    for number in 0..1_000 {
        stock.insert(format!("item {number}"), number).await;
    }
    // With moka, counts are right after `run_pending_tasks().await`. Here they always are.
    println!("entry_count          {}", stock.entry_count());
    stock.invalidate("item 999").await;
    println!("contains_key(999)    {}", stock.contains_key("item 999"));

    // The same cache, with all that larder has besides.
    let all = stock.as_sync();
    let added = all.add("apples".to_owned(), 1);
    println!("add(apples)          {added}");
    let stats = all.stats();
    println!("statistics           {} inserts, {} evictions", stats.inserts, stats.evictions);
}
