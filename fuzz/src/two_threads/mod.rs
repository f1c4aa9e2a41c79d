//! The target `two_threads`: two threads, each with a list of operations, on few keys and in a
//! small cache.
//!
//! Neither thread knows what the other does meanwhile, but each can prove some values dead: what it
//! saw before it wrote, removed or missed the key can never be seen again; nor a value that was
//! being loaded when it wrote; nor one with a tag that either thread has invalidated since it was
//! inserted. Time stands still but for the first thread, which therefore knows the ends of its
//! values exactly: they carry them. At the end everything is removed, and the listener has heard of
//! each value once. What an operation took out and returned, no other has.

mod known;
mod operation;
mod worker;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;

use arbitrary::{Arbitrary, Result, Unstructured};
use larder::ManualClock;

use crate::tags::TAGS;
use crate::{Cache, Census, Rules, Setup, Told, settle};
use known::Known;
use operation::Operation;
use worker::Worker;

/// A cache, and what each thread does with it.
#[derive(Debug)]
pub struct Input {
    setup: Setup,
    rules: Rules,
    /// Without a listener nodes are retired at once.
    listens: bool,
    threads: [Vec<Operation>; 2],
}

impl<'a> Arbitrary<'a> for Input {
    /// Two bytes for each operation, so that mutations of the bytes are mutations of the lists.
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let (setup, rules, listens) = bytes.arbitrary()?;
        let mut threads = [Vec::new(), Vec::new()];
        while bytes.len() >= 2 {
            let [operation, operand]: [u8; 2] = bytes.arbitrary()?;
            threads[usize::from(operation >> 7)].push(Operation::new(operation, operand));
        }
        Ok(Self { setup, rules, listens, threads })
    }
}

const KEYS: usize = 12;

/// Set in the writer of a value that was loaded.
const LOADED: u8 = 2;

/// What the two threads share.
struct Common {
    cache: Cache,
    clock: ManualClock,
    /// The time of the clock, in milliseconds; behind while it is being advanced.
    now: AtomicU64,
    census: Census,
    rules: Rules,
    /// The largest capacity that there will be.
    capacity: u64,
    /// How many values each thread has begun to write.
    begun: [AtomicU32; 2],
    /// The number up to which what each thread has begun to write is written.
    done: [AtomicU32; 2],
    /// For each tag and writer, the highest number of a value that was there when the tag was
    /// invalidated.
    outdated: [[AtomicU32; 2]; TAGS as usize],
    /// The latest end that a touch has given to a key.
    touched: [AtomicU64; KEYS],
}

/// Now that nothing is left, each value was told of once, or not stored.
fn audit(told: &mut Told, stored: &[HashSet<u32>; 2]) {
    let mut times: HashMap<(u8, u32), u32> = HashMap::new();
    for (writer, sequence, _) in told.take() {
        *times.entry((writer & 1, sequence)).or_default() += 1;
    }
    assert!(times.values().all(|times| *times == 1), "told twice: {times:?}");
    for (writer, stored) in (0..).zip(stored) {
        let untold = stored.iter().find(|sequence| !times.contains_key(&(writer, **sequence)));
        assert_eq!(untold, None, "gone, and not told; of thread {writer}");
    }
}

/// Has two threads do what the input says.
pub fn run(input: Input) {
    let Input { setup, rules, listens, threads } = input;
    let (builder, clock) = rules.builder(&setup);
    let (builder, told) = if listens {
        let (builder, told) = Told::listen(&rules, builder);
        (builder, Some(told))
    } else {
        (builder, None)
    };
    let capacities = threads.iter().flatten().filter_map(|operation| match operation {
        Operation::Resize(capacity) => Some(u64::from(*capacity)),
        _ => None,
    });
    let common = Common {
        cache: builder.build(),
        clock,
        now: AtomicU64::new(0),
        census: Census::default(),
        rules,
        capacity: capacities.chain([setup.capacity()]).max().expect("one at least"),
        begun: Default::default(),
        done: Default::default(),
        outdated: Default::default(),
        touched: [const { AtomicU64::new(0) }; KEYS],
    };
    let waiting = AtomicU32::new(2);
    let results = thread::scope(|scope| {
        let handles = [0, 1].map(|me| {
            let (common, waiting, operations) = (&common, &waiting, &threads[me]);
            scope.spawn(move || {
                let mut worker = Worker::new(common, me);
                // Off at once, or a short list is done before the other thread exists.
                waiting.fetch_sub(1, Ordering::Relaxed);
                while waiting.load(Ordering::Relaxed) > 0 {
                    thread::yield_now();
                }
                for operation in operations {
                    worker.do_one(operation);
                }
                (worker.stored, worker.taken)
            })
        });
        handles.map(|handle| handle.join().expect("the worker has reported its failure"))
    });
    common.cache.validate();
    let [(first, taken), (second, more)] = results;
    let (stored, mut taken) = ([first, second], [taken, more].concat());
    let takes = taken.len();
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), takes, "one value was taken out by two operations");
    if let Some(mut told) = told {
        common.cache.invalidate_all();
        common.cache.run_pending_tasks();
        audit(&mut told, &stored);
    }
    settle(common.cache, &setup, &common.census);
}
