use super::*;

/// Sweeps a cache of one pair of sets. Returns the number of steps.
fn sweep(groups: &Groups) -> u32 {
    let mut steps = 0;
    while let Some(step) = groups.next_step() {
        groups.finish(&step, 1);
        steps += 1;
    }
    steps
}

#[test]
fn a_child_of_fork_sweeps_what_the_thread_of_an_insert_has_left_invalidated() {
    let (groups, births) = (Groups::new(), Births::new(1, 1));
    groups.announce(Announcement::everybody_knows);
    groups.begin(&births, 1, Tags::NONE).expect("there is memory");
    groups.invalidate_all();
    assert!(sweep(&groups) > 0 && !groups.is_armed());
    // The entry is published now, by a thread that the child does not have.
    assert!(groups.is_invalidated(&births, 1));
    let parent = fork::process();
    groups.note_fork(parent);
    assert!(!groups.is_armed() && sweep(&groups) == 0);
    groups.note_fork(parent + 1);
    assert!(groups.is_armed(), "a lookup takes it for absent");
    assert!(sweep(&groups) > 0 && !groups.is_armed());
    groups.note_fork(parent + 1);
    assert!(!groups.is_armed(), "once in each child");
}
