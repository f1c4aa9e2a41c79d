//! Prints which model has to find which planted bug: `bug`, test binary and test, separated by
//! tabs.

use larder_loom_tests::plants::PLANTS;

fn main() {
    for (bug, binary, test) in PLANTS {
        println!("{bug}\t{binary}\t{test}");
    }
}
