//! The versions of the peers, from the lock file that this build was made with.

/// The workspace's lock file.
const LOCK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));

/// The version of a direct dependency of this package.
pub(crate) fn of(package: &str) -> String {
    find(LOCK, package).unwrap_or("?").to_owned()
}

/// A dependency is listed as `name`, or as `name version` where the lock file holds several.
fn find<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let own = table(lock, env!("CARGO_PKG_NAME"))?;
    let listed = own
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","))
        .find(|entry| entry.split(' ').next() == Some(package))?;
    match listed.split_once(' ') {
        Some((_, version)) => Some(version),
        None => field(table(lock, package)?, "version"),
    }
}

/// The text of the first `[[package]]` of that name.
fn table<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    lock.split("[[package]]").find(|text| field(text, "name") == Some(package))
}

fn field<'a>(table: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"');
    table.lines().find_map(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::PeerId;

    #[test]
    fn every_peer_has_a_version() {
        for peer in PeerId::all() {
            let version = of(peer.package());
            assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{peer}: {version}");
        }
    }

    #[test]
    fn an_ambiguous_name_carries_its_version() {
        let lock = "[[package]]\nname = \"lru\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"larder-bench\"\n\
                    version = \"0.1.0\"\ndependencies = [\n \"lru 0.2.0\",\n]\n";
        assert_eq!(find(lock, "lru"), Some("0.2.0"));
        assert_eq!(find(lock, "absent"), None);
    }
}
