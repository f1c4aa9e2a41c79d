//! The memory limit of the container, from the files of the kernel's control groups.
//!
//! `/proc/self/cgroup` names the group of this process in each hierarchy: one line `0::/path` for
//! version 2, one line `4:memory:/path` for the memory controller of version 1; both on a machine
//! that runs both versions. `/proc/self/mountinfo` tells where a hierarchy is mounted, and which of
//! its directories is the root of the mount. Inside a container that root is often the container's
//! own group, and the path of the group then starts with directories that are not visible.
//!
//! A group is bounded by its own limit and by the limit of each group around it, and each of them
//! counts its own use. So every directory from the process's own up to the mount is read, and the
//! result is the one that is closest to its limit.

use super::{
    probe::MemoryProbe,
    reading::{ContainerMemory, MemoryReading},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Version 1 writes "no limit" as the largest number of whole pages, 2^63 bytes about. No machine
/// has a quarter of that.
const NO_LIMIT: u64 = 1 << 61;

/// Reads the memory limit of the container that this process runs in, of cgroup version 2 or 1.
///
/// Finds no limit on systems other than Linux.
///
/// ```
/// use larder::manager::memory::Cgroup;
///
/// match Cgroup::new().memory() {
///     Some(container) => assert!(container.limit > 0),
///     None => { /* no container, or none with a limit */ }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Cgroup {
    root: PathBuf,
}

impl Cgroup {
    /// Creates a reader for this process.
    #[must_use]
    pub fn new() -> Self {
        Self::rooted_at("/")
    }

    /// Creates a reader for a process that sees `root` as `/`, with `proc` and `sys` in it.
    #[must_use]
    pub fn rooted_at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Returns the limit that is closest and its use; `None` if there is no limit, or none can be
    /// read. Reads about ten small files of the kernel on each call.
    #[must_use]
    pub fn memory(&self) -> Option<ContainerMemory> {
        let groups = fs::read_to_string(self.root.join("proc/self/cgroup")).ok()?;
        let mounts = fs::read_to_string(self.root.join("proc/self/mountinfo")).unwrap_or_default();
        let levels = groups.lines().filter_map(Membership::of).flat_map(|membership| {
            let mount = Mount::of(&mounts, membership.version);
            let mounted = self.root.join(mount.point.trim_start_matches('/'));
            let own = mounted.join(below(&membership.path, &mount.root));
            own.ancestors()
                .take_while(|directory| directory.starts_with(&mounted))
                .filter_map(|directory| membership.version.memory(directory))
                .collect::<Vec<_>>()
        });
        levels.max_by(|one, other| one.nearness().total_cmp(&other.nearness()))
    }
}

/// Reads the container alone.
impl MemoryProbe for Cgroup {
    fn read(&self) -> MemoryReading {
        MemoryReading { container: self.memory(), ..MemoryReading::default() }
    }
}

