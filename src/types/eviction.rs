//! Which entries a full cache gives up, as the user says it.

/// Which entry a full cache gives up.
///
/// None of these has a hit write anything but a counter that saturates after three uses, so hits
/// are equally fast. "Recently" and "often" are approximations for that reason. Inserts into a full
/// cache are fastest by far with the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EvictionPolicy {
    /// One that was not used lately, with new keys on probation: adaptive, and resistant to scans
    /// and loops. Nearly always best where entries weigh about the same and cost about the same to
    /// get again.
    #[default]
    SegmentedLru,
    /// The one of a few that was used least lately, as far as the counters tell, whatever happened
    /// before. For traffic where only recency counts; scans push everything out.
    Lru,
    /// The one of a few that was used least often.
    Lfu,
    /// The one of a few that was used least often for its weight: small entries are kept at the
    /// expense of large ones, for more hits with the same weight (after GreedyDual-Size-Frequency:
    /// Cherkasova, 1998). Needs a [`weigher`](crate::CacheBuilder::weigher) to make a difference.
    SizeAware,
    /// The one of a few with the least product of uses and [cost](crate::CacheBuilder::cost) to get
    /// it again, for its weight: minimizes the cost of misses instead of their number.
    CostAware,
}
