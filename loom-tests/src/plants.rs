//! Which model finds which planted bug.

/// The bug, the test binary, and the exact name of the test.
pub const PLANTS: &[(&str, &str, &str)] = &[
    ("SkipDecide", "index", "two_inserts_of_an_absent_key"),
    ("SkipSettle", "index", "only_one_of_two_adds_succeeds"),
    ("DisplacedUncounted", "index", "two_inserts_with_one_free_slot_at_home"),
    ("RemoveBlind", "index", "insert_against_remove"),
    ("SkipDisown", "index", "a_stale_control_word_publishes_nothing"),
    ("SettleUnchecked", "index", "a_stale_control_word_publishes_nothing"),
    ("PublishRelaxed", "index", "who_finds_an_entry_sees_its_content"),
    ("ReplaceRelaxed", "index", "who_finds_a_replaced_entry_sees_its_content"),
    ("NoGrace", "recycle", "get_against_replace_and_reuse"),
    ("FreeListRelaxed", "recycle", "a_node_changes_hands"),
    ("DropSkipsPending", "recycle", "drop_against_a_pending_batch"),
    ("EvictBlind", "policy", "evict_against_remove"),
    ("PromoteBlind", "policy", "promotion_against_remove_and_insert"),
    ("StealBlind", "recycle", "retired_nodes_are_taken_once"),
    ("StealRelaxed", "recycle", "who_takes_retired_nodes_sees_them"),
    ("RingBlindFill", "ring", "two_producers_and_a_consumer"),
    ("RingBlindTake", "ring", "two_consumers_share_out_the_entries"),
    ("CreditBlind", "budget", "no_credit_is_taken_twice"),
    ("SpareRelaxed", "budget", "no_credit_is_forgotten"),
    ("AlarmUnfenced", "alarm", "what_a_pass_misses_is_due_again"),
    ("AlarmOverwritten", "alarm", "what_a_pass_misses_is_due_again"),
];
