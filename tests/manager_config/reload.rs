//! Settings that change while the manager runs.

use larder::manager::memory::{MemoryProbe, MemoryReading};
use larder::{
    Maintenance, ManualClock,
    manager::{
        CacheKind, CacheManager,
        config::{ManagerConfig, ReloadError},
    },
};
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::Duration,
};

const MINUTE: Duration = Duration::from_secs(60);

fn config(text: &str) -> ManagerConfig {
    ManagerConfig::from_toml_str(text).unwrap()
}

#[test]
fn a_smaller_capacity_keeps_what_fits() {
    let manager = CacheManager::from_config(&config("[url]\nmax_entries = 1000")).unwrap();
    let view = manager.view::<u64>(CacheKind::Url);
    for key in 0..1000_u64 {
        view.set(&key, key);
    }
    let done = manager.reload(&config("[url]\nmax_entries = 600")).unwrap();
    assert_eq!(done.changed, ["url"]);
    let url = manager.cache(CacheKind::Url);
    assert_eq!((url.capacity(), url.entry_count(), url.settings().max_entries), (600, 600, 600));
    let kept = (0..1000_u64).filter(|key| view.get(key) == Some(*key)).count();
    assert_eq!(kept, 600);
    // And back, up to what it was made for: nothing is lost.
    manager.reload(&config("[url]\nmax_entries = 1000")).unwrap();
    assert_eq!((url.capacity(), url.entry_count()), (1000, 600));
    for key in 1000..3000_u64 {
        view.set(&key, key);
    }
    assert_eq!(url.entry_count(), 1000);
}

#[test]
fn what_does_not_change_is_left_alone() {
    let manager = CacheManager::new();
    manager.view::<u64>(CacheKind::User).set(&1, 1);
    let done = manager.reload(&ManagerConfig::default()).unwrap();
    assert_eq!(done, Default::default());
    assert_eq!(manager.view::<u64>(CacheKind::User).get(&1), Some(1));
}

#[test]
fn bytes_may_become_more_and_fewer() {
    let text = |bytes| format!("[caches.thumbnails]\nmax_bytes = '{bytes}'\nmax_entries = 100");
    let manager = CacheManager::from_config(&config(&text("1 MiB"))).unwrap();
    let cache = manager.get_cache("thumbnails").unwrap();
    for bytes in ["2 MiB", "512 KiB"] {
        assert_eq!(manager.reload(&config(&text(bytes))).unwrap().changed, ["thumbnails"]);
    }
    assert_eq!(cache.capacity(), 512 << 10);
}

#[test]
fn new_caches_come_and_old_ones_stay() {
    let manager = CacheManager::from_config(&config("[caches.a]")).unwrap();
    manager.get_cache("a").unwrap().view::<u64>().set(&1, 1);
    let done = manager.reload(&config("[caches.b]\nmax_entries = 7")).unwrap();
    assert_eq!((done.created, done.unmentioned), (vec!["b".to_owned()], vec!["a".to_owned()]));
    assert_eq!(manager.get_cache("b").unwrap().capacity(), 7);
    assert_eq!(manager.get_cache("a").unwrap().view::<u64>().get(&1), Some(1));
}

#[test]
fn times_to_live_change_for_what_is_written_from_then_on() {
    let clock = ManualClock::new();
    let manager = CacheManager::builder()
        .clock(&clock)
        .maintenance(Maintenance::Manual)
        .config(&config("[user]\nttl = '10m'"))
        .build();
    let view = manager.view::<u64>(CacheKind::User);
    manager.reload(&config("[user]\nttl = '30m'")).unwrap();
    view.set(&1, 1);
    clock.advance(20 * MINUTE);
    assert_eq!(view.get(&1), Some(1));
    manager.reload(&config("[user]\nttl = '1m'")).unwrap();
    view.set(&2, 2);
    clock.advance(2 * MINUTE);
    assert_eq!(view.get(&2), None);
    manager.reload(&config("[user]\nttl = 'none'")).unwrap();
    view.set(&3, 3);
    clock.advance(60 * 24 * 365 * MINUTE);
    assert_eq!(view.get(&3), Some(3));
}

#[test]
fn what_is_for_life_is_refused_before_anything_changes() {
    let manager = CacheManager::from_config(&config("[caches.bytes]\nmax_bytes = 5000")).unwrap();
    let error = manager
        .reload(&config(
            "[url]\nmax_entries = 10\n\
             [user]\nshards = 3\nnew_key_share = 0.2\neviction_policy = 'lru'\n\
             [session]\nmax_bytes = '1 MiB'\n\
             [caches.bytes]\nmax_bytes = 6000\nmax_entries = 3\n\
             [caches.new]\n\
             [memory]\nenabled = true",
        ))
        .unwrap_err();
    assert_eq!(
        error.to_string().lines().collect::<Vec<_>>(),
        [
            "user.shards: 3 was asked for, but it is unset until the next start",
            "user.new_key_share: 0.2 was asked for, but it is 0.3 until the next start",
            "user.eviction_policy: Lru was asked for, but it is SegmentedLru until the next start",
            "session.max_bytes: 1048576 was asked for, but it is unset until the next start",
            "caches.bytes.max_entries: 3 was asked for, but it is 1000 until the next start",
        ]
    );
    assert_eq!(manager.cache(CacheKind::Url).capacity(), 5_000);
    assert_eq!(manager.get_cache("bytes").unwrap().capacity(), 5_000);
    assert!(manager.get_cache("new").is_err());
    assert!(!manager.memory_settings().enabled);
}

