//! Progress of long runs on standard error: a bar where that is a terminal, lines where it is not.
//!
//! Nothing here runs by itself: a thread that redraws the bar would disturb what is timed.

use std::cell::RefCell;
use std::fmt::Display;
use std::io::{IsTerminal, stderr};
use std::iter::Sum;
use std::ops::{Add, Mul};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// What there is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Work {
    pub(crate) steps: usize,
    /// How long the steps take together, by a rough estimate.
    pub(crate) seconds: f64,
}

impl Work {
    /// Returns one step of so many seconds.
    pub(crate) fn step(seconds: f64) -> Self {
        Self { steps: 1, seconds }
    }
}

impl Add for Work {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { steps: self.steps + other.steps, seconds: self.seconds + other.seconds }
    }
}

impl Mul<usize> for Work {
    type Output = Self;

    fn mul(self, times: usize) -> Self {
        Self { steps: self.steps * times, seconds: self.seconds * times as f64 }
    }
}

impl Sum for Work {
    fn sum<I: Iterator<Item = Self>>(works: I) -> Self {
        works.fold(Self::default(), Add::add)
    }
}

/// How far a run has come.
pub(crate) struct Progress {
    total: Work,
    shown: Shown,
    state: RefCell<State>,
}

enum Shown {
    Bar(ProgressBar),
    Lines,
    #[cfg(test)]
    Nothing,
}

struct State {
    start: Instant,
    section: String,
    /// The steps that are over.
    done: Work,
    /// The step that runs.
    current: Option<Work>,
    /// When the last line was printed.
    printed: Instant,
}

/// The time between two lines, unless a section begins.
const PAUSE: Duration = Duration::from_secs(10);

/// Thousandths that the bar is divided into.
const WHOLE: u64 = 1_000;

impl Progress {
    pub(crate) fn new(total: Work) -> Self {
        if !stderr().is_terminal() {
            return Self::showing(total, Shown::Lines);
        }
        let style = ProgressStyle::with_template("{bar:24} {elapsed} {wide_msg}")
            .expect("the template is valid");
        Self::showing(total, Shown::Bar(ProgressBar::new(WHOLE).with_style(style)))
    }

    #[cfg(test)]
    pub(crate) fn hidden() -> Self {
        Self::showing(Work::default(), Shown::Nothing)
    }

    /// Returns how many steps have begun.
    #[cfg(test)]
    pub(crate) fn begun(&self) -> usize {
        let state = self.state.borrow();
        state.done.steps + usize::from(state.current.is_some())
    }

    fn showing(total: Work, shown: Shown) -> Self {
        let now = Instant::now();
        let (section, done, current) = (String::new(), Work::default(), None);
        let state = RefCell::new(State { start: now, section, done, current, printed: now });
        Self { total, shown, state }
    }

    /// Names the section that the next steps belong to.
    pub(crate) fn section(&self, name: &str) {
        name.clone_into(&mut self.state.borrow_mut().section);
        if let Shown::Lines = self.shown {
            self.print("begins");
        }
    }

    /// Says what is done next, and that the step before it is over.
    pub(crate) fn step(&self, step: Work, what: impl Display) {
        let mut state = self.state.borrow_mut();
        if let Some(over) = state.current.replace(step) {
            state.done = state.done + over;
        }
        let printed = state.printed;
        drop(state);
        match &self.shown {
            Shown::Bar(bar) => {
                let done = self.state.borrow().done.seconds;
                bar.set_position((done / self.total.seconds * WHOLE as f64) as u64);
                bar.set_message(self.line(&what.to_string()));
            }
            Shown::Lines if printed.elapsed() >= PAUSE => self.print(&what.to_string()),
            Shown::Lines => {}
            #[cfg(test)]
            Shown::Nothing => {}
        }
    }

    fn print(&self, what: &str) {
        self.state.borrow_mut().printed = Instant::now();
        eprintln!("{}", self.line(what));
    }

    /// Step, time left, section and `what`.
    fn line(&self, what: &str) -> String {
        let state = self.state.borrow();
        let step = state.done.steps + usize::from(state.current.is_some());
        let left = left(self.total.seconds, state.done.seconds, state.start.elapsed());
        let section = &state.section;
        let section = if section.is_empty() { String::new() } else { format!("{section}: ") };
        format!("{step}/{}, about {} left; {section}{what}", self.total.steps, time(left))
    }
}

/// Takes the bar away.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

/// What is left of an estimate, in seconds, corrected by how long the done part has taken.
fn left(total: f64, done: f64, elapsed: Duration) -> f64 {
    // A twentieth of the estimate counts as if it had come true: the first steps do not decide
    // alone.
    let trusted = total / 20.0;
    let rest = (total - done).max(0.0);
    if rest == 0.0 { 0.0 } else { rest * (elapsed.as_secs_f64() + trusted) / (done + trusted) }
}

/// Minutes and seconds, or hours and minutes.
pub(crate) fn time(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        ..3_600 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => format!("{}:{:02} h", seconds / 3_600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_takes_as_long_as_what_is_done_has_taken() {
        let seconds = Duration::from_secs;
        assert_eq!(left(100.0, 0.0, seconds(0)), 100.0);
        assert_eq!(left(100.0, 40.0, seconds(40)), 60.0);
        let slow = left(100.0, 50.0, seconds(500));
        assert!((450.0..500.0).contains(&slow), "{slow}");
        assert_eq!(left(100.0, 100.0, seconds(7)), 0.0);
        assert_eq!(left(100.0, 130.0, seconds(7)), 0.0);
        assert_eq!(left(0.0, 0.0, seconds(7)), 0.0);
    }

    #[test]
    fn times_are_short() {
        assert_eq!([4.4, 65.0, 3_599.0].map(time), ["0:04 min", "1:05 min", "59:59 min"]);
        assert_eq!([3_600.0, 16_000.0].map(time), ["1:00 h", "4:26 h"]);
    }

    #[test]
    fn a_line_counts_the_step_that_runs() {
        let progress = Progress::showing(Work::step(2.0) * 3, Shown::Nothing);
        progress.section("speed");
        progress.step(Work::step(2.0), "one");
        let line = progress.line("one");
        assert!(line.starts_with("1/3, about 0:06 min left; speed: one"), "{line}");
        progress.step(Work::step(2.0), "two");
        assert_eq!(progress.state.borrow().done, Work { steps: 1, seconds: 2.0 });
        assert!(progress.line("two").starts_with("2/3, "));
    }
}
