//! What would be published: no warnings of cargo's, no link to a file that is not in the package,
//! and none to a test that is not there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::command::Run;
use crate::place;

/// The published packages, and their folders, each after those that it depends on.
const PACKAGES: [(&str, &str); 3] =
    [("larder-macros", "crates/macros"), ("larder", ""), ("larder-http", "crates/http")];

pub(crate) fn run() -> Result<()> {
    for (package, folder) in PACKAGES {
        let listing =
            Run::cargo().args(["package", "--allow-dirty", "--list", "--package", package]);
        let (files, messages) = listing.read_both()?;
        let warnings: Vec<_> =
            messages.lines().filter(|line| line.starts_with("warning")).collect();
        if !warnings.is_empty() {
            bail!("cargo warns of the package {package}:\n{}", warnings.join("\n"));
        }
        let files: BTreeSet<_> = files.lines().collect();
        let broken = broken_links(&place::root().join(folder), &files)?;
        if !broken.is_empty() {
            bail!("links that lead nowhere in the package {package}:\n{}", broken.join("\n"));
        }
        eprintln!("{package}: {} files, no warnings, no broken links", files.len());
    }
    Ok(())
}

/// The relative links of all Markdown files whose target is not one of `files`, or has no such
/// heading.
fn broken_links(folder: &Path, files: &BTreeSet<&str>) -> Result<Vec<String>> {
    let read = |file: &str| {
        fs::read_to_string(folder.join(file)).with_context(|| format!("reading {file}"))
    };
    let mut broken = Vec::new();
    for &file in files.iter().filter(|file| file.ends_with(".md")) {
        let text = read(file)?;
        for link in links(&text).filter(|link| !link.contains("://")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { Some(file.to_owned()) } else { resolve(file, path) };
            let there = match target {
                Some(target) if files.contains(target.as_str()) => {
                    heading.is_empty() || headings(&read(&target)?).any(|anchor| anchor == heading)
                }
                Some(target) => {
                    let folder = format!("{}/", target.trim_end_matches('/'));
                    files.iter().any(|file| file.starts_with(&folder))
                }
                None => false,
            };
            if !there {
                broken.push(format!("{file}: {link}"));
            }
        }
        for (name, source) in named_items(&text) {
            let defined =
                resolve(file, source).filter(|source| files.contains(source.as_str())).is_some_and(
                    |source| read(&source).is_ok_and(|code| code.contains(&format!("fn {name}("))),
                );
            if !defined {
                broken.push(format!("{file}: there is no `{name}` in {source}"));
            }
        }
    }
    Ok(broken)
}

/// A path that is relative to a file, from the root of the package; none if it leaves the package.
fn resolve(file: &str, path: &str) -> Option<String> {
    let mut parts: Vec<_> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop()?,
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Lines of prose: not those of code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// The targets of `[text](target)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    prose(text)
        .flat_map(|line| line.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)))
}

/// The functions that are said to be in sources: ``[`name`](path.rs)``.
fn named_items(text: &str) -> impl Iterator<Item = (&str, &str)> {
    prose(text).flat_map(|line| {
        line.split("[`").skip(1).filter_map(|rest| {
            let (name, rest) = rest.split_once("`](")?;
            let (source, _) = rest.split_once(')')?;
            let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            (is_name && source.ends_with(".rs")).then_some((name, source))
        })
    })
}

/// The anchors that the usual renderers give to headings.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter(|line| line.starts_with('#')).map(|line| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_headings_are_found_outside_of_code() {
        let text =
            "# One, `two`\n[a](b.md) and [c](d#e)\n```\n[no](link)\n# no heading\n```\n[f](#g)\n";
        assert_eq!(links(text).collect::<Vec<_>>(), ["b.md", "d#e", "#g"]);
        assert_eq!(headings(text).collect::<Vec<_>>(), ["one-two"]);
    }

    #[test]
    fn functions_are_named_by_links_to_sources() {
        let text = "| a | [`one_two`](tests/a.rs), [`tests/b.rs`](tests/b.rs) |\n[`three`](src/c.rs) `four`\n";
        let items: Vec<_> = named_items(text).collect();
        assert_eq!(items, [("one_two", "tests/a.rs"), ("three", "src/c.rs")]);
    }

    #[test]
    fn paths_are_relative_to_the_file_and_stay_in_the_package() {
        assert_eq!(resolve("README.md", "docs/a.md").as_deref(), Some("docs/a.md"));
        assert_eq!(resolve("docs/a.md", "../tests/b.rs").as_deref(), Some("tests/b.rs"));
        assert_eq!(resolve("docs/a.md", "./c.md").as_deref(), Some("docs/c.md"));
        assert_eq!(resolve("README.md", "../elsewhere"), None);
    }
}
