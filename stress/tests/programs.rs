//! The programs as they are run: short, and with faults planted that they have to find.

use std::process::{Command, Output};

const HISTORY: &str = env!("CARGO_BIN_EXE_history");
const DROPS: &str = env!("CARGO_BIN_EXE_drops");

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().expect("it was built for this test")
}

#[test]
fn a_sound_cache_gives_a_clean_history() {
    let output = run(HISTORY, &["--seconds", "1", "--threads", "4", "--seed", "7"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text.contains("every answer was possible"), "{text}");
}

#[test]
fn planted_faults_are_found() {
    for plant in [
        "--plant-stale-read",
        "--plant-false-miss",
        "--plant-lost-update",
        "--plant-tag-kept",
        "--plant-not-culled",
    ] {
        let output = run(HISTORY, &["--seconds", "20", "--threads", "2", plant]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{plant}: {output:?}");
        // A value that should have gone shows by what is read, or by an add that it keeps out.
        let found = ["an answer that was not possible", "adds were refused when nothing was there"];
        assert!(found.iter().any(|it| text.contains(it)), "{plant}: {text}");
    }
}

#[test]
fn caches_are_dropped_whole() {
    let output = run(DROPS, &["--rounds", "20"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn wrong_arguments_are_refused() {
    for (program, arguments) in [
        (HISTORY, &["--second", "1"][..]),
        (HISTORY, &["--threads", "0"]),
        (HISTORY, &["--seconds", "many"]),
        (DROPS, &["all"]),
    ] {
        let output = run(program, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("--threads N"), "{output:?}");
    }
}
