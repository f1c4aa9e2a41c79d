//! The machine, and what else it does.

use std::fs;
use std::thread::available_parallelism;

/// Returns how many threads ran or waited to run, on average over the last minute; none where the
/// system does not tell.
pub(crate) fn load_average() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// Returns the processor, its cores and the system, as far as they are known.
pub(crate) fn describe() -> String {
    let cores = available_parallelism().map_or(0, usize::from);
    let (system, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    let cores = format!("{cores} cores, {system} {architecture}");
    match fs::read_to_string("/proc/cpuinfo").ok().as_deref().and_then(processor) {
        Some(processor) => format!("{processor}, {cores}"),
        None => cores,
    }
}

/// The first processor's name in the text of `/proc/cpuinfo`.
fn processor(text: &str) -> Option<&str> {
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named() {
        let text = "processor\t: 0\nmodel name\t: AMD EPYC\nprocessor\t: 1\nmodel name\t: other\n";
        assert_eq!(processor(text), Some("AMD EPYC"));
        assert_eq!(processor("Hardware : board"), None);
        assert!(describe().contains(" cores, "));
    }
}
