//! What else the machine does.

/// Returns how many threads ran or waited to run, on average over the last minute; none where the system does not
/// tell.
pub(crate) fn load_average() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}