impl Default for Cgroup {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Version {
    fn memory(self, group: &Path) -> Option<ContainerMemory> {
        let (limit, used, cached) = match self {
            Self::One => ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
            Self::Two => ("memory.max", "memory.current", "inactive_file"),
        };
        let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
        // Only version 1 reports the limits of groups outside the mount, which are not visible.
        let around = stat_of(&stat, "hierarchical_memory_limit");
        let limit = number_in(&group.join(limit)).into_iter().chain(around).min()?;
        if limit == 0 || limit >= NO_LIMIT {
            return None;
        }
        // The kernel drops cached files that are not in use before it refuses memory.
        let cached = stat_of(&stat, cached).unwrap_or(0);
        let used = number_in(&group.join(used)).map(|used| used.saturating_sub(cached));
        Some(ContainerMemory { limit, used })
    }
}

/// Reads the number in a file; `None` for `max`, which version 2 writes for "no limit".
fn number_in(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn stat_of(stat: &str, name: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// A line of `/proc/self/cgroup` about a hierarchy that limits memory.
#[derive(Debug, PartialEq, Eq)]
struct Membership {
    version: Version,
    path: String,
}

impl Membership {
    /// Parses `hierarchy:controllers:path`.
    fn of(line: &str) -> Option<Self> {
        let mut parts = line.splitn(3, ':');
        let (hierarchy, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let version = match (hierarchy, controllers) {
            ("0", "") => Version::Two,
            _ if controllers.split(',').any(|name| name == "memory") => Version::One,
            _ => return None,
        };
        Some(Self { version, path: path.to_owned() })
    }
}

/// Where a hierarchy is mounted.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    /// The directory of the hierarchy that is mounted.
    root: String,
    point: String,
}

impl Mount {
    fn of(mountinfo: &str, version: Version) -> Self {
        mountinfo.lines().find_map(|line| Self::parse(line, version)).unwrap_or_else(|| Self {
            root: "/".to_owned(),
            point: match version {
                Version::One => "/sys/fs/cgroup/memory",
                Version::Two => "/sys/fs/cgroup",
            }
            .to_owned(),
        })
    }

    /// Parses `id parent device root point options [more..] - type source filesystem-options`.
    fn parse(line: &str, version: Version) -> Option<Self> {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut filesystem = filesystem.split(' ');
        let (kind, options) = (filesystem.next()?, filesystem.nth(1).unwrap_or_default());
        let fits = match version {
            Version::One => kind == "cgroup" && options.split(',').any(|name| name == "memory"),
            Version::Two => kind == "cgroup2",
        };
        let mut mount = mount.split(' ').skip(3);
        fits.then_some(Self { root: plain(mount.next()?), point: plain(mount.next()?) })
    }
}

/// Returns `path` relative to `root`; empty if it is outside of `root`, which happens if the
/// hierarchy was mounted by a process in another cgroup namespace.
fn below<'a>(path: &'a str, root: &str) -> &'a str {
    let rest = path.strip_prefix(root.trim_end_matches('/')).unwrap_or_default();
    match rest.strip_prefix('/') {
        Some(rest) if !rest.split('/').any(|part| part == "..") => rest,
        _ => "",
    }
}

/// Resolves the escapes of mountinfo: a backslash and three octal digits.
fn plain(word: &str) -> String {
    let mut parts = word.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if byte.is_ascii() => {
                plain.push(char::from(byte));
                plain.push_str(&part[3..]);
            }
            _ => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc_self_cgroup() {
        let of = |line| Membership::of(line).map(|found| (found.version, found.path));
        assert_eq!(of("0::/a:b/c"), Some((Version::Two, "/a:b/c".to_owned())));
        assert_eq!(of("4:memory:/docker/x"), Some((Version::One, "/docker/x".to_owned())));
        assert_eq!(of("4:cpu,memory:/x"), Some((Version::One, "/x".to_owned())));
        assert_eq!(of("9:name=systemd:/"), None);
        assert_eq!(of("0:"), None);
    }

    #[test]
    fn lines_of_mountinfo() {
        let v1 =
            "35 31 0:32 /docker/a\\040b /sys/fs/cgroup/memory ro master:9 - cgroup none rw,memory";
        let mount = Mount::of(v1, Version::One);
        assert_eq!(
            (mount.root.as_str(), mount.point.as_str()),
            ("/docker/a b", "/sys/fs/cgroup/memory")
        );
        assert_eq!(Mount::of(v1, Version::Two).point, "/sys/fs/cgroup");
        let v2 = "30 23 0:26 / /cg rw shared:4 - cgroup2 cgroup2 rw,nsdelegate";
        assert_eq!(Mount::of(v2, Version::Two).point, "/cg");
        assert_eq!(Mount::of("30 23 0:26", Version::Two).root, "/");
    }

    #[test]
    fn paths_below_the_mounted_directory() {
        assert_eq!(below("/a/b", "/"), "a/b");
        assert_eq!(below("/", "/"), "");
        assert_eq!(below("/docker/x/y", "/docker/x"), "y");
        assert_eq!(below("/docker/x", "/docker/x"), "");
        // No directory of that name.
        assert_eq!(below("/docker/xy", "/docker/x"), "");
        assert_eq!(below("/../other", "/"), "");
    }

    #[test]
    fn escapes_are_taken_away() {
        assert_eq!(plain("/a\\040b\\134c"), "/a b\\c");
        assert_eq!(plain("/a\\9"), "/a\\9");
        assert_eq!(plain("\\"), "\\");
    }
}
