//! Invalidations of stored HTTP responses against responses in the making:
//! `crates/http/src/store/stamps.rs`.
//!
//! A writer changes what a handler reads, and then invalidates. Whoever asks after that gets
//! nothing that the handler read before.
#![cfg(larder_loom)]

#[path = "../../crates/http/src/store/stamps.rs"]
#[allow(dead_code, reason = "the package uses all of it")]
mod stamps;

/// What `stamps.rs` finds in its own crate.
mod sync {
    pub(crate) use loom::sync::{
        RwLock,
        atomic::{AtomicU64, Ordering},
    };
}

use loom::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::*},
    },
    thread,
};
use stamps::{Provenance, Stamps, Subject};

const TAG: Subject<'static> = Subject::Tag(b"tag");

struct Site {
    stamps: Stamps,
    /// What the handler reads.
    source: AtomicU64,
    /// What is stored.
    stored: Mutex<Option<(Provenance, u64)>>,
    /// The invalidation has returned.
    invalidated: AtomicBool,
}

/// When the handler is called, as to when the birth of its response is taken.
#[derive(Clone, Copy)]
enum Birth {
    Before,
    After,
}

impl Site {
    fn handle(&self, birth: Birth) {
        let slots = || vec![self.stamps.slot(TAG)];
        let provenance = || Provenance::new(self.stamps.birth(), slots(), b"/a");
        let (provenance, value) = match birth {
            Birth::Before => {
                let provenance = provenance();
                (provenance, self.source.load(Relaxed))
            }
            Birth::After => {
                let value = self.source.load(Relaxed);
                (provenance(), value)
            }
        };
        *self.stored.lock().unwrap() = Some((provenance, value));
    }

    fn change(&self, invalidate: fn(&Stamps)) {
        self.source.store(1, Relaxed);
        invalidate(&self.stamps);
        self.invalidated.store(true, Release);
    }

    fn ask(&self) {
        // What was invalidated later may be given out.
        if self.invalidated.load(Acquire)
            && let Some((provenance, value)) = &*self.stored.lock().unwrap()
            && !self.stamps.is_stale(provenance)
        {
            assert_eq!(*value, 1, "it was read before the change");
        }
    }
}

fn model(birth: Birth, invalidate: fn(&Stamps)) {
    loom::model(move || {
        let site = Arc::new(Site {
            stamps: Stamps::new(),
            source: AtomicU64::new(0),
            stored: Mutex::new(None),
            invalidated: AtomicBool::new(false),
        });
        let (handler, writer) = (Arc::clone(&site), Arc::clone(&site));
        let handler = thread::spawn(move || handler.handle(birth));
        let writer = thread::spawn(move || writer.change(invalidate));
        site.ask();
        handler.join().unwrap();
        writer.join().unwrap();
        site.ask();
    });
}

fn tag(stamps: &Stamps) {
    stamps.invalidate(stamps.slot(TAG));
}

fn prefix(stamps: &Stamps) {
    stamps.invalidate_prefix(b"/");
}

#[test]
fn a_response_that_was_begun_before_a_tag_was_invalidated_is_not_given_out_after() {
    model(Birth::Before, tag);
}

#[test]
fn nor_one_that_was_begun_before_its_prefix_was() {
    model(Birth::Before, prefix);
}

#[test]
fn nor_one_that_was_begun_before_everything_was() {
    model(Birth::Before, Stamps::invalidate_all);
}

/// The models find a birth that is taken when the handler has looked already.
#[test]
#[should_panic(expected = "it was read before the change")]
fn a_birth_that_is_taken_too_late_is_found() {
    model(Birth::After, tag);
}
