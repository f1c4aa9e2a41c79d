//! The files of the dashboard. They are served as they lie in the repository: there is no step that
//! builds them.

use crate::semantics;
use http::HeaderValue;
use std::sync::LazyLock;

pub(super) struct Asset {
    path: &'static str,
    pub(super) content_type: &'static str,
    pub(super) content: &'static [u8],
    pub(super) etag: HeaderValue,
}

/// The asset with this path below the dashboard.
pub(super) fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

macro_rules! assets {
    ($($content_type:ident $path:literal)*) => {
        &[$((
            $path,
            $content_type,
            include_bytes!(concat!("assets/", $path)).as_slice(),
        )),*]
    };
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let make = |&(path, content_type, content): &(_, _, _)| Asset {
        path,
        content_type,
        content,
        etag: semantics::make(content),
    };
    FILES.iter().map(make).collect()
});

const FILES: &[(&str, &str, &[u8])] = assets! {
    HTML "index.html"
    IMAGE "icon.svg"
    SCRIPT "app.js"
    SCRIPT "theme.js"
    STYLE "css/layout.css"
    STYLE "css/parts.css"
    STYLE "css/tables.css"
    STYLE "css/theme.css"
    SCRIPT "js/api.js"
    SCRIPT "js/charts.js"
    SCRIPT "js/confirm.js"
    SCRIPT "js/dom.js"
    SCRIPT "js/events.js"
    SCRIPT "js/format.js"
    SCRIPT "js/history.js"
    SCRIPT "js/poll.js"
    SCRIPT "js/session.js"
    SCRIPT "js/table.js"
    SCRIPT "panels/caches.js"
    SCRIPT "panels/changes.js"
    SCRIPT "panels/functions.js"
    SCRIPT "panels/health.js"
    SCRIPT "panels/keys.js"
    SCRIPT "panels/link.js"
    SCRIPT "panels/live.js"
    SCRIPT "panels/overview.js"
    SCRIPT "panels/rules.js"
    SCRIPT "vendor/uplot/uPlot.iife.min.js"
    STYLE "vendor/uplot/uPlot.min.css"
    TEXT "vendor/uplot/LICENSE"
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path};

    fn files(directory: &Path, root: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, root, found);
            } else {
                let relative = path.strip_prefix(root).unwrap().to_str().unwrap();
                found.insert(relative.replace('\\', "/"));
            }
        }
    }

    #[test]
    fn each_file_is_served() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/dashboard/assets");
        let mut there = BTreeSet::new();
        files(&root, &root, &mut there);
        let served: BTreeSet<_> = ASSETS.iter().map(|asset| asset.path.to_owned()).collect();
        assert_eq!(served, there);
    }

    /// What a text says between one mark and the next.
    fn quoted<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
        let rests = text.split(before).skip(1);
        rests.map(|rest| rest.split('"').next().unwrap()).collect()
    }

    #[test]
    fn each_link_leads_to_a_file() {
        let mut links = 0;
        for asset in ASSETS.iter().filter(|it| [HTML, SCRIPT].contains(&it.content_type)) {
            let text = std::str::from_utf8(asset.content).unwrap();
            let marks: &[_] =
                if asset.content_type == HTML { &["href=\"", "src=\""] } else { &[" from \""] };
            for link in marks.iter().flat_map(|mark| quoted(text, mark)) {
                if link.starts_with('#') {
                    continue;
                }
                let mut path: Vec<_> = asset.path.split('/').collect();
                path.pop();
                for step in link.split('/') {
                    match step {
                        "." => {}
                        ".." => _ = path.pop().expect("it stays below the dashboard"),
                        step => path.push(step),
                    }
                }
                let path = path.join("/");
                assert!(find(&path).is_some(), "{} links to {link}", asset.path);
                links += 1;
            }
        }
        assert!(links > 30, "{links} links");
    }

    #[test]
    fn pages_have_nothing_that_the_policy_forbids() {
        let text = |path| std::str::from_utf8(find(path).unwrap().content).unwrap();
        let page = text("index.html");
        for forbidden in [" style=", "<style", " onclick=", "javascript:", "http:", "https:"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        for asset in ASSETS.iter().filter(|it| it.content_type == SCRIPT) {
            for forbidden in ["innerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                assert!(!text(asset.path).contains(forbidden), "{}: {forbidden}", asset.path);
            }
        }
    }
}
