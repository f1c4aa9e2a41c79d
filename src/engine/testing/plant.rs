//! Planted bugs: what the models in `loom-tests/` must be able to find.
//!
//! A model that has never failed proves little. Under `--cfg larder_loom` the environment variable
//! `LARDER_PLANT` names one bug, and the code drops that step or weakens that ordering; the model
//! that covers it has to fail then (`cargo xtask loom` runs both sides). In every other build
//! [`planted`] is a constant `false`.

/// One deliberate fault each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "the names are read from the environment, in models only")]
pub(crate) enum Bug {
    /// An insert publishes without having the control word decide.
    SkipDecide,
    /// A thread decides without first settling the insert that was decided before.
    SkipSettle,
    /// A node is claimed for while a control word still names it.
    SkipDisown,
    /// An insert is settled although the control word may have been stale.
    SettleUnchecked,
    /// A decision does not count a key that goes next door.
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
    /// Dropping the cache leaves the values of pending batches alone.
    DropSkipsPending,
    /// A slot is claimed and published with relaxed swaps: one of the two has to be Release.
    PublishRelaxed,
    /// A node is replaced with a relaxed swap.
    ReplaceRelaxed,
    /// What was computed from one value takes the place of another.
    ReplaceUnseen,
    /// What was computed for an absent key overwrites a value that appeared meanwhile.
    ComputeOverwrites,
    /// A node that is filled again keeps its generation.
    SameGeneration,
    /// A thief takes credits with a relaxed swap.
    SpareRelaxed,
    /// Who asks the maintenance thread for a pass reads its word before its work is visible.
    AlarmUnfenced,
    /// The end of a pass overwrites what was asked for meanwhile.
    AlarmOverwritten,
    /// Who takes a request looks before it may be made again.
    RequestLookedAtFirst,
    /// A request is pushed without Release.
    RequestRelaxed,
    /// An entry gets its birth after it was published.
    BirthLate,
    /// An insert that tries again keeps the birth of its first attempt.
    BirthOnce,
    /// A published entry is not looked at again.
    PublishUnchecked,
    /// A published entry is looked at again with no fence before that.
    SecondLookUnfenced,
    /// The sweep looks at slots with no fence before that.
    SweepUnfenced,
    /// A sweep that is at its end disarms, whatever was invalidated meanwhile.
    DisarmLatest,
    /// The cache is disarmed before everybody knows of births.
    ColumnUnannounced,
    /// An `add` that finds a stale entry, and then another in its place, replaces that.
    AddReplaces,
    /// `add` keeps what it finds, stale or not.
    StaleKept,
    /// A load is posted although a walk of the list after the swap that failed found another.
    PostBlind,
    /// A write that supersedes a load does not bump the control word.
    SkipBump,
    /// A bump does not publish what was decided before it.
    BumpUnsettled,
    /// What was loaded is stored without looking whether it was superseded.
    FlagUnchecked,
    /// What a refresh has loaded is stored without looking whether it was superseded.
    RefreshUnchecked,
    /// A refresh replaces whatever node has its key by then.
    RefreshBlind,
    /// A superseded load is ended before the bump.
    EndBeforeBump,
    /// A load is not ordered after its posting.
    SkipFence,
    /// The listener is told before the load has landed that took out what it is told of.
    ToldTooSoon,
    /// An abandoned load's next leader is not woken.
    AbandonSilent,
    /// A waiter that was offered the lead and is dropped does not wake the next.
    OfferDropped,
    /// A task that abandons its load does not wake those who wait.
    HandedSilent,
    /// Who finds a superseded load without a leader does not wake the others.
    OverSilent,
    /// A deadline is claimed by load and store.
    ClaimBlind,
    /// A read that has put a deadline off does not look for an end again.
    EndUnasked,
    /// A change to the deadline that is there writes nothing.
    ChangeSilent,
    /// Nobody says that there are ends.
    EndsUnannounced,
    /// Who has set an end does not look whether it has become an earlier one.
    SetUnasked,
    /// Rules that change overwrite whatever end there is.
    ShortenBlind,
    /// Rules that have changed a deadline do not look whether there is another end.
    ShortenUnasked,
    /// A read that has moved a deadline does not ask whether a caller has set the end meanwhile.
    CallerUnasked,
    /// A value that keeps its entry's time does not look whether that was changed meanwhile.
    HandOnUnasked,
    /// It looks with no fence before that.
    HandOnUnfenced,
    /// An entry is taken for absent without settling its deadline.
    SettleBlind,
    /// A deadline that was changed before it could be claimed is taken for one that was claimed.
    DueLookedAtOnce,
    /// A mark is set without looking whether its slot was closed meanwhile.
    ClosedLookedAtOnce,
    /// A mark that is found set is relied on with no fence before the look at it.
    MarkFoundUnfenced,
    /// Whether the slot was closed meanwhile is looked at with no fence after the mark.
    MarkUnfenced,
    /// A column is marked for the first time, and who advances does not hear of it.
    ReachForgotten,
    /// Slots are looked at with no fence after they were closed.
    TurnUnfenced,
    /// Blocks are looked at with no fence after they were taken.
    TakenUnfenced,
    /// Marks are cleared that were set after the look, and their blocks do not become ready.
    ReadyOnce,
    /// A tick counts as done before its slots are looked at.
    DoneTooSoon,
    /// A block is not scheduled again for what was not due.
    RestForgotten,
    /// A slot's occupied bit is cleared after its marks were taken.
    VacatedLate,
    /// An insert goes up without sealing the floors below.
    SealSkipped,
    /// A seal does not publish what was decided before it.
    SealUnsettled,
    /// A write that supersedes a load bumps the control word of the ground floor only.
    BumpGroundOnly,
    /// A removal looks on the ground floor only.
    RemoveGroundOnly,
    /// The node of an insert that went up is retired, as if its entry was still there.
    HuskRetired,
    /// A lookup takes a sealed set for an empty one.
    SealedOverlooked,
    /// Who finds that a shard was not made leaves no trace of having looked.
    PrecedeBlind,
    /// A computation looks only at its beginning whether anything is invalid.
    ComputeLookedOnce,
    /// An insert that goes up looks for its key on the top floor only.
    BelowUnlooked,
    /// An insert that goes up leaves the slot behind that it has claimed.
    ClaimLeft,
    /// Who finds a part that another has made leaves it to that one to announce it.
    PartLeftToMaker,
    /// A shard that is made is published with a relaxed swap.
    LateRelaxed,
    /// Who finds a spare bit set does not know of the shard that it stands for.
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
