//! Doors to alarms and requests: how writers wake the timer.

use crate::{
    process::{
        alarm::Alarm,
        clock::NEVER,
        requests::{Link, Linked, Requests},
    },
    sync::{Arc, AtomicU32, Ordering::Relaxed},
};

/// An alarm, and work of two writers.
#[derive(Debug)]
pub struct AlarmDoor {
    alarm: Alarm,
    work: [AtomicU32; 2],
}

impl AlarmDoor {
    /// A pass is due by `time`.
    pub fn new(time: u64) -> Self {
        Self { alarm: Alarm::new(time), work: [AtomicU32::new(0), AtomicU32::new(0)] }
    }

    /// Leaves work and asks for a pass; whether the thread has to be woken for it.
    pub fn write(&self, writer: usize, time: u64) -> bool {
        self.work[writer].store(1, Relaxed);
        self.alarm.ask(time)
    }

    /// One pass; whose work it saw.
    pub fn pass(&self) -> [bool; 2] {
        self.alarm.begin_pass();
        let seen = [0, 1].map(|writer| self.work[writer].load(Relaxed) == 1);
        self.alarm.end_pass(NEVER);
        seen
    }

    /// When the next pass is due.
    pub fn time(&self) -> u64 {
        self.alarm.latest_time()
    }
}

/// Requests for two things, and the work that two writers leave for each.
#[derive(Debug)]
pub struct RequestsDoor {
    requests: Requests<Requested>,
    things: [Arc<Requested>; 2],
}

#[derive(Debug)]
struct Requested {
    link: Link<Self>,
    work: [AtomicU32; 2],
}

impl Linked for Requested {
    fn link(&self) -> &Link<Self> {
        &self.link
    }
}

impl RequestsDoor {
    /// Nothing is left to be done.
    #[allow(clippy::new_without_default, reason = "made by models only")]
    pub fn new() -> Self {
        let thing = || {
            let work = [AtomicU32::new(0), AtomicU32::new(0)];
            Arc::new(Requested { link: Link::new(), work })
        };
        Self { requests: Requests::new(), things: [thing(), thing()] }
    }

    /// Leaves work for a thing, and has it looked at.
    pub fn leave(&self, thing: usize, writer: usize) {
        let thing = &self.things[thing];
        thing.work[writer].store(1, Relaxed);
        self.requests.push(thing);
    }

    /// Takes all requests; whose work for what it saw.
    pub fn look(&self) -> [[bool; 2]; 2] {
        let mut seen = [[false; 2]; 2];
        self.requests.take(|thing| {
            let at = usize::from(Arc::ptr_eq(&thing, &self.things[1]));
            seen[at] = [0, 1].map(|writer| thing.work[writer].load(Relaxed) == 1);
        });
        seen
    }
}
