use super::*;

const MILLI: Duration = Duration::from_millis(1);

fn manual() -> (ManualClock, Clock) {
    let manual = ManualClock::new();
    (manual.clone(), manual.into())
}

#[test]
fn a_manual_deadline_is_past_exactly_then() {
    let (manual, clock) = manual();
    manual.advance(Duration::from_micros(900));
    let deadline = clock.deadline_after(Duration::from_secs(60));
    manual.advance(Duration::from_secs(60) - Duration::from_nanos(1));
    assert!(!clock.is_past(deadline));
    assert_eq!(clock.until(deadline), Until::In(Duration::from_nanos(1)));
    manual.advance(Duration::from_nanos(1));
    assert!(clock.is_past(deadline));
    assert_eq!(clock.until(deadline), Until::Past);
}

#[test]
fn no_time_is_dead_or_never() {
    for clock in [Clock::default(), manual().1] {
        assert!(clock.now() > DEAD);
        assert!(clock.is_past(DEAD) && !clock.is_past(NEVER));
        assert_eq!((clock.until(DEAD), clock.until(NEVER)), (Until::Past, Until::Never));
        assert_eq!(clock.deadline_after(Duration::MAX), NEVER);
        assert!(clock.is_past(clock.deadline_after(Duration::ZERO)));
        assert!(!clock.is_past(clock.deadline_after(Duration::from_millis(u64::MAX - 1))));
    }
}

#[test]
fn a_manual_clock_stops_at_the_end_of_time() {
    let (manual, clock) = manual();
    let deadline = clock.deadline_after(Duration::from_secs(1));
    manual.advance(Duration::MAX);
    manual.advance(Duration::MAX);
    assert!(clock.is_past(deadline) && !clock.is_past(NEVER));
}

#[test]
fn the_system_clock_is_never_ahead_and_lags_by_its_granule() {
    let clock = Clock::default();
    for _ in 0..1_000 {
        let now = clock.now();
        assert!(clock.instant(now) <= Instant::now());
    }
}

#[test]
fn nothing_expires_early() {
    let clock = Clock::default();
    for nanos in [1, 999_999, 1_000_000, 3_500_000] {
        let duration = Duration::from_nanos(nanos);
        let started = Instant::now();
        let deadline = clock.deadline_after(duration);
        while !clock.is_past(deadline) {
            std::hint::spin_loop();
        }
        assert!(started.elapsed() >= duration, "{duration:?}");
    }
}

#[test]
fn a_deadline_is_past_when_one_has_waited_for_it() {
    let clock = Clock::default();
    let deadline = clock.deadline_after(3 * MILLI);
    let Until::In(wait) = clock.until(deadline) else { panic!("{:?}", clock.until(deadline)) };
    let started = Instant::now();
    while started.elapsed() < wait {
        std::hint::spin_loop();
    }
    assert_eq!(clock.until(deadline), Until::Past);
}

#[test]
fn times_are_instants() {
    let (manual, clock) = manual();
    let before = clock.instant(clock.now());
    manual.advance(Duration::from_secs(5));
    assert_eq!(clock.instant(clock.now()) - before, Duration::from_secs(5));
    let far = clock.instant(NEVER);
    assert!(far > before + Duration::from_secs(1 << 30));
    assert!(clock.instant(DEAD) <= before);
}

#[test]
fn what_a_deadline_is_judged_by_is_told_if_it_is_what_the_clock_reads() {
    let (manual, clock) = manual();
    manual.advance(Duration::from_secs(1));
    let deadline = clock.deadline_after(Duration::from_secs(1));
    assert_eq!(clock.judge(deadline), DeadlineState::Live(Some(clock.read())));
    manual.advance(Duration::from_secs(1));
    assert_eq!(clock.judge(deadline), DeadlineState::Past);
    assert_eq!(clock.judge(NEVER), DeadlineState::Live(None));

    let (coarse, exact) = (Clock::default(), Clock::default().exact());
    let (before, deadline) = (coarse.read(), coarse.deadline_after(60_000 * MILLI));
    let DeadlineState::Live(Some(reading)) = coarse.judge(deadline) else { panic!("not read") };
    assert!((before.nanos()..=coarse.read().nanos()).contains(&reading.nanos()));
    // The exact clock judges by the coarse one, and a deadline that is computed from such a reading
    // would come too early.
    assert_eq!(exact.judge(deadline), DeadlineState::Live(None));
    assert_eq!((coarse.judge(PAST), exact.judge(PAST)), (DeadlineState::Past, DeadlineState::Past));
}

#[test]
fn the_exact_clock_is_the_same_clock() {
    let (coarse, exact) = (Clock::default(), Clock::default().exact());
    for millis in [0, 1, 20] {
        let wait = Duration::from_millis(millis);
        let before = Instant::now();
        let deadline = exact.deadline_after(wait);
        assert!(coarse.now() <= exact.now(), "the coarse one lags");
        assert!(exact.is_past(deadline) || !wait.is_zero(), "zero is past for everybody");
        while exact.now() < deadline {
            std::thread::yield_now();
        }
        assert!(before.elapsed() >= wait);
    }
}
