//! What it costs to build a program with larder, beside its peers: processor time of a cold debug
//! build.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::command::Run;
use crate::place;

/// A program that uses one cache crate.
struct Program {
    name: &'static str,
    /// The dependency, with `{root}` for the directory of this repository.
    dependency: &'static str,
    main: &'static str,
}

const LARDER_MAIN: &str = "fn main() {
    let cache: larder::Cache<u64, String> = larder::Cache::new(1_000);
    cache.insert(1, String::from(\"one\"));
    println!(\"{:?} {}\", cache.get(&1), cache.get_with(2, || String::from(\"two\")));
}
";

const PROGRAMS: &[Program] = &[
    Program {
        name: "quick_cache",
        dependency: "quick_cache = \"0.7\"",
        main: "fn main() {
    let cache = quick_cache::sync::Cache::<u64, String>::new(1_000);
    cache.insert(1, String::from(\"one\"));
    let two = cache.get_or_insert_with(&2, || Ok::<_, ()>(String::from(\"two\")));
    println!(\"{:?} {two:?}\", cache.get(&1));
}
",
    },
    Program {
        name: "moka, sync",
        dependency: "moka = { version = \"0.12\", features = [\"sync\"] }",
        main: "fn main() {
    let cache = moka::sync::Cache::<u64, String>::new(1_000);
    cache.insert(1, String::from(\"one\"));
    println!(\"{:?} {}\", cache.get(&1), cache.get_with(2, || String::from(\"two\")));
}
",
    },
    Program {
        name: "larder, Cache alone",
        dependency: "larder = { path = \"{root}\", default-features = false }",
        main: LARDER_MAIN,
    },
    Program {
        name: "larder, default",
        dependency: "larder = { path = \"{root}\" }",
        main: LARDER_MAIN,
    },
];

/// What the others are compared with.
const PEER: &str = "moka, sync";

/// Builds each program `rounds` times, from nothing, one after the other; prints the least of each.
pub(crate) fn run(rounds: u32) -> Result<()> {
    let directory = place::target_for("build-time");
    let mut best = vec![f64::INFINITY; PROGRAMS.len()];
    for program in PROGRAMS {
        prepare(&directory.join(slug(program)), program)?;
    }
    for _ in 0..rounds {
        for (program, best) in PROGRAMS.iter().zip(&mut best) {
            *best = best.min(cold_build(&directory.join(slug(program)))?);
        }
    }
    fs::remove_dir_all(&directory)?;
    let peer = PROGRAMS.iter().position(|program| program.name == PEER);
    let peer = best[peer.context("the peer is no program")?];
    println!("\ncold debug build, seconds of processor time, the least of {rounds}:\n");
    for (program, best) in PROGRAMS.iter().zip(&best) {
        println!("{:<20} {best:>6.1} s   {:.2} times {PEER}", program.name, best / peer);
    }
    Ok(())
}

fn slug(program: &Program) -> String {
    program.name.replace([',', ' '], "-")
}

/// Writes the program, with the versions of this repository's lock file.
fn prepare(directory: &Path, program: &Program) -> Result<()> {
    let root = place::root();
    let root = root.to_str().context("the repository's path is no Unicode")?;
    fs::create_dir_all(directory.join("src"))?;
    let mut manifest = format!(
        "[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\n{}\n\n[workspace]\n",
        program.dependency.replace("{root}", root)
    );
    // As if it came from a registry, like its peers.
    if program.dependency.starts_with("larder") {
        manifest.push_str("\n[profile.dev.package.larder]\nincremental = false\n");
    }
    fs::write(directory.join("Cargo.toml"), manifest)?;
    fs::write(directory.join("src/main.rs"), program.main)?;
    fs::copy(place::root().join("Cargo.lock"), directory.join("Cargo.lock"))?;
    // Downloads, if need be, and takes what is not used out of the lock file.
    cargo("fetch", directory).run()
}

fn cargo(subcommand: &str, directory: &Path) -> Run {
    Run::cargo()
        .args([subcommand, "--manifest-path"])
        .arg(directory.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", directory.join("target"))
        .env("RUSTC_WRAPPER", "")
        // Cargo does so for what comes from a registry.
        .env("RUSTFLAGS", "--cap-lints allow")
}

/// Processor time of a build from nothing, in seconds.
fn cold_build(directory: &Path) -> Result<f64> {
    let target = directory.join("target");
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    let before = time_of_children()?;
    cargo("build", directory).arg("--offline").run()?;
    Ok(time_of_children()? - before)
}

/// Processor time, of the user and of the system, of all processes that this one has started and
/// that have ended, in seconds.
fn time_of_children() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")
        .context("processor time is read from /proc, which Linux has")?;
    // The name of the program is in parentheses, and may contain spaces.
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |field: usize| -> Result<f64> {
        Ok(fields.get(field).context("/proc/self/stat is short")?.parse::<u32>()?.into())
    };
    // `cutime` and `cstime` of proc(5), in hundredths of a second.
    Ok((ticks(13)? + ticks(14)?) / 100.0)
}
