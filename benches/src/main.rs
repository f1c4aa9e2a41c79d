//! Benchmarks of larder beside its peers.
fn main() {}
