//! Whether imports point down only, in the order of tables in ARCHITECTURE.md and in the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use syn::visit::{self, Visit};
use syn::{Item, ItemMod, UseTree, Visibility};

use crate::place;

/// A directory whose modules are listed in a table, the lowest first.
struct Layered {
    directory: &'static str,
    /// How its modules are named.
    path: &'static [&'static str],
    /// The file that declares its modules.
    root: &'static str,
    /// The file that has the table, which may be in comments.
    document: &'static str,
    /// The first line of the table.
    table: &'static str,
    /// How many files one of its folders may have beside `mod.rs`.
    files_max: usize,
}

const LAYERED: [Layered; 3] = [
    Layered {
        directory: "src",
        path: &["crate"],
        root: "lib.rs",
        document: "ARCHITECTURE.md",
        table: "| in `src/` | what |",
        files_max: usize::MAX,
    },
    Layered {
        directory: "src/engine",
        path: &["crate", "engine"],
        root: "mod.rs",
        document: "ARCHITECTURE.md",
        table: "| folder | what | files |",
        files_max: 10,
    },
    Layered {
        directory: "src/manager",
        path: &["crate", "manager"],
        root: "mod.rs",
        document: "src/manager/mod.rs",
        table: "| in `src/manager/` | what |",
        files_max: 10,
    },
];

/// An import that points up for a reason.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Exception {
    file: &'static str,
    from: &'static str,
    #[allow(dead_code, reason = "for who reads this")]
    reason: &'static str,
}

const EXCEPTIONS: [Exception; 1] = [Exception {
    file: "src/engine/time/lifetimes.rs",
    from: "load",
    reason: "the rules of a cache hold what sends its refreshes, whose type names the cache",
}];

pub(crate) fn run() -> Result<()> {
    let mut excepted = BTreeSet::new();
    let mut upwards = Vec::new();
    for layered in &LAYERED {
        let document = layered.document;
        let text = fs::read_to_string(place::root().join(document))?;
        let modules = table(&text, layered.table).context(document)?;
        let directory = place::root().join(layered.directory);
        let present = modules_in(&directory)?;
        if let Some(module) = present.iter().find(|module| !modules.contains(module)) {
            bail!("the table `{}` in {document} lacks `{module}`", layered.table);
        }
        let exports = exports(&parse(&directory.join(layered.root))?);
        for module in &modules {
            for file in sources(&directory, module, layered.files_max)? {
                let name = file.strip_prefix(place::root())?.to_str().context("a name in UTF-8")?;
                for from in imports(&parse(&file)?, layered.path, &exports) {
                    if !is_above(&modules, &from, module) {
                        continue;
                    }
                    match EXCEPTIONS.iter().find(|it| it.file == name && it.from == from) {
                        Some(exception) => _ = excepted.insert(exception),
                        None => upwards.push(format!("{name} imports from `{from}`")),
                    }
                }
            }
        }
        eprintln!("{}: {} modules, the lowest first", layered.directory, modules.len());
    }
    ensure!(upwards.is_empty(), "these imports point up in the tables:\n{}", upwards.join("\n"));
    if let Some(Exception { file, from, .. }) = EXCEPTIONS.iter().find(|it| !excepted.contains(it))
    {
        bail!("{file} does not import from `{from}` any more: drop the exception");
    }
    eprintln!("imports point down, with {} exceptions", EXCEPTIONS.len());
    Ok(())
}

/// The modules that a table names, the lowest first. The table may be in comments.
fn table(text: &str, header: &str) -> Result<Vec<String>> {
    let lines = text.lines().map(|line| line.strip_prefix("// ").unwrap_or(line));
    let mut lines = lines.skip_while(|line| *line != header);
    lines.next().with_context(|| format!("there is no table `{header}`"))?;
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    let module = |row: &str| {
        let cell = row.split('|').nth(1)?.trim();
        let name = cell.strip_prefix('`')?.strip_suffix('`')?;
        Some(name.strip_suffix('/').or(name.strip_suffix(".rs"))?.to_owned())
    };
    rows.map(|row| module(row).with_context(|| format!("not a row of a module: {row}"))).collect()
}

/// Whether `from` is above `module`.
fn is_above(modules: &[String], from: &str, module: &str) -> bool {
    let place = |name: &str| modules.iter().position(|it| it == name);
    place(from) > place(module)
}

/// The modules that a directory has: its folders, and its files but for the roots.
fn modules_in(directory: &Path) -> Result<Vec<String>> {
    let mut modules = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).context("a name in UTF-8")?;
        if !["lib", "mod"].contains(&stem) {
            modules.push(stem.to_owned());
        }
    }
    Ok(modules)
}

