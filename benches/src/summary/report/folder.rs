//! Where a report is written: a folder that holds nothing else.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::page::TITLE;
use super::shown;

const PAGE: &str = "report.md";
const NUMBERS: &str = "results.json";

/// The ending of a file that is being written.
const PARTIAL: &str = ".partial";

/// A folder for a report.
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder where there is none, and removes an earlier report.
    ///
    /// # Errors
    ///
    /// If it cannot be made or listed, or holds other files.
    pub(super) fn open(path: &Path) -> Result<Self> {
        ensure!(!path.is_file(), "{} is a file; a report is a folder", shown(path));
        fs::create_dir_all(path)
            .with_context(|| format!("cannot create the folder {}", shown(path)))?;
        let folder = Self { path: path.to_owned() };
        let (earlier, present) = (folder.earlier()?, folder.names()?);
        if let Some(name) = present.iter().find(|name| !earlier.contains(name)) {
            bail!(
                "{} holds {name:?}, which is no part of an earlier report; name a new folder, or \
                 an empty one",
                shown(path)
            );
        }
        // The page last: it is what says which files are the report's.
        for name in earlier.iter().rev().filter(|name| present.contains(name)) {
            let file = path.join(name);
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", shown(&file)))?;
        }
        Ok(folder)
    }

    /// The path of the page.
    pub(super) fn page(&self) -> PathBuf {
        self.path.join(PAGE)
    }

    pub(super) fn write_page(&self, text: &str) -> Result<()> {
        self.write(PAGE, text)
    }

    pub(super) fn write_numbers(&self, json: &str) -> Result<()> {
        self.write(NUMBERS, json)
    }

    /// Writes a file as a whole, or leaves what there was.
    pub(super) fn write(&self, name: &str, contents: &str) -> Result<()> {
        let (path, partial) = (self.path.join(name), self.path.join(name.to_owned() + PARTIAL));
        let written = fs::write(&partial, contents).and_then(|()| fs::rename(&partial, &path));
        if written.is_err() {
            // There may be nothing to remove, and the first error says what is wrong.
            let _ = fs::remove_file(&partial);
        }
        written.with_context(|| format!("cannot write {}", shown(&path)))
    }

    /// The names of all files that an earlier report may have left, its page first; without a page
    /// only that of one which was not written to its end.
    fn earlier(&self) -> Result<Vec<String>> {
        let text = match fs::read_to_string(self.page()) {
            Ok(text) if text.starts_with(TITLE) => text,
            Ok(_) => return Ok(Vec::new()),
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", shown(&self.page())));
            }
        };
        let mut names = vec![PAGE.to_owned() + PARTIAL];
        if !text.is_empty() {
            names.insert(0, PAGE.to_owned());
            names.extend([NUMBERS.to_owned(), NUMBERS.to_owned() + PARTIAL]);
            for picture in pictures(&text) {
                names.extend([picture.to_owned(), picture.to_owned() + PARTIAL]);
            }
        }
        Ok(names)
    }

    fn names(&self) -> Result<Vec<String>> {
        let listed: io::Result<Vec<_>> = fs::read_dir(&self.path).and_then(Iterator::collect);
        let listed = listed.with_context(|| format!("cannot list {}", shown(&self.path)))?;
        let name = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<String> = listed.iter().map(name).collect();
        names.sort();
        Ok(names)
    }
}

/// The pictures that a page shows, all of them beside it.
fn pictures(page: &str) -> impl Iterator<Item = &str> {
    let images = page.lines().filter(|line| line.starts_with("!["));
    let files = images.filter_map(|line| line.rsplit_once("](")?.1.strip_suffix(')'));
    files.filter(|file| file.ends_with(".svg") && !file.contains(['/', '\\']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_beside_the_page_are_found_and_no_others() {
        let page = "![one: a picture](a.svg)\n\n![b](../b.svg)\n![c](c.png)\n[d](d.svg)\n";
        assert_eq!(pictures(page).collect::<Vec<_>>(), ["a.svg"]);
    }
}
