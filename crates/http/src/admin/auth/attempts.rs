//! How many wrong tokens a peer may present.

use larder::{Cache, Maintenance, ManualClock};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

/// So many peers are remembered.
const PEERS: u64 = 4_096;

/// The peer that presents a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    V4(Ipv4Addr),
    /// The first 64 bits: who has one address of IPv6 has all of these.
    V6(u64),
    /// The address is not known. All such peers count as one.
    Unknown,
}

impl Peer {
    pub(crate) fn of(address: Option<IpAddr>) -> Self {
        match address.map(|it| it.to_canonical()) {
            None => Self::Unknown,
            Some(IpAddr::V4(address)) => Self::V4(address),
            Some(IpAddr::V6(address)) => Self::V6((Ipv6Addr::to_bits(address) >> 64) as u64),
        }
    }
}

/// Counts wrong tokens by peer, from the first of them on for as long as a window lasts.
pub(crate) struct Attempts {
    failed: Cache<Peer, u32>,
    limit: u32,
}

impl Attempts {
    pub(crate) fn new(limit: u32, window: Duration, clock: Option<&ManualClock>) -> Self {
        let builder = Cache::builder()
            .name("admin-attempts")
            .max_capacity(PEERS)
            .time_to_live(window)
            .maintenance(Maintenance::Manual);
        let builder = match clock {
            None => builder,
            Some(clock) => builder.clock(clock),
        };
        Self { failed: builder.build(), limit }
    }

    /// Whether a peer may present a token; if not, after which time it may.
    pub(crate) fn check(&self, peer: Peer) -> Result<(), Duration> {
        match self.failed.get(&peer) {
            Some(failed) if failed >= self.limit => {
                let left = self.failed.metadata(&peer).and_then(|it| it.ttl);
                Err(left.unwrap_or_default())
            }
            _ => Ok(()),
        }
    }

    /// A peer has presented a wrong one.
    pub(crate) fn fail(&self, peer: Peer) {
        // The count keeps the time of the first.
        while self.failed.incr(&peer, 1).is_none() {
            self.failed.entry(peer).or_insert(0);
        }
    }
}

impl fmt::Debug for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempts").field("limit", &self.limit).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn v4(last: u8) -> Peer {
        Peer::of(Some(IpAddr::from([192, 0, 2, last])))
    }

    #[test]
    fn a_window_begins_with_the_first_wrong_token_and_ends() {
        let clock = ManualClock::new();
        let attempts = Attempts::new(2, MINUTE, Some(&clock));
        attempts.fail(v4(1));
        clock.advance(MINUTE / 2);
        assert_eq!(attempts.check(v4(1)), Ok(()));
        attempts.fail(v4(1));
        assert_eq!(attempts.check(v4(1)), Err(MINUTE / 2));
        assert_eq!(attempts.check(v4(2)), Ok(()), "another peer");
        clock.advance(MINUTE / 2);
        assert_eq!(attempts.check(v4(1)), Ok(()));
    }

    #[test]
    fn peers_are_told_apart_by_what_one_of_them_has() {
        let of = |text: &str| Peer::of(Some(text.parse().unwrap()));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), v4(1));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn many_peers_take_no_more_room_than_some() {
        let attempts = Attempts::new(1, MINUTE, Some(&ManualClock::new()));
        for address in 0..20_000_u32 {
            attempts.fail(Peer::V4(address.into()));
        }
        assert!(attempts.failed.entry_count() <= PEERS);
    }
}
