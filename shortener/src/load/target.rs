//! Who is asked: a service on this machine, unless it was said that another is meant.

use std::net::{IpAddr, SocketAddr};

use super::options::LoadError;

/// The service that is asked.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Looked up once, so that a name cannot lead elsewhere later.
    pub(super) address: SocketAddr,
    /// What the `Host` field says.
    pub(super) authority: String,
}

impl Target {
    pub(super) async fn resolve(given: &str, allow_remote: bool) -> Result<Self, LoadError> {
        let wrong = |why: &str| LoadError::Target { given: given.to_owned(), why: why.to_owned() };
        let Some(rest) = given.strip_prefix("http://") else {
            return Err(wrong("it does not begin with http://"));
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) || authority.is_empty() {
            return Err(wrong("a host and a port are all it may name"));
        }
        let parsed: http::uri::Authority =
            authority.parse().map_err(|_| wrong("the host cannot be read"))?;
        let port = match parsed.port_u16() {
            Some(port) => port,
            None if parsed.host() == authority => 80,
            None => return Err(wrong("the port cannot be read")),
        };
        let host = parsed.host().trim_start_matches('[').trim_end_matches(']');
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
            .await
            .map_err(|error| wrong(&format!("the host is not found ({error})")))?
            .collect();
        let local = found.iter().find(|address| is_loopback(address.ip())).copied();
        let Some(address) = local.or_else(|| found.first().copied()) else {
            return Err(wrong("the host has no address"));
        };
        if !allow_remote && !is_loopback(address.ip()) {
            let given = given.to_owned();
            return Err(LoadError::Remote { given, address: address.ip() });
        }
        Ok(Self { address, authority: authority.to_owned() })
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn loopback_targets_are_found() {
        for (given, address, authority) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://127.9.9.9:1/", "127.9.9.9:1", "127.9.9.9:1"),
            ("http://[::1]:8080", "[::1]:8080", "[::1]:8080"),
            ("http://127.0.0.1", "127.0.0.1:80", "127.0.0.1"),
        ] {
            let target = Target::resolve(given, false).await.unwrap();
            assert_eq!(target.address, address.parse().unwrap(), "{given}");
            assert_eq!(target.authority, authority);
        }
    }

    /// Nothing is sent: addresses for documentation are only looked at.
    #[tokio::test]
    async fn other_machines_are_refused_unless_they_are_meant() {
        for given in ["http://192.0.2.1:80", "http://[2001:db8::1]:80", "http://0.0.0.0:80"] {
            let error = Target::resolve(given, false).await.unwrap_err();
            assert!(matches!(error, LoadError::Remote { .. }), "{given}: {error}");
            assert!(error.to_string().contains("--allow-remote"), "{error}");
            assert!(Target::resolve(given, true).await.is_ok(), "{given}");
        }
    }

    #[tokio::test]
    async fn what_names_no_service_is_refused_with_the_reason() {
        for (given, reason) in [
            ("https://127.0.0.1", "does not begin with http://"),
            ("127.0.0.1:80", "does not begin with http://"),
            ("http://", "a host and a port"),
            ("http://127.0.0.1/api", "a host and a port"),
            ("http://user@127.0.0.1", "a host and a port"),
            ("http://127.0.0.1:port", "cannot be read"),
            ("http://127.0.0.1:99999", "cannot be read"),
        ] {
            let error = Target::resolve(given, true).await.unwrap_err().to_string();
            assert!(error.contains(reason), "{given}: {error}");
        }
    }
}
