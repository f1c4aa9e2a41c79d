//! A process that is stopped for longer than its entries live: a signal, a frozen container, a
//! debugger.
#![cfg(target_os = "linux")]

use larder::Cache;
use std::{
    io::{BufRead, BufReader, Write, stdout},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const READERS: usize = 8;
const TTL: Duration = Duration::from_secs(13);
/// How long before the stop and after it there are readers.
const READING: Duration = Duration::from_secs(2);
/// By how much more than its time to live a value may be old: much more than a clock may lag on a
/// machine that has other things to do, and much less than what the stop makes it.
const ALLOWANCE: Duration = Duration::from_millis(500);

#[test]
fn what_expired_while_the_process_was_stopped_is_not_returned() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["a_process_that_reads", "--exact", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with("stop me")));
    // SAFETY: a signal to a child that has not been waited for.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGSTOP) }, 0);
    thread::sleep(TTL + Duration::from_secs(1));
    // SAFETY: as above.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGCONT) }, 0);
    let rest: Vec<_> = lines.collect();
    assert!(child.wait().unwrap().success(), "{rest:#?}");
}

/// Readers of one entry on one processor, where the threads that a cache may have come last.
#[test]
#[ignore = "the process that the other test stops"]
fn a_process_that_reads() {
    run_on_one_processor();
    let cache = Cache::builder().max_capacity(10).time_to_live(TTL).build();
    cache.insert(1, "one");
    let inserted = Instant::now();
    let stale: Vec<_> = thread::scope(|scope| {
        let readers: Vec<_> =
            (0..READERS).map(|_| scope.spawn(|| read(&cache, inserted))).collect();
        thread::sleep(READING);
        println!("stop me");
        stdout().flush().unwrap();
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    let (count, oldest) = stale
        .into_iter()
        .fold((0, Duration::ZERO), |(count, oldest), (n, age)| (count + n, oldest.max(age)));
    assert_eq!(
        count, 0,
        "lookups that returned a value of up to {oldest:?}, which lives for {TTL:?}"
    );
}

/// Reads until some time after the stop; how many values were too old, and how old the oldest was.
fn read(cache: &Cache<i32, &str>, inserted: Instant) -> (u64, Duration) {
    let (mut stale, mut oldest) = (0, Duration::ZERO);
    while inserted.elapsed() < TTL + READING {
        for _ in 0..1_000 {
            // Before the lookup: that this thread is interrupted makes no value look too old.
            let age = inserted.elapsed();
            if cache.get(&1).is_some() && age > TTL + ALLOWANCE {
                stale += 1;
                oldest = oldest.max(age);
            }
        }
    }
    (stale, oldest)
}

fn run_on_one_processor() {
    // SAFETY: a set of processors is plain data, all zero when it is empty, and the kernel only
    // reads it.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        let first = (0..libc::CPU_SETSIZE as usize).find(|&cpu| {
            let mut allowed: libc::cpu_set_t = std::mem::zeroed();
            libc::sched_getaffinity(0, size_of_val(&allowed), &raw mut allowed);
            libc::CPU_ISSET(cpu, &allowed)
        });
        libc::CPU_SET(first.unwrap_or(0), &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set);
    }
}
