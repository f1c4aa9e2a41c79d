//! Limits from made-up trees of `/proc` and `/sys`.

use larder::manager::memory::{Cgroup, MemoryProbe};
use std::{fs, path::PathBuf};

const V2_MOUNT: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";

/// A directory that stands for `/`, of its own for each test.
struct Tree(PathBuf);

impl Tree {
    fn new(test: &str, cgroup: &str, mountinfo: &str) -> Self {
        let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cgroups").join(test);
        let _ = fs::remove_dir_all(&root);
        let tree = Self(root);
        tree.file("proc/self/cgroup", cgroup);
        if !mountinfo.is_empty() {
            tree.file("proc/self/mountinfo", mountinfo);
        }
        tree
    }

    fn file(&self, path: &str, contents: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    fn v2(&self, group: &str, max: &str, current: u64, inactive: u64) {
        let group = format!("sys/fs/cgroup/{group}");
        self.file(&format!("{group}/memory.max"), &format!("{max}\n"));
        self.file(&format!("{group}/memory.current"), &format!("{current}\n"));
        let stat = format!("anon 5\ninactive_file {inactive}\nactive_file 7\n");
        self.file(&format!("{group}/memory.stat"), &stat);
    }

    fn v1(&self, group: &str, limit: u64, usage: u64, stat: &str) {
        let group = format!("sys/fs/cgroup/memory/{group}");
        self.file(&format!("{group}/memory.limit_in_bytes"), &format!("{limit}\n"));
        self.file(&format!("{group}/memory.usage_in_bytes"), &format!("{usage}\n"));
        self.file(&format!("{group}/memory.stat"), stat);
    }

    /// Limit and use.
    fn memory(&self) -> Option<(u64, Option<u64>)> {
        let container = Cgroup::rooted_at(&self.0).memory();
        container.map(|container| (container.limit, container.used))
    }
}

#[test]
fn version_2_in_a_namespace_of_its_own() {
    let tree = Tree::new("v2_namespace", "0::/\n", V2_MOUNT);
    tree.v2(".", "536870912", 300 << 20, 100 << 20);
    assert_eq!(tree.memory(), Some((512 << 20, Some(200 << 20))));
    // The same as a probe's reading.
    let reading = Cgroup::rooted_at(&tree.0).read();
    assert_eq!(reading.container.unwrap().limit, 512 << 20);
    assert_eq!((reading.resident, reading.system), (None, None));
}

#[test]
fn version_2_without_a_limit() {
    let tree = Tree::new("v2_max", "0::/app.slice/web\n", V2_MOUNT);
    tree.v2("app.slice/web", "max", 300 << 20, 0);
    tree.v2("app.slice", "max", 300 << 20, 0);
    assert_eq!(tree.memory(), None);
}

#[test]
fn version_2_the_group_that_is_closest_to_its_limit() {
    let tree = Tree::new("v2_nested", "0::/pod/web/worker\n", V2_MOUNT);
    tree.v2("pod/web/worker", "max", 100 << 20, 0);
    tree.v2("pod/web", "1073741824", 512 << 20, 0);
    tree.v2("pod", "2147483648", 1900 << 20, 0);
    assert_eq!(tree.memory(), Some((2 << 30, Some(1900 << 20))));
    tree.v2("pod", "2147483648", 600 << 20, 0);
    assert_eq!(tree.memory(), Some((1 << 30, Some(512 << 20))));
}

#[test]
fn version_1_below_the_directory_that_is_mounted() {
    let mounts = "22 18 0:21 / /proc rw - proc proc rw\n\
        34 31 0:31 /docker/f00 /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n\
        35 31 0:32 /docker/f00 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
    let tree = Tree::new("v1_docker", "5:cpu:/docker/f00\n4:memory:/docker/f00\n", mounts);
    tree.v1("", 256 << 20, 250 << 20, "cache 9\ntotal_inactive_file 52428800\n");
    assert_eq!(tree.memory(), Some((256 << 20, Some(200 << 20))));
}

#[test]
fn version_1_without_a_limit() {
    let tree = Tree::new("v1_unlimited", "4:memory:/\n", "");
    tree.v1("", 9_223_372_036_854_771_712, 250 << 20, "");
    assert_eq!(tree.memory(), None);
}

#[test]
fn version_1_limited_by_a_group_that_cannot_be_seen() {
    let tree = Tree::new("v1_pod", "4:memory:/\n", "");
    let stat = "hierarchical_memory_limit 134217728\ntotal_inactive_file 0\n";
    tree.v1("", 9_223_372_036_854_771_712, 100 << 20, stat);
    assert_eq!(tree.memory(), Some((128 << 20, Some(100 << 20))));
}

#[test]
fn a_mixture_where_version_1_has_the_memory() {
    let mounts = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    let tree = Tree::new("mixture", "4:memory:/jobs/a\n0::/jobs/a\n", mounts);
    tree.v1("jobs/a", 64 << 20, 1 << 20, "");
    tree.file("sys/fs/cgroup/unified/jobs/a/cgroup.procs", "1\n");
    assert_eq!(tree.memory(), Some((64 << 20, Some(1 << 20))));
}

#[test]
fn what_cannot_be_read_limits_nothing() {
    let tree = Tree::new("nothing", "0::/gone\nnonsense\n", "nonsense\n");
    assert_eq!(tree.memory(), None);
    tree.v2("gone", "many", 1, 0);
    assert_eq!(tree.memory(), None);
    // A limit counts even if its use is not known.
    tree.file("sys/fs/cgroup/gone/memory.max", "1048576");
    tree.file("sys/fs/cgroup/gone/memory.current", "");
    assert_eq!(tree.memory(), Some((1 << 20, None)));
    assert_eq!(Cgroup::rooted_at(tree.0.join("no/such/directory")).memory(), None);
}

#[cfg(all(feature = "sysinfo", target_os = "linux"))]
#[test]
fn this_process_is_somewhere() {
    use larder::manager::memory::SystemProbe;

    let block = vec![1_u8; 64 << 20];
    let reading = SystemProbe::new().read();
    let resident = reading.resident.unwrap();
    // Bytes, neither pages nor kilobytes.
    assert!((64 << 20..64 << 30).contains(&resident), "{resident} for {}", block.len());
    let system = reading.system.unwrap();
    assert!(resident < system.total && system.available < system.total, "{system:?}");
}