/// The source files of a module, those of tests excluded.
fn sources(directory: &Path, module: &str, files_max: usize) -> Result<Vec<PathBuf>> {
    let folder = directory.join(module);
    if !folder.is_dir() {
        return Ok(vec![folder.with_extension("rs")]);
    }
    let files = below(&folder)?;
    let direct = files.iter().filter(|file| file.parent() == Some(&folder));
    let count = direct.filter(|file| !file.ends_with("mod.rs")).count();
    ensure!(
        count <= files_max,
        "{} has {count} files beside mod.rs, {files_max} are allowed",
        folder.display()
    );
    Ok(files)
}

fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        if path.is_dir() {
            files.append(&mut below(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

fn parse(file: &Path) -> Result<syn::File> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    syn::parse_file(&text).with_context(|| format!("{} is not Rust", file.display()))
}

/// What the root reexports: the name, and the module that it comes from.
fn exports(root: &syn::File) -> Vec<(String, String)> {
    let mut exports = Vec::new();
    for item in &root.items {
        let Item::Use(item) = item else { continue };
        for path in leaves(&item.tree) {
            if let [module, .., name] = &path[..] {
                exports.push((name.clone(), module.clone()));
            }
        }
    }
    exports
}

/// The modules below `path` that a file names in imports and in paths.
fn imports(file: &syn::File, path: &[&str], exports: &[(String, String)]) -> BTreeSet<String> {
    let mut paths = Paths::default();
    paths.visit_file(file);
    let module = |found: &Vec<String>| {
        let (start, rest) = found.split_at_checked(path.len())?;
        if start != path {
            return None;
        }
        let next = rest.first()?;
        let export = exports.iter().find(|(name, _)| name == next);
        Some(export.map_or(next, |(_, module)| module).clone())
    };
    paths.0.iter().filter_map(module).collect()
}

/// Every path of a file, as its segments; those of its tests excluded, and those that it exports
/// for users (`pub use`).
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if item.ident != "tests" {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !matches!(item.vis, Visibility::Public(_)) {
            self.0.append(&mut leaves(&item.tree));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }
}

/// The paths that a tree of imports stands for.
fn leaves(tree: &UseTree) -> Vec<Vec<String>> {
    match tree {
        UseTree::Path(path) => {
            let mut leaves = leaves(&path.tree);
            leaves.iter_mut().for_each(|leaf| leaf.insert(0, path.ident.to_string()));
            leaves
        }
        UseTree::Name(name) => vec![vec![name.ident.to_string()]],
        UseTree::Rename(rename) => vec![vec![rename.ident.to_string()]],
        UseTree::Glob(_) => vec![vec!["*".to_owned()]],
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports_of(text: &str) -> Vec<String> {
        let exports = [("Engine".to_owned(), "shards".to_owned())];
        let file = syn::parse_file(text).expect("Rust");
        imports(&file, &["crate", "engine"], &exports).into_iter().collect()
    }

    #[test]
    fn imports_are_found_in_trees_paths_and_by_what_the_root_reexports() {
        let trees = "use crate::{engine::{index::word::Word, ops::lookup as look}, sync::Arc};";
        assert_eq!(imports_of(trees), ["index", "ops"]);
        assert_eq!(imports_of("fn f() { crate::engine::policy::rules::f::<u8>() }"), ["policy"]);
        assert_eq!(imports_of("struct S(crate::engine::Engine<u8, u8>);"), ["shards"]);
    }

    #[test]
    fn tests_and_what_is_exported_for_users_are_no_imports() {
        let none = "use super::*; use std::fmt; pub use crate::engine::ops::Op; \
                    mod tests { use crate::engine::ops; }";
        assert_eq!(imports_of(none), [""; 0]);
    }

    #[test]
    fn the_table_is_read_in_its_order_and_a_later_module_is_above() {
        let text = "x\n| a | b |\n|---|---|\n| `low.rs` | c |\n| `high/` | d |\n\ny";
        let modules = table(text, "| a | b |").expect("a table");
        assert_eq!(modules, ["low", "high"]);
        assert!(is_above(&modules, "high", "low"));
        assert!(!is_above(&modules, "low", "high"));
        assert!(!is_above(&modules, "low", "low"));
    }

    #[test]
    fn a_table_may_be_in_comments() {
        let text = "// | a |\n// |---|\n// | `low/` |\n// | `high/` |\n\nmod low;";
        assert_eq!(table(text, "| a |").expect("a table"), ["low", "high"]);
    }

    #[test]
    fn what_is_no_row_of_a_module_is_told() {
        let error = table("| a |\n|---|\n| low |", "| a |").expect_err("no row");
        assert_eq!(error.to_string(), "not a row of a module: | low |");
    }
}
