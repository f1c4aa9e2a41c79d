use super::Background;
use std::{sync::mpsc::channel, thread, time::Duration};

/// A timeout that is longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_check_waits_for_work_that_has_begun_and_holds_up_what_has_not() {
    let background = Background::default();
    let (told, tells) = channel();
    thread::scope(|scope| {
        let first = background.work();
        // Nested work, as of a listener.
        drop(background.work());
        scope.spawn(|| {
            let _rest = background.rest();
            let _other = background.rest();
            told.send("checks").unwrap();
            scope.spawn(|| {
                let _work = background.work();
                told.send("works").unwrap();
            });
            // Work would begin now if it were not held up.
            thread::yield_now();
            told.send("has checked").unwrap();
        });
        while !background.is_waited_for() {
            thread::yield_now();
        }
        told.send("ends").unwrap();
        drop(first);
    });
    let order: Vec<_> = (0..4).map(|_| tells.recv_timeout(PATIENCE).unwrap()).collect();
    assert_eq!(order, ["ends", "checks", "has checked", "works"]);
}

#[test]
#[should_panic(expected = "amid the work")]
fn a_check_amid_work_is_refused_instead_of_waiting_for_itself() {
    let background = Background::default();
    let _work = background.work();
    let _ = background.rest();
}
