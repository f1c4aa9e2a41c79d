//! Planted bugs: faults that the models in `loom-tests/` must find.
//!
//! A model that has never failed proves little. Under `--cfg larder_loom` the environment variable
//! `LARDER_PLANT` names one bug, and the code drops that step or weakens that ordering; the model
//! that covers it has to fail then (`cargo xtask loom` runs both sides). In every other build
//! [`planted`] is a constant `false`.

/// A deliberate fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "the names are read from the environment, in models only")]
pub(crate) enum Bug {
    /// An insert publishes without a decision in the control word.
    SkipDecide,
    /// A thread decides without first settling the insert that was decided before it.
    SkipSettle,
    /// An insert claims a slot for a node that a control word still names.
    SkipDisown,
    /// An insert is settled although the control word may have been stale.
    SettleUnchecked,
    /// A decision does not count a key that goes to the neighbour set.
    DisplacedUncounted,
    /// An insert overwrites the slot of the entry that it evicts instead of comparing.
    OustBlind,
    /// A removal overwrites the slot instead of comparing.
    RemoveBlind,
    /// A retired node is free at once.
    NoGrace,
    /// A magazine is popped without acquiring what its last holder wrote.
    FreeListRelaxed,
    /// Retired nodes are taken by a store, not a compare-and-swap.
    StealBlind,
    /// Retired nodes are taken without acquiring that they are in their slots.
    StealRelaxed,
    /// A credit is taken by load and store.
    CreditBlind,
    /// Dropping the cache does not drop the values of pending batches.
    DropSkipsPending,
    /// A slot is claimed and published with relaxed swaps: one of the two has to be Release.
    PublishRelaxed,
    /// A node is replaced with a relaxed swap.
    ReplaceRelaxed,
    /// The result of a computation replaces another value than it was computed from.
    ReplaceUnseen,
    /// A value that was computed for an absent key overwrites one that was inserted meanwhile.
    ComputeOverwrites,
    /// A node that is filled again keeps its generation.
    SameGeneration,
    /// A thief takes credits with a relaxed swap.
    SpareRelaxed,
    /// A thread that requests a maintenance pass reads the alarm's word before its work is visible.
    AlarmUnfenced,
    /// The end of a pass overwrites an alarm that was set meanwhile.
    AlarmOverwritten,
    /// A thread that takes a request looks at its object before the request can be made again.
    RequestLookedAtFirst,
    /// A request is pushed without Release.
    RequestRelaxed,
    /// An entry gets its birth after it was published.
    BirthLate,
    /// An insert that tries again keeps the birth of its first attempt.
    BirthOnce,
    /// A published entry is not looked at again.
    PublishUnchecked,
    /// A published entry is looked at again without a fence before.
    SecondLookUnfenced,
    /// The sweep looks at slots without a fence before.
    SweepUnfenced,
    /// A sweep that ends disarms, although there were invalidations meanwhile.
    DisarmLatest,
    /// The cache is disarmed before all threads know of births.
    ColumnUnannounced,
    /// An `add` that has found an invalidated entry replaces the live one that took its place.
    AddReplaces,
    /// An `add` keeps an invalidated entry that it finds.
    InvalidatedKept,
    /// A load is posted although the walk after a failed swap has found another.
    PostBlind,
    /// A write that supersedes a load does not bump the control word.
    SkipBump,
    /// A bump does not publish the insert that was decided before it.
    BumpUnsettled,
    /// A loaded value is stored without looking whether its load was superseded.
    FlagUnchecked,
    /// A refreshed value is stored without looking whether its load was superseded.
    RefreshUnchecked,
    /// A refresh replaces any node that has its key by then.
    RefreshBlind,
    /// The post of a superseded load is ended before the bump.
    EndBeforeBump,
    /// There is no fence between posting a load and what the load reads.
    SkipFence,
    /// The listener is told of what a load has evicted before the load has landed.
    ToldTooSoon,
    /// An abandoned load's next leader is not woken.
    AbandonSilent,
    /// A waiter that was offered the lead and is dropped does not wake the next.
    OfferDropped,
    /// A task that abandons its load does not wake the waiters.
    HandedSilent,
    /// A waiter that finds a superseded load without a leader does not wake the others.
    OverSilent,
    /// A deadline is claimed by load and store.
    ClaimBlind,
    /// A read, or rules that change, have moved a deadline and do not look for an end again.
    EndUnasked,
    /// A change to an equal deadline writes nothing.
    ChangeSilent,
    /// It is not announced that there are ends.
    EndsUnannounced,
    /// A thread that has set an end does not look whether it was made an earlier one.
    SetUnasked,
    /// Rules that change overwrite the end instead of comparing.
    ShortenBlind,
    /// A read that has moved a deadline does not look whether the end comes from a caller now.
    CallerUnasked,
    /// A write that keeps its entry's time does not look whether that was changed meanwhile.
    HandOnUnasked,
    /// A write that keeps its entry's time looks without a fence before.
    HandOnUnfenced,
    /// An entry counts as absent although its deadline is not marked past.
    SettleBlind,
    /// A deadline that was changed before the claim counts as claimed by another thread.
    DueLookedAtOnce,
    /// A mark is set without looking whether its slot was closed meanwhile.
    ClosedLookedAtOnce,
    /// A mark that is found set is relied on without a fence before the look at it.
    MarkFoundUnfenced,
    /// There is no fence between the mark and the look whether the slot was closed meanwhile.
    MarkUnfenced,
    /// A column is marked for the first time, and `reach` is not raised.
    ReachForgotten,
    /// There is no fence between closing slots and looking at them.
    TurnUnfenced,
    /// There is no fence between taking blocks and looking at them.
    TakenUnfenced,
    /// Marks that were set after the look are cleared, and their blocks do not become ready.
    ReadyOnce,
    /// A tick counts as done before its slots are looked at.
    DoneTooSoon,
    /// A block is not scheduled again for the deadlines that are left.
    RestForgotten,
    /// A slot's occupied bit is cleared after its marks were cleared.
    VacatedLate,
    /// An insert goes up without sealing the tiers below.
    SealSkipped,
    /// A write that supersedes a load bumps the control word of the first tier only.
    BumpFirstOnly,
    /// A removal looks in the first tier only.
    RemoveFirstOnly,
    /// The node of an insert that went up is retired, as if its entry was still there.
    MovedOutRetired,
    /// A lookup treats a sealed set as empty.
    SealedOverlooked,
    /// A thread that finds a shard missing looks by a load, not a read-modify-write.
    PrecedeBlind,
    /// A computation looks only at its beginning whether the cache is armed, and its result does
    /// not inherit the birth of the entry that it was made of.
    ComputeLookedOnce,
    /// An insert that goes up looks for its key in the top tier only.
    BelowUnlooked,
    /// An insert that goes up does not release the slot that it has claimed.
    ClaimLeft,
    /// A thread that finds a part made by another does not announce it.
    PartLeftToMaker,
    /// A value that is made when it is needed is published with a relaxed swap.
    OnceBoxRelaxed,
    /// A thread that finds a spare bit set does not acquire the shard that it stands for.
    SpareUnordered,
    /// The sweep counts the pairs of sets before its fence.
    PairsCountedEarly,
}

#[cfg(larder_loom)]
pub(crate) fn planted(bug: Bug) -> bool {
    static PLANTED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let name = PLANTED.get_or_init(|| std::env::var("LARDER_PLANT").ok());
    name.as_deref().is_some_and(|name| name == format!("{bug:?}"))
}

#[cfg(not(larder_loom))]
#[inline(always)]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}
