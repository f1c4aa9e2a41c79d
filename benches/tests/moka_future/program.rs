// Included twice: see `main.rs`.

use futures::executor::block_on;
use std::{
    num::ParseIntError,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// A library of recipes.
#[derive(Clone)]
struct Recipes {
    texts: Cache<String, Arc<str>>,
    read: Arc<AtomicU32>,
}

impl Recipes {
    fn new() -> Self {
        let texts = Cache::builder()
            .name("recipes")
            .max_capacity(1_000)
            .initial_capacity(64)
            .time_to_live(Duration::from_secs(3_600))
            .time_to_idle(Duration::from_secs(600))
            .support_invalidation_closures()
            .build();
        Self { texts, read: Arc::default() }
    }

    async fn text(&self, name: &str) -> Arc<str> {
        let read = async {
            self.read.fetch_add(1, Ordering::SeqCst);
            Arc::from(format!("how to make {name}"))
        };
        self.texts.get_with_by_ref(name, read).await
    }
}

#[test]
fn what_was_inserted_is_found_until_it_is_removed() {
    block_on(async {
        let recipes = Recipes::new();
        assert_eq!(recipes.texts.name(), Some("recipes"));
        assert_eq!(&*recipes.text("bread").await, "how to make bread");
        assert_eq!(&*recipes.text("bread").await, "how to make bread");
        assert_eq!(recipes.read.load(Ordering::SeqCst), 1);

        recipes.texts.insert("soup".to_owned(), Arc::from("boil")).await;
        assert_eq!(recipes.texts.get("soup").await.as_deref(), Some("boil"));
        assert!(recipes.texts.contains_key("soup"));
        assert_eq!(recipes.texts.remove("soup").await.as_deref(), Some("boil"));
        assert_eq!(recipes.texts.remove("soup").await, None);
        recipes.texts.invalidate("bread").await;
        assert!(!recipes.texts.contains_key("bread"));
        assert_eq!(recipes.texts.get("bread").await, None);
    });
}

#[test]
fn handles_are_sent_to_threads_and_share_loads() {
    let recipes = Recipes::new();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let recipes = recipes.clone();
            thread::spawn(move || block_on(async move { recipes.text("stew").await }))
        })
        .collect();
    for thread in threads {
        assert_eq!(&*thread.join().unwrap(), "how to make stew");
    }
    assert_eq!(recipes.read.load(Ordering::SeqCst), 1);
}

#[test]
fn loads_may_fail_or_have_nothing() {
    async fn parse(text: &str) -> Result<u32, ParseIntError> {
        text.parse()
    }

    block_on(async {
        let numbers: Cache<String, u32> = CacheBuilder::new(100).build();
        let parsed: Result<u32, Arc<ParseIntError>> =
            numbers.try_get_with("12".to_owned(), parse("12")).await;
        assert_eq!(parsed, Ok(12));
        assert!(numbers.try_get_with_by_ref("twelve", parse("twelve")).await.is_err());
        assert_eq!(numbers.get_with("12".to_owned(), async { unreachable!() }).await, 12);
        assert_eq!(numbers.optionally_get_with("0".to_owned(), async { None }).await, None);
        assert_eq!(numbers.optionally_get_with_by_ref("7", async { Some(7) }).await, Some(7));
        assert!(!numbers.contains_key("twelve") && !numbers.contains_key("0"));
        numbers.run_pending_tasks().await;
        assert_eq!((numbers.entry_count(), numbers.weighted_size()), (2, 2));
    });
}

