//! What is told of cached functions: their loads, and tables that only one side of reads and writes
//! names.

use crate::tracing::listen;
use futures::executor::block_on;
use larder::{cache_method_result, cache_query, cache_result, manager};
use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    task::{Context, Poll, Waker},
};
use tracing::Level;

#[cache_result(cache = "analytics", ttl = "90s")]
fn twice(n: u32) -> u32 {
    tracing::debug!("a query");
    2 * n
}

#[cache_result(cache = "user")]
async fn name(id: u32) -> Result<String, String> {
    tracing::debug!("a query");
    if id == 0 { Err("nobody".to_owned()) } else { Ok(format!("user {id}")) }
}

#[cache_result(single_flight = false)]
fn first(text: &str) -> Option<char> {
    text.chars().next()
}

struct Shop;

impl Shop {
    #[cache_method_result(skip(self), cache = "session")]
    async fn price(&self, id: u32) -> u32 {
        if id == 0 { poll_fn(|_| Poll::Pending).await } else { id }
    }
}

#[test]
fn a_load_of_a_cached_function_is_a_span_around_what_it_does() {
    let (spans, events) = listen(|| {
        assert_eq!((twice(2), twice(2)), (4, 4));
        block_on(async {
            assert!(name(1).await.is_ok() && name(1).await.is_ok() && name(0).await.is_err());
            assert_eq!(Shop.price(1).await, 1);
            let mut hangs = pin!(Shop.price(0));
            let mut context = Context::from_waker(Waker::noop());
            assert!(hangs.as_mut().poll(&mut context).is_pending());
        });
        assert_eq!((first("a"), first("")), (Some('a'), None));
        assert_eq!((twice::refresh(2), twice(2)), (4, 4));
    });
    let told: Vec<_> = spans
        .iter()
        .map(|span| {
            assert_eq!((span.name, span.level), ("cache.load", Some(Level::DEBUG)));
            let function = span.field("cache.function").rsplit("::").next().unwrap();
            (span.field("cache.name"), function, span.field("cache.outcome"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("analytics", "twice", "loaded"),
            ("user", "name", "loaded"),
            ("user", "name", "failed"),
            ("session", "price", "loaded"),
            ("session", "price", "abandoned"),
            ("general", "first", "loaded"),
            ("general", "first", "absent"),
            ("analytics", "twice", "loaded"),
        ]
    );
    assert_eq!(spans[0].field("cache.ttl_ms"), "90000");
    let within = |message: &str| {
        let of = events.iter().filter(|event| event.field("message") == message);
        of.map(|event| event.within.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(within("a query"), [1, 2, 3, 8]);
    assert_eq!(within("load ended"), [1, 2, 3, 4, 5, 6, 7, 8]);
}

mod tables {
    use super::*;

    #[cache_query(reads("shelves"))]
    pub(crate) fn shelf(id: u32) -> u32 {
        id
    }

    /// The table is misspelt.
    #[cache_query(writes("shelfs:{id}"))]
    pub(crate) fn set_shelf(id: u32) {
        let _ = id;
    }

    #[cache_query(reads("drawers", "drawers:{id}"))]
    pub(crate) fn drawer(id: u32) -> u32 {
        id
    }

    #[cache_query(writes("drawers:{id}"))]
    pub(crate) async fn set_drawer(id: u32) {
        let _ = id;
    }

    #[cache_query(reads("reported:{id}"))]
    pub(crate) fn reported(id: u32) -> u32 {
        id
    }

    pub(crate) struct Bin;

    impl Bin {
        #[cache_query(writes("bins"))]
        pub(crate) fn empty(&self) {}
    }
}

#[test]
fn tables_that_one_side_only_names_are_told_of_once() {
    use tables::{Bin, drawer, reported, set_drawer, set_shelf, shelf};
    let (_, events) = listen(|| {
        for id in 0..3 {
            shelf(id);
            set_shelf(id);
            drawer(id);
            block_on(set_drawer(id));
            Bin.empty();
            manager::invalidate_table("reported:1");
            reported(id);
        }
    });
    let warnings: Vec<_> = events.iter().filter(|it| it.level == Some(Level::WARN)).collect();
    let texts: Vec<_> = warnings.iter().map(|warning| warning.field("message")).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts[0].contains("shelf reads the table `shelves`, which no function"), "{texts:?}");
    assert!(texts[0].contains("`shelfs`"), "{texts:?}");
    assert!(texts[1].contains("set_shelf writes the table `shelfs`, which no cached"), "{texts:?}");
    assert!(texts[1].contains("`shelves`"), "{texts:?}");
    assert!(texts[2].contains("Bin::empty writes the table `bins`"), "{texts:?}");

    let functions = manager::functions();
    let warnings = |name: &str| {
        let function = functions.iter().find(|function| function.name.ends_with(name)).unwrap();
        assert_eq!(
            function.cache.is_empty(),
            name != "::shelf" && name != "::drawer" && name != "::reported"
        );
        function.warnings.len()
    };
    assert_eq!(["::shelf", "::set_shelf", "Bin::empty"].map(warnings), [1, 1, 1]);
    assert_eq!(["::drawer", "::set_drawer", "::reported"].map(warnings), [0, 0, 0]);
}