/// In a process that may have little memory, since others may be granted any amount.
#[cfg(target_os = "linux")]
#[test]
fn for_want_of_room_nothing_changes_either() {
    use std::{env, io, os::unix::process::CommandExt as _, process::Command};

    let mut limited = Command::new(env::current_exe().unwrap());
    limited.args(["--exact", "--ignored", "reload::in_little_memory_nothing_changes"]);
    let limit = libc::rlimit { rlim_cur: 4 << 30, rlim_max: 4 << 30 };
    // SAFETY: between fork and exec, a system call that reads what is in this closure, and nothing
    // else.
    unsafe {
        limited.pre_exec(move || match libc::setrlimit(libc::RLIMIT_AS, &raw const limit) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
    let output = limited.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs a process with little memory: the other test starts it"]
fn in_little_memory_nothing_changes() {
    let manager = CacheManager::new();
    let entries = CacheKind::ALL.map(|kind| manager.cache(kind).settings().max_entries);
    // More than there is memory for; the url cache grows before it is found out.
    manager.reload(&config("[url]\nmax_entries = 4000")).unwrap();
    let asked = "[url]\nmax_entries = 4500\n[user]\nmax_entries = 2147483648\n\
                 [general]\nmax_entries = 1\n[caches.new]\n[memory]\nenabled = true";
    let error = manager.reload(&config(asked)).unwrap_err();
    assert!(matches!(&error, ReloadError::Apply { name, .. } if name == "user"), "{error}");
    assert_eq!(manager.cache(CacheKind::Url).capacity(), 4_000);
    for (kind, entries) in CacheKind::ALL.into_iter().zip(entries).skip(1) {
        assert_eq!(manager.cache(kind).capacity(), entries, "{kind}");
    }
    assert!(manager.get_cache("new").is_err());
    assert!(!manager.memory_settings().enabled);
}

#[test]
fn memory_settings_are_reloaded() {
    let manager = CacheManager::new();
    let wanted = config("[memory]\nlimit = '1 GiB'\npressure.high = 0.9");
    let done = manager.reload(&wanted).unwrap();
    assert!(done.memory_changed && done.changed.is_empty());
    assert_eq!(manager.memory_settings(), *wanted.memory());
}

/// Short of memory half of the time.
#[derive(Debug)]
struct Swaying(AtomicU64);

impl MemoryProbe for Swaying {
    fn read(&self) -> MemoryReading {
        let is_short = self.0.fetch_add(1, Relaxed) % 20 < 10;
        MemoryReading::default().with_container(100, Some(if is_short { 99 } else { 1 }))
    }
}

#[test]
fn reloads_samples_and_writes_at_once() {
    let manager = CacheManager::builder().memory_probe(Swaying(AtomicU64::new(0))).build();
    let (small, large) = (config("[url]\nmax_entries = 500"), config("[url]\nmax_entries = 5000"));
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let view = manager.view::<u64>(CacheKind::Url);
            let mut written = 0_u64;
            while !ended.load(Relaxed) || written < 10_000 {
                view.set(&written, written);
                written += 1;
            }
            written
        });
        let workers = [
            scope.spawn(|| (0..300).for_each(|_| drop(manager.sample_memory()))),
            scope.spawn(|| (0..300).for_each(|_| drop(manager.sample_memory()))),
            scope.spawn(|| (0..150).for_each(|_| drop(manager.reload(&small).unwrap()))),
            scope.spawn(|| (0..150).for_each(|_| drop(manager.reload(&large).unwrap()))),
        ];
        for worker in workers {
            worker.join().unwrap();
        }
        ended.store(true, Relaxed);
        assert!(writer.join().unwrap() >= 10_000);
    });
    manager.reload(&large).unwrap();
    let mut settings = manager.memory_settings();
    settings.pressure.enabled = false;
    manager.set_memory_settings(settings).unwrap();
    manager.sample_memory();
    // Whatever happened, nothing of it is left.
    let url = manager.cache(CacheKind::Url);
    assert_eq!((url.capacity(), url.settings().max_entries), (5_000, 5_000));
    let view = manager.view::<u64>(CacheKind::Url);
    (0..10_000_u64).for_each(|key| view.set(&key, key));
    assert_eq!(url.entry_count(), 5_000);
}
