//! Nothing wrong with memory: AddressSanitizer and LeakSanitizer have to say nothing.

use std::hint::black_box;
use std::thread;

fn main() {
    let threads = [1_000, 2_000].map(|size| thread::spawn(move || black_box(vec![1_u8; size])));
    for thread in threads {
        drop(thread.join().unwrap());
    }
}
