//! Progress of long runs, on standard error and only where that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `steps`, with the time left and what is running.
pub(crate) fn bar(steps: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} (eta {eta}) {msg}")
        .expect("the template is valid");
    ProgressBar::new(steps as u64).with_style(style)
}
