//! Access traces: files of little-endian `u32` keys, one for each access.

mod generated;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

pub(crate) use generated::what;

/// The ending of a trace file in a folder.
const ENDING: &str = "u32";

/// A sequence of accesses.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) name: String,
    /// Keys renumbered from 0 in the order of their first use.
    pub(crate) accesses: Vec<u32>,
    /// How many different keys there are.
    pub(crate) keys: usize,
}

impl Trace {
    fn new(name: String, raw: impl Iterator<Item = u32>) -> Self {
        let mut numbers = HashMap::with_hasher(ahash::RandomState::new());
        let accesses = raw
            .map(|key| {
                let next = numbers.len() as u32;
                *numbers.entry(key).or_insert(next)
            })
            .collect();
        Self { name, accesses, keys: numbers.len() }
    }

    fn parse(name: String, bytes: &[u8]) -> Result<Self> {
        let (words, rest) = bytes.as_chunks::<4>();
        ensure!(
            rest.is_empty(),
            "{} bytes are no sequence of u32 keys: the length has to be a multiple of 4",
            bytes.len()
        );
        ensure!(!words.is_empty(), "the trace is empty");
        Ok(Self::new(name, words.iter().map(|word| u32::from_le_bytes(*word))))
    }

    /// Whether it stands in for a real one.
    pub(crate) fn is_generated(&self) -> bool {
        self.name.starts_with(generated::PREFIX)
    }

    /// Cuts it to at most `accesses`.
    pub(crate) fn shorten(&mut self, accesses: usize) {
        self.accesses.truncate(accesses);
        // Keys are numbered in the order of their first use.
        self.keys = self.accesses.iter().max().map_or(0, |&key| key as usize + 1);
    }

    fn read(path: &Path) -> Result<Self> {
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let bytes =
            fs::read(path).with_context(|| format!("cannot read the trace {}", path.display()))?;
        Self::parse(name, &bytes).with_context(|| format!("not a trace: {}", path.display()))
    }

    /// One of the generated traces, cut short.
    #[cfg(test)]
    pub(crate) fn short(accesses: usize) -> Self {
        generated::all(1, accesses).swap_remove(0)
    }
}

/// How to get real traces, for who has seen generated ones.
pub(crate) const REAL_TRACES: &str = r#"These traces were generated. Real ones are given as a file, or as a folder of files that end in .u32:
for each access a little-endian u32, the number of the key. Where to find some:
  ARC (OLTP, P2, P3, ..)      github.com/moka-rs/cache-trace
  LIRS, cache2k, Scarab, ..   github.com/ben-manes/caffeine, in simulator/src/main/resources
  Twitter's clusters          github.com/twitter/cache-trace
  Meta, CDNs, block storage   github.com/cacheMon/cache_dataset
A text of one key per line becomes a trace by
  python3 -c 'import sys, struct; n = {}; sys.stdout.buffer.writelines(
    struct.pack("<I", n.setdefault(key, len(n))) for key in sys.stdin)' < keys.txt > keys.u32
and the lines of ARC's .lis files, which name a first block and a count, become such a text by
  zstdcat OLTP.lis.zst | awk '{ for (i = 0; i < $2; i++) print $1 + i }' > keys.txt"#;

/// Where traces come from: a file, or a folder with files that end in `.u32`.
///
/// Without a path, or when there is nothing at the path, generated traces stand in, and the second
/// value says so. A path that names a file has to be there.
pub(crate) fn load(path: Option<&Path>, seed: u64) -> Result<(Vec<Trace>, Option<String>)> {
    let stand_in = |why: String| {
        Ok((generated::whole(seed), Some(format!("{why}: replaying generated ones"))))
    };
    let Some(path) = path else {
        return stand_in("no traces given".to_owned());
    };
    if path.is_dir() {
        let files = list(path)?;
        if files.is_empty() {
            bail!("no file in {} ends in .{ENDING}", path.display());
        }
        let traces: Result<Vec<Trace>> = files.iter().map(|file| Trace::read(file)).collect();
        return Ok((traces?, None));
    }
    if path.exists() || path.extension().is_some_and(|ending| ending == ENDING) {
        return Ok((vec![Trace::read(path)?], None));
    }
    stand_in(format!("there is no folder {}", path.display()))
}

/// The trace files of a folder, by name.
fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot = || format!("cannot list {}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_renumbered_in_order_of_first_use() {
        let bytes: Vec<u8> =
            [7u32, 1_000_000, 7, 3].iter().flat_map(|key| key.to_le_bytes()).collect();
        let trace = Trace::parse("t".to_owned(), &bytes).unwrap();
        assert_eq!(trace.accesses, [0, 1, 0, 2]);
        assert_eq!(trace.keys, 3);
    }

    #[test]
    fn a_bad_length_is_named() {
        let error = Trace::parse("t".to_owned(), &[1, 2, 3, 4, 5]).unwrap_err().to_string();
        assert!(error.contains("5 bytes") && error.contains("multiple of 4"), "{error}");
        let error = Trace::parse("t".to_owned(), &[]).unwrap_err().to_string();
        assert!(error.contains("empty"), "{error}");
    }

    #[test]
    fn a_folder_is_read_by_name_and_a_bad_file_is_named() {
        let folder = std::env::temp_dir().join(format!("larder-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let none = load(Some(&folder), 1).unwrap_err().to_string();
        assert!(none.contains("ends in .u32"), "{none}");

        fs::write(folder.join("b.u32"), 5u32.to_le_bytes()).unwrap();
        fs::write(folder.join("a.u32"), 6u32.to_le_bytes()).unwrap();
        fs::write(folder.join("README.md"), "no trace").unwrap();
        let (traces, stand_in) = load(Some(&folder), 1).unwrap();
        let names: Vec<&str> = traces.iter().map(|trace| trace.name.as_str()).collect();
        assert_eq!((names, stand_in), (vec!["a", "b"], None));

        fs::write(folder.join("c.u32"), [1, 2, 3]).unwrap();
        let error = format!("{:#}", load(Some(&folder), 1).unwrap_err());
        assert!(error.contains("c.u32") && error.contains("3 bytes"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_absent_folder_is_replaced_and_an_absent_file_is_not() {
        let (traces, stand_in) = load(Some(Path::new("no/such/folder")), 1).unwrap();
        assert!(traces.iter().all(Trace::is_generated) && traces.len() > 1);
        assert!(stand_in.unwrap().contains("no/such/folder"));
        let error = format!("{:#}", load(Some(Path::new("no/such.u32")), 1).unwrap_err());
        assert!(error.contains("no/such.u32"), "{error}");
    }
}
