//! Every check of this repository as one command.
fn main() {}