#[test]
fn entries_are_inserted_or_computed() {
    block_on(async {
        let words: Cache<String, Vec<u32>> = Cache::new(100);
        let entry: Entry<String, Vec<u32>> = words.entry("a".to_owned()).or_insert(vec![1]).await;
        assert_eq!((entry.key().as_str(), entry.value().len(), entry.is_fresh()), ("a", 1, true));
        assert!(!words.entry_by_ref("a").or_default().await.is_fresh());
        assert!(words.entry_by_ref("b").or_default().await.into_value().is_empty());
        let entry = words.entry_by_ref("c").or_insert_with(async { vec![3] }).await;
        assert_eq!(entry.into_value(), [3]);
        let failed = words.entry_by_ref("d").or_try_insert_with(async { Err("no") }).await;
        assert_eq!(*failed.unwrap_err(), "no");
        let absent = words.entry_by_ref("d").or_optionally_insert_with(async { None }).await;
        assert!(absent.is_none());

        let appended = words
            .entry_by_ref("a")
            .and_upsert_with(|old| async move {
                let mut lines = old.map_or_else(Vec::new, |old| old.into_value());
                lines.push(2);
                lines
            })
            .await;
        assert!(appended.is_old_value_replaced());
        assert_eq!(appended.into_value(), [1, 2]);

        let pop = |word: &'static str| {
            words.entry_by_ref(word).and_compute_with(|old| async move {
                match old.map(|old| old.into_value()) {
                    None => Op::Nop,
                    Some(lines) if lines.len() < 2 => Op::Remove,
                    Some(lines) => Op::Put(lines[..1].to_vec()),
                }
            })
        };
        assert!(matches!(pop("a").await, CompResult::ReplacedWith(left) if left.value() == &[1]));
        assert!(matches!(pop("a").await, CompResult::Removed(_)));
        assert!(matches!(pop("a").await, CompResult::StillNone(_)));

        let refused = words
            .entry("c".to_owned())
            .and_try_compute_with(|old| async move {
                if old.is_some() { Err("it is there") } else { Ok(Op::Put(vec![])) }
            })
            .await;
        assert_eq!(refused.err(), Some("it is there"));
    });
}

#[test]
fn what_is_walked_over_can_be_invalidated() {
    block_on(async {
        let squares = Cache::builder().max_capacity(100).support_invalidation_closures().build();
        for number in 1..=10_u32 {
            squares.insert(number, number * number).await;
        }
        let mut sum = 0;
        for (key, value) in &squares {
            let key: Arc<u32> = key;
            assert_eq!(*key * *key, value);
            sum += value;
        }
        assert_eq!((sum, squares.iter().count()), (385, 10));

        squares.invalidate_entries_if(|_, square| square % 2 == 0).expect("it is supported");
        squares.run_pending_tasks().await;
        assert_eq!((squares.get(&4).await, squares.get(&5).await), (None, Some(25)));
        squares.invalidate_all();
        squares.run_pending_tasks().await;
        assert_eq!((squares.get(&5).await, squares.entry_count()), (None, 0));
    });
}

#[test]
fn listeners_hear_of_what_has_left() {
    block_on(async {
        let told = Arc::new(Mutex::new(Vec::new()));
        let telling = Arc::clone(&told);
        let listener = move |key: Arc<u32>, value: String, cause: RemovalCause| {
            telling.lock().unwrap().push((*key, value, cause));
        };
        let cache = Cache::builder()
            .max_capacity(20)
            .weigher(|_key: &u32, value: &String| value.len() as u32)
            .eviction_listener(listener)
            .build();
        cache.insert(1, "one".to_owned()).await;
        cache.insert(1, "uno".to_owned()).await;
        cache.invalidate(&1).await;
        cache.run_pending_tasks().await;
        let expected = [
            (1, "one".to_owned(), RemovalCause::Replaced),
            (1, "uno".to_owned(), RemovalCause::Explicit),
        ];
        assert_eq!(*told.lock().unwrap(), expected);
        for key in 0..40 {
            cache.insert(key, "12345".to_owned()).await;
        }
        cache.run_pending_tasks().await;
        assert!(cache.weighted_size() <= 20);
        assert!(told.lock().unwrap()[2..].iter().all(|(_, _, cause)| cause.was_evicted()));
    });
}

/// Keys say how many hours their values live.
struct Hours;

impl Expiry<u64, &'static str> for Hours {
    fn expire_after_create(&self, key: &u64, _: &&'static str, _: Instant) -> Option<Duration> {
        Some(Duration::from_secs(3_600 * key))
    }
}

#[test]
fn entries_have_times_of_their_own() {
    block_on(async {
        let cache = Cache::builder().max_capacity(10).expire_after(Hours).build();
        cache.insert(0, "gone").await;
        cache.insert(1, "here").await;
        assert_eq!((cache.get(&0).await, cache.get(&1).await), (None, Some("here")));
    });
}
