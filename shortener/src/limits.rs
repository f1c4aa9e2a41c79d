//! What clients may do how often: the generic cell rate algorithm, in a larder cache.
//!
//! For each client there is one number: until when its allowance is used up. That an entry may be
//! evicted keeps the memory bounded however many addresses somebody has; who is evicted may begin
//! anew.

use crate::config::Limits;
use larder::{
    Cache,
    ops::compute::{CompResult, Op},
};
use std::{
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

/// All limits of the service.
#[derive(Debug)]
pub(crate) struct RateLimits {
    pub(crate) logins_of_address: Limiter<IpAddr>,
    pub(crate) logins_of_account: Limiter<String>,
    pub(crate) registrations: Limiter<IpAddr>,
    pub(crate) creations: Limiter<i64>,
}

impl RateLimits {
    pub(crate) fn new(settings: &Limits) -> Self {
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
        let tracked = settings.tracked;
        Self {
            logins_of_address: Limiter::new(settings.logins_per_minute, minute, tracked),
            logins_of_account: Limiter::new(settings.logins_per_minute, minute, tracked),
            registrations: Limiter::new(settings.registrations_per_hour, hour, tracked),
            creations: Limiter::new(settings.creations_per_minute, minute, tracked),
        }
    }
}

/// Returns what stands for a client: of an IPv6 address, the network that one subscriber has.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
        v4 => v4,
    }
}

/// So many within a time, all at once or spread.
#[derive(Debug)]
pub(crate) struct Limiter<K: Hash + Eq + Clone + Send + Sync + 'static> {
    /// None: no limit.
    limited: Option<Limited<K>>,
}

#[derive(Debug)]
struct Limited<K: Hash + Eq + Clone + Send + Sync + 'static> {
    /// Nanoseconds since `start`, at which the whole allowance is there again.
    full_at: Cache<K, u64>,
    start: Instant,
    /// How long it takes for one more.
    interval: u64,
    /// How long it takes for all.
    period: u64,
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Limiter<K> {
    fn new(allowed: u64, period: Duration, tracked: u64) -> Self {
        let nanos = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        let limited = (allowed > 0).then(|| Limited {
            full_at: Cache::new(tracked),
            start: Instant::now(),
            interval: (nanos / allowed).max(1),
            period: nanos,
        });
        Self { limited }
    }

    /// Takes one of a client's allowance.
    ///
    /// # Errors
    ///
    /// How long to wait until there is one again.
    pub(crate) fn take(&self, client: K) -> Result<(), Duration> {
        self.limited.as_ref().map_or(Ok(()), |it| it.take(client, it.start.elapsed()))
    }
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Limited<K> {
    fn take(&self, client: K, now: Duration) -> Result<(), Duration> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let after = |full_at: Option<u64>| full_at.unwrap_or(0).max(now) + self.interval;
        let result = self.full_at.entry(client).and_compute_with(|entry| {
            let after = after(entry.map(|entry| *entry.value()));
            if after - now > self.period { Op::Nop } else { Op::Put(after) }
        });
        match result {
            CompResult::Unchanged(entry) => {
                Err(Duration::from_nanos(after(Some(*entry.value())) - now - self.period))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allowance_is_used_up_and_comes_back_bit_by_bit() {
        let second = Duration::from_secs(1);
        let limiter = Limiter::new(3, 30 * second, 100);
        let limited = limiter.limited.as_ref().unwrap();
        for _ in 0..3 {
            assert_eq!(limited.take("a", second), Ok(()));
        }
        assert_eq!(limited.take("a", second), Err(10 * second));
        assert_eq!(limited.take("b", second), Ok(()));
        assert_eq!(limited.take("a", 10 * second), Err(second));
        assert_eq!(limited.take("a", 11 * second), Ok(()));
        assert_eq!(limited.take("a", 11 * second), Err(10 * second));
        for _ in 0..3 {
            assert_eq!(limited.take("a", 100 * second), Ok(()));
        }
        assert!(limited.take("a", 100 * second).is_err());
        let unlimited = Limiter::new(0, second, 100);
        assert!((0..1000).all(|_| unlimited.take("a").is_ok()));
    }

    #[test]
    fn a_subscriber_of_ipv6_is_one_client() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::9"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:3::"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
