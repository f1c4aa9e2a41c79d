//! Targets: where short addresses lead.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use thiserror::Error;
use url::{Host, Url};

/// What is wrong with a target.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetError {
    /// Too long.
    #[error("{length} bytes; allowed are up to {allowed}")]
    Length {
        /// Its length in bytes.
        length: usize,
        /// The limit.
        allowed: usize,
    },
    /// No address at all.
    #[error("it is not a URL ({0}); allowed is an absolute one, such as https://example.org/")]
    Syntax(url::ParseError),
    /// Of another scheme than those of the web.
    #[error("its scheme is {0:?}; allowed are http and https")]
    Scheme(String),
    /// With a name or a password in it.
    #[error("it has a user name or a password in it; allowed are URLs without")]
    Credentials,
    /// A host that only means something near to the service.
    #[error("its host, {0:?}, is private or of this machine; allowed are public hosts")]
    Private(String),
    /// A short address as the target of another one.
    #[error("its host, {0:?}, is this service; allowed are other hosts")]
    Own(String),
}

/// Which targets are allowed.
#[derive(Clone, Debug)]
pub struct TargetPolicy {
    /// The most bytes of a target.
    pub max_length: usize,
    /// Whether private and loopback hosts are allowed.
    pub allow_private: bool,
    /// The service's own address.
    pub own: Url,
}

impl TargetPolicy {
    /// Returns the target as the standard for URLs writes it, which is what clients are sent to.
    ///
    /// A name is not resolved: who follows a link does that, and he may get another answer.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn check(&self, target: &str) -> Result<String, TargetError> {
        let fits = |length: usize| match length > self.max_length {
            true => Err(TargetError::Length { length, allowed: self.max_length }),
            false => Ok(()),
        };
        fits(target.len())?;
        let url = Url::parse(target.trim()).map_err(TargetError::Syntax)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TargetError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        // Percent-encoding may have made it longer.
        fits(url.as_str().len())?;
        let Some(host) = url.host() else {
            return Err(TargetError::Syntax(url::ParseError::EmptyHost));
        };
        let is_own = self.own.host() == Some(host.clone())
            && self.own.port_or_known_default() == url.port_or_known_default();
        if is_own {
            return Err(TargetError::Own(host.to_string()));
        }
        if !self.allow_private && is_private(&host) {
            return Err(TargetError::Private(host.to_string()));
        }
        Ok(url.into())
    }
}

/// Whether a host means something else, or nothing, to whoever is elsewhere.
fn is_private(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            // A name without a dot is a host of the local network.
            let last = name.rsplit('.').next().unwrap_or_default();
            !name.contains('.')
                || ["localhost", "local", "internal", "lan", "home", "corp", "test", "invalid"]
                    .iter()
                    .any(|it| last.eq_ignore_ascii_case(it))
                || name.to_ascii_lowercase().ends_with(".home.arpa")
        }
        Host::Ipv4(address) => is_private_address((*address).into()),
        Host::Ipv6(address) => is_private_address((*address).into()),
    }
}

fn is_private_address(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        // Shared by carriers (RFC 6598), and for measurements between networks (RFC 2544).
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (18..20).contains(&b))
        || address.octets()[..3] == [192, 0, 0]
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // Translated addresses (RFC 6052), 6to4, and the deprecated compatible ones carry one of the
    // fourth version.
    let carried = match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0, 0, high, low] => Some((high, low)),
        [0x2002, high, low, ..] => Some((high, low)),
        _ => None,
    };
    let carries_private = carried.is_some_and(|(high, low)| {
        is_private_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
    });
    carries_private
        || address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        // For documentation (RFC 3849).
        || segments[..2] == [0x2001, 0xdb8]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> TargetPolicy {
        TargetPolicy {
            max_length: 60,
            allow_private: false,
            own: Url::parse("https://sho.rt/").unwrap(),
        }
    }

    #[test]
    fn public_targets_are_taken_as_the_standard_writes_them() {
        let policy = policy();
        assert_eq!(policy.check("https://EXAMPLE.org").unwrap(), "https://example.org/");
        assert_eq!(policy.check(" http://1.1.1.1:80/a b ").unwrap(), "http://1.1.1.1/a%20b");
        assert_eq!(policy.check("https://sho.rt:444/x").unwrap(), "https://sho.rt:444/x");
    }

    #[test]
    fn other_schemes_credentials_and_long_ones_are_refused() {
        let policy = policy();
        for scheme in
            ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "ftp://a.b/"]
        {
            assert!(matches!(policy.check(scheme), Err(TargetError::Scheme(_))), "{scheme}");
        }
        for odd in ["", "example.org", "//example.org/", "https://", "http://[::1"] {
            assert!(matches!(policy.check(odd), Err(TargetError::Syntax(_))), "{odd}");
        }
        assert_eq!(policy.check("https://ada@example.org/"), Err(TargetError::Credentials));
        assert_eq!(policy.check("https://:x@example.org/"), Err(TargetError::Credentials));
        let long = format!("https://example.org/{}", "a".repeat(60));
        assert!(matches!(policy.check(&long), Err(TargetError::Length { length: 80, .. })));
        let grows = format!("https://example.org/{}", "\u{e9}".repeat(15));
        assert!(matches!(policy.check(&grows), Err(TargetError::Length { length: 110, .. })));
        assert_eq!(policy.check("https://sho.rt/x"), Err(TargetError::Own("sho.rt".to_owned())));
    }

    #[test]
    fn private_hosts_are_refused_in_all_spellings_unless_they_are_allowed() {
        let mut policy = policy();
        let private = [
            "http://localhost/",
            "http://LOCALHOST./",
            "http://a.localhost/",
            "http://router/",
            "http://printer.local/",
            "http://10.0.0.1/",
            "http://127.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://0177.0.0.1/",
            "http://169.254.169.254/",
            "http://192.168.1.1/",
            "http://172.16.0.1/",
            "http://100.64.0.1/",
            "http://0.0.0.0/",
            "http://[::1]/",
            "http://[::]/",
            "http://[fd00::1]/",
            "http://[fe80::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/",
            "http://255.255.255.255/",
        ];
        for target in private {
            assert!(matches!(policy.check(target), Err(TargetError::Private(_))), "{target}");
        }
        policy.allow_private = true;
        for target in private {
            assert!(policy.check(target).is_ok(), "{target}");
        }
    }
}
