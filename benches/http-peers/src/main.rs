//! Runs the same cases against larder-http and other HTTP caching layers, and prints what each
//! does.
//!
//! `cargo xtask http-peers` builds and starts it. What is printed is what happened in this very
//! run; nothing is taken from documentation or reading. The exit status says whether larder-http
//! passes every case.

mod matrix;
mod origin;
mod peers;
mod world;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use futures::FutureExt;

use crate::matrix::CASES;
use crate::peers::PEERS;
use crate::world::Found;

/// The one that has to pass.
const OURS: &str = "larder-http";

#[tokio::main]
async fn main() -> ExitCode {
    let mut wrong = Vec::new();
    println!(
        "| a careful cache |{}",
        cells(PEERS, |peer| format!("{} {}", peer.name, peer.version))
    );
    println!("|---|{}", "---|".repeat(PEERS.len()));
    for case in CASES {
        let mut words = Vec::new();
        for peer in PEERS {
            let found = no_panic((case.run)(peer)).await;
            words.push(if found.is_ok() { "yes" } else { "NO" });
            if let Err(what) = found {
                wrong.push((peer, case.name, what));
            }
        }
        println!("| {} |{}", case.name, cells(&words, |word| (*word).to_owned()));
    }
    println!();
    for (peer, case, what) in &wrong {
        println!("- {} {}, \"{case}\": {what}", peer.name, peer.version);
    }
    ExitCode::from(u8::from(wrong.iter().any(|(peer, ..)| peer.name == OURS)))
}

async fn no_panic(case: impl Future<Output = Found>) -> Found {
    let result = AssertUnwindSafe(case).catch_unwind().await;
    result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("it panics: {}", text.unwrap_or("without words")))
    })
}

fn cells<T>(items: &[T], cell: impl Fn(&T) -> String) -> String {
    items.iter().map(|item| format!(" {} |", cell(item))).collect()
}
